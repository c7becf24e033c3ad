/* SPDX-License-Identifier: MIT */

/* See listen.h. The socket is there before the server is made, because the port is part of the
 * issuer's name. */

#include "listen.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LONGEST_URL 512

static int bind_to(const struct addrinfo *address)
{
  int one = 1;
  int fd = socket(address->ai_family, SOCK_STREAM, 0);

  if (fd < 0) {
    return -1;
  }
  (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
    (void)close(fd);
    return -1;
  }
  return fd;
}

static int open_socket(const char *address, int port)
{
  struct addrinfo hints = { 0 };
  struct addrinfo *found = NULL;
  char text[16];
  int fd = -1;

  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE;
  (void)snprintf(text, sizeof(text), "%d", port);
  if (getaddrinfo(address, text, &hints, &found) == 0) {
    fd = bind_to(found);
    freeaddrinfo(found);
  }
  if (fd < 0) {
    fprintf(stderr, "cannot listen on %s, port %d\n", address, port);
  }
  return fd;
}

static unsigned bound_port(int fd)
{
  struct sockaddr_storage address = { 0 };
  socklen_t len = sizeof(address);

  if (getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
    return 0;
  }
  return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                       : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

/* How many octets of url are scheme, host and port. */
static size_t origin_length(const char *url)
{
  const char *host = strstr(url, "://");

  host = host != NULL ? host + 3 : url;
  return (size_t)(host - url) + strcspn(host, "/?#");
}

/* A copy of the string url, with the port in place of a port 0. */
static json_t *with_port(const json_t *url, unsigned port)
{
  const char *text = json_string_value(url);
  size_t origin = 0;

  if (text == NULL) {
    return NULL;
  }
  origin = origin_length(text);
  if (origin < 2 || strncmp(text + origin - 2, ":0", 2) != 0) {
    return json_string(text);
  }
  return json_sprintf("%.*s:%u%s", (int)(origin - 2), text, port, text + origin);
}

static int put_port_in_list(json_t *libocc, const char *name, unsigned port)
{
  json_t *urls = json_object_get(libocc, name);
  int good = 1;

  for (size_t i = 0; i < json_array_size(urls) && good; i++) {
    good = json_array_set_new(urls, i, with_port(json_array_get(urls, i), port)) == 0;
  }
  return good;
}

/* urls.name: as it is, with the port, or made of the issuer's. */
static int put_urls(json_t *libocc, const char *name, const char *issuer, const char *path,
                    unsigned port)
{
  if (json_object_get(libocc, name) != NULL) {
    return put_port_in_list(libocc, name, port);
  }
  return json_object_set_new(libocc, name,
                             json_pack("[o]", json_sprintf("%.*s%s", (int)origin_length(issuer),
                                                           issuer, path))) == 0;
}

int listen_put_port(json_t *config, int fd)
{
  json_t *libocc = json_object_get(config, "libocc");
  unsigned port = bound_port(fd);
  int good = json_is_object(libocc) &&
             json_object_set_new(config, "issuer",
                                 with_port(json_object_get(config, "issuer"), port)) == 0;
  const char *issuer = json_string_value(json_object_get(config, "issuer"));

  good = good && put_urls(libocc, "token_urls", issuer, "/token", port) &&
         put_urls(libocc, "par_urls", issuer, "/par", port);
  if (!good) {
    fprintf(stderr, "configuration: \"issuer\", \"token_urls\" and \"par_urls\" must be URLs, "
                    "\"libocc\" an object\n");
  }
  return good;
}

int listen_on(json_t *config, char **origin)
{
  const json_t *where = json_object_get(config, "listen");
  const char *address = json_string_value(json_object_get(where, "address"));
  int port = (int)json_integer_value(json_object_get(where, "port"));
  char text[LONGEST_URL];
  int fd = -1;

  *origin = NULL;
  if (address == NULL) {
    fprintf(stderr, "configuration: \"listen\" needs an address\n");
    return -1;
  }
  fd = open_socket(address, port);
  if (fd < 0) {
    return -1;
  }
  if (!listen_put_port(config, fd)) {
    (void)close(fd);
    return -1;
  }
  (void)snprintf(text, sizeof(text), strchr(address, ':') != NULL ? "%s://[%s]:%u" : "%s://%s:%u",
                 json_object_get(config, "tls") != NULL ? "https" : "http", address,
                 bound_port(fd));
  *origin = strdup(text);
  return fd;
}
