#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds libocc with its examples, starts token-server on a free port and lets agents ask for tokens:
# honest ones, such that try what must not work, and one that nobody has registered. Each case ends
# with one line of verdict; exit code 0 only if all came out as they must. On Debian 12 it installs
# what is missing and says so.
# OCC_DEMO_BUILD names another build folder.

set -u

root=$(cd "$(dirname "$0")/.." && pwd)
build=${OCC_DEMO_BUILD:-$root/build-demo}
server=
site=
work=
bad=0
callback=https://client.example/callback # nobody goes there

say() { printf '%s\n' "$*"; }

stop()
{
  status=$?
  trap - EXIT INT TERM
  for pid in $server $site; do
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  [ -z "$work" ] || rm -rf "$work"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT TERM

fail()
{
  say "NOT OK: $*"
  exit 1
}

# ---- What is needed ------------------------------------------------------------------------------

missing()
{
  command -v cc >/dev/null || printf ' gcc libc6-dev'
  command -v cmake >/dev/null || printf ' cmake'
  command -v make >/dev/null || command -v ninja >/dev/null || printf ' make'
  command -v openssl >/dev/null || printf ' openssl'
  if ! command -v pkg-config >/dev/null; then
    printf ' pkg-config libjansson-dev libssl-dev libmicrohttpd-dev libcurl4-openssl-dev'
    return
  fi
  pkg-config --exists jansson || printf ' libjansson-dev'
  pkg-config --exists libcrypto || printf ' libssl-dev'
  pkg-config --exists libmicrohttpd || printf ' libmicrohttpd-dev'
  pkg-config --exists libcurl || printf ' libcurl4-openssl-dev'
}

install_missing()
{
  packages=$(missing)
  [ -n "$packages" ] || return 0
  command -v apt-get >/dev/null || fail "missing:$packages (no apt-get here: install them yourself)"
  sudo=
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  say "installing what is missing:$packages"
  # shellcheck disable=SC2086 # a list of words
  { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends $packages; } >"$work/install.log" 2>&1 ||
    { tail -n 20 "$work/install.log"; fail "could not install:$packages"; }
}

build_it()
{
  say "building in $build"
  # shellcheck disable=SC2046 # a list of words
  { cmake -S "$root" -B "$build" $(command -v ninja >/dev/null && [ ! -e "$build/CMakeCache.txt" ] &&
      printf '%s' '-G Ninja') -DCMAKE_BUILD_TYPE=Release -DOCC_BUILD_EXAMPLES=ON &&
    cmake --build "$build" --parallel 2 --target token-server agent; } >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log"; fail "the build"; }
  bin=$build/examples
}

# ---- Configuration: keys, two clients, a server --------------------------------------------------

new_secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

# A real agent gets its assertion from an issuer that knows it. Here the agent holds the issuer's key and plays it.
make_keys()
{
  umask 077
  for key in attester-1 other-issuer device-1 device-2 agent-key-1 agent-key-2; do
    "$bin/agent" --new-key "$key" >"$work/$key.jwk" || fail "no key"
  done
  # Under the trusted key's name, but not the trusted key.
  sed 's/"other-issuer"/"attester-1"/' "$work/other-issuer.jwk" >"$work/wrong.jwk"
  sed 's/"other-issuer"/"agent-key-1"/' "$work/other-issuer.jwk" >"$work/thief.jwk"
  secret_1=$(new_secret)
  secret_2=$(new_secret)
}

client()
{
  cat <<EOT
{ "client_id": "$1", "client_secret": "$2", "insufficient_client_authorization_supported": true,
  "grant_types": ["client_credentials", "authorization_code", "refresh_token"], "redirect_uris": ["$callback"],
  "scope": ["status", "payments", "payments.large", "quick"] }
EOT
}

# ---- Where the client is known that nobody has registered: a web site on 127.0.0.2, with a CA of its own -----------

# page PATH JSON: what stands there from now on.
page()
{
  { printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#2}" "$2" >"$work/page" &&
      mv "$work/page" "$work/site/$1"; } || fail "no page"
}

# by_key KEY: its keys, from now on.
by_key() { page keys "{ \"keys\": [ $("$bin/agent" --public-key "$work/$1.jwk") ] }"; }

make_certificate()
{
  ec='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
  printf 'subjectAltName=DNS:agent.example.org\n' >"$work/site.ext"
  # shellcheck disable=SC2086 # a list of words
  { openssl req -x509 $ec -days 1 -subj '/CN=CA of the demo' -keyout "$work/ca.key" -out "$work/ca.pem" &&
    openssl req $ec -subj /CN=agent.example.org -keyout "$work/site.key" -out "$work/site.csr" &&
    openssl x509 -req -in "$work/site.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 1 \
      -extfile "$work/site.ext" -out "$work/site.pem"; } >"$work/openssl.log" 2>&1 ||
    { tail -n 10 "$work/openssl.log"; fail "no certificate"; }
}

# wait_for TEXT FILE PID: until the program has said it.
wait_for()
{
  tries=0
  while ! grep -q "$1" "$2"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 100 ] || ! kill -0 "$3" 2>/dev/null; then
      return 1
    fi
    sleep 0.1
  done
}

start_site()
{
  mkdir "$work/site" || fail "no site"
  make_certificate
  (cd "$work/site" && exec openssl s_server -HTTP -accept 127.0.0.2:0 -cert "$work/site.pem" -key "$work/site.key") \
    >"$work/site.out" 2>&1 </dev/null &
  site=$!
  wait_for '^ACCEPT ' "$work/site.out" "$site" || { tail -n 5 "$work/site.out"; fail "the web site does not start"; }
  site_port=$(sed -n 's/^ACCEPT .*:\([0-9]*\)$/\1/p' "$work/site.out" | head -n 1)
  stranger=https://agent.example.org:$site_port/agent
  page agent "{ \"client_id\": \"$stranger\", \"client_name\": \"An agent\",
    \"grant_types\": [\"client_credentials\"], \"token_endpoint_auth_method\": \"private_key_jwt\",
    \"jwks_uri\": \"https://agent.example.org:$site_port/keys\", \"insufficient_client_authorization_supported\": true }"
  by_key agent-key-1
}

# ---- The server ----------------------------------------------------------------------------------

write_server_config()
{
  cat >"$work/server.json" <<EOT
{ "issuer": "http://127.0.0.1:0",
  "listen": { "address": "127.0.0.1", "port": 0 },
  "libocc": {
    "jwt_assertion": { "issuers": { "https://attester.example": {
      "jwks": { "keys": [ $("$bin/agent" --public-key "$work/attester-1.jwk") ] } } } },
    "requirements": {
      "attested": { "type": "jwt_assertion", "issuer": ["https://attester.example"], "expiry": 60 },
      "attested_quickly": { "type": "jwt_assertion", "issuer": ["https://attester.example"], "expiry": 10 } } },
  "test_user": { "sub": "customer-12", "scope": ["status", "payments"] },
  "clients": [ $(client agent-1 "$secret_1"), $(client agent-2 "$secret_2") ],
  "cimd": {
    "client": { "scope": ["status"] },
    "documents": { "ports": [$site_port], "development": true, "allow_addresses": ["127.0.0.2/32"] },
    "fetch": { "ca_file": "$work/ca.pem", "development": true,
      "resolve": ["agent.example.org:$site_port:127.0.0.2"] } },
  "rules": [
    { "first_seen_within_hours": 24, "requirement": "attested" },
    { "scope": "payments", "requirement": "attested" },
    { "scope": "payments.large", "requirement": "attested" },
    { "scope": "quick", "requirement": "attested_quickly" } ] }
EOT
}

# write_stranger_config FILE KEY
write_stranger_config()
{
  cat >"$work/$1" <<EOT
{ "issuer": "$url", "token_url": "$url/token", "client_id": "$stranger", "assertion_issuer": "https://attester.example",
  "keys": { "client": $(cat "$work/$2.jwk"), "assertion": $(cat "$work/attester-1.jwk") },
  "params": { "grant_type": "client_credentials", "scope": "status" } }
EOT
}

# write_agent_config FILE CLIENT SECRET DEVICE-KEY ASSERTION-KEY [PATH PARAMS]
write_agent_config()
{
  by_itself='"grant_type": "client_credentials"'
  cat >"$work/$1" <<EOT
{ "issuer": "$url", "token_url": "$url${6:-/token}", "client_id": "$2", "client_secret": "$3",
  "assertion_issuer": "https://attester.example",
  "keys": { "dpop": $(cat "$work/$4"), "assertion": $(cat "$work/$5") },
  "params": { ${7:-$by_itself} } }
EOT
}

start_server()
{
  "$bin/token-server" "$work/server.json" >"$work/server.out" 2>"$work/server.log" &
  server=$!
  wait_for '^listening on ' "$work/server.out" "$server" ||
    { tail -n 5 "$work/server.log"; fail "token-server does not start"; }
  url=$(sed -n 's/^listening on //p' "$work/server.out")
  say "token-server at $url"
}

# ---- The cases -----------------------------------------------------------------------------------

# expect TEXT EXIT-CODE LAST-LINE AGENT-ARGUMENTS...
expect()
{
  what=$1 want_code=$2 want_line=$3
  shift 3
  say ""
  say "$what"
  (cd "$work" && "$bin/agent" "$@") >"$work/agent.out" 2>&1
  code=$?
  cat "$work/agent.out"
  line=$(tail -n 1 "$work/agent.out")
  if [ "$code" -eq "$want_code" ] && [ "$line" = "$want_line" ]; then
    say "ok: $what"
  else
    say "NOT OK: $what (wanted exit code $want_code and \"$want_line\", got $code)"
    bad=$((bad + 1))
  fi
}

# The same for messages: how often a line stands in what the last agent printed.
expect_times()
{
  if [ "$(grep -c -e "$1" "$work/agent.out")" -ne "$2" ]; then
    say "NOT OK: \"$1\" should be there $2 times"
    bad=$((bad + 1))
  fi
}

# Pushed, browsed, redeemed, refreshed. Verifier and challenge are those of RFC 7636, appendix B.
write_code_configs()
{
  write_agent_config par.json agent-1 "$secret_1" device-1.jwk attester-1.jwk /par "\"response_type\": \"code\",
    \"redirect_uri\": \"$callback\", \"code_challenge\": \"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\",
    \"code_challenge_method\": \"S256\""
  write_agent_config code.json agent-1 "$secret_1" device-1.jwk attester-1.jwk /token "\"redirect_uri\": \"$callback\",
    \"grant_type\": \"authorization_code\", \"code_verifier\": \"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk\""
  write_agent_config refresh.json agent-1 "$secret_1" device-1.jwk attester-1.jwk /token '"grant_type": "refresh_token"'
}

# member NAME FILE: of what an agent has saved.
member() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p" "$work/$2"; }

# browse REQUEST-URI: the code that the browser brings back.
browse()
{
  "$bin/agent" --redirect "$url/authorize?client_id=agent-1&request_uri=$1" |
    sed -n 's/.*[?&]code=\([^&]*\).*/\1/p'
}

run_code_cases()
{
  expect 'pushed authorization request: challenged, and taken' 0 'pushed: request_uri' \
    par.json --param scope=payments --save-answer "$work/pushed.json"
  expect_times '<- 403 insufficient_client_authorization: jwt_assertion' 1
  code=$(browse "$(member request_uri pushed.json)")
  expect 'its code: granted, and nothing is asked again' 0 'token: DPoP, scope payments' \
    code.json --param code="$code" --save-answer "$work/first.json"
  expect_times '403' 0
  expect 'its refresh token: challenged, still good, granted' 0 'token: DPoP, scope payments' \
    refresh.json --param refresh_token="$(member refresh_token first.json)" --save-answer "$work/second.json"
  expect_times '<- 403 insufficient_client_authorization: jwt_assertion' 1
  expect 'the same refresh token again: refused' 1 'refused: invalid_grant' \
    refresh.json --param refresh_token="$(member refresh_token first.json)"
  expect 'and for that the next one, too' 1 'refused: invalid_grant' \
    refresh.json --param refresh_token="$(member refresh_token second.json)"
}

# A client that nobody has registered: its id is a URL. (What it signs is good from 10 s after the server's start.)
run_stranger_cases()
{
  challenged='<- 403 insufficient_client_authorization: jwt_assertion'
  granted='token: Bearer, scope status'
  say ""
  say "a client that nobody has registered: $stranger"
  expect 'unknown client: challenged, proves itself, granted' 0 "$granted" stranger.json
  expect_times "$challenged" 1
  expect 'it comes again: granted at once' 0 "$granted" stranger.json
  expect_times 403 0
  expect 'somebody else under its URL: refused' 1 'refused: invalid_client' thief.json
  by_key agent-key-2
  expect 'its keys have changed: challenged again, proves itself, granted' 0 "$granted" stranger-2.json
  expect_times "$challenged" 1
  expect 'it comes again with its new key: granted at once' 0 "$granted" stranger-2.json
  expect_times 403 0
  expect 'it comes with its old key: refused' 1 'refused: invalid_client' stranger.json
}

again='refused: insufficient_client_authorization' # a new challenge, as for any request without a session

run_cases()
{
  expect 'granted at once' 0 'token: DPoP, scope status' agent-1.json --param scope=status
  expect_times 'insufficient_client_authorization' 0
  expect 'challenged and granted' 0 'token: DPoP, scope payments' agent-1.json --param scope=payments
  expect_times '<- 403 insufficient_client_authorization: jwt_assertion' 1
  expect 'wrong evidence refused' 1 'refused: unauthorized_client' liar.json --param scope=payments
  expect 'session replayed: refused' 1 "$again" agent-1.json --param scope=payments --repeat
  expect_times '^token: DPoP' 1
  expect 'scope raised after the challenge: refused' 1 "$again" \
    agent-1.json --param scope=payments --change scope=payments.large
  expect 'session expired: refused' 1 "$again" agent-1.json --param scope=quick --wait 11
  expect 'a session is stolen before its client uses it' 0 'saved: session and evidence, not sent' \
    agent-1.json --param scope=payments --save-session "$work/stolen.json"
  expect "another client's session: refused" 1 "$again" \
    agent-2.json --param scope=payments --use-session "$work/stolen.json"
  expect "another client's session, with its device key too: refused" 1 "$again" \
    agent-2-key-1.json --param scope=payments --use-session "$work/stolen.json"
  expect 'the session from another device: refused' 1 "$again" \
    agent-1-key-2.json --param scope=payments --use-session "$work/stolen.json"
  expect 'the session still serves its own client' 0 'token: DPoP, scope payments' \
    agent-1.json --param scope=payments --use-session "$work/stolen.json"
}

stop_server()
{
  kill "$server"
  wait "$server"
  code=$?
  server=
  if [ "$code" -eq 0 ]; then
    say "ok: token-server ended on SIGTERM"
  else
    say "NOT OK: token-server ended with $code"
    bad=$((bad + 1))
  fi
}

work=$(mktemp -d) || exit 1
no_proxy=127.0.0.1
export no_proxy
install_missing
build_it
make_keys
start_site
write_server_config
start_server
write_agent_config agent-1.json agent-1 "$secret_1" device-1.jwk attester-1.jwk
write_agent_config agent-2.json agent-2 "$secret_2" device-2.jwk attester-1.jwk
write_agent_config agent-2-key-1.json agent-2 "$secret_2" device-1.jwk attester-1.jwk
write_agent_config agent-1-key-2.json agent-1 "$secret_1" device-2.jwk attester-1.jwk
write_agent_config liar.json agent-1 "$secret_1" device-1.jwk wrong.jwk
write_stranger_config stranger.json agent-key-1
write_stranger_config stranger-2.json agent-key-2
write_stranger_config thief.json thief
write_code_configs
run_cases
run_code_cases
run_stranger_cases
say ""
stop_server
if [ "$bad" -ne 0 ]; then
  fail "$bad of the checks; the server's log:
$(tail -n 40 "$work/server.log")"
fi
say "all as it must be"
