#!/bin/sh
# SPDX-License-Identifier: MIT
# exports.sh LIBRARY [HEADERS [LIST]]: the shared library shows exactly the functions that the public headers declare, and
# these are the ones of exports.txt. HEADERS is a folder, in which curl.h is another library's, or one header. A change of
# the list is a change of the ABI: make it by hand and say so in the log.

library=${1:?shared library}
here=$(dirname "$0")
headers=${2:-$here/../../include/occ}
list=${3:-$here/exports.txt}
. "$here/tap.sh"

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $NF); print $NF }' | sort >"$work/shown"
grep -v '^#' "$list" | sort >"$work/listed"
# From OCC_API to the first parenthesis; the name is the word before it.
headers_of() {
  if [ -f "$1" ]; then echo "$1"; else find "$1" -name '*.h' ! -name curl.h; fi
}
headers_of "$headers" | while read -r header; do awk -f "$here/code.awk" "$header"; done | tr '\n' ' ' |
  grep -oE 'OCC_API [^(;]*\(' | grep -v __attribute__ | sed 's/ *($//; s/.*[ *]//' | sort >"$work/declared"

report 'something is exported' "$([ -s "$work/shown" ] || echo "nothing in $library")"
report 'only occ_ names, no occ__ names' "$(grep -vE '^occ_[a-z0-9][a-z0-9_]*$' "$work/shown")"
report 'every exported name is in exports.txt' "$(comm -23 "$work/shown" "$work/listed")"
report 'every name of exports.txt is exported' "$(comm -13 "$work/shown" "$work/listed")"
report 'exports.txt holds what the headers declare' "$(diff "$work/listed" "$work/declared" | grep '^[<>]')"
finish
