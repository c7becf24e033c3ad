/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SPOIL_H
#define EXAMPLES_SPOIL_H

/* What an attacker or a broken client would do to the messages of an agent: for the demo, to see
 * that it gets nothing. An honest agent has nothing of this. */

#include <jansson.h>
#include <stddef.h>

typedef struct spoil_plan {
  /* what to do */
  const char *change; /* NAME=VALUE put into the follow-up; NULL: nothing */
  unsigned wait;      /* seconds to wait before the follow-up is sent */
  const char
      *save;   /* write the follow-up's session and evidence to this file instead of sending it */
  json_t *put; /* session and evidence of somebody else, put into the first request; NULL: none */
  /* what was done */
  json_t *first; /* the parameters of the first request */
  json_t *added; /* what the follow-up has more than that: session and evidence */
  int spoiled;   /* the last message was not what libocc made */
  int saved;
} spoil_plan;

/* The body to send instead of this one, freed by the caller. NULL: send nothing (saved, or no
 * memory). */
char *spoil_body(spoil_plan *plan, const char *body, size_t len);
void spoil_clear(spoil_plan *plan);

#endif
