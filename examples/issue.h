/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_ISSUE_H
#define EXAMPLES_ISSUE_H

/* After GRANT: the grant is used up, tokens are made, kept and sent. */

#include "walk.h"

enum MHD_Result issue_token(as_request *request, occ_txn *txn);
enum MHD_Result issue_request_uri(as_request *request, occ_txn *txn);

#endif
