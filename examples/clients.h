/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CLIENTS_H
#define EXAMPLES_CLIENTS_H

/* The clients of the configuration, and which of them speaks where it shows a secret. Keys and
 * certificates of clients are libocc's to look at: clients_load() only keeps what they have
 * registered. */

#include <jansson.h>
#include <stddef.h>

#define GRANT_CLIENT_CREDENTIALS "client_credentials"
#define GRANT_CODE               "authorization_code"
#define GRANT_REFRESH_TOKEN      "refresh_token"
#define GRANT_TOKEN_EXCHANGE     "urn:ietf:params:oauth:grant-type:token-exchange"

typedef struct as_client {
  const char *id;
  const char *secret;           /* NULL: it authenticates otherwise, or not at all */
  const char *method;           /* token_endpoint_auth_method; NULL: either with the secret */
  const char *challenge_status; /* "400", "403"; NULL: as the server has it */
  const char *share;            /* whose room in the table it takes */
  char *metadata;               /* its entry, less the secret */
  char *facts;                  /* the answer to CLIENT: these metadata */
  const json_t *config;         /* its entry */
  int stranger;                 /* nobody has registered it */
} as_client;

typedef struct as_clients {
  as_client *client;
  size_t count;
} as_clients;

/* 1, or 0 after a message on stderr. config, an array, lives longer than the clients. */
int clients_load(as_clients *out, const json_t *config);
/* What all have whom nobody has registered; config: an entry of which only what it may have counts,
 * and challenge_status. Without an id. */
int clients_load_strangers(as_client *out, const json_t *config);
void clients_clear(as_clients *clients);

/* NULL: there is none of that id, which may be NULL. */
const as_client *clients_find(const as_clients *clients, const char *id);
/* The client with this id, this secret, and no other method than this; or NULL. */
const as_client *clients_with_secret(const as_clients *clients, const char *id, const char *secret,
                                     const char *method);
int client_is_public(const as_client *client);
/* Is this kept for it? By id, and not for one of ours who had the name of a stranger, or the other
 * way round. record: with what client_sign() gave as "stranger". */
int client_owns(const as_client *client, const json_t *record);
json_t *client_sign(const as_client *client); /* NULL: no such member */
/* A name above; without grant_types of its own: the two that need no user. */
int client_may(const as_client *client, const char *grant_type);

/* In constant time. */
int secrets_equal(const char *a, const char *b);
/* Is it one of the strings of this array, which may be NULL? */
int list_has(const json_t *list, const char *text, size_t len);

#endif
