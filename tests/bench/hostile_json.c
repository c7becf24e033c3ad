/* SPDX-License-Identifier: MIT */
/* What hostile JSON costs: 60 KiB of it, or as much as a limit lets through, in every place where the library may look,
 * as a ratio to V, one raw ES256 verification on a kept EVP_PKEY_CTX. A request is measured whole, from occ_txn_new() to
 * occ_txn_free(); V and all requests are interleaved in random order, and medians are compared. One line each: name,
 * nanoseconds, limit, ratio, how it ended. Exit status 1 if one reaches 3 V. A measuring program, run by run.sh. */

#include <stdio.h>

#include "hostile.h"
#include "meter.h"

#define ROUNDS 101
#define LIMIT  3.0

static hostile_case cases[HOSTILE_CASES];
static char ended[HOSTILE_CASES][96];
static double sample[HOSTILE_CASES][ROUNDS], unit[ROUNDS];
static size_t count;

static void run_one(occ_server *server, size_t number, int round)
{
  const double start = thread_ns();
  occ_txn *txn = hostile_run(server, &cases[number]);

  if (round == 0) {
    (void)snprintf(ended[number], sizeof(ended[number]), "%d %s", occ_txn_http_status(txn),
                   occ_txn_reason(txn));
  }
  occ_txn_free(txn);
  sample[number][round] = thread_ns() - start;
}

static void unit_one(const meter_v *v, int round)
{
  const double start = thread_ns();

  meter_v_run(v);
  unit[round] = thread_ns() - start;
}

/* Each once a round, and V somewhere between, in another order each time. */
static void measure(occ_server *server, const meter_v *v)
{
  static size_t order[HOSTILE_CASES];
  uint32_t seed = 1;

  for (size_t i = 0; i < count; i++) {
    order[i] = i;
  }
  for (int round = 0; round < ROUNDS; round++) {
    size_t when;

    shuffle(order, count, &seed);
    when = (seed >> 8) % count;
    for (size_t i = 0; i < count; i++) {
      if (i == when) {
        unit_one(v, round);
      }
      run_one(server, order[i], round);
    }
  }
}

/* Says the dearest of all last. */
static int report(void)
{
  const double one = median(unit, ROUNDS);
  double worst = 0;
  size_t dearest = 0;

  printf("hostile_json: %-28s %9.0f ns\n", "V", one);
  for (size_t i = 0; i < count; i++) {
    const double ns = median(sample[i], ROUNDS);

    printf("hostile_json: %-28s %9.0f ns, limit %9.0f ns, ratio %5.2f, %s%s\n", cases[i].name, ns,
           LIMIT * one, ns / one, ended[i], ns < LIMIT * one ? "" : ", TOO DEAR");
    if (ns > worst) {
      worst = ns;
      dearest = i;
    }
  }
  printf("hostile_json: dearest of %zu: %s, ratio %.2f, limit %.0f: %s\n", count,
         cases[dearest].name, worst / one, LIMIT, worst < LIMIT * one ? "good" : "BAD");
  return worst < LIMIT * one ? 0 : 1;
}

int main(void)
{
  static meter_v v;
  occ_server *server;
  traffic x;
  int rc;

  traffic_open(&x, NULL);
  server = hostile_server(&x);
  meter_v_init(&v);
  count = hostile_make(cases, server);
  measure(server, &v);
  rc = report();
  hostile_free(cases, count);
  meter_v_clear(&v);
  occ_server_free(server);
  traffic_close(&x);
  return rc;
}
