#!/bin/sh
# SPDX-License-Identifier: MIT
# headers.sh COMPILER [HEADERS]: each public header compiles alone, twice over, as C11 and as C++17; is at most 400 lines
# long; includes no header of another library; and lets C++ link to what it declares.

cc=${1:?C compiler}
here=$(dirname "$0")
headers=${2:-$here/../../include/occ}
. "$here/tap.sh"

folder=$(dirname "$cc")
case $(basename "$cc") in
*clang*) cxx=$(basename "$cc" | sed 's/clang/clang++/') ;;
*gcc*) cxx=$(basename "$cc" | sed 's/gcc/g++/') ;;
*) cxx=c++ ;;
esac
[ "$folder" = . ] || cxx=$folder/$cxx
warnings='-Wall -Wextra -Wpedantic -Werror -Wundef -fsyntax-only'

# look HEADER: what is wrong with it.
look() {
  name=occ/$(basename "$1")
  text="#include \"$name\"
#include \"$name\"
int main(void);"
  # shellcheck disable=SC2086 # several words on purpose
  echo "$text" | "$cc" -std=c11 -Wstrict-prototypes $warnings -I "$headers/.." -x c - 2>&1 || echo 'not C11'
  # shellcheck disable=SC2086
  echo "$text" | "$cxx" -std=c++17 $warnings -I "$headers/.." -x c++ - 2>&1 || echo 'not C++17'
  lines=$(wc -l <"$1")
  [ "$lines" -le 400 ] || echo "$lines lines"
  grep -nE '^[[:space:]]*#[[:space:]]*include' "$1" | grep -vE '[<"](occ/[a-z]+\.h|stddef\.h|stdint\.h)[>"]'
  if grep -q '^OCC_API' "$1" && ! grep -q '^extern "C" {' "$1"; then echo 'no extern "C"'; fi
}

for header in "$headers"/*.h; do
  report "header occ/$(basename "$header")" "$(look "$header")"
done
finish
