/* SPDX-License-Identifier: MIT */

/* A client identifier URL. Byte 0 is the set of options, the rest is the id. */

#include <stdlib.h>

#include "cimd/client_url.h"

static void need(int good)
{
  if (!good) {
    abort();
  }
}

/* What was taken is made of its parts and of nothing else. */
static void check_parts(occ_span id, const occ_client_url *url, const occ_client_url_rules *rules)
{
  need(id.len <= rules->octets && occ__client_url_is_ours(id));
  need(url->host.base == id.base + 8 && url->host.len > 0 && url->host.len <= 253);
  need(url->target.base + url->target.len == id.base + id.len && url->target.base[0] == '/');
  need((rules->any_port || url->port == 443) && url->port > 0);
  need(url->target.base >= url->host.base + url->host.len &&
       (size_t)(url->target.base - url->host.base) <= url->host.len + 6);
  for (size_t i = 0; i < id.len; i++) {
    need(id.base[i] > 0x20 && id.base[i] < 0x7f && id.base[i] != '#' && id.base[i] != '\\');
    need(rules->query || id.base[i] != '?');
    need(id.base + i >= url->target.base || (id.base[i] != '@' && id.base[i] != '%'));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_client_url_rules rules = { .octets = OCC__CIMD_URL };
  occ_client_url url;
  occ_span id;

  if (size < 1) {
    return 0;
  }
  rules.query = (data[0] & 1) != 0;
  rules.addresses = (data[0] & 2) != 0;
  rules.single_label = (data[0] & 4) != 0;
  rules.special_names = (data[0] & 8) != 0;
  rules.any_port = (data[0] & 16) != 0;
  rules.need_path = (data[0] & 32) != 0;
  id = occ__span(data + 1, size - 1);
  if (occ__client_url_read(&url, id, &rules) == OCC_OK) {
    check_parts(id, &url, &rules);
  } else {
    need(url.host.base == NULL && url.target.base == NULL && url.port == 0);
  }
  return 0;
}
