# SPDX-License-Identifier: MIT
# asserts.awk HEADER... TEST: test functions of TEST (static void test_...) that assert nothing, neither themselves nor by
# a function of these files that they call. Prints file:line: name.

FNR == 1 { name = "" }

/^[a-z].*\(/ && !/;[ \t]*$/ {
  name = $0
  sub(/\(.*/, "", name)
  sub(/.*[ *]/, "", name)
  place[name] = FILENAME ":" FNR
  if (/^static void test_/) test[name] = 1
  body[name] = ""
  next
}

/^}/ { name = "" }

name != "" { body[name] = body[name] " " $0 }

END {
  for (f in body) {
    if (body[f] ~ /assert_|check_expected|fail_msg|fail\(\)|must_|expect_/) good[f] = 1
  }
  do {
    more = 0
    for (f in body) {
      if (f in good) continue
      for (g in good) {
        if (body[f] ~ "(^|[^A-Za-z0-9_])" g "[ \t]*\\(") { good[f] = 1; more = 1; break }
      }
    }
  } while (more)
  for (f in test) {
    if (!(f in good)) print place[f] ": " f
  }
}
