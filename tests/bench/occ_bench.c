/* SPDX-License-Identifier: MIT */
/* What the library costs, beside the least that OpenSSL would. A request is measured whole, from occ_txn_new() to
 * occ_txn_free(), the host's answers included and the client's part not; all are interleaved in random order, by the CPU
 * time of the thread, and medians are compared. Everything is judged as a ratio to V, one raw ES256 verification on a
 * kept EVP_PKEY_CTX, since ratios hold on a busy machine. README.md says how to read the lines. Exit status 0
 * whatever they say: a budget that is missed is no failed test. */

#include <stdio.h>
#include <string.h>

#include "counts.h"
#include "exchange.h"
#include "hostile.h"
#include "meter.h"
#include "peers.h"
#include "raw.h"
#include "two_threads.h"

#define ROUNDS    151
#define BATCH_MAX 64u
#define SCANS     7 /* of every hostile request, to find those that are measured */
#define DEAREST   3

typedef enum row_kind {
  ROW_V,
  ROW_RAW_ISSUE,
  ROW_RAW_OPEN,
  ROW_EXCHANGE,
  ROW_HOSTILE,
  ROW_PEER
} row_kind;

typedef struct row {
  row_kind kind;
  exchange_kind exchange;
  const hostile_case *hostile;
  const peer *peer; /* gets the proof or the token of the exchange */
  const char *name;
  size_t batch; /* a sample is the mean of so many, or the clock itself would be seen */
  double ns, sample[ROUNDS];
  counts counts;
} row;

enum {
  V,
  RAW_ISSUE,
  RAW_OPEN,
  ISSUE,
  REISSUE,
  OPEN_ONCE,
  DPOP,
  JWT,
  EARLY, /* the five that are refused early */
  WORST = EARLY + 5,
  ROWS = WORST + DEAREST /* those of peers follow */
};

static row rows[ROWS + 2 * PEERS] = {
  [V] = { .kind = ROW_V, .name = "V", .batch = 16 },
  [RAW_ISSUE] = { .kind = ROW_RAW_ISSUE, .batch = 64 },
  [RAW_OPEN] = { .kind = ROW_RAW_OPEN, .batch = 64 },
  [ISSUE] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_ISSUE, .batch = 64 },
  [REISSUE] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_REISSUE, .batch = 64 },
  [OPEN_ONCE] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_OPEN_ONCE, .batch = 64 },
  [DPOP] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_DPOP, .batch = 16 },
  [JWT] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_JWT, .batch = 16 },
  [EARLY] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_FORM, .batch = 64 },
  [EARLY + 1] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_PROOF_HTU, .batch = 64 },
  [EARLY + 2] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_PROOF_OLD, .batch = 64 },
  [EARLY + 3] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_JWT_NONCE, .batch = 64 },
  [EARLY + 4] = { .kind = ROW_EXCHANGE, .exchange = EXCHANGE_JWT_OLD, .batch = 64 },
  [WORST] = { .kind = ROW_HOSTILE, .batch = 4 },
  [WORST + 1] = { .kind = ROW_HOSTILE, .batch = 4 },
  [WORST + 2] = { .kind = ROW_HOSTILE, .batch = 4 },
};

static size_t row_count = ROWS;

/* All that is measured against. */
typedef struct bench {
  meter_v v;
  raw raw;
  exchange exchange;
  traffic hostile;
  occ_server *hostile_server;
  hostile_case cases[HOSTILE_CASES];
  size_t case_count;
} bench;

/* ---- Measuring ---- */

static void open_bench(bench *b, const occ_mem *mem)
{
  exchange_open(&b->exchange, mem);
  traffic_open(&b->hostile, mem);
  b->hostile_server = hostile_server(&b->hostile);
}

static void close_bench(bench *b)
{
  occ_server_free(b->hostile_server);
  traffic_close(&b->hostile);
  exchange_close(&b->exchange);
}

static int has_request(const row *r)
{
  return r->kind == ROW_EXCHANGE || r->kind == ROW_PEER;
}

/* damage: an octet of the signature, for it must not be good then. */
static int run_peer(const row *r, const exchange_request *request, int damage)
{
  const int is_proof = r->exchange == EXCHANGE_DPOP;
  const char *at =
      is_proof ? request->proof : strstr(request->body, "claim_token=") + strlen("claim_token=");
  const size_t len = strcspn(at, "&");
  char token[4096];

  must(len < sizeof(token), "token");
  memcpy(token, at, len);
  token[len] = '\0';
  if (damage) {
    token[len - 20] = token[len - 20] == 'A' ? 'B' : 'A';
  }
  return is_proof ? r->peer->proof(token) : r->peer->token(token);
}

static void run_once(bench *b, const row *r, const exchange_request *request)
{
  switch (r->kind) {
  case ROW_V:
    meter_v_run(&b->v);
    break;
  case ROW_RAW_ISSUE:
    raw_issue(&b->raw);
    break;
  case ROW_RAW_OPEN:
    raw_open_once(&b->raw);
    break;
  case ROW_EXCHANGE:
    exchange_run(request, NULL);
    break;
  case ROW_HOSTILE:
    occ_txn_free(hostile_run(b->hostile_server, r->hostile));
    break;
  case ROW_PEER:
    must(run_peer(r, request, 0), "a peer refuses");
    break;
  }
}

/* Nanoseconds of one, as the mean of a batch. What the client does comes before the clock. */
static double sample(bench *b, row *r, size_t batch)
{
  exchange_request request[BATCH_MAX];
  double start, ns;
  counts before, after;

  for (size_t i = 0; has_request(r) && i < batch; i++) {
    exchange_make(&b->exchange, &request[i], r->exchange);
  }
  before = counts_now();
  start = thread_ns();
  for (size_t i = 0; i < batch; i++) {
    run_once(b, r, &request[i]);
  }
  ns = (thread_ns() - start) / (double)batch;
  after = counts_now();
  r->counts = (counts){ (after.own - before.own) / batch, (after.jansson - before.jansson) / batch,
                        (after.openssl - before.openssl) / batch };
  for (size_t i = 0; has_request(r) && i < batch; i++) {
    exchange_free(&request[i]);
  }
  return ns;
}

/* The rows of WORST get the hostile requests that seem dearest. */
static void find_dearest(bench *b)
{
  double dearest[DEAREST] = { 0 };

  for (size_t i = 0; i < b->case_count; i++) {
    row r = { .kind = ROW_HOSTILE, .hostile = &b->cases[i] };
    size_t place = DEAREST;
    double ns;

    for (int scan = 0; scan < SCANS; scan++) {
      r.sample[scan] = sample(b, &r, 1);
    }
    ns = median(r.sample, SCANS);
    while (place > 0 && ns > dearest[place - 1]) {
      place--;
      if (place + 1 < DEAREST) {
        dearest[place + 1] = dearest[place];
        rows[WORST + place + 1].hostile = rows[WORST + place].hostile;
      }
      dearest[place] = ns;
      rows[WORST + place].hostile = r.hostile;
    }
  }
}

/* A measurement of nothing would look good. */
static void try_peer(bench *b, const row *r)
{
  exchange_request request;

  exchange_make(&b->exchange, &request, r->exchange);
  must(!run_peer(r, &request, 1), "a peer takes a broken signature");
  exchange_free(&request);
}

static void open_peers(bench *b)
{
  const char *name;

  for (size_t i = 0; i < PEERS; i++) {
    const peer *found = peers_get(i, &name);

    if (found != NULL) {
      found->open();
      for (int proof = 1; proof >= 0; proof--) {
        rows[row_count++] = (row){ .kind = ROW_PEER,
                                   .exchange = proof ? EXCHANGE_DPOP : EXCHANGE_JWT,
                                   .peer = found,
                                   .batch = 16 };
        try_peer(b, &rows[row_count - 1]);
      }
    }
  }
  counts_take_jansson();
}

static void close_peers(void)
{
  for (size_t i = ROWS; i < row_count; i += 2) {
    rows[i].peer->close();
  }
}

/* Every row once a round, in another order each time. */
static void measure(bench *b)
{
  size_t order[ROWS + 2 * PEERS];
  uint32_t seed = 1;

  for (size_t i = 0; i < row_count; i++) {
    order[i] = i;
  }
  for (int round = 0; round < ROUNDS; round++) {
    shuffle(order, row_count, &seed);
    for (size_t i = 0; i < row_count; i++) {
      row *r = &rows[order[i]];

      r->sample[round] = sample(b, r, r->batch);
    }
  }
  for (size_t i = 0; i < row_count; i++) {
    rows[i].ns = median(rows[i].sample, ROUNDS);
  }
}

/* Exact numbers, of one request after another: not of the first, which makes what is kept. */
static void count_all(bench *b)
{
  for (size_t i = 0; i < row_count; i++) {
    (void)sample(b, &rows[i], 1);
    (void)sample(b, &rows[i], 1);
  }
}

/* How long the sealed session is: version, key id, id and tag are not sealed. */
static size_t session_len(bench *b)
{
  exchange_request request;
  char handle[1025];

  exchange_make(&b->exchange, &request, EXCHANGE_REISSUE);
  exchange_run(&request, handle);
  exchange_free(&request);
  return strlen(handle) * 3 / 4 - (1 + 4 + 32 + 16);
}

/* ---- Telling ---- */

static int as_json;
static char met[256], missed[256];

static void judge(const char *name, int is_met)
{
  char *list = is_met ? met : missed;
  const size_t len = strlen(list);

  (void)snprintf(list + len, sizeof(met) - len, "%s%s", len == 0 ? "" : ", ", name);
}

/* budget 0: none. */
static void tell(const char *name, const char *of, const row *r, double limit_ns, double budget)
{
  const double ratio = r->ns / rows[V].ns;

  if (as_json) {
    printf("{\"name\":\"%s\",\"of\":\"%s\",\"ns\":%.0f,\"limit_ns\":%.0f,\"ratio\":%.4f,"
           "\"budget\":%.2f,\"mallocs\":%lu,\"jansson_mallocs\":%lu,\"openssl_mallocs\":%lu}\n",
           name, of, r->ns, limit_ns, ratio, budget, r->counts.own, r->counts.jansson,
           r->counts.openssl);
  } else {
    printf("%-19s %9.0f ns  limit %7.0f ns  %7.4f V", name, r->ns, limit_ns, ratio);
    printf(budget > 0 ? "  budget %4.2f V" : "               ", budget);
    printf("  mallocs %3lu + jansson %3lu + openssl %3lu  %s\n", r->counts.own, r->counts.jansson,
           r->counts.openssl, of);
  }
  if (budget > 0) {
    judge(name, ratio <= budget);
  }
}

static void tell_two(const char *name, const two_threads *two, double least)
{
  if (as_json) {
    printf("{\"name\":\"%s\",\"ns\":%.0f,\"limit_ns\":%.0f,\"ratio\":%.3f,\"budget\":%.2f}\n", name,
           two->two_ns, two->one_ns / 2, two->speed_up, least);
  } else {
    printf("%-19s %9.0f ns  limit %7.0f ns  %6.2f times as fast as one, budget %.1f\n", name,
           two->two_ns, two->one_ns / 2, two->speed_up, least);
  }
  if (least > 0) {
    judge(name, two->speed_up >= least);
  }
}

static const row *dearest_of(const row *first, size_t number)
{
  const row *found = first;

  for (size_t i = 1; i < number; i++) {
    found = first[i].ns > found->ns ? &first[i] : found;
  }
  return found;
}

static void report(void)
{
  const double v = rows[V].ns, issue = rows[RAW_ISSUE].ns, open = rows[RAW_OPEN].ns;
  const row *early = dearest_of(&rows[EARLY], WORST - EARLY),
            *worst = dearest_of(&rows[WORST], DEAREST);

  tell("V", "", &rows[V], v, 0);
  tell("issue", "a first request", &rows[ISSUE], issue, 0.06);
  tell("reissue", "a third: open-once and issue", &rows[REISSUE], issue + open, 0);
  tell("open-once", "", &rows[OPEN_ONCE], open, 0.05);
  tell("dpop", "", &rows[DPOP], v, 1.25);
  tell("jwt", "", &rows[JWT], v, 1.25);
  for (const row *r = &rows[EARLY]; !as_json && r < &rows[WORST]; r++) {
    tell("  refused early", exchange_name(r->exchange), r, v, 0);
  }
  tell("early-refusal", exchange_name(early->exchange), early, v, 0.14);
  tell("worst-refusal", worst->hostile->name, worst, v, 3);
}

static void report_peers(void)
{
  const char *missing = "peers not found:", *name;

  for (const row *r = &rows[ROWS]; r < &rows[row_count]; r++) {
    char line[32];

    (void)snprintf(line, sizeof(line), "%s-%s", exchange_name(r->exchange), r->peer->name);
    tell(line, "a peer: README.md", r, rows[V].ns, 0);
  }
  for (size_t i = 0; i < PEERS; i++) {
    if (peers_get(i, &name) == NULL) {
      fprintf(as_json ? stderr : stdout, "%s %s", missing, name);
      missing = ",";
    }
  }
  fprintf(as_json ? stderr : stdout, missing[0] == ',' ? "\n" : "");
}

static void report_threads(bench *b)
{
  two_threads two;

  two_threads_run(&two, &b->exchange, EXCHANGE_DPOP, 300);
  tell_two("two-threads-verify", &two, 1.6);
  two_threads_run(&two, &b->exchange, EXCHANGE_ISSUE, 5000);
  tell_two("two-threads-issue", &two, 1.4);
  two = (two_threads){ .speed_up = two_threads_machine() };
  if (!as_json) {
    printf("%-19s %.2f times as fast as one: what the machine had to give\n", "two-threads-loop",
           two.speed_up);
  }
}

int main(int argc, char **argv)
{
  static bench timed, counted;

  as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
  counts_begin();
  open_bench(&timed, NULL);
  timed.case_count = hostile_make(timed.cases, timed.hostile_server);
  meter_v_init(&timed.v);
  raw_init(&timed.raw, session_len(&timed));
  open_peers(&timed);
  find_dearest(&timed);
  measure(&timed);

  open_bench(&counted, &counts_mem);
  counted.v = timed.v;
  counted.raw = timed.raw;
  count_all(&counted);
  close_bench(&counted);

  report();
  report_peers();
  report_threads(&timed);
  fprintf(as_json ? stderr : stdout, "budgets met: %s; missed: %s\n", met[0] == '\0' ? "none" : met,
          missed[0] == '\0' ? "none" : missed);
  close_peers();
  hostile_free(timed.cases, timed.case_count);
  raw_clear(&timed.raw);
  meter_v_clear(&timed.v);
  close_bench(&timed);
  return 0;
}
