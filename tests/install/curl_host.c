/* SPDX-License-Identifier: MIT */
/* A host that fetches, in ten lines: links both libraries, makes a fetcher, says the version. */
#include <stdio.h>

#include <occ/curl.h>
#include <occ/occ.h>

int main(void)
{
  occ_lib *lib = NULL;
  occ_curl *curl = NULL;
  int rc = occ_lib_new(&lib, NULL);

  if (rc == OCC_OK) {
    rc = occ_curl_new(&curl, lib, NULL);
  }
  printf("%s\n", rc == OCC_OK ? occ_version() : occ_status_text(rc));
  occ_curl_free(curl);
  occ_lib_free(lib);
  return rc == OCC_OK ? 0 : 1;
}
