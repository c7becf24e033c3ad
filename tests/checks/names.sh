#!/bin/sh
# SPDX-License-Identifier: MIT
# names.sh LIBRARY: everything that the static library defines begins with occ_, for a host may link it beside anything.

library=${1:?static library}
here=$(dirname "$0")
. "$here/tap.sh"

# Symbols that compilers add under the address sanitizer and for coverage.
added='^(__odr_asan|__asan|__sancov|__llvm|__gcov|__start_|__stop_)'

work=$(mktemp) || exit 1
trap 'rm -f "$work"' EXIT
nm -g --defined-only "$library" 2>/dev/null | awk '
  /:$/ { member = $1; next }
  NF == 3 { print $3, member }' | grep -vE "$added" >"$work"

report 'the library defines something' "$([ -s "$work" ] || echo "nothing in $library")"
report 'every name begins with occ_' "$(grep -v '^occ_' "$work")"
report 'no name is defined twice' "$(cut -d ' ' -f 1 "$work" | sort | uniq -d)"
finish
