/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_TABLE_H
#define EXAMPLES_TABLE_H

/* What the server has handed out and must know again: codes, request_uris, tokens. In memory,
 * bounded in number and octets, expiring. Of a secret only its SHA-256 is kept: who reads this
 * memory can redeem nothing. A real host has a database; what is one call here is one transaction
 * there. */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

typedef struct as_table as_table;

/* Each kind has its share of the table, so that what strangers can ask for takes no room from
 * tokens; and each owner has a quarter of that at most, so that none can shut out the others. */
typedef enum as_kind {
  KIND_CODE,         /* used up by the first exchange, and remembered */
  KIND_REQUEST_URI,  /* used up by the first exchange, and forgotten */
  KIND_ACCESS_TOKEN, /* only looked at */
  KIND_REFRESH_TOKEN /* each exchange replaces it; see refresh_successor() */
} as_kind;

typedef enum as_found {
  FOUND_NOTHING = 0, /* unknown, expired, or ended with its family */
  FOUND_LIVE,
  FOUND_USED /* a code that was used, or a refresh token that was replaced */
} as_found;

typedef enum as_exchange {
  EXCHANGE_GONE = 0, /* what was to be used up is not there any more; nothing is kept */
  EXCHANGE_TWICE,    /* it was used up already, and for that its family has ended */
  EXCHANGE_FULL,     /* no room; nothing is kept or used up */
  EXCHANGE_DONE
} as_exchange;

/* One thing to keep, or to use up. */
typedef struct as_item {
  as_kind kind;
  const char *secret;
  const json_t *record; /* what is known of it; to use up: not looked at */
  int64_t expires;      /* milliseconds; of a code to use up: until then it is remembered */
  const char *owner;    /* whose share it takes; NULL: nobody's, and then there is no quarter */
} as_item;

as_table *table_new(size_t entries); /* NULL: no memory */
void table_free(as_table *table);    /* may be NULL */

/* Only looks. *record, where it is not FOUND_NOTHING, is the caller's. */
as_found table_look(as_table *table, as_kind kind, const char *secret, int64_t now,
                    json_t **record);

/* In one step: used (NULL: nothing) is used up, and the items are kept, of its family. Of several
 * calls that use up one secret one gets EXCHANGE_DONE, the next EXCHANGE_TWICE.
 * spec: RFC 6749 section 4.1.2, RFC 9700 section 4.14.2. */
as_exchange table_exchange(as_table *table, const as_item *used, const as_item *items, size_t count,
                           int64_t now);

/* Ends this and everything that came of the same authorization. */
void table_end(as_table *table, as_kind kind, const char *secret);

/* Another refresh token in the place of the first: "family.secret", with the same family. So old
 * ones are known as such, though nothing is kept of them. old: NULL for the first of a family.
 * Freed by the caller; NULL: no memory. */
char *refresh_successor(const char *old);

#endif
