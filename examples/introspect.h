/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_INTROSPECT_H
#define EXAMPLES_INTROSPECT_H

/* POST /introspect, RFC 7662: what an access token is good for, told to resource servers. */

#include "walk.h"

enum MHD_Result handle_introspect(as_request *request);

#endif
