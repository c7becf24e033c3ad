/* SPDX-License-Identifier: MIT */
#ifndef OCC__HISTORY_H
#define OCC__HISTORY_H

/* What is remembered of a client, or of a key set, beside what is good now: since when it is known, and what of it has
 * changed. And the record of it that a host may keep, one for a client, so that it lasts. Pure functions. */

#include "base/buf.h"
#include "cimd/value.h"

typedef struct occ_history {
  int seen;                     /* last is set */
  occ_time first_seen, changed; /* 0: never */
  unsigned changes; /* all that has changed since it was first seen; changed: when the last of it */
  occ_snapshot last; /* of the last good one, also when it is gone */
  int unkept;        /* the host could not say what it has kept: it is asked again */
} occ_history;

/* It was seen, and is good. */
void occ__history_note(occ_history *history, const occ_snapshot *now_seen, occ_time now);

typedef struct occ_record {
  occ_time first_seen, changed; /* 0: not there */
  unsigned changes;
  int has_document, has_keys;
  occ_snapshot document;
  occ_snapshot keys; /* of the set behind jwks_uri */
} occ_record;

#define OCC__RECORD_MAX 512u /* octets of its text with the NUL */

/* OCC_OK; OCC_ERR_SYNTAX: it is none; OCC_ERR_MEMORY. Times after now are now. Other members are for somebody else. */
int occ__record_read(occ_record *out, const char *text, occ_time now);
void occ__record_write(occ_buf *out, const occ_record *record);
/* What a host's record knows is put under what is known here. keys: it is the history of the set, not of the document. */
void occ__record_join(occ_history *history, const occ_record *record, int keys);
/* ... and the other way round. */
void occ__record_take(occ_record *record, const occ_history *history, int keys);
/* ["method","keys", ...] */
void occ__history_write_changes(occ_buf *out, unsigned changes);

#endif
