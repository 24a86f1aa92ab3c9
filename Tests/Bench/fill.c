// Runs SQL from standard input on a database file, as one transaction and without the triggers on messages: a database of millions of
// rows in minutes. Linked with the server's own SQLite.
//   fill FILE <SQL
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sqlite3 sqlite3;
extern int sqlite3_open(const char *, sqlite3 **);
extern int sqlite3_exec(sqlite3 *, const char *, int (*)(void *, int, char **, char **), void *, char **);
extern int sqlite3_close(sqlite3 *);

#define MAX_TRIGGERS 16

static sqlite3 *db;
static char *names[MAX_TRIGGERS], *definitions[MAX_TRIGGERS];
static int triggers;

static void run(const char *sql) {
  char *error = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &error) != 0) {
    fprintf(stderr, "fill: %s in: %.300s\n", error, sql);
    exit(1);
  }
}

static int keep(void *unused, int count, char **values, char **columns) {
  (void)unused, (void)count, (void)columns;
  if (triggers == MAX_TRIGGERS) return 1;
  names[triggers] = strdup(values[0]);
  definitions[triggers++] = strdup(values[1]);
  return 0;
}

static char *input(void) {
  size_t size = 0, room = 1 << 20;
  char *text = malloc(room + 1);
  for (size_t got; (got = fread(text + size, 1, room - size, stdin)) > 0;) {
    size += got;
    if (size == room) text = realloc(text, (room *= 2) + 1);
  }
  text[size] = 0;
  return text;
}

int main(int argc, char **argv) {
  if (argc != 2 || sqlite3_open(argv[1], &db) != 0) {
    fprintf(stderr, "usage: fill FILE <SQL\n");
    return 2;
  }
  run("pragma journal_mode = wal; pragma synchronous = off; pragma cache_size = -65536; pragma temp_store = memory; begin immediate");
  if (sqlite3_exec(db, "select name, sql from sqlite_schema where type = 'trigger' and tbl_name = 'messages'", keep, NULL, NULL) != 0) return 1;
  char drop[200];
  for (int i = 0; i < triggers; i++) {
    snprintf(drop, sizeof drop, "drop trigger %s", names[i]);
    run(drop);
  }
  run(input());
  for (int i = 0; i < triggers; i++) run(definitions[i]);
  run("commit; pragma wal_checkpoint(truncate)");
  return sqlite3_close(db);
}
