/* SPDX-License-Identifier: MIT */
/* Which peers there are: those whose module was built. Loaded after the program has begun, see CMakeLists.txt. */

#include "peers.h"

#include <dlfcn.h>
#include <stdio.h>

const peer *peers_get(size_t i, const char **name)
{
  static const char *const names[PEERS] = { "cjose", "jose", "liboauth2", "rhonabwy" };
  static const char *const files[PEERS] = { "cjose", "jose", "oauth2", "rhonabwy" };
  char path[1024];
  void *module;

  *name = names[i];
  (void)snprintf(path, sizeof(path), "%s%s.so", OCC_BENCH_PEERS, files[i]);
  module = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays to the end */
  return module == NULL ? NULL : dlsym(module, "the_peer");
}
