/*
 * Keeps a node's disk busy: takes the write lock of its database, says so, and
 * holds it until it is ended. What the node writes meanwhile waits (2 s, then
 * it is refused), so a test knows at which step it stands.
 *
 *   store_lock DATABASE
 */
#include <sqlite3.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	sqlite3 *database;

	if (argc != 2 || sqlite3_open_v2(argv[1], &database,
				 SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		return 2;
	sqlite3_busy_timeout(database, 5000);
	if (sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL) !=
		SQLITE_OK)
		return 1;
	puts("locked");
	fflush(stdout);
	pause();
	return 0;
}
