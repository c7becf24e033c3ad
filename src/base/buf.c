/* SPDX-License-Identifier: MIT */

/* Growable octets with a maximum. Called from every room. The old room is wiped when it moves: what
 * is built here may be a key, a session or evidence. */

#include "base/buf.h"

#define CAP_FIRST 256u

void occ__buf_init(occ_buf *buf, const occ_mem *mem, size_t max)
{
  *buf = (occ_buf){ .mem = mem, .max = max };
}

/* One octet more than cap is allocated, for the NUL. */
static int move(occ_buf *buf, size_t cap)
{
  uint8_t *base = occ__mem_alloc_raw(buf->mem, cap + 1);

  if (base == NULL) {
    return OCC_ERR_MEMORY;
  }
  base[buf->len] = 0;
  if (buf->base != NULL) {
    memcpy(base, buf->base, buf->len);
    occ__mem_wipe_free(buf->mem, buf->base, buf->cap + 1);
  }
  buf->base = base;
  buf->cap = cap;
  return OCC_OK;
}

static int make_room(occ_buf *buf, size_t len)
{
  size_t need, cap;

  if (len > buf->max - buf->len || buf->len + len == SIZE_MAX) {
    return OCC_ERR_LIMIT;
  }
  need = buf->len + len;
  cap = buf->cap > buf->max / 2 ? buf->max : buf->cap * 2;
  cap = cap < CAP_FIRST ? CAP_FIRST : cap;
  cap = cap > buf->max ? buf->max : cap;
  return move(buf, cap < need ? need : cap);
}

int occ__buf_reserve(occ_buf *buf, size_t len)
{
  const size_t left = buf->max - buf->len, more = len < left ? len : left;

  if (buf->rc == OCC_OK && left > 0 && (buf->base == NULL || more > buf->cap - buf->len)) {
    buf->rc = make_room(buf, more);
  }
  return buf->rc;
}

uint8_t *occ__buf_grow(occ_buf *buf, size_t len)
{
  uint8_t *room;

  if (buf->rc == OCC_OK && (buf->base == NULL || len > buf->cap - buf->len)) {
    buf->rc = make_room(buf, len);
  }
  if (buf->rc != OCC_OK) {
    return NULL;
  }
  room = buf->base + buf->len;
  buf->len += len;
  buf->base[buf->len] = 0;
  return room;
}

int occ__buf_put(occ_buf *buf, const void *octets, size_t len)
{
  uint8_t *room;

  if (len != 0) {
    room = occ__buf_grow(buf, len);
    if (room != NULL) {
      memcpy(room, octets, len);
    }
  }
  return buf->rc;
}

int occ__buf_text(occ_buf *buf, const char *text)
{
  return occ__buf_put(buf, text, strlen(text));
}

int occ__buf_byte(occ_buf *buf, uint8_t byte)
{
  uint8_t *room = occ__buf_grow(buf, 1);

  if (room != NULL) {
    *room = byte;
  }
  return buf->rc;
}

int occ__buf_number(occ_buf *buf, int64_t number)
{
  char text[20]; /* "-9223372036854775808" */
  size_t at = sizeof(text);
  uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

  do {
    text[--at] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  if (number < 0) {
    text[--at] = '-';
  }
  return occ__buf_put(buf, text + at, sizeof(text) - at);
}

void occ__buf_reset(occ_buf *buf)
{
  occ__wipe(buf->base, buf->len);
  buf->len = 0;
  buf->rc = OCC_OK;
}

const char *occ__buf_string(const occ_buf *buf)
{
  return buf->base == NULL ? "" : (const char *)buf->base;
}

void occ__buf_clear(occ_buf *buf)
{
  if (buf->base != NULL) {
    occ__mem_wipe_free(buf->mem, buf->base, buf->cap + 1);
  }
  occ__buf_init(buf, buf->mem, buf->max);
}
