#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a release and runs the measuring programs; no tests, and tests/run.sh does not run them. What they print:
#
#   memory_flat   resident memory with 1,000 to 1,000,000 challenges waiting; must not grow by more than 1 MiB
#   hostile_json  what hostile JSON costs, as a ratio to one raw ES256 verification (V); must stay below 3
#
# Ratios hold on a busy machine too, more or less; run it on a quiet one. Exit status 0 if all limits are kept.

set -u
cd "$(dirname "$0")/../.." || exit 1
programs='memory_flat hostile_json'

mkdir -p build
cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DOCC_BUILD_TESTS=ON >build/bench.log 2>&1 &&
  ninja -C build/bench bench_memory_flat bench_hostile_json >>build/bench.log 2>&1 || {
  tail -n 20 build/bench.log
  exit 1
}
failed=0
for program in $programs; do
  "build/bench/tests/bench_$program" || failed=1
done
exit $failed
