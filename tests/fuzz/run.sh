#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh SECONDS [TARGET...]: a fuzzing campaign, that many seconds for each target (default: all). New inputs are kept
# in build/fuzz/corpus/TARGET and crashes in build/fuzz/TARGET-*; the corpus of the repository is only read.

set -u
seconds=${1:?seconds for each target}
shift
cd "$(dirname "$0")/../.." || exit 1
root=$PWD

mkdir -p build/fuzz
build() {
  cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DOCC_FUZZ=ON \
    -DOCC_SANITIZE=address,undefined && ninja -C build/fuzz
}
build >build/fuzz/build.log 2>&1 || {
  tail -n 30 build/fuzz/build.log
  exit 1
}

# shellcheck disable=SC2046,SC2012 # names without spaces
[ $# -gt 0 ] || set -- $(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
cd build/fuzz || exit 1
bad=0
for target in "$@"; do
  mkdir -p "corpus/$target"
  echo "== $target: $seconds s"
  "tests/fuzz_$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$target-" "corpus/$target" "$root/tests/fuzz/corpus/$target" >"$target.log" 2>&1 || {
    bad=1
    tail -n 40 "$target.log"
  }
  grep -E 'number_of_executed_units|cov:' "$target.log" | tail -n 2
done
exit $bad
