#!/bin/sh
# SPDX-License-Identifier: MIT
# selftest.sh: each check goes red when what it guards is broken. A small tree is made that passes all of them; then one
# thing after another is spoilt in it, and the row that must notice is named beside it.

here=$(cd "$(dirname "$0")" && pwd)
. "$here/tap.sh"
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
licence='/* SPDX-License-Identifier: MIT */'

# tree: the small tree, fresh, in $work/tree.
tree() {
  rm -rf "$work/tree"
  mkdir -p "$work/tree/include/occ" "$work/tree/src/base" "$work/tree/src/wire" "$work/tree/src/stores" \
    "$work/tree/tests/checks" "$work/tree/tests/unit/base" "$work/tree/tests/fuzz/corpus/form" "$work/tree/examples"
  cd "$work/tree" || exit 1
  printf '%s\n#ifndef OCC_BASE_H\n#define OCC_BASE_H\n\n#include <stddef.h>\n\n#ifdef __cplusplus\nextern "C" {\n#endif\n\n%s\n\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n' \
    "$licence" '#define OCC_API __attribute__((visibility("default")))
OCC_API int occ_one(void);' >include/occ/base.h
  printf '%s\n#include "occ/base.h"\n\nint occ_one(void)\n{\n  return 1; /* free(x), "time(0)" */\n}\n' "$licence" >src/base/mem.c
  printf '%s\n#include "base/mem.h"\n' "$licence" >src/wire/form.h
  printf '%s\n#include "base/mem.h"\n' "$licence" >src/stores/memory.h
  printf '%s\n#include "occ/base.h"\n' "$licence" >src/base/mem.h
  printf '%s\n#include <curl/curl.h>\n\n#include "occ/base.h"\n' "$licence" >examples/agent.c
  printf '%s\nstatic void test_one__is_one(void **state)\n{\n  assert_int_equal(occ_one(), 1);\n}\n' "$licence" \
    >tests/unit/base/test_mem.c
  printf '%s\nint LLVMFuzzerTestOneInput(void);\n' "$licence" >tests/fuzz/fuzz_form.c
  echo a >tests/fuzz/corpus/form/a
  echo 'sh tests/checks/layers.sh' >tests/run.sh
  echo 'exit 0' >tests/checks/layers.sh
  echo 'occ_room(base mem) include/occ/base.h' >CMakeLists.txt
  printf 'occ_test(unit unit/base/test_mem.c)\nocc_fuzz(form)\n' >tests/CMakeLists.txt
  echo occ_one >exports.txt
}

# green CHECK ARGUMENT...: everything passes.
green() {
  check=$1
  shift
  report "$check passes on the small tree" "$(sh "$here/$check.sh" "$@" 2>&1 | grep '^not ok'
    sh "$here/$check.sh" "$@" 2>&1 | grep -q '^ok' || echo 'no result')"
}

# red CHECK ROW ARGUMENT...: the row whose name holds ROW fails, and the script with it. Makes the tree anew after that.
red() {
  check=$1
  row=$2
  shift 2
  said=$(sh "$here/$check.sh" "$@" 2>/dev/null) && said="$said
exit status 0"
  report "$check notices: $row" "$(
    echo "$said" | grep -q 'exit status 0' && echo 'exit status 0'
    echo "$said" | grep '^not ok' | grep -qF -- "$row" || echo "$said")"
  tree
}

# library: libone.so and libone.a from src/base/mem.c.
library() {
  cc -fPIC -Iinclude -c -o mem.o src/base/mem.c && cc -shared -o libone.so mem.o && rm -f libone.a &&
    ar rc libone.a mem.o
}

tree
green layers .
echo '#include "wire/form.h"' >>src/base/mem.c
red layers 'include rules of src/base' .
echo '#include <jansson.h>' >>src/stores/memory.h
red layers 'include rules of src/stores' .
echo '#include "../wire/form.h"' >>src/base/mem.h
red layers 'include rules of src/base' .
echo '#include <time.h>' >>src/wire/form.h
red layers 'include rules of src/wire' .
echo '#  include <openssl/evp.h>' >>include/occ/base.h
red layers 'include rules of the public headers' .
echo '#include "base/mem.h"' >>examples/agent.c
red layers 'examples include no header of src' .
mkdir src/attic
red layers 'every folder of src is a room' .
mkdir -p src/adapters/curl && echo '#include "base/mem.h"' >src/adapters/curl/a.c
red layers 'include rules of src/adapters/curl' .
mkdir -p src/adapters/attic
red layers 'every folder of src is a room' .
mkdir -p src/adapters/curl && echo 'int f(void) { return socket(1, 2, 3); }' >src/adapters/curl/a.c
red banned 'no sockets' .

green banned .
# name of the row, then a call that it must notice
while IFS='|' read -r row call; do
  printf 'void f(void)\n{\n  %s;\n}\n' "$call" >>src/wire/form.h
  red banned "$row" .
done <<'LIST'
heap only through occ_mem|p = malloc(3)
heap only through occ_mem|free (p)
no clock|t = time(NULL)
no sleeping|nanosleep(&t, NULL)
no environment, no files|getenv("HOME")
no process-wide settings|setlocale(0, "")
no abort|abort()
no printing|printf("x")
no unbounded|strcpy(a, b)
no unbounded|sprintf(a, b)
no unbounded|atoi(a)
no unbounded|strtok(a, b)
no unbounded|strcat(a, b)
no weak randomness|rand()
no threads|pthread_create(&t, 0, f, 0)
LIST

green sources .
echo "$licence" >src/base/arena.c
red sources 'every file of src' .
echo "$licence" >include/occ/store.h
red sources 'every public header' .
echo "$licence" >tests/unit/base/test_arena.c
red sources 'every test is in' .
echo "$licence" >tests/fuzz/fuzz_jws.c
red sources 'every test is in' .
rm tests/fuzz/corpus/form/a
red sources 'every fuzz target has a corpus' .
echo >tests/checks/new.sh
red sources 'every check is run' .
sed -i 1d src/base/mem.c
red sources 'every C file begins' .
sed -i s/assert_/ignore_/ tests/unit/base/test_mem.c
red sources 'every test function holds an assertion' .

green words .
printf 'see /%s/main\n' work >README.md
red words 'no paths of a machine' .
printf '/* TO%s: later */\n' DO >>src/wire/form.h
red words 'nothing left for later' .
printf 'see ../%s/design.md\n' shared >README.md
red words 'nothing points out' .

# pages: two pages and what they speak of, put into the small tree.
pages() {
  mkdir -p docs src/core
  echo "$licence" >include/occ/occ.h
  printf '# A\n\n## B c\n\n[docs](docs/errors.md), [here](#b-c)\n\n<!-- compile -->\n```c\nint f(void);\n```\n' >README.md
  printf '`OCC_OK` `session_used` `granted`\n' >docs/errors.md
  printf '  X(SESSION_USED, "session_used", OCC__NO_ERROR)\n' >src/base/status.h
  printf '  X(GRANTED, "granted")\n' >src/core/lib.h
  printf '  OCC_OK = 0,\n' >>include/occ/base.h
  rm -rf tests/fuzz && mkdir -p tests/fuzz && : >tests/fuzz/fuzz_a.c && printf '| `a` | b | c |\n' >tests/fuzz/README.md
}

pages
green doc_examples .
green links .
sed -i 's/int f/int f g/' README.md
red doc_examples 'C examples of README.md' .
pages
sed -i /compile/d README.md
red doc_examples 'C examples of README.md' .
pages
sed -i s/^int// README.md
red doc_examples 'C examples of README.md' .
pages
rm README.md
red doc_examples 'there are examples' .
# name of the row, the file, what is replaced in it and by what
while IFS='|' read -r row file from to; do
  pages
  sed -i "s/$from/$to/" "$file"
  red links "$row" .
done <<'LIST'
relative links|README.md|errors.md|error.md
relative links|README.md|#b-c|#b-d
every reason|src/base/status.h|session_used|session_spent
every event|src/core/lib.h|granted|refused
every status|include/occ/base.h|OCC_OK|OCC_PENDING
every reason|src/base/status.h|X(|Y(
a row for each target|tests/fuzz/README.md|`a`|`b`
LIST

# spec: a page with a row for every id, and what its rows lead to, put into the small tree.
spec() {
  mkdir -p docs tests/transcripts tests/interop
  echo 'case one is one (S-01)' >tests/transcripts/one.txt
  echo "test('one (S-02)', () => {})" >tests/interop/one.mjs
  printf '# A\n\n## B c\n' >docs/guide.md
  awk 'BEGIN {
    last["S"] = 16; last["C"] = 5; last["O"] = 14
    for (kind in last) for (i = 1; i <= last[kind]; i++) {
      printf "| %s-%02d | MUST | x | `src/base/mem.c: occ_one` | `tests/transcripts/one.txt: one is one (S-01)` | done |\n", kind, i
    }
  }' | grep -v '^| \(S-02\|C-05\|O-14\) ' >docs/spec-status.md
  cat >>docs/spec-status.md <<'ROWS'
| S-02 | MUST | x | `include/occ/base.h: occ_one`, `docs/guide.md: B c` | `tests/interop/one.mjs: one (S-02)` | done; all of it |
| C-05 | MUST | x | `src/base/mem.c: occ_one` | none | host's: it publishes |
| O-14 | open | x | none | `tests/unit/base/test_mem.c: test_one__is_one` | not yet |
| other | table |
ROWS
}

# misled ROW SCRIPT [FILE]: the row notices what sed makes of the page, or of the file.
misled() {
  spec
  sed -i "$2" "${3:-docs/spec-status.md}"
  red spec_status "$1" .
}

spec
green spec_status .
misled 'every id has a row' '/^| S-16 /d'
misled 'no id has two rows' 's/^\(| S-1\)6 /\15 /'
misled 'no row has another id' 's/^\(| S-1\)6 /\17 /'
misled 'six columns' 's/^\(| S-16 |.*\) done |/\1/'
misled 'six columns' 's/^\(| S-16 |\) MUST /\1 /'
misled 'six columns' 's/^\(| S-16 |.*|\) done /\1 finished /'
misled 'six columns' 's/^\(| O-14 |.*|\) not yet /\1 done /'
misled 'six columns' 's/^\(| S-16 |.*|\) `tests.*` /\1 none /'
misled 'six columns' 's/^\(| C-05 |.*|\) `src.*` \(| none\)/\1 none \2/'
misled 'call code' 's/mem.c: occ_one/mem.c: occ_two/'
misled 'call code' 's/mem.c: occ_one/mem.c: occ/'
misled 'call code' 's/mem.c: occ_one/heap.c: occ_one/'
misled 'call code' 's/mem.c: occ_one/mem.c/'
misled 'call code' 's/occ_one(void)/occ_two(void) \/* occ_one *\//' src/base/mem.c
misled 'call code' 's/^int occ_one(void)/int occ_one(void);\nint occ_two(void)/' src/base/mem.c
misled 'call code' 's/occ_one/occ_two/' include/occ/base.h
misled 'call code' 's/## B c/## B d/' docs/guide.md
misled 'call a test' 's/one is one/one is two/' tests/transcripts/one.txt
misled 'call a test' 's/one (S-02)/two (S-02)/' tests/interop/one.mjs
misled 'call a test' 's/test_one__is_one/test_one__is_two/' tests/unit/base/test_mem.c
misled 'call a test' 's/`tests\/transcripts.*`/`src\/base\/mem.c: occ_one`/'
misled 'ids in source and tests' 's/free(x)/S-17/' src/base/mem.c
rm -f docs/spec-status.md
red spec_status 'every id has a row' .

cp "$here/../../.clang-format" "$work/"
green format .
printf 'int  f( void ) {return 1;}\n' >>src/base/mem.c
red format 'format of src' .

green headers cc include/occ
echo 'extern undeclared f;' >>include/occ/base.h
red headers base.h cc include/occ
sed -i '/^#ifndef OCC/d; /^#define OCC_BASE/d' include/occ/base.h
echo 'struct twice { int x; };' >>include/occ/base.h
red headers base.h cc include/occ
echo 'int class;' >>include/occ/base.h
red headers base.h cc include/occ
yes '' | head -n 400 >>include/occ/base.h
red headers base.h cc include/occ
sed -i 's/^extern "C" {/namespace x {/' include/occ/base.h
red headers base.h cc include/occ
sed -i 's/stddef/stdlib/' include/occ/base.h
red headers base.h cc include/occ

library
green exports libone.so include/occ exports.txt
green names libone.a
echo occ_two >>exports.txt
library
red exports 'every name of exports.txt is exported' libone.so include/occ exports.txt
echo 'int occ_two(void) { return 2; }' >>src/base/mem.c
library
red exports 'every exported name is in exports.txt' libone.so include/occ exports.txt
echo 'int occ__two(void) { return 2; }' >>src/base/mem.c
library
red exports 'only occ_ names' libone.so include/occ exports.txt
library
echo 'OCC_API int occ_two(void);' >>include/occ/base.h
red exports 'exports.txt holds what the headers declare' libone.so include/occ exports.txt
red exports 'something is exported' nothing.so include/occ exports.txt
echo 'int helper(void) { return 2; }' >>src/base/mem.c
library
red names 'every name begins with occ_' libone.a
library
cp mem.o other.o
ar rc libone.a other.o
red names 'no name is defined twice' libone.a
red names 'the library defines something' nothing.a
cd / || exit 1
finish
