/* SPDX-License-Identifier: MIT
 *
 * The events of one txn: told to the lib's sink, and kept for occ_txn_log(). Ids and reasons are closed sets; texts are
 * clean and hold no secret: the client id loses its query, evidence and handles never appear. */

#include "core/txn.h"

#include "wire/json_out.h"

/* A client id for a log line: printable ASCII without quotes, cut before a query or fragment. */
static void clean_client(char *out, size_t room, const char *client_id)
{
  size_t n = 0;

  for (const char *c = client_id; c != NULL && *c != '\0' && *c != '?' && *c != '#'; c++) {
    if (n + 1 >= room) {
      break;
    }
    out[n++] = *c > 0x20 && *c < 0x7f && *c != '"' && *c != '\\' ? *c : '_';
  }
  out[n] = '\0';
}

static const char *hex_chain(const occ_txn *txn, char out[2 * OCC__CHAIN_LEN + 1])
{
  static const char digit[] = "0123456789abcdef";
  const uint8_t *chain = txn->next.round != 0 ? txn->next.chain
                         : txn->opened        ? txn->session.chain
                                              : NULL;

  if (chain == NULL) {
    return NULL;
  }
  for (size_t i = 0; i < OCC__CHAIN_LEN; i++) {
    out[2 * i] = digit[chain[i] >> 4];
    out[2 * i + 1] = digit[chain[i] & 15];
  }
  out[2 * OCC__CHAIN_LEN] = '\0';
  return out;
}

static void fill(const occ_txn *txn, const occ_logged *logged, occ_event *event, char *client,
                 size_t room, char chain[2 * OCC__CHAIN_LEN + 1])
{
  memset(event, 0, sizeof(*event));
  clean_client(client, room, txn->client_id);
  event->id = logged->id;
  event->reason = logged->reason;
  event->time = logged->time;
  event->issuer = txn->server->issuer;
  event->reference = txn->reference;
  event->chain = hex_chain(txn, chain);
  event->client = client[0] == '\0' ? NULL : client;
  event->requirement = logged->requirement;
  event->detail = logged->detail;
}

void occ__txn_emit(occ_txn *txn, int id, int reason, const char *requirement, const char *detail)
{
  const occ_logged logged = { id, reason, txn->now, requirement, detail };
  char client[OCC__MAX_ID], chain[2 * OCC__CHAIN_LEN + 1];
  occ_event event;

  if (txn->logged < OCC__MAX_EVENTS_KEPT) {
    txn->log[txn->logged++] = logged;
  }
  if (occ__lib_has_sink(txn->lib)) {
    fill(txn, &logged, &event, client, sizeof(client), chain);
    occ__lib_emit(txn->lib, &event);
  }
}

static int put_event(occ_buf *out, const occ_event *event)
{
  const size_t len = occ_event_json(event, NULL, 0);
  uint8_t *room;

  if (out->len > 1) {
    occ__buf_byte(out, ',');
  }
  room = occ__buf_grow(out, len);
  if (room == NULL) {
    return 0;
  }
  occ_event_json(event, (char *)room, len + 1); /* a buffer has room for the NUL */
  return 1;
}

const char *occ_txn_log(const occ_txn *txn, size_t *len)
{
  char client[OCC__MAX_ID], chain[2 * OCC__CHAIN_LEN + 1];
  const char *text = NULL;
  occ_event event;
  occ_buf out;

  if (len != NULL) {
    *len = 0;
  }
  if (txn == NULL) {
    return NULL;
  }
  occ__buf_init(&out, occ__lib_mem(txn->lib), OCC__MAX_TXN_MEMORY);
  occ__buf_byte(&out, '[');
  for (size_t i = 0; i < txn->logged; i++) {
    fill(txn, &txn->log[i], &event, client, sizeof(client), chain);
    if (!put_event(&out, &event)) {
      break;
    }
  }
  occ__buf_byte(&out, ']');
  if (out.rc == OCC_OK) {
    text = occ__txn_text(txn->self, out.base, out.len);
    if (text != NULL && len != NULL) {
      *len = out.len;
    }
  }
  occ__buf_clear(&out);
  return text;
}
