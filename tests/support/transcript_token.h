/* SPDX-License-Identifier: MIT */
#ifndef TRANSCRIPT_TOKEN_H
#define TRANSCRIPT_TOKEN_H

/* What transcript.c leaves to transcript_token.c: evidence and keys. */

#include "transcript.h"

/* What may be made: evidence of an issuer, a proof, the assertion by which a client authenticates. */
typedef enum token_kind { TOKEN_JWT, TOKEN_DPOP, TOKEN_CLIENT } token_kind;

/* ${jwt ..}, ${dpop ..}, ${assert ..}: words are the settings, name=value. */
void token_make(script_text *out, script_vars *vars, token_kind kind, const char *words,
                size_t len);
/* ${jwk KEY}, ${members KEY}, ${private KEY}, ${thumb KEY}. 0: verb is none of them. */
int token_key_text(script_text *out, const script_vars *vars, const char *verb, const char *name);
/* ${cert NAME}: its octets; ${x5c NAME}: as in a JWK; ${x5t NAME}: its thumbprint. 0: verb is none of them. */
int token_certificate(script_text *out, const script_vars *vars, const char *verb,
                      const char *name);
/* Now, in seconds, and so many more. */
int64_t token_seconds(const script_vars *vars, const char *shift);

#endif
