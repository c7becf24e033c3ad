/* SPDX-License-Identifier: MIT */

/* See show.h. Called by agent.c. Nothing here matters to the protocol. */

#include "show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common.h"

#define SHOWN_OF_LONG   24
#define SHOWN_OF_SECRET 6
#define LONG_VALUE      80u

static int is_secret(const char *name)
{
  static const char *const names[] = { "access_token",  "authorization", "challenge_session",
                                       "claim_token",   "client_secret", "client_assertion",
                                       "code",          "code_verifier", "dpop",
                                       "refresh_token", "request_uri",   "subject_token",
                                       "vp_token" };

  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcasecmp(names[i], name) == 0) {
      return 1;
    }
  }
  return 0;
}

/* The value, or its first characters and how long it is. out is good for LONG_VALUE + 1 octets. */
static const char *cut(char out[LONG_VALUE + 1], const char *name, const char *value)
{
  if (!is_secret(name) && strlen(value) <= LONG_VALUE) {
    (void)snprintf(out, LONG_VALUE + 1, "%s", value);
  } else {
    (void)snprintf(out, LONG_VALUE + 1, "%.*s... (%zu octets)",
                   is_secret(name) ? SHOWN_OF_SECRET : SHOWN_OF_LONG, value, strlen(value));
  }
  return out;
}

static void show_header(const char *line, size_t len)
{
  const char *colon = memchr(line, ':', len);
  char shown[LONG_VALUE + 1];
  char *name = NULL;
  char *value = NULL;

  if (colon == NULL) {
    return;
  }
  name = text_copy(line, (size_t)(colon - line));
  value = text_copy(colon + 1, len - (size_t)(colon - line) - 1);
  if (name != NULL && value != NULL) {
    printf("  %s: %s\n", name, cut(shown, name, value + strspn(value, " \t")));
  }
  free(name);
  free(value);
}

/* Lines as they are sent, each with its end. NULL: none. */
static void show_headers(const char *headers)
{
  while (headers != NULL && *headers != '\0') {
    size_t len = strcspn(headers, "\r\n");

    show_header(headers, len);
    headers += len;
    headers += strspn(headers, "\r\n");
  }
}

static void show_request_whole(const char *url, int basic, const char *headers, const json_t *pairs)
{
  const json_t *pair = NULL;
  size_t i = 0;

  printf("\nPOST %s\n%s", url,
         basic ? "  Authorization: Basic ... (client_id and client_secret)\n" : "");
  show_headers(headers);
  printf("\n");
  json_array_foreach(pairs, i, pair)
  {
    const char *name = json_string_value(json_array_get(pair, 0));
    char shown[LONG_VALUE + 1];

    printf("  %s=%s\n", name, cut(shown, name, json_string_value(json_array_get(pair, 1))));
  }
}

static void show_request_brief(const json_t *pairs)
{
  static const char *const told[] = { "response_type",   "grant_type",        "scope",
                                      "resource",        "challenge_session", "claim_token",
                                      "client_assertion" };
  const json_t *pair = NULL;
  size_t i = 0;

  printf("  ->");
  json_array_foreach(pairs, i, pair)
  {
    const char *name = json_string_value(json_array_get(pair, 0));

    for (size_t n = 0; n < sizeof(told) / sizeof(told[0]); n++) {
      char shown[LONG_VALUE + 1];

      if (strcmp(told[n], name) == 0) {
        printf(" %s", is_secret(name)
                          ? name
                          : cut(shown, name, json_string_value(json_array_get(pair, 1))));
      }
    }
  }
  printf("\n");
}

void show_request(int verbose, const char *url, int basic, const char *headers, const char *body,
                  size_t len)
{
  json_t *pairs = form_read(body, len);

  if (verbose) {
    show_request_whole(url, basic, headers, pairs);
  } else {
    show_request_brief(pairs);
  }
  json_decref(pairs);
}

/* Cuts the texts in a JSON object, and in the objects in it. */
static void cut_members(json_t *object)
{
  const char *name = NULL;
  json_t *value = NULL;
  char shown[LONG_VALUE + 1];

  json_object_foreach(object, name, value)
  {
    if (json_is_string(value)) {
      (void)json_string_set(value, cut(shown, name, json_string_value(value)));
    } else if (json_is_object(value)) {
      cut_members(value);
    }
  }
}

static void show_answer_whole(int status, const char *headers, json_t *body)
{
  char *text = NULL;

  printf("\n%d\n", status);
  show_headers(headers);
  cut_members(body);
  text = json_dumps(body, JSON_INDENT(2));
  printf("\n%s\n", text != NULL ? text : "(no JSON)");
  free(text);
}

static void show_answer_brief(int status, const json_t *body)
{
  const char *error = json_string_value(json_object_get(body, "error"));
  const json_t *requirement = json_object_get(body, "authorization_requirement");
  const char *type = json_string_value(json_object_get(requirement, "type"));

  if (error == NULL) {
    error = json_object_get(body, "request_uri") != NULL ? "request_uri" : "token";
  }
  printf("  <- %d %s", status, error);
  printf(type != NULL ? ": %s\n" : "\n", type);
}

void show_answer(int verbose, int status, const char *headers, const char *body, size_t len)
{
  json_t *read = body != NULL ? json_loadb(body, len, 0, NULL) : NULL;

  if (status == 0) {
    printf("  <- nothing\n");
  } else if (verbose) {
    show_answer_whole(status, headers, read);
  } else {
    show_answer_brief(status, read);
  }
  (void)fflush(stdout);
  json_decref(read);
}
