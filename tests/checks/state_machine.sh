#!/bin/sh
# SPDX-License-Identifier: MIT
# state_machine.sh PRINTER [--write]: docs/state-machine.md is what the machine's table says.

printer=${1:?the program print_states}
here=$(dirname "$0")
page=$here/../../docs/state-machine.md
. "$here/tap.sh"

if [ "${2:-}" = --write ]; then
  "$printer" >"$page"
  exit
fi
report "docs/state-machine.md is up to date" "$("$printer" | diff "$page" - 2>&1 | head -20)"
finish
