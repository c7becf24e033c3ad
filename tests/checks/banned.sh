#!/bin/sh
# SPDX-License-Identifier: MIT
# banned.sh ROOT: calls that have their home elsewhere, or none at all, in src/. Comments and strings do not count, nor
# members of structs (type->open()). Comparing secrets with memcmp() cannot be seen from here: that is for reviewers.

root=${1:?root of the source tree}
here=$(dirname "$0")
. "$here/tap.sh"

# ban WHY PATTERN [EXCEPT]: calls of the functions in PATTERN, in all of src but the file EXCEPT, or one that matches it.
ban() {
  report "src: $1" "$(
    find "$root/src" -name '*.[ch]' | sort | while read -r file; do
      # shellcheck disable=SC2254 # a pattern on purpose
      case ${file#"$root"/} in ${3:-}) continue ;; esac
      awk -f "$here/code.awk" "$file" | grep -nE "(^|[^A-Za-z0-9_.>])($2)[[:space:]]*\(" |
        sed "s|^|${file#"$root"/}:|"
    done)"
}

ban 'heap only through occ_mem' \
  'malloc|calloc|realloc|reallocarray|free|strdup|strndup|aligned_alloc|posix_memalign|alloca' src/base/mem.c
ban 'no clock' 'time|clock|clock_gettime|gettimeofday|localtime|gmtime|mktime'
ban 'no sleeping' 'sleep|usleep|nanosleep|select|poll' src/stores/region.c # while another process lays a store out
ban 'no environment, no files, no other process' \
  'getenv|secure_getenv|setenv|putenv|open|fopen|fdopen|read|write|connect|system|popen|fork|execve?|exit|_exit'
ban 'no sockets' socket src/adapters/curl/transfer.c # for libcurl, after the address was asked about
ban 'no process-wide settings' \
  'setlocale|signal|sigaction|json_set_alloc_funcs2?|json_object_seed|CRYPTO_set_mem_functions|curl_global_init|OPENSSL_init_crypto'
ban 'no abort' 'abort|_Exit|quick_exit|raise'
ban 'no printing' 'v?f?printf|puts|fputs|putc|fputc|putchar|perror|dprintf'
ban 'no unbounded or shared-state text functions' \
  'strcpy|stpcpy|strcat|strncpy|strncat|v?sprintf|gets|s?scanf|fscanf|atoi|atol|atoll|atof|strtok|strerror'
ban 'no weak randomness' 'rand|srand|rand_r|drand48|random|srandom'
ban 'no threads of our own' 'pthread_create|thrd_create'
ban 'no copies that leave out what there was no memory for' 'json_copy|json_deep_copy' src/core/requirements.c
ban "JSON texts through wire/json_in alone: jansson's reader writes past a buffer that it could not grow" \
  'json_load[a-z_]*' src/adapters/curl/curl_options.c # what the operator wrote
finish
