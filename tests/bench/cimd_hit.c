/* SPDX-License-Identifier: MIT */
/* What it costs to find a client's document in a full cache: the look-up by its id, the hold, the release. Only that: the
 * machine then reads the metadata as it does any host's. By the CPU time of the thread, the median of rounds over all ids
 * in random order. Exit status 1 if anything is allocated; the budget of 0.3 us is told. And what strangers cost, who are
 * not in it: let in, one a second, and turned away. */

#include <stdio.h>
#include <string.h>

#include "cimd/cache.h"
#include "counts.h"
#include "meter.h"

#define CLIENTS 700u /* what may be kept of 1000 */
#define ROUNDS  101u
#define T0      INT64_C(1800000000000)
#define BUDGET  300.0

static char id[CLIENTS][64];

static void wake(const void *who)
{
  (void)who;
}

static occ_cache_ask question(size_t i, occ_time now)
{
  return (occ_cache_ask){ .client_id = occ__span_text(id[i]),
                          .host = occ__span(id[i] + 8, strlen(id[i]) - 8 - strlen("/client.json")),
                          .who = id[i],
                          .ticket = 1,
                          .now = now,
                          .deadline = now + 10000 };
}

static occ_cache *fill(void)
{
  static const uint8_t key[16] = { 1 };
  const occ_cache_rules rules = { .entries = { 1000, 64 },
                                  .per_host = 16,
                                  .octets = 8u << 20,
                                  .flights = 16,
                                  .flights_per_host = 4,
                                  .minute = 1200,
                                  .minute_per_host = 30,
                                  .domain_percent = 100,
                                  .kid_minute = 1,
                                  .most_ms = 3600000 };
  occ_cache_found found;
  occ_cache *cache;

  must(occ__cache_new(&cache, &counts_mem, &rules, key, wake) == OCC_OK, "a cache");
  for (size_t i = 0; i < CLIENTS; i++) {
    occ_cache_ask ask;

    (void)snprintf(id[i], sizeof(id[i]), "https://agent-%zu.apps.example.org/client.json", i);
    ask = question(i, T0);
    must(occ__cache_ask(cache, &ask, &found) == OCC__CACHE_FETCH, "a fetch");
    occ__cache_store(cache, &ask, occ__value_new(&counts_mem, 3000), (occ_freshness){ 3600000, 0 },
                     NULL, &found);
    occ__value_drop(found.value);
  }
  return cache;
}

/* Every client once, in this order. */
static void hit_all(occ_cache *cache, const size_t *order)
{
  for (size_t i = 0; i < CLIENTS; i++) {
    const occ_cache_ask ask = question(order[i], T0 + 61000);
    occ_cache_found found;

    must(occ__cache_ask(cache, &ask, &found) == OCC__CACHE_HIT, "a hit");
    occ__value_drop(found.value);
  }
}

/* As many strangers as there are rounds, each on a domain of its own, one every so many milliseconds: for one, with its
 * document where it is let in. */
static double miss(occ_cache *cache, occ_time every)
{
  static unsigned number;
  static occ_time now = T0 + 200000;
  const double began = thread_ns();
  char name[64];

  for (size_t i = 0; i < ROUNDS; i++) {
    occ_cache_found found;
    occ_cache_ask ask = question(0, now += every);

    (void)snprintf(name, sizeof(name), "https://stranger-%u.org/client.json", number++);
    ask.client_id = occ__span_text(name);
    ask.host = occ__span(name + 8, strlen(name) - 8 - strlen("/client.json"));
    if (occ__cache_ask(cache, &ask, &found) == OCC__CACHE_FETCH) {
      occ__cache_store(cache, &ask, occ__value_new(&counts_mem, 3000),
                       (occ_freshness){ 3600000, 0 }, NULL, &found);
      occ__value_drop(found.value);
    }
  }
  return (thread_ns() - began) / ROUNDS;
}

static void tell_misses(occ_cache *cache)
{
  double ns = 0;

  for (size_t i = 0; i < 4; i++) { /* it is full after the third */
    ns = miss(cache, 1000);
  }
  printf("%-19s %9.0f ns\n", "cimd-let-in", ns);
  for (size_t i = 0; i < 12; i++) { /* more than a minute may have */
    ns = miss(cache, 0);
  }
  printf("%-19s %9.0f ns\n", "cimd-turned-away", ns);
}

int main(void)
{
  double sample[ROUNDS];
  size_t order[CLIENTS];
  unsigned long before, after;
  uint32_t seed = 1;
  occ_cache *cache;
  double ns;

  counts_begin();
  cache = fill();
  for (size_t i = 0; i < CLIENTS; i++) {
    order[i] = i;
  }
  before = counts_now().own + counts_now().jansson + counts_now().openssl;
  hit_all(cache, order); /* those that are used again are kept from now on */
  for (size_t i = 0; i < ROUNDS; i++) {
    double began;

    shuffle(order, CLIENTS, &seed);
    began = thread_ns();
    hit_all(cache, order);
    sample[i] = (thread_ns() - began) / CLIENTS;
  }
  after = counts_now().own + counts_now().jansson + counts_now().openssl;
  ns = median(sample, ROUNDS);
  printf("%-19s %9.0f ns  budget %6.0f ns  mallocs %3lu  %s\n", "cimd-hit", ns, BUDGET,
         after - before, ns <= BUDGET ? "met" : "missed");
  tell_misses(cache);
  occ__cache_free(cache);
  return after == before ? 0 : 1;
}
