// A fake OpenAI-compatible provider. The model's name says what it answers: bench-60-50 sends 60 tokens, one every 50 ms, bench-2000-0
// sends 2,000 as fast as the connection takes them, and bench-1-0-2000 one of 2,000 characters. The first token is sent at once, so a
// client's whole wait for it is time spent in the relay. Prints the port it listens on; ends with its standard input.
//
//   provider PROSE
#include "common.h"
#include <sys/uio.h>

#define REQUEST_MAX (1 << 20)
#define WHEEL 4096 // slots of one millisecond
#define BURST 64   // unpaced tokens per write: what a fast provider's socket gathers
#define CHARACTERS_MAX 4000 // of one token

typedef struct Connection {
  int socket;
  int timed, waiting, length, capacity;
  int tokens, gap_ms, characters, sent, at;
  int64_t due_ms;
  char *request;
  char model[64];
  char *pending; // what the socket did not take
  int pending_from, pending_to;
  struct Connection *next;
} Connection;

static int poller;
static char buffer[BURST * 4 * CHARACTERS_MAX + 65536]; // of one write
static Connection *wheel[WHEEL];
static int64_t wheel_at;

static void close_connection(Connection *c) {
  close(c->socket);
  c->socket = -1;
  if (!c->timed) {
    free(c->request);
    free(c->pending);
    free(c);
  }
}

static void watch(Connection *c, int writing) {
  struct epoll_event event = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(poller, EPOLL_CTL_MOD, c->socket, &event);
  c->waiting = writing;
}

// False when the connection is gone. Bytes that the socket does not take are kept; the caller pauses while there are some.
static int put(Connection *c, const char *bytes, int length) {
  ssize_t taken = send(c->socket, bytes, (size_t)length, MSG_NOSIGNAL);
  if (taken < 0 && errno != EAGAIN) return 0;
  if (taken < 0) taken = 0;
  if (taken < length) {
    c->pending = grow(c->pending, (size_t)(length - taken));
    memcpy(c->pending, bytes + taken, (size_t)(length - taken));
    c->pending_from = 0;
    c->pending_to = (int)(length - taken);
    watch(c, 1);
  }
  return 1;
}

static int chunk(char *into, const char *format, ...) {
  static char body[4 * CHARACTERS_MAX + 2048];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(body, sizeof body, format, arguments);
  va_end(arguments);
  return sprintf(into, "%x\r\n%s\r\n", length, body);
}

static int token_chunk(Connection *c, char *into) {
  static char text[4 * CHARACTERS_MAX + 256];
  int length = 0, end = prose_next(c->at, c->characters);
  do {
    memcpy(text + length, prose + prose_starts[c->at], (size_t)(prose_starts[c->at + 1] - prose_starts[c->at]));
    length += prose_starts[c->at + 1] - prose_starts[c->at];
    c->at = (c->at + 1) % prose_count;
  } while (c->at != end);
  text[length] = 0;
  c->sent++;
  return chunk(into, "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"%s\","
    "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s\"},\"finish_reason\":null}]}\n\n", c->model, text);
}

static int last_chunks(Connection *c, char *into) {
  int length = chunk(into, "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"%s\","
    "\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n", c->model);
  length += chunk(into + length, "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\"model\":\"%s\","
    "\"choices\":[],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", c->model, c->tokens, c->tokens + 12);
  length += chunk(into + length, "data: [DONE]\n\n");
  return length + sprintf(into + length, "0\r\n\r\n");
}

static void schedule(Connection *c) {
  int64_t at = c->due_ms > wheel_at ? c->due_ms : wheel_at + 1;
  Connection **slot = &wheel[at % WHEEL];
  c->next = *slot;
  c->timed = 1;
  *slot = c;
}

// Sends what is due; false when the connection is gone.
static int produce(Connection *c, int length) {
  int most = c->gap_ms > 0 ? 1 : BURST;
  do {
    for (int i = 0; i < most && c->sent < c->tokens; i++) length += token_chunk(c, buffer + length);
    int over = c->sent == c->tokens;
    if (over) length += last_chunks(c, buffer + length);
    if (!put(c, buffer, length)) return 0;
    if (over) {
      c->tokens = 0;
      return 1;
    }
    length = 0;
  } while (c->gap_ms == 0 && !c->waiting);
  if (c->gap_ms > 0) {
    c->due_ms += c->gap_ms;
    schedule(c);
  }
  return 1;
}

static int answer_models(Connection *c) {
  const char *body = "{\"object\":\"list\",\"data\":[{\"id\":\"bench-1-0\",\"object\":\"model\"}]}";
  char reply[512];
  int length = sprintf(reply, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
  return put(c, reply, length);
}

static int answer_chat(Connection *c, const char *body) {
  const char *model = strstr(body, "\"bench-");
  c->characters = 0;
  if (!model || sscanf(model, "\"bench-%d-%d-%d", &c->tokens, &c->gap_ms, &c->characters) < 2 || c->gap_ms >= WHEEL ||
      c->characters > CHARACTERS_MAX) {
    return put(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 45);
  }

  snprintf(c->model, sizeof c->model, "bench-%d-%d", c->tokens, c->gap_ms);
  c->sent = 0;
  c->at = prose_from(body);
  c->due_ms = now_us() / 1000;
  int length = sprintf(buffer, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n");
  return produce(c, length);
}

// Answers the request once it is whole; false when the connection must be closed.
static int handle(Connection *c) {
  c->request[c->length] = 0;
  char *end = strstr(c->request, "\r\n\r\n");
  if (!end) return c->length < REQUEST_MAX;
  const char *header = strcasestr(c->request, "\r\ncontent-length:");
  int length = header && header < end ? atoi(header + 17) : 0;
  int whole = (int)(end + 4 - c->request) + length;
  if (whole > REQUEST_MAX) return 0;
  if (c->length < whole) return 1;
  c->length = 0; // one request at a time on a connection
  return strncmp(c->request, "POST", 4) == 0 ? answer_chat(c, end + 4) : answer_models(c);
}

static int on_readable(Connection *c) {
  if (c->length + 4096 > c->capacity) {
    c->capacity = c->capacity ? c->capacity * 2 : 8192;
    c->request = grow(c->request, (size_t)c->capacity + 1);
  }
  ssize_t got = recv(c->socket, c->request + c->length, (size_t)(c->capacity - c->length), 0);
  if (got <= 0) return got < 0 && errno == EAGAIN;
  c->length += (int)got;
  return handle(c);
}

static int on_writable(Connection *c) {
  ssize_t taken = send(c->socket, c->pending + c->pending_from, (size_t)(c->pending_to - c->pending_from), MSG_NOSIGNAL);
  if (taken < 0) return errno == EAGAIN;
  c->pending_from += (int)taken;
  if (c->pending_from < c->pending_to) return 1;
  watch(c, 0);
  return c->tokens == 0 || c->gap_ms > 0 || produce(c, 0);
}

static void turn_wheel(void) {
  for (int64_t now = now_us() / 1000; wheel_at <= now; wheel_at++) {
    Connection *due = wheel[wheel_at % WHEEL];
    wheel[wheel_at % WHEEL] = NULL;
    while (due) {
      Connection *c = due;
      due = c->next;
      c->timed = 0;
      if (c->socket < 0) {
        free(c->request);
        free(c->pending);
        free(c);
      } else if (c->waiting) {
        schedule(c); // a slow reader gets its token later
      } else if (!produce(c, 0)) {
        close_connection(c);
      }
    }
  }
}

static void accept_all(int listener) {
  int accepted;
  while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
    Connection *c = calloc(1, sizeof *c);
    c->socket = accepted;
    without_delay(accepted);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(poller, EPOLL_CTL_ADD, accepted, &event);
  }
}

int main(int count, char **values) {
  if (count != 2) die("usage: see the first lines of provider.c");
  load_prose(values[1]);
  raise_file_limit();
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 8192)) die("cannot listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  poller = epoll_create1(0);
  wheel_at = now_us() / 1000;
  epoll_ctl(poller, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
  epoll_ctl(poller, EPOLL_CTL_ADD, 0, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &poller});
  struct epoll_event events[512];
  while (1) {
    int ready = epoll_wait(poller, events, 512, 1);
    for (int i = 0; i < ready; i++) {
      Connection *c = events[i].data.ptr;
      if (!c) {
        accept_all(listener);
      } else if (events[i].data.ptr == &poller) {
        return 0;
      } else if (events[i].events & (EPOLLHUP | EPOLLERR)) {
        close_connection(c);
      } else if ((events[i].events & EPOLLOUT && !on_writable(c)) || (events[i].events & EPOLLIN && !on_readable(c))) {
        close_connection(c);
      }
    }
    turn_wheel();
  }
}
