/* SPDX-License-Identifier: MIT */

/* The protocol tests: every file of tests/transcripts is played in four ways, each a test of its own: answered at once,
 * answered later, with every allocation of the library failing in turn, and with those of jansson. Each `case` of a file
 * is a world of its own: the lines above the first `case` are played before each. Words of a transcript:
 *
 *   # ..                    a comment; a line that ends in \ goes on in the next
 *   include FILE            the lines of common.inc, say
 *   macro NAME .. end       lines kept for `do NAME a | b`, with $1, $2 for what is called with
 *   case TEXT               begins an exchange; TEXT names what is shown
 *
 * The server. A lib, key "k1" and a store "main", both ten minutes old, are there at the start.
 *   issuer URL              of the servers made afterwards
 *   option NAME VALUE       occ_config_set() for the servers made afterwards
 *   requirement NAME JSON   one of their named requirements; "-" takes it away
 *   server NAME             makes one and goes on with it; without this line the first request makes "main"
 *   at NAME                 goes on with that server
 *   store NAME              a store born now (or an older one), for the servers made afterwards
 *   keys JSON, keys! JSON   a key ring replaced by this text, with ! by force; `keys? JSON` must be OCC_ERR_STATE
 *   now +MS, now -MS        moves the clock
 *   let NAME VALUE          a variable, expanded at once
 *
 * A request: from POST to =>. `client` and `metadata` outside of a request count for all that follow.
 *   POST FORM               raw form octets; "& FORM" adds more to them; POST alone has no body
 *   par                     it came in at the PAR endpoint
 *   param NAME VALUE        a decoded parameter, in the place of a body
 *   header NAME: VALUE      one line
 *   client ID METHOD        the host has authenticated the client; "client -": it says nothing
 *   metadata JSON           "metadata -": CLIENT is asked
 *   certificate TEXT        of the TLS connection: a DER sequence with this text in it, or ${cert NAME}
 *   sender KIND THUMBPRINT  dpop, mtls, attested: the host has verified the proof
 *   set NAME VALUE          occ_txn_set()
 *   decide, check, keys-for, verify, who, once, keep, recall HOW
 *                           the next answer to DECIDE, CHECK, KEYS, VERIFY, CLIENT, .. HOW: yes [DATA], no [DATA],
 *                           retry [DATA], silent (never), challenge NAME [PARAMS], refuse [ERROR [DESCRIPTION]];
 *                           with "after=MS" in front the answer takes that long. What the file does not answer must not
 *                           be asked (but the store's questions, which the store answers); what it answers must be asked.
 *   memo TEXT               given by the policy with its answer
 *   sees satisfied NAME yes|no, sees memo TEXT|none, sees /POINTER JSON|none
 *                           looked at when the policy is asked
 *   => grant                the outcome;
 *   => 403 challenge NAME   a challenge with the requirement of that name, and its HTTP status;
 *   => 400 ERROR            a refusal (or 5xx, a failure) with that OAuth error
 * After it, about the answer:
 *   reason NAME             occ_txn_reason(); "A|B": A answered at once, B answered later
 *   event NAME [REASON]     is among the events; `no-event NAME`: is not
 *   detail TOKEN            some event says so
 *   has NAME [VALUE]        a header of the answer; `has-no NAME`
 *   body /POINTER JSON|none a member of the body
 *   cnf JSON|none           occ_txn_confirmation()
 *   receipt yes|none        occ_txn_receipt()
 *   fact /POINTER JSON|none occ_txn_fact()
 *   once-asked N, decided N how often ONCE and DECIDE were asked; once-asked 0: nothing can have been used up
 *
 * ${..} in a line: a variable; ${session}, ${nonce}, ${receipt} are those of the last answer that had one; ${iat +5} seconds,
 * ${ms +5} milliseconds from now; ${jwk KEY} public, ${private KEY}, ${members KEY} without braces, ${thumb KEY}; KEY is
 * client_a, client_b, issuer, issuer_ed; ${form TEXT} percent-encoded, ${b64 TEXT}, ${octets HEX}, ${repeat N TEXT},
 * ${cut N TEXT} without its last N, ${flip TEXT} with one character changed, ${part N TOKEN} between its dots;
 * ${dpop ..} and ${jwt ..}, a proof and an assertion with key=KEY sign=KEY jti= iat=+S exp=+S nonce= and
 * header.NAME=JSON, claim.NAME=JSON (- takes it away), or the whole as header='..' claims='..', and sig=der, flip, swap,
 * r0, s0, rn, sn, zero, huge or so many octets. They take htu, iss, sub, issuer from the variables of that name, and an
 * assertion's nonce is ${session} unless told otherwise. ${assert ..} is the assertion by which a client authenticates,
 * with the key client_b and iss = sub. ${cert NAME}, ${x5c NAME}, ${x5t NAME}: a certificate of client_a or client_b, the
 * same as base64 in a JWK, its thumbprint.
 *
 * Always checked: the form of every answer (RFC 6749 section 5.2), that sessions never repeat, that no secret (client
 * secrets, tokens, evidence, handles, nonces) stands in an event, a reason or an error body, and that nothing is left
 * in memory. With a failing allocation the request ends as a failure, and is repeated with the same octets if ONCE had
 * not been asked: it must then come out as the transcript says. */

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "play.h"

#define FILES 64
#define KNOWN 4096

/* ---- The four ways ---- */

typedef struct test {
  char path[1024], name[4][128];
} test;

static test tests[FILES];
static size_t files;

/* What has been played with failures in this way: cases begin alike, and it need not be done again. */
static uint64_t known[KNOWN];
static size_t knowns;

static int is_known(uint64_t hash)
{
  for (size_t i = 0; i < knowns; i++) {
    if (known[i] == hash) {
      return 1;
    }
  }
  if (knowns < KNOWN) {
    known[knowns++] = hash;
  }
  return 0;
}

/* Each allocation of the case fails in turn: of the set-up, then of one request after another. */
static int play_failures(const script *s, size_t at, how way, const played *first)
{
  int failures = 0;
  size_t n = 0;

  for (size_t i = 0; i < first->parts; i++) {
    const int skip = is_known(first->part[i].hash);
    for (; n < first->part[i].end && failures < 3; n++) {
      way.until = n;
      failures += skip ? 0 : play_case(s, at, way).failed;
    }
  }
  return failures;
}

/* Every case without failures; with pass, then with each of them. */
static void play_all(const test *t, how way)
{
  const how plain = { .pass = way.pass, .mode = way.mode, .until = SIZE_MAX };
  script s;
  int failures = 0, cases = 0;

  knowns = 0;
  script_read(&s, t->path);
  for (size_t i = play_first_case(&s); i < s.lines; i++) {
    if (play_is_case(&s.line[i])) {
      played first = play_case(&s, i, plain);
      failures += first.failed || first.requests == 0;
      if (way.pass != PASS_PLAIN && !first.failed) {
        failures += play_failures(&s, i, way, &first);
      }
      cases++;
    }
  }
  script_free(&s);
  tokens_forget();
  assert_true(cases > 0);
  assert_int_equal(failures, 0);
}

static void test_transcript__answered_at_once(void **state)
{
  play_all(*state, (how){ .pass = PASS_PLAIN, .mode = HOST_AT_ONCE });
}

static void test_transcript__answered_later(void **state)
{
  play_all(*state, (how){ .pass = PASS_PLAIN, .mode = HOST_LATER });
}

static void test_transcript__survives_every_failed_allocation(void **state)
{
  play_all(*state, (how){ .pass = PASS_MEMORY, .mode = HOST_AT_ONCE });
  play_all(*state, (how){ .pass = PASS_MEMORY, .mode = HOST_LATER, .keep = true });
}

static void test_transcript__survives_every_failed_allocation_of_jansson(void **state)
{
  play_all(*state, (how){ .pass = PASS_JANSSON, .mode = HOST_AT_ONCE });
}

static int by_path(const void *a, const void *b)
{
  return strcmp(((const test *)a)->path, ((const test *)b)->path);
}

/* One of the words is in the name; a word with ^ in front must not be. No word: every name will do. */
static int is_wanted(const char *name, char **words)
{
  int wanted = 1;

  for (; *words != NULL; words++) {
    if ((*words)[0] == '^' && strstr(name, *words + 1) != NULL) {
      return 0;
    }
    if ((*words)[0] != '^') {
      if (strstr(name, *words) != NULL) {
        return 1;
      }
      wanted = 0;
    }
  }
  return wanted;
}

static void find_files(const char *folder, char **words)
{
  DIR *dir = opendir(folder);
  struct dirent *entry;

  while (dir != NULL && files < FILES && (entry = readdir(dir)) != NULL) {
    const size_t len = strlen(entry->d_name);
    if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0 &&
        is_wanted(entry->d_name, words)) {
      (void)snprintf(tests[files++].path, sizeof(tests[0].path), "%s/%s", folder, entry->d_name);
    }
  }
  if (dir != NULL) {
    closedir(dir);
  }
  qsort(tests, files, sizeof(tests[0]), by_path);
}

/* test_transcripts FOLDER [PART-OF-A-FILE-NAME | ^NOT-THIS-PART]... */
int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    CMUnitTestFunction function;
  } ways[] = {
    { "answered at once", test_transcript__answered_at_once },
    { "answered later", test_transcript__answered_later },
    { "every allocation failing", test_transcript__survives_every_failed_allocation },
    { "every allocation of jansson failing",
      test_transcript__survives_every_failed_allocation_of_jansson },
  };
  static struct CMUnitTest all[FILES * 4];

  find_files(argc > 1 ? argv[1] : "tests/transcripts", argc > 1 ? argv + 2 : argv + argc);
  for (size_t i = 0; i < files; i++) {
    const char *base = strrchr(tests[i].path, '/') + 1;
    for (size_t k = 0; k < 4; k++) {
      (void)snprintf(tests[i].name[k], sizeof(tests[i].name[k]), "%.60s, %s", base, ways[k].name);
      all[i * 4 + k] = (struct CMUnitTest){ .name = tests[i].name[k],
                                            .test_func = ways[k].function,
                                            .initial_state = &tests[i] };
    }
  }
  return files == 0 ? 1 : _cmocka_run_group_tests("transcripts", all, files * 4, NULL, NULL);
}
