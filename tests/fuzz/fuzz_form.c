/* SPDX-License-Identifier: MIT */

/* Form bodies. Byte 0 picks which allocation fails (255: none); the rest is the body. What was read
 * is written again and read again: the same parameters must come back. */

#include <stdlib.h>

#include "base/limits.h"
#include "fail_mem.h"
#include "wire/form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int truth)
{
  if (!truth) {
    abort();
  }
}

static void check_form(const occ_form *form)
{
  check(form->count <= form->seen && form->seen <= OCC__MAX_PARAMS);
  for (size_t i = 0; i < form->count; i++) {
    const occ_param *param = &form->param[i];

    check(param->name_len != 0 && strlen(param->name) == param->name_len);
    check(param->value_len != 0 && param->value[param->value_len] == '\0');
    check(occ__form_find(form, param->name, 0) != NULL);
    if (strcmp(param->name, "resource") != 0 && strcmp(param->name, "audience") != 0) {
      check(occ__form_find(form, param->name, 0) == param);
      check(occ__form_find(form, param->name, 1) == NULL);
    }
  }
}

static void check_round_trip(const occ_form *form)
{
  occ_arena arena;
  occ_form again = { 0 };
  occ_buf out;

  occ__buf_init(&out, &occ__mem_libc, 3 * OCC__MAX_BODY);
  occ__arena_init(&arena, &occ__mem_libc, OCC__MAX_TXN_MEMORY);
  for (size_t i = 0; i < form->count; i++) {
    check(occ__form_put(&out, form->param[i].name,
                        occ__span(form->param[i].value, form->param[i].value_len)) == OCC_OK);
  }
  if (out.len <= OCC__MAX_BODY) {
    check(occ__form_parse(&again, &arena, occ__span(out.base, out.len)) == OCC_OK);
    check(again.count == form->count && again.seen == form->count);
    for (size_t i = 0; i < form->count; i++) {
      check(occ__span_equal(occ__span(form->param[i].name, form->param[i].name_len),
                            occ__span(again.param[i].name, again.param[i].name_len)));
      check(occ__span_equal(occ__span(form->param[i].value, form->param[i].value_len),
                            occ__span(again.param[i].value, again.param[i].value_len)));
    }
  }
  occ__arena_clear(&arena);
  occ__buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  fail_mem fm;
  occ_arena arena;
  occ_form form = { 0 };
  int rc;

  if (size < 1) {
    return 0;
  }
  fail_mem_init(&fm, data[0] == 255 ? SIZE_MAX : data[0], true);
  occ__arena_init(&arena, &fm.mem, OCC__MAX_TXN_MEMORY);

  rc = occ__form_parse(&form, &arena, occ__span(data + 1, size - 1));

  check((rc == OCC_ERR_MEMORY) == fm.failed);
  check(rc == OCC_OK || rc == OCC_ERR_MEMORY || rc == OCC__REASON_FORM_MALFORMED ||
        rc == OCC__REASON_FORM_TOO_LARGE || rc == OCC__REASON_FORM_TOO_MANY ||
        rc == OCC__REASON_PARAM_REPEATED);
  check_form(&form); /* also what was read before an error */
  if (rc == OCC_OK) {
    check_round_trip(&form);
  }
  occ__arena_clear(&arena);
  check(fm.live == 0);
  return 0;
}
