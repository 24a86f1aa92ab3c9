// Stands between a program and the system calls by which it reaches its disk and its clock (LD_PRELOAD). It records what is done below one
// folder, lets chosen calls fail or wait, ends the process at the n-th change, and moves the wall clock. Everything is told by variables:
//   TORTURE_ROOT     the folder; calls elsewhere are passed on
//   TORTURE_LOG      where each change is appended as one record (DiskLog.cs reads it)
//   TORTURE_FAULTS   a file of rules, read anew at each call: "kind errno skip count milliseconds part-of-path", -1 is without end
//   TORTURE_AT       the number of the change before which TORTURE_SIGNAL (9) is sent to the process itself
//   TORTURE_COUNT    1 appends a record before each change too, so that a caller knows how many there are and of which file each is
//   TORTURE_CLOCK    a file with the seconds by which the wall clock is ahead
// Kinds: write, create (new names), remove, sync, read. The monotonic clock is left alone.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FILES = 65536, MAX_RULES = 16, MAX_PATH = 4096 };
enum kind { WRITE, CREATE, REMOVE, SYNC, READ };
static const char *const kinds[] = {"write", "create", "remove", "sync", "read"};

static char *paths[MAX_FILES]; // of the descriptors that are watched
static const char *root, *log_path, *faults, *clock_file;
static size_t root_length;
static int log_file = -1;
static long signal_at, signal_number = 9, counts;
static atomic_long changes;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t names = PTHREAD_MUTEX_INITIALIZER, rules = PTHREAD_MUTEX_INITIALIZER;

static long number(const char *name, long otherwise) { const char *text = getenv(name); return text ? atol(text) : otherwise; }

static void begin(void) {
  root = getenv("TORTURE_ROOT");
  root_length = root ? strlen(root) : 0;
  faults = getenv("TORTURE_FAULTS");
  log_path = getenv("TORTURE_LOG");
  signal_at = number("TORTURE_AT", 0);
  signal_number = number("TORTURE_SIGNAL", 9);
  counts = number("TORTURE_COUNT", 0);
  if (log_path) log_file = syscall(SYS_openat, AT_FDCWD, log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

// Who runs the tests may ignore signals, as nohup and shells do for what runs in the background; a program inherits that.
__attribute__((constructor)) static void take_signals(void) {
  if (!getenv("TORTURE_ROOT")) return;
  signal(SIGHUP, SIG_DFL);
  signal(SIGINT, SIG_DFL);
}

static int is_watched(const char *path) {
  pthread_once(&once, begin);
  return root && strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static const char *path_of(int file) { return file >= 0 && file < MAX_FILES ? paths[file] : NULL; }

// One record, by one append: length, kind of call, descriptor, offset, two paths, bytes.
static void record(char call, int file, int64_t offset, const char *path, const char *other, const struct iovec *data, int parts, size_t length) {
  if (log_file < 0) return;
  struct { uint32_t length; char call; char pad[3]; int32_t file; uint32_t path, other; int64_t offset; } __attribute__((packed)) head = {
      0, call, {0}, file, path ? strlen(path) : 0, other ? strlen(other) : 0, offset};
  struct iovec out[3 + 64] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)other, head.other}};
  int count = 3;
  size_t left = length;
  for (int i = 0; i < parts && left > 0 && count < 67; i++, count++) {
    out[count] = data[i];
    if (out[count].iov_len > left) out[count].iov_len = left;
    left -= out[count].iov_len;
  }
  head.length = sizeof head + head.path + head.other + (length - left);
  if (syscall(SYS_writev, log_file, out, count) != head.length) abort();
}

// Whether a rule lets this call fail; errno is set then. Waits where the rule says so.
static int fails(enum kind kind, const char *path) {
  static char known[4096];
  static long used[MAX_RULES];
  if (!faults) return 0;
  char text[4096], word[16], part[256];
  int file = syscall(SYS_openat, AT_FDCWD, faults, O_RDONLY | O_CLOEXEC), saved = errno;
  if (file < 0) { errno = saved; return 0; }
  long length = syscall(SYS_read, file, text, sizeof text - 1);
  syscall(SYS_close, file);
  if (length <= 0) { errno = saved; return 0; }
  text[length] = 0;
  int number = 0, failure = 0;
  long wait = 0;
  pthread_mutex_lock(&rules);
  if (strcmp(known, text) != 0) { memcpy(known, text, length + 1); memset(used, 0, sizeof used); }
  for (char *line = text, *next; line && number < MAX_RULES; line = next, number++) {
    next = strchr(line, '\n');
    if (next) *next++ = 0;
    int code; long skip, count, milliseconds;
    if (sscanf(line, "%15s %d %ld %ld %ld %255s", word, &code, &skip, &count, &milliseconds, part) != 6) continue;
    if (strcmp(word, kinds[kind]) != 0 || !strstr(path, part)) continue;
    long turn = used[number]++;
    if (turn < skip || (count >= 0 && turn >= skip + count)) continue;
    failure = code, wait = milliseconds;
    break;
  }
  pthread_mutex_unlock(&rules);
  if (wait > 0) { struct timespec time = {wait / 1000, wait % 1000 * 1000000}; nanosleep(&time, NULL); }
  errno = failure ? failure : saved;
  return failure != 0;
}

static void change(const char *path) {
  if (counts) record('n', -1, 0, path, NULL, NULL, 0, 0);
  if (atomic_fetch_add(&changes, 1) + 1 != signal_at) return;
  syscall(SYS_kill, getpid(), signal_number);
  if (signal_number == SIGKILL) for (;;) pause();
}

static int opened(const char *path, int flags, mode_t mode) {
  if (!is_watched(path)) return syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  struct stat found;
  int is_new = (flags & O_CREAT) && syscall(SYS_newfstatat, AT_FDCWD, path, &found, 0) != 0;
  if (is_new) { if (fails(CREATE, path)) return -1; change(path); }
  if (!is_new && (flags & O_TRUNC)) change(path);
  pthread_mutex_lock(&names);
  int file = syscall(SYS_openat, AT_FDCWD, path, flags, mode);
  if (file >= 0 && file < MAX_FILES) {
    free(paths[file]);
    paths[file] = strdup(path);
    record('o', file, (flags & O_TRUNC) != 0, path, NULL, NULL, 0, 0);
  }
  pthread_mutex_unlock(&names);
  return file;
}

static mode_t mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; }
#define OPEN(name) int name(const char *path, int flags, ...) { \
    va_list rest; va_start(rest, flags); mode_t mode = mode_of(flags, rest); va_end(rest); return opened(path, flags, mode); }
OPEN(open)
OPEN(open64)

int close(int file) {
  if (path_of(file)) {
    record('c', file, 0, NULL, NULL, NULL, 0, 0);
    free(paths[file]);
    paths[file] = NULL;
  }
  return syscall(SYS_close, file);
}

// The offset of a write without one is read afterwards: the descriptor stands behind what was written.
static ssize_t written(int file, ssize_t done, int64_t offset, const struct iovec *data, int parts) {
  if (done > 0) {
    int saved = errno;
    if (offset < 0) offset = syscall(SYS_lseek, file, 0, SEEK_CUR) - done;
    record('w', file, offset, NULL, NULL, data, parts, done);
    errno = saved;
  }
  return done;
}

#define BEFORE_WRITE(file) if (path_of(file)) { if (fails(WRITE, path_of(file))) return -1; change(path_of(file)); }
#define IS_PLAIN(file) (!path_of(file))

ssize_t write(int file, const void *data, size_t length) {
  BEFORE_WRITE(file)
  ssize_t done = syscall(SYS_write, file, data, length);
  if (IS_PLAIN(file)) return done;
  struct iovec part = {(void *)data, length};
  return written(file, done, -1, &part, 1);
}

ssize_t pwrite64(int file, const void *data, size_t length, off64_t offset) {
  BEFORE_WRITE(file)
  ssize_t done = syscall(SYS_pwrite64, file, data, length, offset);
  if (IS_PLAIN(file)) return done;
  struct iovec part = {(void *)data, length};
  return written(file, done, offset, &part, 1);
}
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) { return pwrite64(file, data, length, offset); }

ssize_t writev(int file, const struct iovec *data, int parts) {
  BEFORE_WRITE(file)
  ssize_t done = syscall(SYS_writev, file, data, parts);
  return IS_PLAIN(file) ? done : written(file, done, -1, data, parts);
}

ssize_t pwritev64(int file, const struct iovec *data, int parts, off64_t offset) {
  BEFORE_WRITE(file)
  ssize_t done = syscall(SYS_pwritev, file, data, parts, offset, 0);
  return IS_PLAIN(file) ? done : written(file, done, offset, data, parts);
}

// A copy inside the kernel is refused, so that the caller writes the bytes where they are seen.
ssize_t sendfile64(int to, int from, off64_t *offset, size_t length) {
  if (path_of(to)) { errno = EINVAL; return -1; }
  return syscall(SYS_sendfile, to, from, offset, length);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t length) { return sendfile64(to, from, offset, length); }

int ftruncate64(int file, off64_t length) {
  BEFORE_WRITE(file)
  int done = syscall(SYS_ftruncate, file, length);
  if (done == 0 && path_of(file)) record('t', file, length, NULL, NULL, NULL, 0, 0);
  return done;
}
int ftruncate(int file, off_t length) { return ftruncate64(file, length); }

int fallocate64(int file, int mode, off64_t offset, off64_t length) {
  BEFORE_WRITE(file)
  if (path_of(file)) { errno = EOPNOTSUPP; return -1; }
  return syscall(SYS_fallocate, file, mode, offset, length);
}

// Only what was recorded before it began is known to be on disk when it ends.
int fsync(int file) {
  if (!path_of(file)) return syscall(SYS_fsync, file);
  change(path_of(file));
  if (fails(SYNC, path_of(file))) return -1;
  record('s', file, 0, NULL, NULL, NULL, 0, 0);
  int done = syscall(SYS_fsync, file);
  if (done == 0) record('S', file, 0, NULL, NULL, NULL, 0, 0);
  return done;
}
int fdatasync(int file) { return fsync(file); }

// A change of names and its record are one step, so that their order is the true one.
#define NAMING(watched, kind, path, call, first, second, action) { \
    if (!(watched)) return action; \
    if (fails(kind, path)) return -1; \
    change(path); \
    pthread_mutex_lock(&names); \
    int done = action; \
    if (done == 0) record(call, -1, 0, first, second, NULL, 0, 0); \
    pthread_mutex_unlock(&names); \
    return done; }

int rename(const char *from, const char *to) NAMING(is_watched(from) || is_watched(to), CREATE, to, 'r', from, to, syscall(SYS_renameat, AT_FDCWD, from, AT_FDCWD, to))
int link(const char *from, const char *to) NAMING(is_watched(to), CREATE, to, 'l', from, to, syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0))
int unlink(const char *path) NAMING(is_watched(path), REMOVE, path, 'u', path, NULL, syscall(SYS_unlinkat, AT_FDCWD, path, 0))
int rmdir(const char *path) NAMING(is_watched(path), REMOVE, path, 'u', path, NULL, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR))
int mkdir(const char *path, mode_t mode) NAMING(is_watched(path), CREATE, path, 'm', path, NULL, syscall(SYS_mkdirat, AT_FDCWD, path, mode))

ssize_t read(int file, void *data, size_t length) {
  if (path_of(file) && fails(READ, path_of(file))) return -1;
  return syscall(SYS_read, file, data, length);
}

ssize_t pread64(int file, void *data, size_t length, off64_t offset) {
  if (path_of(file) && fails(READ, path_of(file))) return -1;
  return syscall(SYS_pread64, file, data, length, offset);
}
ssize_t pread(int file, void *data, size_t length, off_t offset) { return pread64(file, data, length, offset); }

static long ahead(void) {
  if (!clock_file && !(clock_file = getenv("TORTURE_CLOCK"))) return 0;
  char text[32];
  int file = syscall(SYS_openat, AT_FDCWD, clock_file, O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  long length = syscall(SYS_read, file, text, sizeof text - 1);
  syscall(SYS_close, file);
  text[length > 0 ? length : 0] = 0;
  return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int done = syscall(SYS_clock_gettime, clock, time);
  if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += ahead();
  return done;
}

int gettimeofday(struct timeval *time, void *zone) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  *time = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
  (void)zone;
  return 0;
}

time_t time(time_t *result) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (result) *result = now.tv_sec;
  return now.tv_sec;
}
