/* SPDX-License-Identifier: MIT */

/* The recipe. Called by curl.c for FETCH and by carry.c for an agent's messages. Every option's result is looked at, and
 * one that libcurl does not take ends it: nothing goes out by a weaker recipe. What libcurl would do by default or by the
 * environment (proxies, netrc, reused connections, decoding, other protocols, HTTP/2) is switched off here.
 * Never follows a redirect, never decodes, never reads more than it was told. */

#include "adapters/curl/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "adapters/curl/fetch_url.h"

#define MAX_LINES 100u

/* ---- Its life ---- */

occ_transfer *occ__transfer_new(const occ_mem *mem, size_t most)
{
  const size_t size = sizeof(occ_transfer) + OCC__TRANSFER_HEADERS + 1 + most;
  occ_transfer *t = mem->alloc(size, mem->user_data);

  if (t == NULL) {
    return NULL;
  }
  memset(t, 0, sizeof(*t));
  t->mem = mem;
  t->size = size;
  t->headers = (char *)(t + 1);
  t->body = t->headers + OCC__TRANSFER_HEADERS + 1;
  t->most = most;
  t->announced = -1;
  t->failure = "fetch_response";
  t->easy = curl_easy_init();
  if (t->easy == NULL) {
    occ__transfer_free(t);
    return NULL;
  }
  return t;
}

void occ__transfer_free(occ_transfer *t)
{
  if (t == NULL) {
    return;
  }
  curl_easy_cleanup(t->easy);
  curl_slist_free_all(t->lines);
  t->mem->release(t, t->size, t->mem->user_data);
}

/* ---- Where it may connect to ---- */

static unsigned port_of(const struct sockaddr *address)
{
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;

  if (address->sa_family == AF_INET) {
    memcpy(&v4, address, sizeof(v4));
    return ntohs(v4.sin_port);
  }
  if (address->sa_family == AF_INET6) {
    memcpy(&v6, address, sizeof(v6));
    return ntohs(v6.sin6_port);
  }
  return 0;
}

/* One that may not ends it, for an honest name has no such address; unless the operator wants it passed over. Those behind
 * one that answers are not tried, so nobody learns of them here. */
static int is_allowed(occ_transfer *t, const struct sockaddr *address, size_t len)
{
  if ((t->refused && !t->skip_refused) || t->goods == sizeof(t->good) / sizeof(t->good[0]) ||
      len > sizeof(t->good[0]) || port_of(address) != t->port ||
      !occ_cimd_may_connect(t->cimd, address, len)) {
    t->refused = 1;
    return 0;
  }
  memcpy(&t->good[t->goods++], address, len);
  return 1;
}

/* Between name resolution and connect(): whatever a name or a resolver played is over by now. */
static curl_socket_t on_socket(void *user_data, curlsocktype purpose, struct curl_sockaddr *address)
{
  occ_transfer *t = user_data;

  if (purpose != CURLSOCKTYPE_IPCXN || !is_allowed(t, &address->addr, (size_t)address->addrlen)) {
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int is_same(const struct sockaddr_storage *good, const char *text)
{
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  uint8_t octets[16];

  if (good->ss_family == AF_INET) {
    memcpy(&v4, good, sizeof(v4));
    return inet_pton(AF_INET, text, octets) == 1 && memcmp(octets, &v4.sin_addr, 4) == 0;
  }
  memcpy(&v6, good, sizeof(v6));
  return inet_pton(AF_INET6, text, octets) == 1 && memcmp(octets, &v6.sin6_addr, 16) == 0;
}

/* The connection is there, by whatever way: is it one that was asked about? */
static int on_request(void *user_data, char *ip, char *local_ip, int port, int local_port)
{
  const occ_transfer *t = user_data;

  (void)local_ip;
  (void)local_port;
  if ((t->refused && !t->skip_refused) || port < 0 || (unsigned)port != t->port) {
    return CURL_PREREQFUNC_ABORT;
  }
  for (size_t i = 0; i < t->goods; i++) {
    if (is_same(&t->good[i], ip)) {
      return CURL_PREREQFUNC_OK;
    }
  }
  return CURL_PREREQFUNC_ABORT;
}

/* ---- What comes ---- */

static char lower(char c)
{
  return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The value where the line is this field; NULL: it is another. */
static const char *value_of(const char *line, size_t len, const char *name)
{
  size_t i = 0;

  for (; name[i] != '\0'; i++) {
    if (i == len || lower(line[i]) != name[i]) {
      return NULL;
    }
  }
  while (i < len && (line[i] == ' ' || line[i] == '\t')) {
    i++;
  }
  return line + i;
}

/* Two that differ are for somebody who is to be fooled about where a response ends. */
static int note_length(occ_transfer *t, const char *digit, const char *end)
{
  const int64_t before = t->announced;
  int64_t length = 0;

  for (; digit < end && *digit >= '0' && *digit <= '9' && length < INT64_MAX / 16; digit++) {
    length = length * 10 + (*digit - '0');
  }
  t->announced = length;
  return before < 0 || before == length;
}

/* Fields that decide how the body is read. libcurl decodes a transfer coding whether one was asked for or not. */
static int judge_field(occ_transfer *t, const char *line, size_t len)
{
  const char *value = value_of(line, len, "transfer-encoding:");
  const char *end = line + len;

  while (end > line && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\t')) {
    end--;
  }
  if (value != NULL) {
    return value_of(value, (size_t)(end > value ? end - value : 0), "chunked") == end;
  }
  value = value_of(line, len, "content-length:");
  return value == NULL || note_length(t, value, end);
}

static int keep_line(occ_transfer *t, const char *line, size_t len)
{
  if (!judge_field(t, line, len)) {
    return 0;
  }
  memcpy(t->headers + t->headers_len, line, len); /* fits: header_octets counts it too */
  t->headers_len += len;
  t->headers[t->headers_len] = '\0';
  return 1;
}

/* The end of a header section. Interim responses have more behind them; of a fetch nothing but 200 has a body that
 * somebody reads, and none that says that it is too long. */
static int end_head(occ_transfer *t)
{
  if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status) != CURLE_OK ||
      t->status == 101) {
    return 0;
  }
  if (t->status >= 100 && t->status <= 199) {
    return 1;
  }
  t->ended = 1;
  t->stopped = t->cimd != NULL && (t->status != 200 || t->announced > (int64_t)t->most);
  return !t->stopped;
}

static int take_line(occ_transfer *t, const char *line, size_t len)
{
  t->header_octets += len;
  t->header_lines++;
  if (t->header_octets > OCC__TRANSFER_HEADERS || t->header_lines > MAX_LINES ||
      memchr(line, '\0', len) != NULL) {
    return 0;
  }
  if (t->ended) { /* a trailer: nobody wants it, but it counts */
    return 1;
  }
  if (len >= 5 && memcmp(line, "HTTP/", 5) == 0) { /* what was before belongs to an interim one */
    t->headers_len = 0;
    t->headers[0] = '\0';
    t->announced = -1;
    return 1;
  }
  return line[0] == '\r' || line[0] == '\n' ? end_head(t) : keep_line(t, line, len);
}

static size_t on_header(char *line, size_t size, size_t count, void *user_data)
{
  const size_t len = size * count;

  return take_line(user_data, line, len) ? len : len + 1; /* anything else than len ends it */
}

static size_t on_body(char *data, size_t size, size_t count, void *user_data)
{
  occ_transfer *t = user_data;
  const size_t len = size * count;
  const size_t room = t->most - t->len;
  const size_t taken = len < room ? len : room;

  memcpy(t->body + t->len, data, taken);
  t->len += taken;
  t->stopped = taken < len;
  return taken < len ? len + 1 : len;
}

/* ---- Options ---- */

typedef struct number {
  CURLoption option;
  long value;
} number;

typedef struct text {
  CURLoption option;
  const char *value;
} text;

static CURLcode set_numbers(CURL *easy, const number *row, size_t rows)
{
  CURLcode rc = CURLE_OK;

  for (size_t i = 0; rc == CURLE_OK && i < rows; i++) {
    rc = curl_easy_setopt(easy, row[i].option, row[i].value);
  }
  return rc;
}

static CURLcode set_texts(CURL *easy, const text *row, size_t rows)
{
  CURLcode rc = CURLE_OK;

  for (size_t i = 0; rc == CURLE_OK && i < rows; i++) {
    rc = curl_easy_setopt(easy, row[i].option, row[i].value);
  }
  return rc;
}

#define ROWS(row) (sizeof(row) / sizeof((row)[0]))

/* Trust: the operator's own anchors, and then no others. */
static CURLcode set_trust(CURL *easy, const occ_curl_options *options)
{
  struct curl_blob pem = { .flags = CURL_BLOB_COPY };
  CURLcode rc = CURLE_OK;

  if (options->ca_file == NULL && options->ca_path == NULL && options->ca_pem == NULL) {
    return CURLE_OK;
  }
  rc = curl_easy_setopt(easy, CURLOPT_CAINFO, options->ca_file);
  if (rc == CURLE_OK) {
    rc = curl_easy_setopt(easy, CURLOPT_CAPATH, options->ca_path);
  }
  if (rc == CURLE_OK && options->ca_pem != NULL) {
    memcpy(&pem.data, &options->ca_pem, sizeof(pem.data)); /* copied, though not const */
    pem.len = strlen(options->ca_pem);
    rc = curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &pem);
  }
  return rc;
}

static CURLcode set_readers(occ_transfer *t)
{
  CURLcode rc = curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);

  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
  return rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
}

static CURLcode set_always(occ_transfer *t, const occ_curl_options *options, int64_t ms)
{
  static const number numbers[] = {
    { CURLOPT_NOSIGNAL, 1 },
    { CURLOPT_NOPROGRESS, 1 },
    { CURLOPT_PATH_AS_IS, 1 },
    { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
    { CURLOPT_FOLLOWLOCATION, 0 },
    { CURLOPT_MAXREDIRS, 0 },
    { CURLOPT_AUTOREFERER, 0 },
    { CURLOPT_UNRESTRICTED_AUTH, 0 },
    { CURLOPT_NETRC, CURL_NETRC_IGNORED },
    { CURLOPT_FRESH_CONNECT, 1 }, /* a pooled connection would not be asked about */
    { CURLOPT_FORBID_REUSE, 1 },
    { CURLOPT_MAXCONNECTS, 1 },
    { CURLOPT_SSL_SESSIONID_CACHE, 0 },
    { CURLOPT_DNS_CACHE_TIMEOUT, 0 },
    { CURLOPT_QUICK_EXIT, 1 }, /* a resolver that hangs does not hold the request beyond its time */
    { CURLOPT_TCP_FASTOPEN, 0 },
    { CURLOPT_BUFFERSIZE, 16384 },
    { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
    { CURLOPT_HTTP09_ALLOWED, 0 },
    { CURLOPT_HTTP_CONTENT_DECODING, 0 },
    { CURLOPT_HTTP_TRANSFER_DECODING, 1 },
    { CURLOPT_SSL_VERIFYPEER, 1 },
    { CURLOPT_SSL_VERIFYHOST, 2 },
    { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
  };
  static const text texts[] = {
    { CURLOPT_ACCEPT_ENCODING, NULL },
    { CURLOPT_PRE_PROXY, NULL },
    { CURLOPT_UNIX_SOCKET_PATH, NULL },
    { CURLOPT_ABSTRACT_UNIX_SOCKET, NULL },
  };
  const int64_t connect_ms = t->cimd != NULL && options->connect_ms < ms ? options->connect_ms : ms;
  CURLcode rc = ms < 1 ? CURLE_OPERATION_TIMEDOUT /* 0 would be without a limit */
                       : set_numbers(t->easy, numbers, ROWS(numbers));

  rc = rc != CURLE_OK ? rc : set_texts(t->easy, texts, ROWS(texts));
  rc = rc != CURLE_OK ? rc : set_trust(t->easy, options);
  rc = rc != CURLE_OK ? rc : set_readers(t);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_USERAGENT, options->user_agent);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_RESOLVE, options->resolve);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, (long)ms);
  return rc != CURLE_OK ? rc
                        : curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
}

static CURLcode set_guard(occ_transfer *t)
{
  CURLcode rc = curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);

  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_OPENSOCKETDATA, t);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_request);
  return rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
}

CURLcode occ__transfer_set_get(occ_transfer *t, const occ_curl_options *options,
                               struct curl_slist *lines, const char *url, int64_t ms)
{
  const text texts[] = {
    { CURLOPT_PROTOCOLS_STR, "https" },
    { CURLOPT_REDIR_PROTOCOLS_STR, "https" },
    { CURLOPT_PROXY, "" }, /* with NOPROXY: none from the environment either */
    { CURLOPT_NOPROXY, "*" },
    { CURLOPT_URL, url },
  };
  CURLcode rc = CURLE_URL_MALFORMAT;

  t->skip_refused = options->skip_refused;
  if (!occ__fetch_url_read(url, &t->port)) {
    return rc;
  }
  rc = set_always(t, options, ms);
  rc = rc != CURLE_OK ? rc : set_guard(t);
  rc = rc != CURLE_OK ? rc : set_texts(t->easy, texts, ROWS(texts));
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_HTTPGET, 1L);
  return rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, lines);
}

static CURLcode set_credentials(CURL *easy, const occ_curl_options *options)
{
  CURLcode rc;

  if (options->user == NULL) {
    return CURLE_OK;
  }
  rc = curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(easy, CURLOPT_USERNAME, options->user);
  return rc != CURLE_OK ? rc : curl_easy_setopt(easy, CURLOPT_PASSWORD, options->password);
}

/* The agent has seen to it that http leads to this machine alone. */
CURLcode occ__transfer_set_post(occ_transfer *t, const occ_curl_options *options, const char *url,
                                const void *body, size_t len, int64_t ms)
{
  const char *scheme = strncmp(url, "http://", 7) == 0 ? "http" : "https";
  const text texts[] = {
    { CURLOPT_PROTOCOLS_STR, scheme },
    { CURLOPT_REDIR_PROTOCOLS_STR, scheme },
    { CURLOPT_PROXY, options->call_proxy == NULL ? "" : options->call_proxy },
    { CURLOPT_NOPROXY, options->call_proxy == NULL ? "*" : "" },
    { CURLOPT_URL, url },
  };
  const curl_off_t size = (curl_off_t)len;
  CURLcode rc = set_always(t, options, ms);

  rc = rc != CURLE_OK ? rc : set_texts(t->easy, texts, ROWS(texts));
  rc = rc != CURLE_OK ? rc : set_credentials(t->easy, options);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, size);
  rc = rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, body);
  return rc != CURLE_OK ? rc : curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->lines);
}

/* ---- What became of it ---- */

static const char *word_of(const occ_transfer *t, CURLcode rc)
{
  static const struct {
    CURLcode rc;
    const char *word;
  } row[] = {
    { CURLE_COULDNT_RESOLVE_HOST, "fetch_name" },
    { CURLE_COULDNT_CONNECT, "fetch_connect" },
    { CURLE_OPERATION_TIMEDOUT, "fetch_timeout" },
    { CURLE_SSL_CONNECT_ERROR, "fetch_tls" },
    { CURLE_PEER_FAILED_VERIFICATION, "fetch_tls" },
    { CURLE_SSL_CACERT_BADFILE, "fetch_trust" },
    { CURLE_SSL_CERTPROBLEM, "fetch_tls" },
    { CURLE_SSL_ISSUER_ERROR, "fetch_tls" },
    { CURLE_URL_MALFORMAT, "fetch_url" },
  };

  if (t->refused) {
    return "fetch_address";
  }
  for (size_t i = 0; i < ROWS(row); i++) {
    if (rc == row[i].rc) {
      return row[i].word;
    }
  }
  return "fetch_response";
}

void occ__transfer_end(occ_transfer *t, CURLcode rc)
{
  /* Of a document that is too long the asker is told; a token response that was cut is none. */
  const int came = t->ended && (rc == CURLE_OK || (t->stopped && t->cimd != NULL));

  t->done = 1;
  t->failure = came ? NULL : word_of(t, rc);
  if (!came) {
    t->status = 0;
    t->headers[0] = '\0';
    t->len = 0;
  }
}
