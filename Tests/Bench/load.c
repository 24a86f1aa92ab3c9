// The load generator: one thread and one epoll, with so little work per token that the server is the bottleneck.
//
//   load stream PORT openai|aichat STREAMS AT_ONCE RAMP_MS TOKENS REQUESTS PROSE   follows answers and checks every byte of them
//   load read PORT CONNECTIONS SECONDS REQUESTS                                    repeats each request as soon as it is answered
//
// TOKENS is their number, or number and characters of each as in 1x2000.
// REQUESTS is a file; each line is one whole request with \r and \n written as \r and \n; streams take the lines in turn.
// While streams run it prints "live" when all have begun and "ending" when the first is over; the last line is the result as JSON.
#include "common.h"

#define LINE_MAX_BYTES (1 << 18)

typedef struct Stream {
  int socket, status, begun, over;
  const char *request;
  int request_left;
  int64_t started, first, last;
  int first_tokens;
  int position, expected;  // bytes of text so far, and in all
  int from;                // the answer's first token in the prose
  int chunk_left;          // bytes of the chunk (or of the whole body) that are still to come; -1 while a chunk's size is read
  int chunk_size, headers; // headers: 1 while they are read
  int chunked, body_over, delta;
  char *line;
  int length, capacity;
  int32_t *gaps; // of this stream alone
  int gap_count, gap_capacity;
} Stream;

static int poller, server_port, aichat, tokens_each, characters_each, reading;
static char **requests;
static int request_count;
static int errors, finished, begun, closed;
static char first_error[512];
static int32_t *gaps, *waits, *rates;
static int64_t gap_count, gap_capacity;
static int wait_count, rate_count;
static double worst_p99; // the largest of the streams' own

static void fail_stream(Stream *s, const char *why) {
  if (!errors++) snprintf(first_error, sizeof first_error, "%s: %.300s", why, s->line && s->length > 0 ? s->line : "");
  s->over = 1;
}

static void keep_gap(Stream *s, int64_t value) {
  if (gap_count == gap_capacity) gaps = grow(gaps, (size_t)(gap_capacity = gap_capacity ? gap_capacity * 2 : 65536) * sizeof *gaps);
  gaps[gap_count++] = (int32_t)value;
  if (s->gap_count == s->gap_capacity) s->gaps = grow(s->gaps, (size_t)(s->gap_capacity = s->gap_capacity ? s->gap_capacity * 2 : 64) * sizeof *s->gaps);
  s->gaps[s->gap_count++] = (int32_t)value;
}

static void open_stream(Stream *s, const char *request) {
  s->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  without_delay(s->socket);
  s->request = request;
  s->request_left = (int)strlen(request);
  s->headers = 1;
  int at = s->from = prose_from(request);
  for (int i = 0, next; i < tokens_each; i++, at = next) {
    next = prose_next(at, characters_each);
    s->expected += prose_length(at, next);
  }
  s->started = now_us();
  struct sockaddr_in address = loopback(server_port);
  if (s->socket < 0 || (connect(s->socket, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS)) {
    fail_stream(s, strerror(errno));
    return;
  }
  epoll_ctl(poller, EPOLL_CTL_ADD, s->socket, &(struct epoll_event){.events = EPOLLIN | EPOLLOUT, .data.ptr = s});
}

// How many tokens from this one on have so many bytes.
static int tokens_in(int from, int bytes) {
  int tokens = 0;
  for (int at = from; bytes > 0; tokens++) {
    int next = prose_next(at, characters_each);
    bytes -= prose_length(at, next);
    at = next;
  }
  return tokens;
}

static void take_text(Stream *s, const char *text, int length) {
  int64_t now = now_us();
  if (!s->first) {
    s->first = now;
    s->first_tokens = tokens_in(s->from, length);
    waits[wait_count++] = (int32_t)(now - s->started);
    s->begun = 1;
    begun++;
  } else {
    keep_gap(s, now - s->last);
  }
  s->last = now;
  for (int done = 0; done < length;) {
    int at = (prose_starts[s->from] + s->position + done) % prose_bytes;
    int piece = length - done < prose_bytes - at ? length - done : prose_bytes - at;
    if (memcmp(prose + at, text + done, (size_t)piece)) return fail_stream(s, "the text differs");
    done += piece;
  }
  s->position += length;
}

static void end_stream(Stream *s) {
  if (s->position != s->expected) return fail_stream(s, "text is missing");
  int later = tokens_each - s->first_tokens;
  if (later > 0 && s->last > s->first) rates[rate_count++] = (int32_t)((int64_t)later * 1000000 / (s->last - s->first));
  s->over = 1;
  finished++;
}

// One line of an event stream, without its end.
static void take_line(Stream *s) {
  s->line[s->length] = 0;
  char *text;
  if (s->status != 200) return;
  if (strncmp(s->line, "event: ", 7) == 0) {
    s->delta = strcmp(s->line + 7, "delta") == 0;
    if (strcmp(s->line + 7, "error") == 0) fail_stream(s, "error event");
    else if (strcmp(s->line + 7, "done") == 0) s->delta = 2;
  } else if (strncmp(s->line, "data: ", 6) != 0) {
    return;
  } else if (aichat) {
    if (s->delta == 1 && (text = strstr(s->line, "\"text\":\""))) take_text(s, text + 8, (int)(s->line + s->length - 2 - (text + 8)));
    if (s->delta == 2) strstr(s->line, "\"status\":\"done\"") ? end_stream(s) : fail_stream(s, "not done");
  } else if (strcmp(s->line + 6, "[DONE]") == 0) {
    end_stream(s);
  } else if ((text = strstr(s->line, "\"content\":\""))) {
    take_text(s, text + 11, (int)strcspn(text + 11, "\""));
  }
}

static void take_header(Stream *s) {
  s->line[s->length] = 0;
  if (s->length == 0) {
    s->headers = 0;
    s->chunk_left = s->chunked ? -1 : s->chunk_left;
    s->body_over = !s->chunked && s->chunk_left == 0;
  } else if (strncmp(s->line, "HTTP/1.1 ", 9) == 0) {
    s->status = atoi(s->line + 9);
    s->chunked = s->chunk_size = s->chunk_left = 0;
  } else if (strncasecmp(s->line, "transfer-encoding: chunked", 26) == 0) {
    s->chunked = 1;
  } else if (strncasecmp(s->line, "content-length:", 15) == 0) {
    s->chunk_left = atoi(s->line + 15);
  }
}

static void append(Stream *s, const char *bytes, int length) {
  if (s->length + length > LINE_MAX_BYTES) return fail_stream(s, "a line is too long");
  if (s->length + length >= s->capacity) s->line = grow(s->line, (size_t)(s->capacity = (s->length + length) * 2 + 256));
  memcpy(s->line + s->length, bytes, (size_t)length);
  s->length += length;
}

// Takes bytes up to a line's end into the line; true when it is whole.
static int line_of(Stream *s, const char **at, const char *end) {
  const char *stop = memchr(*at, '\n', (size_t)(end - *at));
  append(s, *at, (int)((stop ? stop : end) - *at));
  *at = stop ? stop + 1 : end;
  if (!stop) return 0;
  if (s->length > 0 && s->line[s->length - 1] == '\r') s->length--;
  return 1;
}

static void take_body(Stream *s, const char **at, const char *end) {
  int piece = end - *at < s->chunk_left ? (int)(end - *at) : s->chunk_left;
  const char *stop = *at + piece;
  s->chunk_left -= piece;
  if (reading) *at = stop;
  while (*at < stop && !s->over) {
    if (line_of(s, at, stop)) {
      take_line(s);
      s->length = 0;
    }
  }
  *at = stop;
  if (s->chunk_left == 0 && !s->chunked) s->body_over = 1;
}

// A chunk's size stands between line ends, inside lines of the body, so it is read digit by digit.
static void take_chunk_size(Stream *s, char c) {
  if (c >= '0' && c <= '9') s->chunk_size = s->chunk_size * 16 + c - '0';
  else if ((c | 32) >= 'a' && (c | 32) <= 'f') s->chunk_size = s->chunk_size * 16 + (c | 32) - 'a' + 10;
  else if (c == '\n' && s->chunked == 1) {
    s->chunk_left = s->chunk_size;
    s->chunk_size = 0;
    if (s->chunk_left == 0) s->chunked = 3; // the last chunk: one more line end
    else s->chunked = 2;
  } else if (c == '\n' && s->chunked == 3) {
    s->body_over = 1;
  } else if (c == '\n') {
    s->chunked = 1; // the line end behind a chunk
  }
}

static void take(Stream *s, const char *at, const char *end) {
  while (at < end && !s->over && !s->body_over) {
    if (s->headers) {
      if (line_of(s, &at, end)) {
        take_header(s);
        s->length = 0;
      }
    } else if (s->chunked && s->chunk_left <= 0) {
      take_chunk_size(s, *at++);
    } else {
      take_body(s, &at, end);
    }
  }
}

static int send_request(Stream *s) {
  ssize_t sent = send(s->socket, s->request, (size_t)s->request_left, MSG_NOSIGNAL);
  if (sent < 0) return errno == EAGAIN || errno == ENOTCONN;
  s->request += sent;
  s->request_left -= (int)sent;
  if (s->request_left == 0) epoll_ctl(poller, EPOLL_CTL_MOD, s->socket, &(struct epoll_event){.events = EPOLLIN, .data.ptr = s});
  return 1;
}

static void on_event(Stream *s, uint32_t events) {
  static char buffer[1 << 18];
  if (events & EPOLLOUT && !send_request(s)) return fail_stream(s, strerror(errno));
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  ssize_t got = recv(s->socket, buffer, sizeof buffer, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return fail_stream(s, got < 0 ? strerror(errno) : "the connection was closed");
  take(s, buffer, buffer + got);
  if (!s->headers && s->status != 200 && !s->over) {
    char status[32];
    snprintf(status, sizeof status, "status %d", s->status);
    fail_stream(s, status);
  }
}

static int by_value(const void *a, const void *b) {
  return (*(const int32_t *)a > *(const int32_t *)b) - (*(const int32_t *)a < *(const int32_t *)b);
}

static double percentile(int32_t *values, int64_t count, double part) {
  if (count == 0) return 0;
  int64_t at = (int64_t)(part * (double)count);
  return values[at < count ? at : count - 1];
}

static void print_result(int64_t elapsed, int64_t requests_done) {
  qsort(gaps, (size_t)gap_count, sizeof *gaps, by_value);
  qsort(waits, (size_t)wait_count, sizeof *waits, by_value);
  qsort(rates, (size_t)rate_count, sizeof *rates, by_value);
  for (char *c = first_error; *c; c++) if (*c == '"' || *c == '\\' || (unsigned char)*c < 32) *c = '\'';
  printf("{\"firstP50\":%.0f,\"firstP99\":%.0f,\"gapP50\":%.0f,\"gapP99\":%.0f,\"gapMax\":%.0f,\"gapWorst\":%.0f,\"ratePerRun\":%.0f,\"tokens\":%lld,\"requests\":%lld,"
    "\"elapsedUs\":%lld,\"finished\":%d,\"errors\":%d,\"firstError\":\"%s\"}\n",
    percentile(waits, wait_count, 0.5), percentile(waits, wait_count, 0.99), percentile(gaps, gap_count, 0.5), percentile(gaps, gap_count, 0.99),
    percentile(gaps, gap_count, 1), worst_p99, percentile(rates, rate_count, 0.5), (long long)finished * tokens_each, (long long)requests_done, (long long)elapsed, finished, errors, first_error);
}

static void load_requests(const char *path) {
  FILE *file = fopen(path, "r");
  if (!file) die("cannot read %s", path);
  char *line = NULL;
  size_t size = 0;
  for (ssize_t length; (length = getline(&line, &size, file)) > 0;) {
    char *request = malloc((size_t)length + 1), *to = request;
    for (char *from = line; *from && *from != '\n'; from++) {
      if (*from == '\\' && (from[1] == 'r' || from[1] == 'n')) *to++ = *++from == 'r' ? '\r' : '\n';
      else *to++ = *from;
    }
    *to = 0;
    requests = grow(requests, (size_t)(request_count + 1) * sizeof *requests);
    requests[request_count++] = request;
  }
  fclose(file);
  if (request_count == 0) die("%s is empty", path);
}

static void close_stream(Stream *s) {
  close(s->socket);
  if (s->gap_count > 0) qsort(s->gaps, (size_t)s->gap_count, sizeof *s->gaps, by_value);
  double own = percentile(s->gaps, s->gap_count, 0.99);
  if (own > worst_p99) worst_p99 = own;
  free(s->gaps);
  s->gaps = NULL;
  free(s->line);
  s->line = NULL;
  closed++;
}

static void wait_and_take(int timeout) {
  struct epoll_event events[512];
  int count = epoll_wait(poller, events, 512, timeout);
  for (int i = 0; i < count; i++) {
    Stream *s = events[i].data.ptr;
    on_event(s, events[i].events);
    if (s->over) close_stream(s); // which also ends its events
  }
}

static void run_streams(int count, int at_once, int ramp_ms) {
  Stream *streams = calloc((size_t)count, sizeof *streams);
  waits = grow(NULL, (size_t)count * sizeof *waits);
  rates = grow(NULL, (size_t)count * sizeof *rates);
  int opened = 0, told_live = 0, told_ending = 0;
  int64_t start = now_us();
  while (closed < count) {
    int64_t due = ramp_ms > 0 ? (now_us() - start) * count / (ramp_ms * 1000LL) + 1 : count;
    for (; opened < count && opened < due && opened - closed < at_once; opened++) {
      open_stream(&streams[opened], requests[opened % request_count]);
      if (streams[opened].over) close_stream(&streams[opened]);
    }
    wait_and_take(opened < count ? 1 : 100);
    if (!told_live && begun == count) told_live = puts("live");
    if (!told_ending && told_live && closed > 0) told_ending = puts("ending");
    fflush(stdout);
  }
  print_result(now_us() - start, count);
}

static void run_reads(int connections, int seconds) {
  Stream *streams = calloc((size_t)connections, sizeof *streams);
  waits = NULL;
  int64_t start = now_us(), end = start + seconds * 1000000LL, done = 0;
  for (int i = 0; i < connections; i++) open_stream(&streams[i], requests[i % request_count]);
  while (now_us() < end && errors == 0) {
    wait_and_take(10);
    for (int i = 0; i < connections; i++) {
      Stream *s = &streams[i];
      if (!s->body_over) continue;
      keep_gap(s, now_us() - s->started);
      done++;
      s->started = now_us();
      s->body_over = s->length = 0;
      s->headers = 1;
      s->request = requests[done % request_count];
      s->request_left = (int)strlen(s->request);
      if (!send_request(s)) fail_stream(s, "send");
    }
  }
  print_result(now_us() - start, done);
}

int main(int count, char **values) {
  raise_file_limit();
  poller = epoll_create1(0);
  if (count == 10 && strcmp(values[1], "stream") == 0) {
    server_port = atoi(values[2]);
    aichat = strcmp(values[3], "aichat") == 0;
    if (sscanf(values[7], "%dx%d", &tokens_each, &characters_each) < 1) die("%s are no tokens", values[7]);
    load_prose(values[9]);
    load_requests(values[8]);
    run_streams(atoi(values[4]), atoi(values[5]), atoi(values[6]));
  } else if (count == 6 && strcmp(values[1], "read") == 0) {
    server_port = atoi(values[2]);
    reading = 1;
    load_requests(values[5]);
    run_reads(atoi(values[3]), atoi(values[4]));
  } else {
    die("usage: see the first lines of load.c");
  }
  return 0;
}
