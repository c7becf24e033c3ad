# SPDX-License-Identifier: MIT
# shellcheck shell=sh
# Read by every check. report NAME TEXT prints one TAP line: ok when TEXT is empty, else not ok with TEXT under it.

tap_count=0
tap_bad=0

report() {
  tap_count=$((tap_count + 1))
  if [ -z "$2" ]; then
    echo "ok $tap_count - $1"
  else
    echo "not ok $tap_count - $1"
    printf '%s\n' "$2" | sed 's/^/#   /'
    tap_bad=1
  fi
}

finish() {
  echo "1..$tap_count"
  exit "$tap_bad"
}
