#!/bin/sh
# SPDX-License-Identifier: MIT
# doc_examples.sh ROOT [COMPILER]: the C examples of README.md and docs/*.md compile against the public headers: each ```c
# block behind the line "<!-- compile -->" is a translation unit of its own, with occ/occ.h, stdio.h and string.h included.
# Functions that only an example's reader has are declared in it. A ```c block without that line is an error, for an example
# that nobody compiles is wrong sooner or later.

root=${1:?root of the source tree}
cc=${2:-cc}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT

# cut_out PAGE: writes $work/N.c for each example, with #line so that messages name the page; prints what is wrong.
cut_out() {
  rm -f "$work"/*.c
  awk -v work="$work" -v page="$1" '
    function missed() { if (mark) print page ":" mark ": no C block behind this mark"; mark = 0 }
    /^<!-- compile -->$/ { missed(); mark = NR; next }
    /^```c$/ && mark == NR - 1 {
      out = sprintf("%s/%03d.c", work, ++unit)
      print "#include \"occ/occ.h\"\n#include <stdio.h>\n#include <string.h>\n#line " NR + 1 " \"" page "\"" >out
      inside = 1
      mark = 0
      next
    }
    /^```c$/ { print page ":" NR ": a C block that is not compiled" }
    /^```/ { inside = 0 }
    inside { print >out; next }
    { missed() }
    END { missed() }
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
  if [ "$count" -gt 0 ] || [ -n "$wrong" ]; then
    report "C examples of $page ($count)" "$wrong"
  fi
done
report 'there are examples' "$([ "$total" -gt 0 ] || echo 'none in README.md and docs/')"
finish
