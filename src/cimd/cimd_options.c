/* SPDX-License-Identifier: MIT */

/* Reads what the host configures of clients known by a URL. Called once for each occ_cimd. A name that is not known, and a
 * value out of its bounds, is an error: no protection may hang on a typing error. */

#include "cimd/cimd_options.h"

#include <stddef.h>

#include "wire/json_in.h"

/* What begins with the defaults and is filled in member by member. */
typedef struct reading {
  occ_cimd_options *out;
  occ_arena *arena;
  int development;
  int64_t usual_s, least_s, most_s, stale_s;
} reading;

static void put_defaults(reading *r)
{
  occ_cimd_options *out = r->out;

  memset(out, 0, sizeof(*out));
  out->url.octets = OCC__CIMD_URL;
  out->document.octets = OCC__CIMD_DOCUMENT;
  out->fetched[OCC__CACHE_KEYSET].octets = OCC__CIMD_JWKS;
  out->cache = (occ_cache_rules){ .entries = { OCC__CIMD_DOCUMENTS, OCC__CIMD_KEYSETS },
                                  .per_host = OCC__CIMD_PER_HOST,
                                  .octets = OCC__CIMD_OCTETS,
                                  .flights = OCC__CIMD_FLIGHTS,
                                  .flights_per_host = OCC__CIMD_FLIGHTS_PER_HOST,
                                  .minute = OCC__CIMD_MINUTE,
                                  .minute_per_host = OCC__CIMD_MINUTE_PER_HOST,
                                  .kid_minute = OCC__CIMD_KID_MINUTE,
                                  .domain_percent = OCC__CIMD_DOMAIN_PERCENT };
  r->usual_s = OCC__CIMD_USUAL_MS / 1000;
  r->least_s = OCC__CIMD_LEAST_MS / 1000;
  r->most_s = OCC__CIMD_MOST_MS / 1000;
}

/* ---- Numbers and booleans ---- */

typedef struct number {
  const char *name;
  size_t at; /* of a size_t in the options */
  size_t least, most;
} number;

#define AT(member) offsetof(occ_cimd_options, member)

static const number numbers[] = {
  { "client_id_octets", AT(url.octets), 16, OCC__CIMD_URL_MAX },
  { "document_octets", AT(document.octets), OCC__CIMD_DOCUMENT_MIN, OCC__CIMD_DOCUMENT_MAX },
  { "jwks_octets", AT(fetched[OCC__CACHE_KEYSET].octets), OCC__CIMD_DOCUMENT_MIN,
    OCC__CIMD_JWKS_MAX },
  { "documents", AT(cache.entries[OCC__CACHE_DOCUMENT]), OCC__CIMD_ENTRIES_MIN,
    OCC__CIMD_ENTRIES_MAX },
  { "key_sets", AT(cache.entries[OCC__CACHE_KEYSET]), OCC__CIMD_ENTRIES_MIN,
    OCC__CIMD_ENTRIES_MAX },
  { "per_host", AT(cache.per_host), 4, OCC__CIMD_PER_HOST_MAX },
  { "octets", AT(cache.octets), OCC__CIMD_DOCUMENT_MAX * 8, 1u << 30 },
  { "fetches_at_once", AT(cache.flights), 4, OCC__CIMD_FLIGHTS_MAX },
  { "fetches_at_once_per_host", AT(cache.flights_per_host), 1, OCC__CIMD_FLIGHTS_MAX },
  { "fetches_per_minute", AT(cache.minute), 4, OCC__CIMD_MINUTE_MAX },
  { "fetches_per_minute_per_host", AT(cache.minute_per_host), 1, OCC__CIMD_MINUTE_MAX },
  { "unknown_keys_per_minute", AT(cache.kid_minute), 1, OCC__CIMD_MINUTE_MAX },
  { "domain_percent", AT(cache.domain_percent), 1, 100 },
};

static const struct {
  const char *name;
  size_t at;            /* of an int */
  const char *weakened; /* what is told where it is true; NULL: nothing */
} truths[] = {
  { "query", AT(url.query), NULL },
  { "path", AT(url.need_path), NULL },
  { "address_hosts", AT(url.addresses), "cimd.address_hosts" },
  { "single_label_hosts", AT(url.single_label), "cimd.single_label_hosts" },
  { "special_hosts", AT(url.special_names), "cimd.special_hosts" },
  { "jwks_uri_same_host", AT(document.same_host), NULL },
  { "content_type_optional", AT(fetched[OCC__CACHE_DOCUMENT].type_optional),
    "cimd.content_type_optional" },
};

/* Once for each option, for no name stands in an object twice. */
static void weaken(reading *r, const char *what)
{
  size_t i = 0;

  while (r->out->weakened[i] != NULL) {
    i++;
  }
  if (OCC_INVARIANT(i < OCC__CIMD_WEAKENED)) {
    r->out->weakened[i] = what;
  }
}

static void *member_at(occ_cimd_options *out, size_t at)
{
  return (uint8_t *)out + at;
}

static int read_int(int64_t *out, const json_t *value, int64_t least, int64_t most)
{
  if (!json_is_integer(value) || json_integer_value(value) < least ||
      json_integer_value(value) > most) {
    return OCC_ERR_CONFIG;
  }
  *out = json_integer_value(value);
  return OCC_OK;
}

static int read_seconds(reading *r, const char *name, const json_t *value)
{
  const int64_t most = OCC__CIMD_MOST_MAX_MS / 1000;

  if (strcmp(name, "ttl") == 0) {
    return read_int(&r->usual_s, value, 1, most);
  }
  if (strcmp(name, "ttl_least") == 0) {
    return read_int(&r->least_s, value, 1, most);
  }
  if (strcmp(name, "ttl_most") == 0) {
    if (json_integer_value(value) > OCC__CIMD_MOST_MS / 1000) {
      weaken(r, "cimd.ttl_most"); /* a key that was taken away counts for so long */
    }
    return read_int(&r->most_s, value, 1, most);
  }
  if (strcmp(name, "stale_if_error") == 0) {
    return read_int(&r->stale_s, value, 0, OCC__CIMD_STALE_MAX_MS / 1000);
  }
  return OCC_PENDING; /* another option */
}

/* ---- Lists ---- */

static int read_ports(reading *r, const json_t *value)
{
  occ_client_url_rules *url = &r->out->url;

  if (json_is_string(value) && strcmp(json_string_value(value), "any") == 0) {
    url->any_port = 1;
    return OCC_OK;
  }
  if (!json_is_array(value) || json_array_size(value) > OCC__CIMD_PORTS) {
    return OCC_ERR_CONFIG;
  }
  for (url->ports = 0; url->ports < json_array_size(value); url->ports++) {
    int64_t port = 0;

    if (read_int(&port, json_array_get(value, url->ports), 1, 65535) != OCC_OK) {
      return OCC_ERR_CONFIG;
    }
    url->port[url->ports] = (uint16_t)port;
  }
  return OCC_OK;
}

static int read_hosts(reading *r, const json_t *value)
{
  const size_t count = json_array_size(value);
  const char **hosts;

  if (!json_is_array(value) || count == 0 || count > OCC__CIMD_ENTRIES_MAX) {
    return OCC_ERR_CONFIG;
  }
  hosts = occ__arena_alloc(r->arena, (count + 1) * sizeof(*hosts));
  for (size_t i = 0; hosts != NULL && i < count; i++) {
    const json_t *one = json_array_get(value, i);

    if (!json_is_string(one) || json_string_length(one) == 0) {
      return OCC_ERR_CONFIG;
    }
    hosts[i] = occ__arena_text(r->arena, json_string_value(one), json_string_length(one));
    if (hosts[i] == NULL) {
      return r->arena->rc;
    }
  }
  r->out->hosts = hosts;
  return hosts == NULL ? r->arena->rc : OCC_OK;
}

static int read_blocks(occ_address_block *block, size_t *count, const json_t *value, int nat64)
{
  if (!json_is_array(value) || json_array_size(value) > OCC__CIMD_BLOCKS) {
    return OCC_ERR_CONFIG;
  }
  for (*count = 0; *count < json_array_size(value); (*count)++) {
    const char *text = json_string_value(json_array_get(value, *count));

    if (occ__address_block_read(&block[*count], occ__span_text(text)) != OCC_OK ||
        (nat64 && !occ__address_block_is_nat64(&block[*count]))) {
      return OCC_ERR_CONFIG;
    }
  }
  return OCC_OK;
}

static int read_list(reading *r, const char *name, const json_t *value)
{
  occ_address_rules *address = &r->out->address;

  if (strcmp(name, "ports") == 0) {
    return read_ports(r, value);
  }
  if (strcmp(name, "hosts") == 0) {
    return read_hosts(r, value);
  }
  if (strcmp(name, "deny_addresses") == 0) {
    return read_blocks(address->deny, &address->denies, value, 0);
  }
  if (strcmp(name, "allow_addresses") == 0) {
    weaken(r, "cimd.allow_addresses");
    return read_blocks(address->allow, &address->allows, value, 0);
  }
  if (strcmp(name, "nat64_prefixes") == 0) {
    return read_blocks(address->nat64, &address->nat64s, value, 1);
  }
  return OCC_ERR_CONFIG; /* no such option */
}

/* ---- The whole ---- */

static int read_member(reading *r, const char *name, const json_t *value)
{
  int64_t found = 0;
  int rc;

  for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
    if (strcmp(name, numbers[i].name) == 0) {
      rc = read_int(&found, value, (int64_t)numbers[i].least, (int64_t)numbers[i].most);
      *(size_t *)member_at(r->out, numbers[i].at) = (size_t)found;
      return rc;
    }
  }
  for (size_t i = 0; i < sizeof(truths) / sizeof(truths[0]); i++) {
    if (strcmp(name, truths[i].name) == 0) {
      *(int *)member_at(r->out, truths[i].at) = json_is_true(value);
      if (truths[i].weakened != NULL && json_is_true(value)) {
        weaken(r, truths[i].weakened);
      }
      return json_is_boolean(value) ? OCC_OK : OCC_ERR_CONFIG;
    }
  }
  if (strcmp(name, "development") == 0) {
    r->development = json_is_true(value);
    return json_is_boolean(value) ? OCC_OK : OCC_ERR_CONFIG;
  }
  rc = read_seconds(r, name, value);
  return rc == OCC_PENDING ? read_list(r, name, value) : rc;
}

/* What follows from what was read, and what does not fit together. */
static int finish(reading *r)
{
  occ_cimd_options *out = r->out;

  /* SS-3: a hole in the address filter that is left over in production must not be there silently. */
  if ((out->address.allows > 0 && !r->development) || r->least_s > r->most_s ||
      out->cache.flights_per_host * 4 > out->cache.per_host) {
    return OCC_ERR_CONFIG;
  }
  out->freshness = (occ_freshness_rules){ r->usual_s * 1000, r->least_s * 1000, r->most_s * 1000 };
  if (out->freshness.usual > out->freshness.most) {
    out->freshness.usual = out->freshness.most;
  }
  out->cache.most_ms = out->freshness.most;
  out->cache.stale_ms = r->stale_s * 1000;
  out->document.jwks_uri = out->url;
  out->document.jwks_uri.query = 1; /* only an identifier does better without */
  out->document.jwks_uri.need_path = 0;
  out->fetched[OCC__CACHE_DOCUMENT].octets = out->document.octets;
  out->fetched[OCC__CACHE_KEYSET].type_optional = out->fetched[OCC__CACHE_DOCUMENT].type_optional;
  return OCC_OK;
}

int occ__cimd_options_read(occ_cimd_options *out, occ_arena *arena, const char *json)
{
  reading r = { .out = out, .arena = arena };
  json_t *object = NULL;
  int rc = OCC_OK;

  put_defaults(&r);
  if (json != NULL) {
    rc = occ__json_read_object(&object, occ__span_text(json), &occ__json_config);
  }
  for (void *at = rc == OCC_OK ? json_object_iter(object) : NULL; rc == OCC_OK && at != NULL;
       at = json_object_iter_next(object, at)) {
    rc = read_member(&r, json_object_iter_key(at), json_object_iter_value(at));
  }
  json_decref(object);
  return rc == OCC_OK ? finish(&r) : rc;
}
