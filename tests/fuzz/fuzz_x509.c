/* SPDX-License-Identifier: MIT
 *
 * A client's certificate. Byte 0 picks the failing allocation (255: none), the rest is DER. What is taken is asked for its
 * names and its key; a key that comes out is one that occ__jwk_read() takes. */

#include <stdbool.h>
#include <stdlib.h>

#include "fail_mem.h"
#include "jose/x509.h"

static occ_workspace *ws;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  occ_x509 certificate;
  fail_mem memory;
  occ_jwk key;
  int rc;

  if (size < 1 || (ws == NULL && occ__workspace_new(&ws, &occ__mem_libc) != OCC_OK)) {
    return 0;
  }
  rc = occ__x509_read(&certificate, occ__span(data + 1, size - 1));
  if ((rc == OCC_OK) != (certificate.subject.base != NULL)) {
    abort();
  }
  if (rc != OCC_OK) {
    return 0;
  }
  (void)occ__x509_has_subject(&certificate, "CN=agent-7");
  for (int kind = OCC__X509_DNS; kind <= OCC__X509_EMAIL; kind++) {
    if (occ__x509_has_name(&certificate, (occ_x509_name)kind, "")) {
      abort(); /* nobody is called nothing */
    }
    (void)occ__x509_has_name(&certificate, (occ_x509_name)kind, "192.0.2.7");
  }
  fail_mem_init(&memory, data[0] == 255 ? SIZE_MAX : data[0], true);
  rc = occ__x509_key(&key, ws, &memory.mem, &certificate);
  if (memory.live != 0 || (rc == OCC_OK && (key.kty == OCC__KTY_NONE || key.is_private))) {
    abort();
  }
  return 0;
}
