// What the fake provider and the load generator share: time, sockets, and the prose that every stream consists of.
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline int64_t now_us(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static inline void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("error: ", stderr);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  exit(1);
}

static inline void *grow(void *memory, size_t size) {
  void *bigger = realloc(memory, size);
  if (!bigger) die("out of memory");
  return bigger;
}

// The prose: one token after the other, and where each begins. An answer begins at the token that its question's number names, so a reader
// knows every byte it must get, and counts tokens however they are cut.
static char *prose;
static int *prose_starts, prose_count, prose_bytes;

static inline void load_prose(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) die("cannot read %s", path);
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&line, &size, file)) > 1; prose_count++) {
    prose = (char *)grow(prose, (size_t)(prose_bytes + length));
    prose_starts = (int *)grow(prose_starts, (size_t)(prose_count + 2) * sizeof *prose_starts);
    memcpy(prose + prose_bytes, line, (size_t)length - 1);
    prose_starts[prose_count] = prose_bytes;
    prose_starts[prose_count + 1] = prose_bytes += (int)length - 1;
  }
  free(line);
  fclose(file);
  if (prose_count == 0) die("%s is empty", path);
}

// The token with which the answer to a request begins: by the last "Question N:" in it.
static inline int prose_from(const char *request) {
  int number = 0, found;
  for (const char *at = request; (at = strstr(at, "Question ")); at++)
    if (sscanf(at, "Question %d:", &found) == 1) number = found;
  return (int)(number * 997LL % prose_count);
}

// The token behind one that begins at `at` and has so many characters, or is a single word where that is 0.
static inline int prose_next(int at, int characters) {
  do {
    for (int i = prose_starts[at]; characters > 0 && i < prose_starts[at + 1]; i++) characters -= (prose[i] & 0xC0) != 0x80;
    at = (at + 1) % prose_count;
  } while (characters > 0);
  return at;
}

// The bytes from one token to a later one, which may lie behind the prose's end.
static inline int prose_length(int from, int to) { return prose_starts[to] - prose_starts[from] + (to > from ? 0 : prose_bytes); }

static inline struct sockaddr_in loopback(int port) {
  return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void without_delay(int socket) {
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static inline void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
