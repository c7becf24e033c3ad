#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds a release with link-time optimisation and runs the measuring programs; no tests, and tests/run.sh does not run them.
#
#   tests/bench/run.sh             all of them
#   tests/bench/run.sh --json      occ_bench alone, one JSON object a line on standard output
#   tests/bench/run.sh PROGRAM..   some
#
# What they print:
#
#   memory_flat   resident memory with 1,000 to 1,000,000 challenges waiting; must not grow by more than 1 MiB
#   hostile_json  what hostile JSON and hostile registrations cost, as a ratio to one raw ES256 verification (V); must stay
#                 below 3
#   cimd_hit      a client's document found in the cache; 0.3 us, and nothing may be allocated; and what strangers cost
#   occ_bench     what requests cost, beside the least that OpenSSL would and beside other libraries, and which budgets
#                 are met
#   endpoint      a whole token endpoint over loopback beside a static answer; only when it is named (endpoint.sh)
#
# Ratios hold on a busy machine too, more or less; run it on a quiet one. Exit status 0 if the limits of the first two are
# kept and cimd_hit allocates nothing; budgets of occ_bench change nothing about it.

set -u
cd "$(dirname "$0")/../.." || exit 1
programs='memory_flat hostile_json cimd_hit occ_bench'
options=
case ${1:-} in
--json) programs=occ_bench && options=--json ;;
endpoint) shift && exec tests/bench/endpoint.sh "$@" ;;
?*) programs=$* ;;
esac

mkdir -p build
targets=
for program in $programs; do targets="$targets bench_$program"; done
# shellcheck disable=SC2086 # a list of words
cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
  -DOCC_BUILD_TESTS=ON >build/bench.log 2>&1 &&
  ninja -C build/bench $targets >>build/bench.log 2>&1 || {
  tail -n 20 build/bench.log >&2
  exit 1
}
failed=0
for program in $programs; do
  # shellcheck disable=SC2086 # none or one
  "build/bench/tests/bench_$program" $options || failed=1
done
exit $failed
