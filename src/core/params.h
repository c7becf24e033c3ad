/* SPDX-License-Identifier: MIT */
#ifndef OCC__CORE_PARAMS_H
#define OCC__CORE_PARAMS_H

/* What the request parameters are that specifications name: the one table that configuration, digest, facts and types
 * ask, so that they cannot disagree. A parameter that is not in it is nobody's: bound like any other, not secret. */

enum {
  OCC__PARAM_BOUND =
      1, /* says what is asked for or with which grant: always part of the request that is digested, never evidence */
  OCC__PARAM_GRANT = 2, /* the grant itself: a CHECK answer's binding can stand for it */
  OCC__PARAM_CREDENTIAL =
      4, /* authenticates the client, afresh each time: never in the digest, never evidence */
  OCC__PARAM_SECRET = 8 /* appears in facts as its digest only */
};

/* The flags of a parameter; 0 for one that no specification names. */
unsigned occ__params_flags(const char *name);
/* Could evidence in this parameter be taken for a part of that grant? */
int occ__params_owned(const char *grant_type, const char *name);
/* A name of the table that a pattern of digest_ignore covers though it must stay bound; NULL: none. The pattern may end
 * in "*". */
const char *occ__params_bound_by(const char *pattern);

#endif
