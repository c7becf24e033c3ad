/* SPDX-License-Identifier: MIT */

/* occ_curl_call(): an agent's call from SEND to SEND. Where a message goes is the agent's configuration, not a stranger's
 * word, so no address is asked about; everything else of the recipe holds. No clock: how long a message took is what
 * libcurl says. */

#include <string.h>

#include "adapters/curl/curl.h"

int occ_curl_on_message(occ_curl *curl, occ_curl_message_fn see, void *user_data)
{
  if (curl == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  curl->see = see;
  curl->see_data = user_data;
  return OCC_OK;
}

static void show(const occ_curl *curl, const occ_curl_message *message)
{
  if (curl->see != NULL) {
    curl->see(message, curl->see_data);
  }
}

/* ---- The request ---- */

/* The header lines of the request, each with its end; allocated, *size of it. NULL: no memory. */
static char *write_lines(const occ_curl *curl, const occ_call *call, size_t *size)
{
  const char *name, *value;
  char *lines, *at;

  *size = 1;
  for (size_t i = 0; (name = occ_call_header_name(call, i)) != NULL; i++) {
    *size += strlen(name) + strlen(occ_call_header_value(call, i)) + 4;
  }
  lines = curl->mem.alloc(*size, curl->mem.user_data);
  at = lines;
  for (size_t i = 0; at != NULL && (name = occ_call_header_name(call, i)) != NULL; i++) {
    value = occ_call_header_value(call, i);
    memcpy(at, name, strlen(name));
    at += strlen(name);
    memcpy(at, ": ", 2);
    memcpy(at + 2, value, strlen(value));
    at += 2 + strlen(value);
    memcpy(at, "\r\n", 2);
    at += 2;
  }
  if (at != NULL) {
    *at = '\0';
  }
  return lines;
}

/* For libcurl: the same lines, one by one, without their ends. Spoils the text. */
static int split_lines(occ_transfer *t, char *lines)
{
  char *line = lines, *end;

  while ((end = strstr(line, "\r\n")) != NULL) {
    struct curl_slist *longer;

    *end = '\0';
    longer = curl_slist_append(t->lines, line);
    *end = '\r';
    if (longer == NULL) {
      return OCC_ERR_MEMORY;
    }
    t->lines = longer;
    line = end + 2;
  }
  return OCC_OK;
}

static void tell_request(const occ_curl *curl, const occ_question *q, const char *lines)
{
  const occ_curl_message message = {
    .url = q->url, .is_request = 1, .headers = lines, .body = q->data, .len = q->len
  };

  show(curl, &message);
}

/* ---- The response ---- */

static int take_response(const occ_curl *curl, occ_call *call, const occ_question *q,
                         const occ_transfer *t)
{
  const occ_curl_message message = { .url = q->url,
                                     .http_status = (int)t->status,
                                     .headers = t->headers,
                                     .body = t->body,
                                     .len = t->len };

  show(curl, &message);
  return occ_call_answer_send(call, q->ticket, (int)t->status, t->headers, t->body, t->len);
}

/* As long as the options say, and no longer than the session can be answered. */
static int64_t time_for(const occ_curl *curl, const occ_question *q, occ_time now)
{
  const int64_t left = q->deadline > now ? q->deadline - now : 1;

  return q->deadline != 0 && left < curl->options.call_ms ? left : curl->options.call_ms;
}

/* Answers the open SEND. *now moves on by what it took. */
static int carry(const occ_curl *curl, occ_call *call, occ_time *now)
{
  const occ_question *q = occ_call_question(call);
  const int64_t ms = time_for(curl, q, *now);
  size_t size = 0;
  char *lines = write_lines(curl, call, &size);
  occ_transfer *t = occ__transfer_new(&curl->mem, curl->options.call_octets);
  curl_off_t us = 0;
  CURLcode sent;
  int rc = lines == NULL || t == NULL ? OCC_ERR_MEMORY : split_lines(t, lines);

  if (rc == OCC_OK) {
    tell_request(curl, q, lines);
    sent = occ__transfer_set_post(t, &curl->options, q->url, q->data, q->len, ms);
    if (sent == CURLE_OK) {
      sent = curl_easy_perform(t->easy);
    }
    occ__transfer_end(t, sent);
    (void)curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &us);
    *now += us / 1000;
    rc = take_response(curl, call, q, t);
  }
  if (lines != NULL) {
    curl->mem.release(lines, size, curl->mem.user_data);
  }
  occ__transfer_free(t);
  return rc;
}

int occ_curl_call(occ_curl *curl, occ_call *call, occ_time now)
{
  int rc;

  if (curl == NULL || call == NULL) {
    return OCC_ERR_ARGUMENT;
  }
  while ((rc = occ_call_run(call, now)) == OCC_PENDING) {
    if (occ_call_question(call)->kind != OCC_ASK_SEND) {
      return OCC_PENDING;
    }
    rc = carry(curl, call, &now);
    if (rc != OCC_OK) {
      return rc;
    }
  }
  return rc;
}
