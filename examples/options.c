/* SPDX-License-Identifier: MIT */

/* See options.h. Called by agent.c once, at the start. */

#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

static const char usage[] =
    "usage: agent CONFIG.json [--verbose] [--param NAME=VALUE]...\n"
    "       agent CONFIG.json --repeat               the follow-up twice; the second answer "
    "counts\n"
    "       agent CONFIG.json --change NAME=VALUE    the follow-up changed\n"
    "       agent CONFIG.json --wait SECONDS         the follow-up late\n"
    "       agent CONFIG.json --save-session FILE    the follow-up kept instead of sent\n"
    "       agent CONFIG.json --use-session FILE     somebody else's session and evidence\n"
    "       agent CONFIG.json --save-answer FILE     the token response, or that of PAR, kept\n"
    "       agent --new-key KID | --public-key JWK-FILE | --redirect URL\n"
    "exit code: 0 token, 1 refused, 2 usage, 3 failed\n";

static int set_param(json_t *params, const char *text)
{
  size_t len = strcspn(text, "=");
  char *name = text_copy(text, len);
  int good = name != NULL && text[len] == '=' &&
             json_object_set_new(params, name, json_string(text + len + 1)) == 0;

  free(name);
  return good;
}

static int set_wait(spoil_plan *plan, const char *text)
{
  char *end = NULL;
  unsigned long seconds = strtoul(text, &end, 10);

  plan->wait = (unsigned)seconds;
  return *text != '\0' && *end == '\0' && seconds <= 3600;
}

static int load_pairs(json_t **out, const char *path)
{
  *out = json_load_file(path, 0, NULL);
  return json_is_array(*out);
}

/* The option at argv[*i]; moves *i on to its argument, where it has one. */
static int read_option(agent_options *out, int argc, char **argv, int *i)
{
  const char *option = argv[*i];
  const char *argument = NULL;

  if (strcmp(option, "--verbose") == 0) {
    out->verbose = 1;
    return 1;
  }
  if (strcmp(option, "--repeat") == 0) {
    out->repeat = 1;
    return 1;
  }
  if (++*i >= argc) {
    return 0;
  }
  argument = argv[*i];
  if (strcmp(option, "--param") == 0) {
    return set_param(out->params, argument);
  }
  if (strcmp(option, "--wait") == 0) {
    return set_wait(&out->plan, argument);
  }
  if (strcmp(option, "--change") == 0) {
    out->plan.change = argument;
    return strchr(argument, '=') != NULL;
  }
  if (strcmp(option, "--save-answer") == 0) {
    out->save = argument;
    return 1;
  }
  if (strcmp(option, "--save-session") == 0) {
    out->plan.save = argument;
    return 1;
  }
  return strcmp(option, "--use-session") == 0 && load_pairs(&out->plan.put, argument);
}

int options_read(agent_options *out, int argc, char **argv)
{
  if (argc < 2 || argv[1][0] == '-') {
    fputs(usage, stderr);
    return USAGE;
  }
  out->config = read_config(argv[1]);
  if (out->config == NULL) {
    return FAILED;
  }
  out->params = json_deep_copy(json_object_get(out->config, "params"));
  if (out->params == NULL) {
    out->params = json_object();
  }
  for (int i = 2; i < argc; i++) {
    if (!read_option(out, argc, argv, &i)) {
      fputs(usage, stderr);
      return USAGE;
    }
  }
  return GOT_TOKEN;
}

void options_clear(agent_options *options)
{
  spoil_clear(&options->plan);
  json_decref(options->params);
  json_decref(options->config);
}
