/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over a corpus without a fuzzer: driver NAME FOLDER... Every regular file of the folders goes in once.
 * Prints one TAP line for the whole corpus; no file at all is a failure. The file at work is named on stderr, so that
 * the last line tells which one a crash is about. */

#define _POSIX_C_SOURCE 200809L

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_INPUT (1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1 when the file was read and fed to the target. */
static int run_file(const char *path)
{
  FILE *file = fopen(path, "rb");
  uint8_t *room = malloc(MAX_INPUT);
  uint8_t *input = NULL;
  size_t len = 0;
  int done = 0;

  if (file == NULL || room == NULL) {
    goto out;
  }
  len = fread(room, 1, MAX_INPUT, file);
  if (ferror(file) || !feof(file)) { /* cut inputs test something else than their name says */
    goto out;
  }
  input = malloc(len == 0 ? 1 : len); /* exact, so that a read past the end is seen */
  if (input == NULL) {
    goto out;
  }
  memcpy(input, room, len);
  fprintf(stderr, "# %s\n", path);
  LLVMFuzzerTestOneInput(input, len);
  done = 1;

out:
  free(input);
  free(room);
  if (file != NULL) {
    fclose(file);
  }
  return done;
}

/* Adds to the two counters; a folder that cannot be read counts as one failure. */
static void run_folder(const char *folder, size_t *done, size_t *failed)
{
  struct dirent *entry;
  struct stat info;
  char path[4096];
  DIR *dir = opendir(folder);

  if (dir == NULL) {
    fprintf(stderr, "# cannot read %s\n", folder);
    (*failed)++;
    return;
  }
  while ((entry = readdir(dir)) != NULL) {
    int len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);

    if (len < 0 || (size_t)len >= sizeof(path) || stat(path, &info) != 0) {
      (*failed)++;
    } else if (S_ISREG(info.st_mode)) {
      *(run_file(path) ? done : failed) += 1;
    }
  }
  closedir(dir);
}

int main(int argc, char **argv)
{
  size_t done = 0, failed = 0;
  int good;

  if (argc < 3) {
    fprintf(stderr, "usage: %s NAME FOLDER...\n", argv[0]);
    return 2;
  }
  for (int i = 2; i < argc; i++) {
    run_folder(argv[i], &done, &failed);
  }
  good = done > 0 && failed == 0;
  printf("1..1\n%s 1 - corpus of %s: %zu inputs, %zu not read\n", good ? "ok" : "not ok", argv[1],
         done, failed);
  return good ? 0 : 1;
}
