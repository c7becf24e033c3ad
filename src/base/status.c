/* SPDX-License-Identifier: MIT */

/* Names and sentences of statuses, names and errors of reasons, the version. Called by everybody;
 * tables only. No text here ever holds an octet of a peer. */

#include "base/status.h"

#include "occ/event.h"

/* X(NAME, "a fixed sentence") */
#define OCC_STATUS_LIST(X)                                                                         \
  X(OCC_OK, "Success.")                                                                            \
  X(OCC_PENDING, "A question is open and waits for its answer.")                                   \
  X(OCC_PASS, "The question is left to the host.")                                                 \
  X(OCC_ERR_ARGUMENT, "An argument of the call is not acceptable.")                                \
  X(OCC_ERR_STATE, "The call does not fit the state of the object.")                               \
  X(OCC_ERR_REENTRANT, "The call was made from within a callback that may not make it.")           \
  X(OCC_ERR_STALE, "The ticket names no open question.")                                           \
  X(OCC_ERR_CONFIG, "The configuration is not acceptable.")                                        \
  X(OCC_ERR_MEMORY, "No memory could be allocated.")                                               \
  X(OCC_ERR_LIMIT, "A limit was reached.")                                                         \
  X(OCC_ERR_ANSWER, "The host gave no usable answer to a question.")                               \
  X(OCC_ERR_DEADLINE, "The deadline passed before the work was done.")                             \
  X(OCC_ERR_SYNTAX, "The text is not well formed.")                                                \
  X(OCC_ERR_CRYPTO, "The cryptographic library failed.")                                           \
  X(OCC_ERR_INTERNAL, "The library found itself in a state that cannot be.")

const char *occ_version(void)
{
  return OCC_VERSION;
}

const char *occ_status_name(int status)
{
  switch (status) {
#define X(name, text)                                                                              \
  case name:                                                                                       \
    return #name;
    OCC_STATUS_LIST(X)
#undef X
  default:
    return "unknown";
  }
}

const char *occ_status_text(int status)
{
  switch (status) {
#define X(name, text)                                                                              \
  case name:                                                                                       \
    return text;
    OCC_STATUS_LIST(X)
#undef X
  default:
    return "The status is unknown.";
  }
}

static const struct {
  const char *name;
  occ_oauth_error error;
} reasons[OCC__REASONS] = {
  { "none", OCC__SERVER_ERROR }, /* nobody may be refused without a reason: that is our fault */
#define X(name, text, error) { text, error },
  OCC__REASON_LIST(X)
#undef X
};

const char *occ_reason_name(int reason)
{
  return reason >= 0 && reason < OCC__REASONS ? reasons[reason].name : NULL;
}

occ_oauth_error occ__reason_error(int reason)
{
  return reason >= 0 && reason < OCC__REASONS ? reasons[reason].error : OCC__SERVER_ERROR;
}

int occ__reason_of_status(int status)
{
  switch (status) {
  case OCC_ERR_MEMORY:
    return OCC__REASON_MEMORY;
  case OCC_ERR_LIMIT:
    return OCC__REASON_LIMIT;
  case OCC_ERR_ANSWER:
    return OCC__REASON_HOST_ANSWER;
  case OCC_ERR_DEADLINE:
    return OCC__REASON_DEADLINE;
  case OCC_ERR_CRYPTO:
    return OCC__REASON_CRYPTO;
  case OCC_ERR_ARGUMENT:
  case OCC_ERR_STATE:
  case OCC_ERR_REENTRANT:
  case OCC_ERR_STALE:
  case OCC_ERR_CONFIG:
  case OCC_ERR_SYNTAX: /* of a text that the host handed in: peer input has reasons of its own */
    return OCC__REASON_HOST_INPUT;
  default:
    return OCC__REASON_INTERNAL;
  }
}
