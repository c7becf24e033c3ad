/* SPDX-License-Identifier: MIT */

/* See spoil.h. Called by agent.c with each body that is about to be sent. */

#include "spoil.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

static const char *name_of(const json_t *pair)
{
  return json_string_value(json_array_get(pair, 0));
}

static int has_name(const json_t *pairs, const char *name)
{
  const json_t *pair = NULL;
  size_t i = 0;

  json_array_foreach(pairs, i, pair)
  {
    if (strcmp(name_of(pair), name) == 0) {
      return 1;
    }
  }
  return 0;
}

/* Replaces the parameter of that name, or adds it. */
static void put_pair(json_t *pairs, json_t *new_pair)
{
  const json_t *pair = NULL;
  size_t i = 0;

  json_array_foreach(pairs, i, pair)
  {
    if (strcmp(name_of(pair), name_of(new_pair)) == 0) {
      (void)json_array_set(pairs, i, new_pair);
      return;
    }
  }
  (void)json_array_append(pairs, new_pair);
}

static void put_change(json_t *pairs, const char *change)
{
  size_t name_len = strcspn(change, "=");
  json_t *pair =
      json_pack("[s#, s]", change, name_len, change[name_len] == '=' ? change + name_len + 1 : "");

  put_pair(pairs, pair);
  json_decref(pair);
}

/* What the follow-up has more than the first request. */
static json_t *what_was_added(const json_t *first, const json_t *follow_up)
{
  json_t *added = json_array();
  json_t *pair = NULL;
  size_t i = 0;

  json_array_foreach(follow_up, i, pair)
  {
    if (!has_name(first, name_of(pair))) {
      (void)json_array_append(added, pair);
    }
  }
  return added;
}

static void save_added(spoil_plan *plan)
{
  char *text = json_dumps(plan->added, JSON_COMPACT);

  plan->saved = text != NULL && write_private_file(plan->save, text);
  free(text);
}

static void spoil_first(spoil_plan *plan, json_t *pairs)
{
  json_t *pair = NULL;
  size_t i = 0;

  json_decref(plan->first);
  plan->first = json_incref(pairs);
  json_array_foreach(plan->put, i, pair)
  {
    put_pair(pairs, pair);
    plan->spoiled = 1;
  }
}

static void spoil_follow_up(spoil_plan *plan, json_t *pairs)
{
  json_decref(plan->added);
  plan->added = what_was_added(plan->first, pairs);
  if (plan->save != NULL) {
    save_added(plan);
  }
  if (plan->change != NULL) {
    put_change(pairs, plan->change);
    plan->spoiled = 1;
  }
  if (plan->wait > 0) {
    printf("  waiting %u seconds\n", plan->wait);
    (void)fflush(stdout);
    (void)sleep(plan->wait);
    plan->spoiled = 1;
  }
}

char *spoil_body(spoil_plan *plan, const char *body, size_t len)
{
  json_t *pairs = form_read(body, len);
  char *spoiled = NULL;

  plan->spoiled = 0;
  if (pairs == NULL) {
    return NULL;
  }
  if (has_name(pairs, "challenge_session")) {
    spoil_follow_up(plan, pairs);
  } else {
    spoil_first(plan, pairs);
  }
  if (plan->spoiled) {
    spoiled = form_write(pairs);
  } else if (plan->save == NULL || !has_name(pairs, "challenge_session")) {
    spoiled = text_copy(body, len); /* untouched, octet for octet */
  }
  json_decref(pairs);
  return spoiled;
}

void spoil_clear(spoil_plan *plan)
{
  json_decref(plan->put);
  json_decref(plan->first);
  json_decref(plan->added);
}
