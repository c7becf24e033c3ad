/* SPDX-License-Identifier: MIT */
#ifndef TRANSCRIPT_H
#define TRANSCRIPT_H

/* The text side of the transcripts: a file becomes lines, lines may hold `${...}`, and evidence is made while the
 * transcript runs, signed by OpenSSL alone (test_keys). Nothing of the library is called here. What is broken in a
 * transcript ends the test program with its file and line: a typing error must not look like a result. */

#include <stddef.h>
#include <stdint.h>

/* Octets with a NUL behind them. Owned by whoever holds it; text_free(). */
typedef struct script_text {
  char *at;
  size_t len;
} script_text;

void text_add(script_text *to, const void *octets, size_t len);
void text_set(script_text *to, const char *string);
void text_free(script_text *t);

/* ---- Lines ---- */

typedef struct script_line {
  int number;  /* in the file; of a macro's line: that of the call */
  char *words; /* the line without indent, macros replaced */
} script_line;

typedef struct script {
  char *file;
  script_line *line;
  size_t lines;
} script;

/* Reads a file: comments and empty lines are dropped, a `\` at the end joins the next line, `macro NAME` .. `end` is
 * kept, `do NAME a | b` becomes the macro's lines with $1, $2 in them. */
void script_read(script *out, const char *path);
void script_free(script *s);

/* ---- Values ---- */

#define SCRIPT_VARS 64

typedef struct script_vars {
  const char *file;
  int line;
  int64_t now; /* milliseconds */
  struct {
    char *name;
    script_text value;
  } var[SCRIPT_VARS];
  size_t count;
  void (*made)(void *user_data,
               const char *token); /* told of every token that is made; may be NULL */
  void *user_data;
} script_vars;

void vars_set(script_vars *vars, const char *name, const void *octets, size_t len);
/* NULL: no such variable. */
const script_text *vars_get(const script_vars *vars, const char *name);
void vars_clear(script_vars *vars);

/* Replaces every ${...}; test_transcripts.c says what there is. */
void vars_expand(script_text *out, script_vars *vars, const char *source);

/* What is wrong with the transcript itself. */
void script_die(const char *file, int line, const char *why) __attribute__((noreturn));

/* Tokens are kept by what they are made of, so that a transcript that runs a thousand times is signed once. */
void tokens_forget(void);

#endif
