#!/bin/sh
# SPDX-License-Identifier: MIT
# spec_status.sh ROOT: docs/spec-status.md has one row for each requirement and each choice, and each row leads somewhere.
# A row is "| ID | .. | .. | CODE | TEST | STATUS |"; CODE and TEST hold pointers, `FILE: NAME` in a code span each:
#
#   *.c      a function, table or macro that is defined there; in the column TEST a test function
#   *.h      a name that is declared there
#   *.txt    a transcript's case, its whole text
#   *.mjs    the name of a test(), its whole text
#   *.md     a heading
#   *.sh     words that stand in it
#
# STATUS begins with done, host's or not yet. "done" needs both pointers, "host's" one.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1
page=docs/spec-status.md

# ids: all that there are.
ids() {
  awk 'BEGIN {
    for (i = 1; i <= 16; i++) printf "S-%02d\n", i
    for (i = 1; i <= 5; i++) printf "C-%02d\n", i
    for (i = 1; i <= 14; i++) printf "O-%02d\n", i
  }'
}

# rows: "id" of every row of a table that has one.
rows() {
  sed -n 's/^| *\([SCO]-[0-9][0-9]*\) *|.*/\1/p' "$page" 2>/dev/null
}

# pointers COLUMN: "line file: name" of every code span in that column.
pointers() {
  awk -F '|' -v column="$1" '
    /^\| *[SCO]-[0-9]+ *\|/ {
      n = split($(column + 1), part, "`")
      for (i = 2; i <= n; i += 2) print NR, part[i]
    }' "$page" 2>/dev/null
}

# defines FILE NAME WHAT: is NAME defined there? WHAT is "test" where it must be a test function.
defines() {
  awk -f "$here/code.awk" "$1" | awk -v name="$2" -v header="$(case $1 in *.h) echo 1 ;; esac)" -v what="$3" '
    {
      at = index($0, name)
      after = substr($0, at + length(name), 1)
      before = at > 1 ? substr($0, at - 1, 1) : " "
      if (!at || after ~ /[A-Za-z0-9_]/ || before ~ /[A-Za-z0-9_]/) next
      if (header) found = 1
      if (/^([A-Za-z_]|#[ \t]*define)/ && (/=/ || !/;[ \t]*$/) && (what != "test" || /^static void test_/)) found = 1
    }
    END { exit !found }'
}

# leads FILE NAME WHAT: does the pointer lead to something?
leads() {
  case $1 in
  *.c | *.h) defines "$1" "$2" "$3" ;;
  *.txt) grep -qxF -- "case $2" "$1" ;;
  *.mjs) grep -qF -e "test('$2'," -e "test(\"$2\"," -e "test(\`$2\`," "$1" ;;
  *.md) grep -E '^#+ ' "$1" | sed 's/^#* //' | grep -qxF -- "$2" ;;
  *.sh) grep -qF -- "$2" "$1" ;;
  *) return 1 ;;
  esac
}

# astray COLUMN WHAT: the pointers of a column that lead nowhere.
astray() {
  pointers "$1" | while read -r line pointer; do
    file=${pointer%%: *}
    name=${pointer#*: }
    if [ "$file" = "$pointer" ] || [ -z "$name" ]; then
      echo "$page:$line: \"$pointer\" is not FILE: NAME"
    elif [ ! -f "$file" ]; then
      echo "$page:$line: no file $file"
    elif [ "$2" = test ] && [ "${file#tests/}" = "$file" ]; then
      echo "$page:$line: $file is no test"
    else
      leads "$file" "$name" "$2" || echo "$page:$line: $file has no \"$name\""
    fi
  done
}

report 'every id has a row' "$(ids | while read -r id; do rows | grep -qx "$id" || echo "$page lacks $id"; done)"
report 'no id has two rows' "$(rows | sort | uniq -d)"
report 'no row has another id' "$(rows | while read -r id; do ids | grep -qx "$id" || echo "$page: $id"; done)"

report 'every row has six columns and a status' "$(
  awk -F '|' -v page="$page" -v quote="'" '
    function wrong(why) { print page ":" NR ": " why }
    /^\| *[SCO]-[0-9]+ *\|/ {
      if (NF != 8) { wrong("not six columns"); next }
      for (i = 3; i <= 7; i++) if ($i ~ /^ *$/) wrong("column " i - 1 " is empty")
      code = split($5, part, "`") > 2
      test = split($6, part, "`") > 2
      if ($7 ~ /^ done([;,: ]|$)/) {
        if (!code || !test) wrong("done, but without code or without test")
      } else if ($7 ~ "^ host" quote "s([;,: ]|$)") {
        if (!code && !test) wrong("the host" quote "s, but it leads nowhere")
      } else if ($7 !~ /^ not yet([;,: ]|$)/) {
        wrong("the status is none of: done, host" quote "s, not yet")
      }
    }' "$page" 2>/dev/null)"

report 'what the rows call code is there' "$(astray 4 code)"
report 'what the rows call a test is there' "$(astray 5 test)"

report 'ids in source and tests are ids of the page' "$(
  grep -rnowIE --include='*.[ch]' --include='*.txt' --include='*.mjs' --exclude-dir=node_modules --exclude-dir=corpus \
    '[SCO]-[0-9][0-9]' src include tests examples 2>/dev/null | while read -r hit; do
    ids | grep -qx "${hit##*:}" || echo "$hit"
  done)"
finish
