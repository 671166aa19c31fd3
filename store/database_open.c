#include "store/database_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/error.h"

#define SCHEMA_VERSION 1
#define APPLICATION    0x506f5374 /* "PoSt" */
/* Somebody may look into the file with another program for a moment. */
#define BUSY_MS 2000

static const char *const statement_sql[PH_DATABASE_STATEMENTS] = {
	[PH_DATABASE_BEGIN] = "BEGIN IMMEDIATE",
	[PH_DATABASE_COMMIT] = "COMMIT",
	[PH_DATABASE_ROLLBACK] = "ROLLBACK",
	/* Above what others know of us, if they said so (node/epoch.h). */
	[PH_DATABASE_EPOCH] =
		"UPDATE meta SET value = 1 + max(value, coalesce((SELECT"
		" CAST(CAST(kv.value AS TEXT) AS INTEGER) FROM kv WHERE"
		" space = 'node' AND key = 'epoch'), 0))"
		" WHERE name = 'epoch' RETURNING value",
	[PH_DATABASE_PUT] =
		"INSERT INTO kv VALUES (?1, ?2, ?3)"
		" ON CONFLICT (space, key) DO UPDATE SET value = ?3",
	[PH_DATABASE_DELETE] = "DELETE FROM kv WHERE space = ?1 AND key = ?2",
	[PH_DATABASE_GET] =
		"SELECT key, value FROM kv WHERE space = ?1 AND key = ?2",
	[PH_DATABASE_LIST] =
		"SELECT key, value FROM kv WHERE space = ?1 ORDER BY key",
	[PH_DATABASE_NOTE] = "INSERT INTO journal (ts, actor, what, why)"
			     " VALUES (?1, ?2, ?3, ?4)",
	[PH_DATABASE_TRIM] =
		"DELETE FROM journal WHERE seq <= last_insert_rowid() - ?1",
	[PH_DATABASE_EVENTS] =
		"SELECT * FROM (SELECT seq, ts, actor, what, why FROM journal"
		" WHERE seq > ?1 ORDER BY seq DESC LIMIT ?2) ORDER BY seq",
};

static const char schema[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE kv (space TEXT NOT NULL, key TEXT NOT NULL,"
	" value BLOB NOT NULL, PRIMARY KEY (space, key));"
	"CREATE TABLE journal (seq INTEGER PRIMARY KEY, ts INTEGER NOT NULL,"
	" actor TEXT NOT NULL, what TEXT NOT NULL, why TEXT NOT NULL);"
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL);"
	"INSERT INTO meta VALUES ('epoch', 0);"
	"PRAGMA application_id = 1349473140;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

_Static_assert(APPLICATION == 1349473140 && SCHEMA_VERSION == 1,
	"the schema text says the same");

static const char *database_advice(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL:
	case SQLITE_IOERR:
		return "make room on that disk; what was acknowledged is kept";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "restore the file from a copy, or move it away: this "
		       "node then begins anew";
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		return "make the state directory writable";
	default:
		return "try again; if it stays, look at that disk";
	}
}

int ph_database_fail(struct ph_database *database, struct ph_error *error)
{
	int code = sqlite3_extended_errcode(database->sqlite);

	return ph_fail(error, PH_EXIT_NEGATIVE, database->path,
		database_advice(code), "the store failed: %s",
		sqlite3_errmsg(database->sqlite));
}

/* One integer that a pragma or a query answers. */
static int database_number(struct ph_database *database, const char *sql,
	int64_t *out, struct ph_error *error)
{
	sqlite3_stmt *statement;
	int code;

	code = sqlite3_prepare_v2(database->sqlite, sql, -1, &statement, NULL);
	if (code != SQLITE_OK)
		return ph_database_fail(database, error);
	code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*out = sqlite3_column_int64(statement, 0);
	else
		ph_database_fail(database, error);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : -1;
}

static int database_execute(
	struct ph_database *database, const char *sql, struct ph_error *error)
{
	if (sqlite3_exec(database->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return ph_database_fail(database, error);
	return 0;
}

/* SQLite would create it for everybody to read; its WAL follows the mode. */
static int database_touch(const char *path, struct ph_error *error)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || fchmod(fd, 0600) < 0) {
		int reason = errno;

		if (fd >= 0)
			close(fd);
		return ph_fail(error, PH_EXIT_NEGATIVE, path,
			"check that the state directory exists and is yours",
			"cannot open the store: %s", strerror(reason));
	}
	close(fd);
	return 0;
}

static int database_check_whole(
	struct ph_database *database, struct ph_error *error)
{
	sqlite3_stmt *statement;
	const unsigned char *said;
	int result = -1;

	if (sqlite3_prepare_v2(database->sqlite, "PRAGMA quick_check(1)", -1,
		    &statement, NULL) != SQLITE_OK)
		return ph_database_fail(database, error);
	if (sqlite3_step(statement) != SQLITE_ROW)
		goto fail;
	said = sqlite3_column_text(statement, 0);
	if (said && strcmp((const char *)said, "ok") == 0)
		result = 0;
	else
		ph_fail(error, PH_EXIT_NEGATIVE, database->path,
			database_advice(SQLITE_CORRUPT),
			"the store is damaged: %s",
			said ? (const char *)said : "it cannot be read");
	sqlite3_finalize(statement);
	return result;
fail:
	ph_database_fail(database, error);
	sqlite3_finalize(statement);
	return -1;
}

static int database_check_schema(
	struct ph_database *database, struct ph_error *error)
{
	int64_t version, application, tables;

	if (database_number(database, "PRAGMA user_version", &version, error) ||
		database_number(database, "PRAGMA application_id", &application,
			error) ||
		database_number(database, "SELECT count(*) FROM sqlite_schema",
			&tables, error))
		return -1;
	if (version == 0 && application == 0 && tables == 0)
		return database_execute(database, schema, error);
	if (application != APPLICATION)
		return ph_fail(error, PH_EXIT_CONFLICT, database->path,
			"choose another directory with --state",
			"this database is not a posthouse store");
	if (version > SCHEMA_VERSION)
		return ph_fail(error, PH_EXIT_CONFLICT, database->path,
			"start that posthouse, or choose another directory "
			"with --state",
			"the store was written by a newer posthouse "
			"(schema %lld, this one knows %d)",
			(long long)version, SCHEMA_VERSION);
	return 0;
}

static int database_configure(
	struct ph_database *database, uint64_t most, struct ph_error *error)
{
	char limit[64];
	int64_t page;

	sqlite3_busy_timeout(database->sqlite, BUSY_MS);
	sqlite3_db_config(
		database->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	if (database_number(database, "PRAGMA page_size", &page, error) ||
		database_execute(database,
			"PRAGMA trusted_schema = OFF;"
			"PRAGMA cell_size_check = ON;"
			"PRAGMA journal_mode = WAL;"
			"PRAGMA synchronous = FULL;",
			error))
		return -1;
	snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %llu",
		(unsigned long long)(most / (uint64_t)page));
	return database_execute(database, limit, error);
}

static int database_prepare(
	struct ph_database *database, struct ph_error *error)
{
	for (unsigned i = 0; i < PH_DATABASE_STATEMENTS; i++)
		if (sqlite3_prepare_v3(database->sqlite, statement_sql[i], -1,
			    SQLITE_PREPARE_PERSISTENT, &database->statements[i],
			    NULL) != SQLITE_OK)
			return ph_database_fail(database, error);
	return 0;
}

int ph_database_open(struct ph_database **out, const char *path, uint64_t most,
	struct ph_error *error)
{
	struct ph_database *database;

	if (database_touch(path, error) < 0)
		return -1;
	database = calloc(1, sizeof(*database));
	if (database)
		database->path = strdup(path);
	if (!database || !database->path) {
		free(database);
		return ph_fail(error, PH_EXIT_NEGATIVE, path, "free memory",
			"cannot open the store: out of memory");
	}
	if (sqlite3_open_v2(path, &database->sqlite,
		    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
			    SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_EXRESCODE,
		    NULL) != SQLITE_OK) {
		ph_database_fail(database, error);
		goto fail;
	}
	if (database_check_whole(database, error) < 0 ||
		database_configure(database, most, error) < 0 ||
		database_check_schema(database, error) < 0 ||
		database_prepare(database, error) < 0)
		goto fail;
	*out = database;
	return 0;
fail:
	ph_database_close(database);
	return -1;
}

void ph_database_close(struct ph_database *database)
{
	if (!database)
		return;
	for (unsigned i = 0; i < PH_DATABASE_STATEMENTS; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close_v2(database->sqlite);
	free(database->path);
	free(database);
}
