/* SPDX-License-Identifier: MIT */
#ifndef PLAY_H
#define PLAY_H

/* A case of a transcript while it is played. play.c reads its lines and acts on them, check.c looks at what came of it;
 * what the words mean stands in test_transcripts.c. */

#include <jansson.h>
#include <stdint.h>

#include "fake_host.h"
#include "transcript.h"

#define START   INT64_C(1790000000000)
#define SECRETS 512

#define PARTS 24

/* Part of a case: the allocations up to its end, and what it is made of. */
typedef struct segment {
  size_t end;
  uint64_t hash;
} segment;

typedef enum pass { PASS_PLAIN = 0, PASS_MEMORY, PASS_JANSSON } pass;

typedef struct play {
  const script *script;
  const char *title;
  script_vars vars;
  host host;
  pass pass;
  int loud;
  char *client_id, *client_method, *metadata; /* of all requests */
  json_t *requirements;
  host_request request;
  int building, ran, rc;
  char *secret[SECRETS];
  size_t secrets;
  char *session[SECRETS];
  size_t sessions;
  segment part[PARTS]; /* the set-up, then one request after another */
  size_t parts;
  uint64_t hash; /* of the lines of this case so far */
  int requests;
  int over;   /* the rest of the case is not played */
  int failed; /* something was not as it must be */
} play;

typedef struct how {
  pass pass;
  host_mode mode;
  size_t until;
  bool keep;
} how;

typedef struct played {
  int failed, requests;
  segment part[PARTS];
  size_t parts;
} played;

/* play.c */
played play_case(const script *s, size_t at, how way);
size_t play_first_case(const script *s);
int play_is_case(const script_line *line);
char *play_copy(const char *from);
void play_wrong(play *p, const char *what, const char *detail);
void play_broken(const play *p, const char *why);

/* check.c */
void check_made(void *user_data, const char *token); /* a token: its parts are secrets */
void check_request(play *p);                         /* before it runs: what in it is secret */
void check_outcome(play *p, const char *want);       /* all that is looked at in every answer */
void check_failed(play *p); /* after a failed allocation, ours or jansson's */
int check_after(play *p, const char *word,
                const char *rest); /* a line after the outcome; 0: it is none */

#endif
