#!/bin/sh
# SPDX-License-Identifier: MIT
# sources.sh ROOT: every C file is named in a CMakeLists.txt, so that no source and no test is forgotten; every script
# of tests/checks is run; every C file says its licence in the first line.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1

# rooms: "room/name" of every word of every occ_room(room name...) call.
rooms() {
  sed 's/#.*//' CMakeLists.txt | tr '\n' ' ' | grep -oE 'occ_room\([^)]*\)' | sed 's/occ_room(//; s/)//' |
    while read -r room names; do
      for name in $names; do echo "$room/$name"; done
    done
}

report 'every file of src is in CMakeLists.txt' "$(
  rooms >"${TMPDIR:-/tmp}/rooms.$$"
  find src -name '*.c' | sort | while read -r file; do
    name=${file#src/}
    grep -qxF "${name%.c}" "${TMPDIR:-/tmp}/rooms.$$" || echo "$file"
  done
  rm -f "${TMPDIR:-/tmp}/rooms.$$")"

report 'every public header is in CMakeLists.txt' "$(
  for file in include/occ/*.h; do grep -qF "$file" CMakeLists.txt || echo "$file"; done)"

report 'every test is in tests/CMakeLists.txt' "$(
  find tests -name node_modules -prune -o -name '*.c' -print | sort | while read -r file; do
    case $file in
    tests/fuzz/fuzz_*) name=${file#tests/fuzz/fuzz_} && word="occ_fuzz(${name%.c})" ;;
    tests/bench/*) name=${file#tests/bench/} && word=${name%.c} ;;
    tests/install/*) continue ;; # built by tests/install/run.sh
    *) word=${file#tests/} ;;
    esac
    sed 's/#.*//' tests/CMakeLists.txt | grep -qF "$word" || echo "$file"
  done)"

report 'every fuzz target has a corpus' "$(
  for file in tests/fuzz/fuzz_*.c; do
    [ -f "$file" ] || continue
    name=${file#tests/fuzz/fuzz_}
    [ -n "$(ls -A "tests/fuzz/corpus/${name%.c}" 2>/dev/null)" ] || echo "$file"
  done)"

report 'every check is run' "$(
  for file in tests/checks/*.sh; do
    name=$(basename "$file")
    [ "$name" = tap.sh ] || grep -qw "${name%.sh}" tests/run.sh || grep -qF "/$name" tests/CMakeLists.txt || echo "$file"
  done)"

report 'every C file begins with its licence' "$(
  find src include tests examples -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null | sort |
    while read -r file; do
      head -n 1 "$file" | grep -q '^/\* SPDX-License-Identifier: MIT' || echo "$file"
    done)"

report 'every test function holds an assertion' "$(
  find tests -name node_modules -prune -o -name 'test_*.c' -print | sort | while read -r file; do
    # shellcheck disable=SC2046 # names without spaces
    awk -f "$here/asserts.awk" $(find tests/support "${file%/*}" -name '*.h' 2>/dev/null) "$file"
  done)"
finish
