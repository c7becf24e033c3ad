#!/bin/sh
# SPDX-License-Identifier: MIT
# links.sh ROOT: what the pages point to is there. Relative links of *.md lead to files, their #parts to headings; and
# docs/errors.md names every reason, event and status that the source has, tests/fuzz/README.md every target.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1

# links PAGE: "line target" of every inline link, code blocks and code spans left out.
links() {
  awk '
    /^```/ { code = !code; next }
    code { next }
    {
      gsub(/`[^`]*`/, "")
      while (match($0, /\]\([^)]*\)/)) {
        print NR, substr($0, RSTART + 2, RLENGTH - 3)
        $0 = substr($0, RSTART + RLENGTH)
      }
    }' "$1"
}

# anchors PAGE: its headings as a forge names them.
anchors() {
  awk '/^```/ { code = !code; next } !code && /^#+ / { sub(/^#+ /, ""); print tolower($0) }' "$1" |
    sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}

# broken PAGE: links that lead nowhere.
broken() {
  links "$1" | while read -r line target; do
    case $target in
    *://* | mailto:*) continue ;;
    '#'*) file=$1 ;;
    *) file=$(dirname "$1")/${target%%#*} ;;
    esac
    if [ ! -e "$file" ]; then
      echo "$1:$line: $target"
    else
      case $target in
      *.md'#'* | '#'*) anchors "$file" | grep -qxF -e "${target#*#}" || echo "$1:$line: $target (no such heading)" ;;
      esac
    fi
  done
}

pages=$(find . -name .git -prune -o -name node_modules -prune -o -name 'build*' -prune -o -name '*.md' -print | sort)
report 'there are pages' "$([ -n "$pages" ] || echo none)"
report 'relative links lead to files and headings' "$(for page in $pages; do broken "${page#./}"; done)"

# unnamed WORD...: those that docs/errors.md does not have in a code span.
unnamed() {
  [ $# -gt 0 ] || echo 'no list was found in the source'
  for word in "$@"; do
    grep -qF "\`$word\`" docs/errors.md 2>/dev/null || echo "docs/errors.md lacks $word"
  done
}

if [ -f src/base/status.h ]; then
  # shellcheck disable=SC2046 # words
  {
    report 'docs/errors.md names every reason' "$(
      unnamed $(sed -n 's/^  X([A-Z0-9_]*, "\([a-z0-9_]*\)".*/\1/p' src/base/status.h))"
    report 'docs/errors.md names every event' "$(
      unnamed $(sed -n 's/^  X([A-Z0-9_]*, "\([a-z0-9_]*\)").*/\1/p' src/core/lib.h))"
    report 'docs/errors.md names every status' "$(
      unnamed $(sed -n 's/^  \(OCC_OK\|OCC_PENDING\|OCC_ERR_[A-Z]*\) = -\{0,1\}[0-9]*,\{0,1\}$/\1/p' include/occ/base.h))"
  }
fi
if [ -d tests/fuzz ]; then
  report 'tests/fuzz/README.md has a row for each target' "$(
    for target in tests/fuzz/fuzz_*.c; do
      target=${target#tests/fuzz/fuzz_}
      target=${target%.c}
      grep -q "^| \`$target\` |" tests/fuzz/README.md || echo "$target"
    done)"
fi
finish
