/* SPDX-License-Identifier: MIT */
/* Waiting challenges cost no memory: issues 1,000,000 of them and prints what the process has resident on the way. Exit
 * status 1 if that grew by more than 1 MiB after the first 10,000. A measuring program, run by run.sh; Linux only. */

#include <stdio.h>
#include <unistd.h>

#include "traffic.h"

#define MOST (1024L * 1024L) /* octets of growth: what an allocator may shuffle about */

/* Octets resident; -1: not to be had. */
static long resident(void)
{
  long total = 0, pages = -1;
  FILE *file = fopen("/proc/self/statm", "r");

  if (file == NULL) {
    return -1;
  }
  if (fscanf(file, "%ld %ld", &total, &pages) != 2) {
    pages = -1;
  }
  (void)fclose(file);
  return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

/* One challenge; 0: it was none. Each request differs, as those of many clients do. */
static int issue(occ_server *server, long number)
{
  char body[128], client[32];
  const traffic_request request = { .body = body, .client = client };
  occ_txn *txn;
  int good;

  (void)snprintf(body, sizeof(body), TRAFFIC_BODY "&resource=https://rs.example/%ld", number);
  (void)snprintf(client, sizeof(client), "agent-%ld", number % 1000);
  txn = traffic_begin(server, &request, NULL);
  good = traffic_run(txn, "attested", TRAFFIC_NOW + number / 100) == OCC_OK &&
         occ_txn_outcome(txn) == OCC_CHALLENGE && occ_txn_http_status(txn) == 403;
  occ_txn_free(txn);
  return good;
}

int main(void)
{
  static const long mark[] = { 1000, 10000, 100000, 1000000 };
  long at[4] = { 0 }, issued = 0, grown;
  occ_store *store;
  occ_server *server;
  traffic x;

  traffic_open(&x, NULL);
  store = traffic_store(&x, 1u << 16, TRAFFIC_NOW);
  server = traffic_server(&x, traffic_config, store, NULL, NULL);
  for (int i = 0; i < 4; i++) {
    for (; issued < mark[i]; issued++) {
      if (!issue(server, issued)) {
        printf("memory_flat: number %ld is no challenge\n", issued);
        return 1;
      }
    }
    at[i] = resident();
    printf("memory_flat: %7ld challenges waiting, %ld KiB resident\n", issued, at[i] / 1024);
    (void)fflush(stdout);
  }
  grown = at[3] - at[1];
  printf("memory_flat: grown by %ld octets from %ld to %ld, limit %ld: %s\n", grown, mark[1],
         mark[3], MOST, at[1] > 0 && at[3] > 0 && grown <= MOST ? "good" : "BAD");
  occ_server_free(server);
  occ_store_free(store);
  traffic_close(&x);
  return at[1] > 0 && at[3] > 0 && grown <= MOST ? 0 : 1;
}
