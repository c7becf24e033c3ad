#!/bin/sh
# SPDX-License-Identifier: MIT
# doc_examples.sh ROOT [COMPILER]: the C examples of README.md and docs/*.md compile against the public headers. Looked at
# are the ```c blocks behind a line that is exactly one of
#
#   <!-- compile -->       a translation unit of its own
#   <!-- compile more -->  goes on where the example before it, in the same file, ended
#
# occ/occ.h, stdio.h and string.h are included for all. Functions that only an example's reader has are declared in it.
# Every other ```c block is an error: an example that nobody compiles is wrong sooner or later.

root=${1:?root of the source tree}
cc=${2:-cc}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# cut FILE: writes $work/N.c for each unit, with #line so that messages name the page, and prints what is wrong.
cut_out() {
  rm -f "$work"/*.c
  awk -v work="$work" -v page="$1" '
    /^<!-- compile -->$/ { unit++; mark = NR; next }
    /^<!-- compile more -->$/ { if (!unit) print page ":" NR ": nothing to go on with"; else mark = NR; next }
    /^```c$/ {
      if (mark != NR - 1 || !unit) { print page ":" NR ": a C block that is not compiled"; next }
      out = sprintf("%s/%03d.c", work, unit)
      if (!(out in begun)) {
        print "#include \"occ/occ.h\"\n#include <stdio.h>\n#include <string.h>" >out
        begun[out] = 1
      }
      print "#line " NR + 1 " \"" page "\"" >out
      inside = 1
      mark = 0
      next
    }
    /^```/ { inside = 0 }
    inside { print >out; next }
    mark && NR > mark { print page ":" mark ": no C block behind this mark"; mark = 0 }
  ' "$1"
}

total=0
for page in README.md docs/*.md; do
  [ -f "$page" ] || continue
  wrong=$(cut_out "$page")
  count=0
  for unit in "$work"/*.c; do
    [ -f "$unit" ] || continue
    count=$((count + 1))
    said=$("$cc" -std=c11 -Wall -Wextra -Werror -fsyntax-only -I include "$unit" 2>&1) ||
      wrong="$wrong${wrong:+
}$(printf '%s\n' "$said" | head -n 12)"
  done
  total=$((total + count))
  [ "$count" = 0 ] && [ -z "$wrong" ] || report "C examples of $page ($count)" "$wrong"
done
report 'there are examples' "$([ "$total" -gt 0 ] || echo 'none in README.md and docs/')"
finish
