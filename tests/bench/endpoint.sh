#!/bin/sh
# SPDX-License-Identifier: MIT
# endpoint.sh [SECONDS [ROUNDS]] (default 2 and 3): a whole token endpoint over loopback, sent by wrk, in a release build.
# Requests a second and CPU microseconds of the server a request, for libmicrohttpd's static answer, a challenge, a DPoP
# proof and a challenge, and a follow-up that is granted, each of these two with a signature of its own. Medians of the
# rounds. Only what stands beside the static answer counts: README.md.

set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-2}
rounds=${2:-3}
program=build/bench/tests/bench_endpoint
[ $((seconds * rounds)) -le 15 ] || {
  echo "at most 15 seconds in all the rounds: DPoP proofs are good for a minute and a half" >&2
  exit 2
}

for package in wrk libmicrohttpd-dev; do
  case $(dpkg-query -W -f '${Status}' $package 2>/dev/null) in
  'install ok installed') ;;
  *)
    echo "installing $package" >&2
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    { $sudo apt-get update && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      $package; } >/dev/null 2>&1 || {
      echo "could not install $package" >&2
      exit 1
    }
    ;;
  esac
done
mkdir -p build
{ cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON \
    -DOCC_BUILD_TESTS=ON && ninja -C build/bench \
  bench_endpoint; } >build/bench.log 2>&1 || {
  tail -n 20 build/bench.log >&2
  exit 1
}

folder=$(mktemp -d)
pid=
finish() {
  [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

"$program" "$folder" "$rounds" "$seconds" >"$folder/out" &
pid=$!

# line N: waits for the N-th line of the server, and prints it.
line() {
  tries=0
  until [ "$(wc -l <"$folder/out")" -ge "$1" ]; do
    tries=$((tries + 1))
    if [ $tries -gt 3000 ] || ! kill -0 "$pid" 2>/dev/null; then
      echo "the server does not answer" >&2
      exit 1
    fi
    sleep 0.1
  done
  sed -n "$1p" "$folder/out"
}

started=$(line 1) || exit 1
port=${started#* }
lines=1
ask() {
  lines=$((lines + 1))
  kill -USR1 "$pid" && line $lines >"$folder/counts"
}

# measure NAME FILE COLUMN: one line "NAME per-second microseconds wrong"; COLUMN of the server's counts is what is wanted.
measure() {
  ask || exit 1
  before=$(cat "$folder/counts")
  wrk -t1 -c16 -d"${seconds}s" -s tests/bench/endpoint.lua "http://127.0.0.1:$port" -- "$folder/$2" >"$folder/wrk" ||
    exit 1
  ask || exit 1
  echo "$before $(cat "$folder/counts") $(sed -n 's/^Requests\/sec: *//p' "$folder/wrk")" |
    awk -v name="$1" -v column="$3" '{
      for (i = 2; i <= 5; i++) { all += $(i + 5) - $i }
      good = $(column + 5) - $column
      cpu = good == 0 ? 0 : ($6 - $1) / good
      printf "%s %s %.2f %d\n", name, $11, cpu, all - good
    }' >>"$folder/results"
}

round=0
while [ $round -lt "$rounds" ]; do
  measure static static 2
  measure challenge challenge 3
  measure proof-challenge "proof.$round" 3
  measure follow-up "follow-up.$round" 4
  round=$((round + 1))
done

sort -k1,1 "$folder/results" | awk -v rounds="$rounds" '
  function median(list, n,   i, j, t) {
    for (i = 1; i <= n; i++) for (j = i + 1; j <= n; j++) if (list[j] < list[i]) { t = list[i]; list[i] = list[j]; list[j] = t }
    return list[int((n + 1) / 2)]
  }
  { n[$1]++; rate[$1, n[$1]] = $2; cpu[$1, n[$1]] = $3; wrong += $4 }
  END {
    order = "static challenge proof-challenge follow-up"
    split(order, names, " ")
    printf "%-16s %12s %7s %14s %7s\n", "answer", "requests/s", "ratio", "CPU us/request", "ratio"
    for (k = 1; k <= 4; k++) {
      name = names[k]
      for (i = 1; i <= n[name]; i++) { r[i] = rate[name, i] + 0; c[i] = cpu[name, i] + 0 }
      a = median(r, n[name]); b = median(c, n[name])
      if (k == 1) { base_rate = a; base_cpu = b }
      if (base_cpu == 0) break
      printf "%-16s %12.0f %7.3f %14.1f %7.2f\n", name, a, a / base_rate, b, b / base_cpu
    }
    if (base_cpu == 0) { print "nothing was measured"; exit 1 }
    if (wrong > 0) { printf "%d requests did not end as they should: the lines above say nothing\n", wrong; exit 1 }
  }'
