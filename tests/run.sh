#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds libocc with gcc and clang, with and without sanitizers, runs every test, and ends with one line:
#
#   N passed, N failed
#
# Exit status 0 only if something passed and nothing failed. On Debian 12 what is missing is installed first (and said).
#
#   tests/run.sh                all of it
#   tests/run.sh CONFIGURATION  some: text, gcc, clang, tsan, release, install, demo, interop
#
# Each configuration is built in build/NAME, where CMake leaves tests.list: label, name, command. A test binary, script
# or runner prints TAP ("ok 1 - name", "not ok 2 - name", "1..2"); cmocka does so when told to. What counts as failed:
# "not ok", a skipped test, a test of the plan that gave no result, an exit status that the lines do not explain, a
# binary without any result, and a build that did not come out.
#
# OCC_TEST_SECONDS (default 600) is the longest that one binary may take.

set -u
cd "$(dirname "$0")/.." || exit 1
root=$PWD
jobs=$(nproc 2>/dev/null || echo 2)
logs=$root/build/logs

# ---- One test: called by xargs as run.sh --one FOLDER LINE ---------------------------------------------------------

if [ "${1:-}" = --one ]; then
  folder=$2
  tab=$(printf '\t')
  name=${3#*"$tab"}
  name=${name%%"$tab"*}
  command=${3##*"$tab"}
  log=$folder/$(echo "$name" | tr '/ ' '--').log
  # shellcheck disable=SC2086 # the command is a program and its arguments, none with spaces
  CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "${OCC_TEST_SECONDS:-600}" $command >"$log" 2>"$log.err" </dev/null
  echo $? >"$log.status"
  exit 0
fi

# ---- What the machine needs ----------------------------------------------------------------------------------------

setup() {
  packages='gcc g++ libc6-dev clang-14 clang libclang-rt-14-dev clang-format-14 binutils cmake ninja-build
    pkg-config libjansson-dev libssl-dev libcmocka-dev libmicrohttpd-dev libcurl4-openssl-dev'
  missing=
  if ! command -v dpkg-query >/dev/null; then
    echo "not Debian: nothing is installed; needed are $packages"
    return
  fi
  for package in $packages; do
    case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
    'install ok installed') ;;
    *) missing="$missing $package" ;;
    esac
  done
  [ -z "$missing" ] && return
  echo "installing:$missing"
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  # shellcheck disable=SC2086 # a list of words
  { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing; } >"$logs/apt.log" 2>&1 || {
    tail -n 5 "$logs/apt.log"
    echo "could not install; going on without"
  }
}

# ---- Counting ------------------------------------------------------------------------------------------------------

passed=0
failed=0

# count CONFIGURATION NAME LOG: adds the results in LOG (with LOG.status and LOG.err) and shows what failed.
count() {
  result=$(awk -v status="$(cat "$3.status" 2>/dev/null || echo 'no')" '
    /^ok / { if (/# *(SKIP|TO[D]O)/) bad++; else good++; next }
    /^not ok / { bad++; next }
    /^1\.\.[0-9]+$/ { plan += substr($0, 4) }
    END {
      lost = plan - good - bad
      if (lost > 0) bad += lost
      if (good + bad == 0 || (status != "0" && bad == 0)) bad++
      print good + 0, bad + 0
    }' "$3")
  passed=$((passed + ${result% *}))
  failed=$((failed + ${result#* }))
  [ "${result#* }" = 0 ] && return
  if [ "$(cat "$3.status" 2>/dev/null)" = 127 ]; then
    echo "FAILED: $1: $2 was not built"
    return
  fi
  echo "FAILED: $1: $2 (exit status $(cat "$3.status" 2>/dev/null))"
  grep -A 5 -E '^not ok |# *SKIP' "$3" | head -n 60 | sed 's/^/    /'
  tail -n 40 "$3.err" 2>/dev/null | sed 's/^/    /'
}

# step CONFIGURATION NAME COMMAND...: a program that prints TAP.
step() {
  configuration=$1
  name=$2
  shift 2
  log=$logs/$configuration-$(echo "$name" | tr '/ ' '--').log
  "$@" >"$log" 2>"$log.err" </dev/null
  echo $? >"$log.status"
  count "$configuration" "$name" "$log"
}

# whole COMMAND...: a program that is one test and whose exit status is the result.
whole() {
  if "$@"; then echo 'ok 1 - exit status'; else echo 'not ok 1 - exit status'; fi
  echo '1..1'
}

said() {
  echo "$1: $((passed - passed_before)) passed, $((failed - failed_before)) failed, $(($(date +%s) - started)) s"
}

begin() {
  passed_before=$passed
  failed_before=$failed
  started=$(date +%s)
}

# ---- Building and running ------------------------------------------------------------------------------------------

# build CONFIGURATION COMPILER CMAKE-OPTION...: configures and builds from the start what changed.
build() {
  configuration=$1
  compiler=$2
  shift 2
  log=$logs/$configuration-build.log
  cmake -S . -B "build/$configuration" -G Ninja -DCMAKE_C_COMPILER="$compiler" -DOCC_WERROR=ON -DOCC_BUILD_TESTS=ON \
    -DCMAKE_INSTALL_PREFIX="$root/build/$configuration/prefix" "$@" >"$log" 2>&1 &&
    ninja -C "build/$configuration" -k 0 >>"$log" 2>&1 && return
  failed=$((failed + 1))
  echo "FAILED: $configuration: the build"
  grep -E -A 8 'error:|CMake Error|undefined reference' "$log" | head -n 60 |
    cut -c 1-240 | sed 's/^/    /'
}

# run_list CONFIGURATION LABELS: every test of tests.list whose label matches, $jobs at once.
run_list() {
  folder=$logs/$1
  rm -rf "$folder"
  mkdir -p "$folder"
  grep -E "^($2)	" "build/$1/tests.list" >"$folder/list" 2>/dev/null
  if [ ! -s "$folder/list" ]; then
    failed=$((failed + 1))
    echo "FAILED: $1: no tests"
    return
  fi
  # Sanitizers want their address ranges free; without random addresses they always are.
  fixed=
  setarch "$(uname -m)" -R true 2>/dev/null && fixed="setarch $(uname -m) -R"
  # shellcheck disable=SC2086 # empty, or several words
  $fixed xargs -d '\n' -n 1 -P "$jobs" "$root/tests/run.sh" --one "$folder" <"$folder/list"
  while IFS='	' read -r label name command; do
    [ -n "$label$command" ] && count "$1" "$name" "$folder/$(echo "$name" | tr '/ ' '--').log"
  done <"$folder/list"
}

run_text() {
  for check in layers banned format words sources links doc_examples spec_status; do
    step text "checks/$check" sh "tests/checks/$check.sh" "$root"
  done
  step text checks/selftest sh tests/checks/selftest.sh
}

run_gcc() {
  build gcc gcc -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DOCC_SANITIZE=address,undefined -DOCC_BUILD_EXAMPLES="$examples"
  run_list gcc '.*'
}

run_clang() {
  build clang clang -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DOCC_SANITIZE=address,undefined -DOCC_BUILD_EXAMPLES="$examples"
  run_list clang '.*'
}

run_tsan() {
  build tsan clang -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG="-O1 -g" -DOCC_SANITIZE=thread
  run_list tsan threads
}

run_release() {
  build release gcc -DCMAKE_BUILD_TYPE=Release -DOCC_BUILD_EXAMPLES="$examples"
  run_list release '.*'
}

run_install() {
  build release gcc -DCMAKE_BUILD_TYPE=Release -DOCC_BUILD_EXAMPLES="$examples"
  step install install sh tests/install/run.sh build/release
}

run_demo() {
  step demo examples/demo.sh whole examples/demo.sh
}

run_interop() {
  step interop interop tests/interop/run.sh
}

# ---- All of it -----------------------------------------------------------------------------------------------------

mkdir -p "$logs"
export ASAN_OPTIONS="detect_stack_use_after_return=1:strict_string_checks=1:detect_leaks=1:${ASAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:-}"
export TSAN_OPTIONS="halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}"
examples=OFF
[ -f examples/CMakeLists.txt ] && examples=ON

setup
[ $# -gt 0 ] || {
  set -- text gcc clang tsan release install
  [ -f examples/demo.sh ] && set -- "$@" demo
  [ -f tests/interop/run.sh ] && set -- "$@" interop
}
for configuration in "$@"; do
  begin
  case $configuration in
  text | gcc | clang | tsan | release | install | demo | interop) "run_$configuration" ;;
  *)
    echo "FAILED: no configuration is called $configuration"
    failed=$((failed + 1))
    ;;
  esac
  said "$configuration"
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
