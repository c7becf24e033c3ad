#!/bin/sh
# SPDX-License-Identifier: MIT
# layers.sh ROOT: who may include what (docs/architecture.md, rooms). Public headers include each other and two headers
# of C; a room includes the public headers, itself and the rooms below it; examples see only what a host sees.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"

system='assert ctype errno inttypes limits math pthread stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string'

# includes FOLDER: "file line-number include" of every C file below it.
includes() {
  find "$root/$1" -name '*.[ch]' 2>/dev/null | sort | while read -r file; do
    awk -f "$here/code.awk" "$file" | awk -v file="${file#"$root"/}" '
      /^[ \t]*#[ \t]*include/ { sub(/^[ \t]*#[ \t]*include[ \t]*/, ""); sub(/[ \t]+$/, ""); print file, NR, $0 }'
  done
}

# allow WORD...: prints the lines of stdin whose include is none of the words. A word is an include as written, or
# room/ for every header of that room, or own/ for a header that lies beside the file.
allow() {
  while read -r file line include; do
    good=
    for word in "$@"; do
      case $word in
      own/) case $include in *..*) ;; *) [ -f "$root/${file%/*}/$(echo "$include" | tr -d '"<>')" ] && good=1 ;; esac ;;
      */) case $include in *..*) ;; "\"$word"*.h\") good=1 ;; "<$word"*.h\>) [ "$word" = openssl/ ] && good=1 ;; esac ;;
      *) [ "$include" = "$word" ] && good=1 ;;
      esac
    done
    [ -n "$good" ] || echo "$file:$line: $include"
  done
}

# room NAME WORD...: a room with what it may include besides C, the public headers and itself.
room() {
  name=$1
  shift
  set -- "$@" own/ occ/ "$name/"
  for header in $system; do set -- "$@" "<$header.h>"; done
  report "include rules of src/$name" "$(includes "src/$name" | allow "$@")"
}

report 'include rules of the public headers' \
  "$(includes include/occ | allow occ/ '<stddef.h>' '<stdint.h>')"
room base '<openssl/crypto.h>' # CRYPTO_memcmp()
room wire base/ '<jansson.h>'
room jose base/ wire/ '<jansson.h>' openssl/
room core base/ wire/ jose/ '<jansson.h>' '<unistd.h>' # getentropy()
room evidence base/ wire/ jose/ '<jansson.h>'
room stores base/ '<sys/mman.h>' '<time.h>' # memory that forked processes share; a pause, not a clock
room cimd base/ wire/ jose/ '<jansson.h>' '<netinet/in.h>' '<sys/socket.h>' # the form of an address, no socket
room agent base/ wire/ jose/ '<jansson.h>'
# A library of its own, which sees what a host sees; of jansson only to read the operator's options.
room adapters/curl '<arpa/inet.h>' '<curl/curl.h>' '<jansson.h>' '<netinet/in.h>' '<sys/socket.h>'
report 'every folder of src is a room of this list' "$(
  for folder in "$root"/src/*/ "$root"/src/adapters/*/; do
    folder=${folder%/}
    case ${folder#"$root"/src/} in
    base | wire | jose | core | evidence | cimd | stores | agent | adapters | adapters/curl | 'adapters/*') ;;
    *) echo "$folder" ;;
    esac
  done)"
report 'examples include no header of src' "$(
  includes examples | grep -E '"' | allow occ/ own/)"
finish
