/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_AUTHORIZE_H
#define EXAMPLES_AUTHORIZE_H

/* Authorization requests, by PAR or at /authorize, and the codes that come of them. There is no
 * login page: whoever comes is config.test_user. */

#include <jansson.h>
#include <stdint.h>

#include "policy.h"
#include "walk.h"

#define CODE_LIFE_MS (60 * 1000) /* of a request_uri, too */

/* NULL: *record is what a code for this request is good for, the caller's. Else the OAuth error.
 * redirect_uri is judged first, so that a page can tell where the error may go. */
const char *authorization_read(json_t **record, const as_policy *policy, const as_client *client,
                               const as_params *params);
/* Exactly one that the client has registered? */
int redirect_is_known(const as_client *client, const char *redirect_uri);
/* spec: RFC 7636 section 4.6, S256. Both may be NULL. */
int pkce_fits(const char *challenge, const char *verifier);

/* GET /authorize */
enum MHD_Result handle_authorize(as_request *request);

#endif
