#ifndef PH_STORE_DATABASE_INNER_H
#define PH_STORE_DATABASE_INNER_H

#include "store/database.h"

/*
 * Inside of store/database.h: database_open.c opens the file, checks that it is
 * sound and ours, and prepares every statement; database.c runs them.
 */
enum ph_database_statement {
	PH_DATABASE_BEGIN,
	PH_DATABASE_COMMIT,
	PH_DATABASE_ROLLBACK,
	PH_DATABASE_EPOCH,
	PH_DATABASE_PUT,
	PH_DATABASE_DELETE,
	PH_DATABASE_GET,
	PH_DATABASE_LIST,
	PH_DATABASE_NOTE,
	PH_DATABASE_TRIM,
	PH_DATABASE_EVENTS,
	PH_DATABASE_STATEMENTS,
};

struct sqlite3;
struct sqlite3_stmt;

struct ph_database {
	struct sqlite3 *sqlite;
	struct sqlite3_stmt *statements[PH_DATABASE_STATEMENTS];
	char *path;
};

/* database_open.c: what SQLite says went wrong, and what to do about it; -1. */
int ph_database_fail(struct ph_database *database, struct ph_error *error);

#endif
