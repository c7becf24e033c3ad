/* SPDX-License-Identifier: MIT */
#ifndef OCC_OCC_H
#define OCC_OCC_H

/**
 * @file
 * Everything a host of libocc needs: a lib for the process, a configuration and the server made
 * from it, a txn for each token request, the questions it asks, and what it can be given to work
 * with.
 *
 * How to read the comments, here and in the other headers:
 * - A pointer must not be NULL unless its line says "may be NULL". A function that returns a status
 *   answers a NULL that it does not allow with OCC_ERR_ARGUMENT; a getter answers it with NULL or
 *   0; a free does nothing.
 * - borrowed: valid during the call, or until the object it came from is freed or changed. copied:
 *   the caller may forget it at once. owned by the caller: to be freed with the function named.
 *   Memory never passes the line in other ways.
 * - Texts that come out are UTF-8 and NUL-terminated. Lengths are octets; len beside a text that
 *   goes in counts without a NUL, and none is needed.
 * - An object made in a lib keeps the lib alive. Frees may come in any order.
 * - Everything is there since 0.1.0. While the version is 0.x a minor version may change the ABI;
 *   structs made by the library (occ_question, occ_event) grow at their end only.
 */

#include "occ/agent.h"
#include "occ/base.h"
#include "occ/cimd.h"
#include "occ/event.h"
#include "occ/json.h"
#include "occ/keyring.h"
#include "occ/question.h"
#include "occ/server.h"
#include "occ/store.h"
#include "occ/txn.h"
#include "occ/type.h"

#endif
