#!/bin/sh
# SPDX-License-Identifier: MIT
# words.sh ROOT: nothing in the project may name a path of somebody's machine or point out of the repository, and nothing
# may be left for later without an issue number. The patterns have brackets, so that they do not match here.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"
cd "$root" || exit 1

# look PATTERN: case-insensitive, over every text file that is the project's own.
look() {
  grep -rnIiE --exclude-dir=.git --exclude-dir='build*' --exclude-dir=node_modules --exclude-dir=corpus \
    --exclude=package-lock.json -e "$1" . | cut -c1-200 | head -20
}

report 'no paths of a machine' "$(look '(^|[^a-z0-9_.~-])/([w]ork|[h]ome|[r]oot|[U]sers)/')"
report 'nothing left for later without an issue number' "$(
  look '\b([T]ODO|[F]IXME|[X]XX|[H]ACK)\b' | grep -vE '#[0-9]+')"
report 'nothing points out of the repository' "$(look '\.\./[s]hared')"
finish
