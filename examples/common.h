/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMMON_H
#define EXAMPLES_COMMON_H

/* Small things that both examples need and every real host has already: a clock, random text,
 * files, base64url, and application/x-www-form-urlencoded. No protocol here. Texts that are
 * handed out are freed with free(). */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_ms(void);  /* milliseconds since 1970, as libocc wants its `now` */
int64_t steady_ms(void); /* since whenever, and nobody sets it: for how long something takes */

char *text_copy(const char *text, size_t len);            /* NULL: no memory */
char *base64url(const unsigned char *octets, size_t len); /* NULL: no memory */
/* Exactly len octets; 1, or 0: it is something else. */
int base64url_read(unsigned char *octets, size_t len, const char *text);
char *random_text(size_t octets);                           /* base64url; NULL: no randomness */
int write_private_file(const char *path, const char *text); /* mode 0600; 1 or 0 */
json_t *read_config(const char *path);                      /* NULL: said what is wrong with it */

/* A form component decoded, NUL-terminated. NULL: a bad escape, or no memory; or where decoded_len
 * is NULL a zero octet, behind which nobody would look. */
char *form_decode(const char *text, size_t len, size_t *decoded_len);
/* The same the other way round. */
char *form_encode(const char *text, size_t len);
/* The first value of that name, decoded; NULL: absent, malformed, or with a zero octet in it. */
char *form_find(const char *form, size_t len, const char *name);
/* A whole form as [["name","value"],..] and back; for forms of our own making. NULL: malformed,
 * not UTF-8, no memory. */
json_t *form_read(const char *form, size_t len);
char *form_write(const json_t *pairs);

#endif
