#!/bin/sh
# SPDX-License-Identifier: MIT
# format.sh ROOT: C code is as clang-format 14 writes it; other versions differ in details and are refused.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"

tool=$(command -v clang-format-14 || command -v clang-format)
version=$("${tool:-false}" --version 2>&1)
case $version in
*'version 14.'*) report 'clang-format is version 14' '' ;;
*) report 'clang-format is version 14' "found: ${tool:-none} $version" ;;
esac

cd "$root" || exit 1
for folder in include src tests examples; do
  files=$(find "$folder" -name node_modules -prune -o -name '*.[ch]' -print 2>/dev/null | sort)
  [ -n "$files" ] || continue
  # shellcheck disable=SC2086 # no file of the project has a space in its name
  report "format of $folder" "$("$tool" --dry-run -Werror $files 2>&1 | grep -E '(error|warning|such file)' | head -20)"
done
finish
