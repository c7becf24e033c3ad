/* SPDX-License-Identifier: MIT */

/* See reply.h. Nothing here matters to the protocol but that libocc's headers go out, too. */

#include "reply.h"

#include <stdlib.h>
#include <string.h>

#include "common.h"

/* Takes body, which comes from malloc() and may be NULL after a failure. */
static struct MHD_Response *make_response(char *body, size_t len)
{
  struct MHD_Response *response = NULL;

  if (body != NULL) {
    response = MHD_create_response_from_buffer(len, body, MHD_RESPMEM_MUST_FREE);
  }
  if (response == NULL) {
    free(body);
  }
  return response;
}

/* libocc's own, of which there are some even for NULL. */
static void add_headers(struct MHD_Response *response, const occ_txn *txn)
{
  for (size_t i = 0; response != NULL && occ_txn_header_name(txn, i) != NULL; i++) {
    (void)MHD_add_response_header(response, occ_txn_header_name(txn, i),
                                  occ_txn_header_value(txn, i));
  }
}

static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status,
                             struct MHD_Response *response)
{
  enum MHD_Result sent = MHD_NO;

  if (response != NULL) {
    sent = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
  }
  return sent;
}

static enum MHD_Result not_cached(struct MHD_Connection *connection, unsigned status,
                                  struct MHD_Response *response)
{
  if (response != NULL) {
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(response, "Pragma", "no-cache");
  }
  return queue(connection, status, response);
}

enum MHD_Result reply_txn(struct MHD_Connection *connection, const occ_txn *txn)
{
  size_t len = 0;
  const char *body = occ_txn_body(txn, &len);
  struct MHD_Response *response = make_response(text_copy(body, len), len);

  add_headers(response, txn);
  return queue(connection, (unsigned)occ_txn_http_status(txn), response);
}

enum MHD_Result reply_json(struct MHD_Connection *connection, unsigned status, json_t *body,
                           const occ_txn *txn)
{
  char *text = json_dumps(body, JSON_COMPACT);
  struct MHD_Response *response = NULL;

  json_decref(body);
  response = make_response(text, text != NULL ? strlen(text) : 0);
  if (txn != NULL) {
    add_headers(response, txn); /* after GRANT: those to add, a fresh nonce */
  }
  if (response != NULL) {
    (void)MHD_add_response_header(response, "Content-Type", "application/json");
  }
  return not_cached(connection, status, response);
}

enum MHD_Result reply_error(struct MHD_Connection *connection, unsigned status, const char *error,
                            const occ_txn *txn)
{
  const char *reference = occ_txn_reference(txn);
  json_t *body = json_pack("{s:s}", "error", error);

  if (reference != NULL) {
    (void)json_object_set_new(body, "error_description", json_sprintf("(reference %s)", reference));
  }
  return reply_json(connection, status, body, txn);
}

enum MHD_Result reply_text(struct MHD_Connection *connection, unsigned status, const char *type,
                           char *text, const char *name, const char *value)
{
  struct MHD_Response *response = make_response(text, text != NULL ? strlen(text) : 0);

  if (response != NULL) {
    (void)MHD_add_response_header(response, "Content-Type", type);
    if (name != NULL && MHD_add_response_header(response, name, value) != MHD_YES) {
      MHD_destroy_response(response);
      return MHD_NO;
    }
  }
  return not_cached(connection, status, response);
}
