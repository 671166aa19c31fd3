#ifndef PH_STORE_DATABASE_H
#define PH_STORE_DATABASE_H

#include <stddef.h>
#include <stdint.h>

/*
 * The one door to SQLite. A file of three tables:
 *
 *   kv(space, key, value)              what servers keep
 *   journal(seq, ts, actor, what, why) who changed what, the newest lines
 *   meta(name, value)                  the epoch
 *
 * WAL with synchronous=FULL: what was committed survives a crash of the
 * process and of the machine. Everything here blocks. One thread at a time.
 */
struct ph_database;
struct ph_error;

/* The newest lines of the journal that are kept. */
#define PH_JOURNAL_MOST 100000

/* Opens or creates `path` (0600) and checks that it is whole, ours, and not
 * from a newer posthouse. The file stops growing at `most` bytes: writes fail
 * then as they do on a full disk. 0, or -1 with the error told. */
int ph_database_open(struct ph_database **out, const char *path, uint64_t most,
	struct ph_error *error);
void ph_database_close(struct ph_database *database);

/* Takes the next epoch; durable when it returns. */
int ph_database_epoch(
	struct ph_database *database, uint64_t *epoch, struct ph_error *error);

/* A transaction. After a failure of anything inside, roll back. */
int ph_database_begin(struct ph_database *database, struct ph_error *error);
int ph_database_commit(struct ph_database *database, struct ph_error *error);
void ph_database_rollback(struct ph_database *database);

int ph_database_put(struct ph_database *database, const char *space,
	const char *key, const void *value, size_t length,
	struct ph_error *error);
int ph_database_delete(struct ph_database *database, const char *space,
	const char *key, struct ph_error *error);
/* Adds a line to the journal. `ts`: ns since 1970. */
int ph_database_note(struct ph_database *database, int64_t ts,
	const char *actor, const char *what, const char *why,
	struct ph_error *error);

/* A line of the journal. */
struct ph_journal_line {
	int64_t number;
	int64_t ts;
	const char *actor;
	const char *what;
	const char *why;
};

/* The newest `count` lines after number `since`, oldest first. What a line
 * points to stands until `line` returns. */
int ph_database_events(struct ph_database *database, int64_t since,
	unsigned count,
	void (*line)(void *context, const struct ph_journal_line *line),
	void *context, struct ph_error *error);

/* A row; what it points to stands until it returns. Non-zero ends the walk. */
typedef int ph_database_row(
	void *context, const char *key, const void *value, size_t length);

/* Calls `row` when the key is there; else -1, exit 4. */
int ph_database_get(struct ph_database *database, const char *space,
	const char *key, ph_database_row *row, void *context,
	struct ph_error *error);
/* Every key of the space, in byte order. */
int ph_database_list(struct ph_database *database, const char *space,
	ph_database_row *row, void *context, struct ph_error *error);

#endif
