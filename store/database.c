#include "store/database.h"

#include <sqlite3.h>

#include "proto/error.h"
#include "store/database_inner.h"

/* Runs a bound statement that gives no rows, and makes it ready again. */
static int database_run(struct ph_database *database,
	enum ph_database_statement which, struct ph_error *error)
{
	sqlite3_stmt *statement = database->statements[which];
	int code = sqlite3_step(statement);

	if (code != SQLITE_DONE)
		ph_database_fail(database, error);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_DONE ? 0 : -1;
}

int ph_database_epoch(
	struct ph_database *database, uint64_t *epoch, struct ph_error *error)
{
	sqlite3_stmt *statement = database->statements[PH_DATABASE_EPOCH];
	uint64_t value;

	if (sqlite3_step(statement) != SQLITE_ROW) {
		ph_database_fail(database, error);
		sqlite3_reset(statement);
		return -1;
	}
	value = (uint64_t)sqlite3_column_int64(statement, 0);
	/* Outside a transaction the step to the end is what commits it. */
	if (database_run(database, PH_DATABASE_EPOCH, error) < 0)
		return -1;
	*epoch = value;
	return 0;
}

int ph_database_begin(struct ph_database *database, struct ph_error *error)
{
	return database_run(database, PH_DATABASE_BEGIN, error);
}

int ph_database_commit(struct ph_database *database, struct ph_error *error)
{
	return database_run(database, PH_DATABASE_COMMIT, error);
}

void ph_database_rollback(struct ph_database *database)
{
	/* A full disk may have rolled it back already. */
	if (!sqlite3_get_autocommit(database->sqlite))
		database_run(database, PH_DATABASE_ROLLBACK, NULL);
}

static sqlite3_stmt *database_bind(struct ph_database *database,
	enum ph_database_statement which, const char *space, const char *key)
{
	sqlite3_stmt *statement = database->statements[which];

	sqlite3_bind_text(statement, 1, space, -1, SQLITE_STATIC);
	if (key)
		sqlite3_bind_text(statement, 2, key, -1, SQLITE_STATIC);
	return statement;
}

int ph_database_put(struct ph_database *database, const char *space,
	const char *key, const void *value, size_t length,
	struct ph_error *error)
{
	sqlite3_stmt *statement =
		database_bind(database, PH_DATABASE_PUT, space, key);

	/* A NULL pointer would bind SQL's NULL. */
	sqlite3_bind_blob64(
		statement, 3, length ? value : "", length, SQLITE_STATIC);
	return database_run(database, PH_DATABASE_PUT, error);
}

int ph_database_delete(struct ph_database *database, const char *space,
	const char *key, struct ph_error *error)
{
	database_bind(database, PH_DATABASE_DELETE, space, key);
	return database_run(database, PH_DATABASE_DELETE, error);
}

int ph_database_note(struct ph_database *database, int64_t ts,
	const char *actor, const char *what, const char *why,
	struct ph_error *error)
{
	sqlite3_stmt *note = database->statements[PH_DATABASE_NOTE];

	sqlite3_bind_int64(note, 1, ts);
	sqlite3_bind_text(note, 2, actor, -1, SQLITE_STATIC);
	sqlite3_bind_text(note, 3, what, -1, SQLITE_STATIC);
	sqlite3_bind_text(note, 4, why, -1, SQLITE_STATIC);
	if (database_run(database, PH_DATABASE_NOTE, error) < 0)
		return -1;
	sqlite3_bind_int64(
		database->statements[PH_DATABASE_TRIM], 1, PH_JOURNAL_MOST);
	return database_run(database, PH_DATABASE_TRIM, error);
}

static const char *column_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text ? (const char *)text : "";
}

int ph_database_events(struct ph_database *database, int64_t since,
	unsigned count,
	void (*line)(void *context, const struct ph_journal_line *line),
	void *context, struct ph_error *error)
{
	sqlite3_stmt *events = database->statements[PH_DATABASE_EVENTS];
	int code;

	sqlite3_bind_int64(events, 1, since);
	sqlite3_bind_int64(events, 2, count);
	while ((code = sqlite3_step(events)) == SQLITE_ROW) {
		struct ph_journal_line row = {
			.number = sqlite3_column_int64(events, 0),
			.ts = sqlite3_column_int64(events, 1),
			.actor = column_text(events, 2),
			.what = column_text(events, 3),
			.why = column_text(events, 4)};

		line(context, &row);
	}
	if (code != SQLITE_DONE)
		ph_database_fail(database, error);
	sqlite3_reset(events);
	sqlite3_clear_bindings(events);
	return code == SQLITE_DONE ? 0 : -1;
}

/* Returns the number of rows, or -1. */
static int64_t database_walk(struct ph_database *database,
	enum ph_database_statement which, ph_database_row *row, void *context,
	struct ph_error *error)
{
	sqlite3_stmt *statement = database->statements[which];
	int64_t rows = 0;
	int code;

	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		const void *value = sqlite3_column_blob(statement, 1);

		rows++;
		if (row(context,
			    (const char *)sqlite3_column_text(statement, 0),
			    value ? value : "",
			    (size_t)sqlite3_column_bytes(statement, 1)))
			break;
	}
	if (code != SQLITE_DONE && code != SQLITE_ROW) {
		ph_database_fail(database, error);
		rows = -1;
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return rows;
}

int ph_database_get(struct ph_database *database, const char *space,
	const char *key, ph_database_row *row, void *context,
	struct ph_error *error)
{
	int64_t rows;

	database_bind(database, PH_DATABASE_GET, space, key);
	rows = database_walk(database, PH_DATABASE_GET, row, context, error);
	if (rows == 0)
		return ph_fail(error, PH_EXIT_NOT_FOUND, space,
			"store.list tells what is there", "no key '%s'", key);
	return rows < 0 ? -1 : 0;
}

int ph_database_list(struct ph_database *database, const char *space,
	ph_database_row *row, void *context, struct ph_error *error)
{
	int64_t rows;

	database_bind(database, PH_DATABASE_LIST, space, NULL);
	rows = database_walk(database, PH_DATABASE_LIST, row, context, error);
	return rows < 0 ? -1 : 0;
}
