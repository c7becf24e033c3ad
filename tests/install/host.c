/* SPDX-License-Identifier: MIT */
/* A host of ten lines: links, makes a lib, says the version. */
#include <stdio.h>

#include <occ/occ.h>

int main(void)
{
  occ_lib *lib = NULL;
  int rc = occ_lib_new(&lib, NULL);

  printf("%s\n", rc == OCC_OK ? occ_version() : occ_status_text(rc));
  occ_lib_free(lib);
  return rc == OCC_OK ? 0 : 1;
}
