/* SPDX-License-Identifier: MIT */
#ifndef OCC__BUILTIN_H
#define OCC__BUILTIN_H

/* The built-in types, one file each. core finds them by occ_type_builtin() alone. */

#include "occ/type.h"

extern const occ_type occ__jwt_assertion_type;
extern const occ_type occ__dpop_proof_type;

#endif
