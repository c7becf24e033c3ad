/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_OPTIONS_H
#define EXAMPLES_OPTIONS_H

/* What the agent's command line and its configuration file say. */

#include <jansson.h>

#include "spoil.h"

/* Exit codes. */
#define GOT_TOKEN 0
#define REFUSED   1
#define USAGE     2
#define FAILED    3

typedef struct agent_options {
  json_t *config;
  json_t *params;   /* {"scope":"payments"}: of the first request */
  const char *save; /* the last answer, if it is no error, goes to this file; NULL: it does not */
  int verbose;
  int repeat;
  spoil_plan plan;
} agent_options;

/* GOT_TOKEN: go on. Else what to exit with, after a message on stderr. */
int options_read(agent_options *out, int argc, char **argv);
void options_clear(agent_options *options);

#endif
