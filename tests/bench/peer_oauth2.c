/* SPDX-License-Identifier: MIT */
/* liboauth2, on cjose. It verifies access tokens at a resource server; its interface has no proof without a token that
 * is bound to its key. So a proof comes with one and the same token, which after the first time lies in its cache. Times
 * of the tokens are not of today, and liboauth2 has a clock of its own: iat is not looked at. */

#include <oauth2/cfg.h>
#include <oauth2/http.h>
#include <oauth2/log.h>
#include <oauth2/mem.h>
#include <oauth2/oauth2.h>
#include <stdlib.h>

#include "meter.h"
#include "peers.h"
#include "test_keys.h"

static oauth2_log_t *logger;
static oauth2_cfg_token_verify_t *plain, *bound;
static char *access_token;

static void say_nothing(oauth2_log_sink_t *sink, const char *file, unsigned long line,
                        const char *function, oauth2_log_level_t level, const char *message)
{
  (void)sink;
  (void)file;
  (void)line;
  (void)function;
  (void)level;
  (void)message;
}

static void add(oauth2_cfg_token_verify_t **verify, const char *options)
{
  char *error =
      oauth2_cfg_token_verify_add_options(logger, verify, "jwk", TEST_ISSUER_PUBLIC, options);

  must(error == NULL, error == NULL ? "" : error);
}

static void open_peer(void)
{
  logger =
      oauth2_init(OAUTH2_LOG_ERROR, oauth2_log_sink_create(OAUTH2_LOG_ERROR, say_nothing, NULL));
  must(logger != NULL, "liboauth2");
  add(&plain, "verify.iat=skip");
  add(&bound, "type=dpop&verify.iat=skip&dpop.iat.verify=skip");
  access_token = test_jws(TEST_ISSUER_PRIVATE, "{\"alg\":\"ES256\"}",
                          "{\"sub\":\"agent-7\",\"exp\":1900000000,\"cnf\":{\"jkt\":"
                          "\"" TEST_CLIENT_A_THUMBPRINT "\"}}");
}

static void close_peer(void)
{
  free(access_token);
  oauth2_cfg_token_verify_free(logger, plain);
  oauth2_cfg_token_verify_free(logger, bound);
  oauth2_shutdown(logger);
}

static int verify_proof(const char *proof)
{
  oauth2_http_request_t *request = oauth2_http_request_init(logger);
  json_t *claims = NULL;
  int good;

  must(request != NULL && oauth2_http_request_scheme_set(logger, request, "https") &&
           oauth2_http_request_hostname_set(logger, request, "as.example") &&
           oauth2_http_request_port_set(logger, request, 443) &&
           oauth2_http_request_path_set(logger, request, "/token") &&
           oauth2_http_request_method_set(logger, request, OAUTH2_HTTP_METHOD_POST) &&
           oauth2_http_request_header_set(logger, request, "DPoP", proof),
       "liboauth2: request");
  good = oauth2_token_verify(logger, request, bound, access_token, &claims);
  json_decref(claims);
  oauth2_http_request_free(logger, request);
  return good;
}

static int verify_token(const char *token)
{
  json_t *claims = NULL;

  const int good = oauth2_token_verify(logger, NULL, plain, token, &claims) &&
                   json_is_string(json_object_get(claims, "jti"));

  json_decref(claims);
  return good;
}

const peer the_peer = { "liboauth2", open_peer, verify_proof, verify_token, close_peer };
