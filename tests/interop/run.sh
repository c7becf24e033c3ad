#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs token-server and agent of examples/ against other people's implementations over HTTP: oauth4webapi as the client,
# jose for evidence and proofs. Prints TAP; what is missing is a failure, never a skipped test.
#
#   tests/interop/run.sh            all of it
#   tests/interop/run.sh NAME...    some: exchange, agent, code, operate, clients, dpop, cimd, slow
#
# Needs npm. The machine's node is used when it is version 20 or newer; otherwise npm brings one (it is in the lock).
# OCC_BUILD: a build folder that has examples/ in it; without it one is made in build/interop, with ASan and UBSan.

set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
logs=$root/build/interop-logs
oldest=20
mkdir -p "$logs" || exit 1

# give_up WHY [LOG]: the one failure that stands for all tests.
give_up() {
  echo "not ok 1 - interop: $1"
  [ $# -gt 1 ] && tail -n 4 "$2" | sed 's/^/#   /'
  echo '1..1'
  exit 1
}

# ---- The programs under test -------------------------------------------------------------------------------------

build() {
  OCC_BUILD=$root/build/interop
  generator=
  command -v ninja >/dev/null && [ ! -f "$OCC_BUILD/CMakeCache.txt" ] && generator='-G Ninja'
  # shellcheck disable=SC2086,SC2015 # empty, or two words; either command may fail
  cmake -S "$root" -B "$OCC_BUILD" $generator -DCMAKE_BUILD_TYPE=Debug -DOCC_BUILD_EXAMPLES=ON -DOCC_BUILD_TESTS=OFF \
    -DOCC_SANITIZE=address,undefined -DCMAKE_C_FLAGS=-O1 >"$logs/build.log" 2>&1 &&
    cmake --build "$OCC_BUILD" --parallel 2 --target token-server agent >>"$logs/build.log" 2>&1 ||
    give_up 'the build' "$logs/build.log"
}

[ -n "${OCC_BUILD:-}" ] || build
case $OCC_BUILD in
/*) ;;
*) OCC_BUILD=$root/$OCC_BUILD ;;
esac
for program in token-server agent; do
  [ -x "$OCC_BUILD/examples/$program" ] || give_up "no examples/$program in $OCC_BUILD"
done
export OCC_BUILD

# ---- Node and packages -------------------------------------------------------------------------------------------

# is_new NODE: is it one, and new enough?
is_new() {
  major=$("$1" -p 'process.versions.node.split(".")[0]' 2>/dev/null) && [ "$major" -ge "$oldest" ] 2>/dev/null
}

install_npm() {
  command -v apt-get >/dev/null || give_up 'no npm here, and no apt-get to install it'
  sudo=
  [ "$(id -u)" = 0 ] || sudo=sudo
  { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends npm nodejs ca-certificates; } >"$logs/apt.log" 2>&1 ||
    give_up 'npm could not be installed' "$logs/apt.log"
}

# packages [NPM-OPTION...]: what the lock names, unless it is there already.
packages() {
  mark="$here/node_modules/.installed"
  echo "$*" | cat - "$here/package-lock.json" | cmp -s - "$mark" && return
  command -v npm >/dev/null || install_npm
  (cd "$here" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier "$@") \
    >"$logs/npm.log" 2>&1 || give_up 'npm ci' "$logs/npm.log"
  echo "$*" | cat - "$here/package-lock.json" >"$mark"
}

node=$(command -v node || echo none)
if is_new "$node"; then
  packages --omit=optional
else
  packages --include=optional
  for node in "$here"/node_modules/node-linux-*/bin/node; do
    is_new "$node" && break
  done
  is_new "$node" || give_up "no Node $oldest or newer for this machine"
fi

# Sanitizers want their address ranges free; without random addresses they always are.
fixed=
setarch "$(uname -m)" -R true 2>/dev/null && fixed="setarch $(uname -m) -R"
# shellcheck disable=SC2086 # empty, or several words
exec $fixed "$node" "$here/main.mjs" "$@"
