#!/bin/sh
# SPDX-License-Identifier: MIT
# A fuzzing campaign, with clang's libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer. README.md says what each
# target is about.
#
#   tests/fuzz/run.sh --list                   the targets
#   tests/fuzz/run.sh SECONDS [TARGET...]      so many seconds for each of them (default: all)
#   OCC_FUZZ_JOBS=2 tests/fuzz/run.sh ...      two targets at a time (default: one)
#
# Everything goes into build/fuzz: inputs that reach something new into corpus/TARGET, where the next campaign finds them,
# and what makes a target crash, hang or leak into crashes/TARGET-*. Nothing is written to tests/fuzz/corpus; an
# input that found something is put there by hand, and from then on is part of every tests/run.sh. A target ends with its
# first crash, the others go on. A table at the end; exit status 0 only if nothing was found.

set -u
cd "$(dirname "$0")/../.." || exit 1
root=$PWD

# One target, called by xargs as run.sh --one SECONDS TARGET, in build/fuzz.
if [ "${1:-}" = --one ]; then
  cd build/fuzz || exit 1
  mkdir -p "corpus/$3"
  nice "tests/fuzz_$3" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 \
    -dict="$root/tests/fuzz/words.dict" -artifact_prefix="crashes/$3-" "corpus/$3" "$root/tests/fuzz/corpus/$3" \
    >"$3.log" 2>&1 || echo "crash" >"$3.bad"
  echo "$3: done"
  exit 0
fi

# shellcheck disable=SC2012 # names without spaces
all=$(ls tests/fuzz/fuzz_*.c | sed 's|.*/fuzz_||; s|\.c$||')
case ${1:-} in
--list)
  echo "$all"
  exit 0
  ;;
'' | *[!0-9]*)
  sed -n '3,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
  ;;
esac
seconds=$1
shift
# shellcheck disable=SC2086 # names without spaces
[ $# -gt 0 ] || set -- $all
for target in "$@"; do
  [ -f "tests/fuzz/fuzz_$target.c" ] || {
    echo "no target $target; there are:" $all >&2
    exit 2
  }
done
for tool in clang cmake ninja; do
  command -v $tool >/dev/null || {
    echo "needs $tool (Debian: clang libclang-rt-14-dev cmake ninja-build libjansson-dev libssl-dev pkg-config)" >&2
    exit 1
  }
done

mkdir -p build/fuzz/crashes
programs=
for target in "$@"; do programs="$programs fuzz_$target"; done
# shellcheck disable=SC2086 # a list of words
cmake -S . -B build/fuzz -G Ninja -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DOCC_FUZZ=ON \
  -DOCC_SANITIZE=address,undefined >build/fuzz/build.log 2>&1 && ninja -C build/fuzz $programs >>build/fuzz/build.log 2>&1 || {
  tail -n 30 build/fuzz/build.log >&2
  exit 1
}

for target in "$@"; do rm -f "build/fuzz/$target.bad" "build/fuzz/$target.log"; done
echo "$# targets, $seconds s each, ${OCC_FUZZ_JOBS:-1} at a time"
printf '%s\n' "$@" | xargs -P "${OCC_FUZZ_JOBS:-1}" -n 1 "$root/tests/fuzz/run.sh" --one "$seconds"

# ---- The table: edges are those of the instrumented code that the corpus reaches --------------------------------------

cd build/fuzz || exit 1
found=0
printf '\n%-12s %12s %8s %7s %7s %s\n' target executions exec/s edges inputs found
for target in "$@"; do
  inputs=0 bad='-'
  for file in "corpus/$target"/*; do [ -f "$file" ] && inputs=$((inputs + 1)); done
  [ -f "$target.bad" ] && found=1 && bad=$(sed -n 's/.*Test unit written to //p' "$target.log" | tail -n 1)
  awk -v target="$target" -v inputs="$inputs" -v bad="${bad:-it ended by itself, see build/fuzz/$target.log}" '
    { for (i = 1; i < NF; i++) if ($i == "cov:") edges = $(i + 1) }
    /^stat::number_of_executed_units:/ { executions = $2 }
    /^stat::average_exec_per_sec:/ { rate = $2 }
    END { printf "%-12s %12d %8d %7d %7d %s\n", target, executions, rate, edges, inputs, bad }' "$target.log"
done
[ $found = 0 ] || echo "To see one again: build/fuzz/tests/fuzz_TARGET build/fuzz/crashes/FILE"
exit $found
