/* SPDX-License-Identifier: MIT */
#ifndef TRANSCRIPT_TOKEN_H
#define TRANSCRIPT_TOKEN_H

/* What transcript.c leaves to transcript_token.c: evidence and keys. */

#include "transcript.h"

/* ${dpop ..} or ${jwt ..}: words are the settings, name=value. */
void token_make(script_text *out, script_vars *vars, int is_dpop, const char *words, size_t len);
/* ${jwk KEY}, ${members KEY}, ${private KEY}, ${thumb KEY}. 0: verb is none of them. */
int token_key_text(script_text *out, const script_vars *vars, const char *verb, const char *name);
/* Now, in seconds, and so many more. */
int64_t token_seconds(const script_vars *vars, const char *shift);

#endif
