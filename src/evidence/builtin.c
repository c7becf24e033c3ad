/* SPDX-License-Identifier: MIT
 *
 * The list of built-in evidence types. Every configuration has them; a server opens the ones that its requirements use. */

#include "evidence/builtin.h"

#include <string.h>

const occ_type *occ_type_builtin(const char *name)
{
  static const occ_type *const builtin[] = { &occ__jwt_assertion_type, &occ__dpop_proof_type };

  for (size_t i = 0; name != NULL && i < sizeof(builtin) / sizeof(builtin[0]); i++) {
    if (strcmp(builtin[i]->name, name) == 0) {
      return builtin[i];
    }
  }
  return NULL;
}
