#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/database.h"
#include "store/store.h"
#include "test/room.h"

struct fixture {
	char directory[64];
	char path[96];
	struct room room;
	struct ph_store *store;
	uint64_t epoch;
	uint64_t most;
	struct ph_error error;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	snprintf(fixture->directory, sizeof(fixture->directory),
		"/tmp/posthouse-store-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/state.db",
		fixture->directory);
	*state = fixture;
	return 0;
}

static int unlink_one(
	const char *path, const struct stat *info, int type, struct FTW *where)
{
	return remove(path);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	nftw(fixture->directory, unlink_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

static int try_open(struct fixture *fixture)
{
	struct ph_store_config config = {
		.loop = fixture->room.loop,
		.worker = fixture->room.worker,
		.door = fixture->room.door,
		.path = fixture->path,
		.most = fixture->most,
	};

	return ph_store_create(
		&fixture->store, &config, &fixture->epoch, &fixture->error);
}

static void store_open(struct fixture *fixture)
{
	room_open(&fixture->room, false);
	if (try_open(fixture) < 0)
		fail_msg("%s", fixture->error.what);
}

static void store_close(struct fixture *fixture)
{
	struct ph_store *store = fixture->store;

	room_close(&fixture->room);
	ph_store_destroy(store);
}

static void put_map(
	struct room *room, const char *key, const void *value, size_t length)
{
	struct ph_writer *writer = room_map(room);

	ph_put_text(writer, "space", "test");
	ph_put_text(writer, "key", key);
	if (value)
		ph_put_bytes(writer, "value", value, length);
}

static void put(struct fixture *fixture, const char *key, const char *value)
{
	put_map(&fixture->room, key, value, strlen(value));
	room_call_ok(&fixture->room, PH_STORE_PUT);
}

static void expect(struct fixture *fixture, const char *key, const char *value)
{
	struct answer answer;
	const uint8_t *bytes;
	size_t length;

	put_map(&fixture->room, key, NULL, 0);
	room_call(&fixture->room, PH_STORE_GET, &answer);
	if (!value) {
		assert_int_equal(answer.error.exit, PH_EXIT_NOT_FOUND);
	} else {
		assert_int_equal(answer.status, PH_CALL_OK);
		bytes = ph_value_bytes(
			ph_value_get(answer.body, "value"), &length);
		assert_int_equal(length, strlen(value));
		assert_memory_equal(bytes, value, length);
	}
	answer_free(&answer);
}

static void test_values_last(void **state)
{
	struct fixture *fixture = *state;
	struct stat info;

	store_open(fixture);
	assert_int_equal(fixture->epoch, 1);
	put(fixture, "one", "eins");
	put(fixture, "two", "zwei");
	put(fixture, "two", "deux");
	put(fixture, "empty", "");
	put(fixture, "gone", "x");
	put_map(&fixture->room, "gone", NULL, 0);
	room_call_ok(&fixture->room, PH_STORE_DELETE);
	expect(fixture, "gone", NULL);
	store_close(fixture);
	store_open(fixture);
	assert_int_equal(fixture->epoch, 2);
	expect(fixture, "one", "eins");
	expect(fixture, "two", "deux");
	expect(fixture, "empty", "");
	expect(fixture, "gone", NULL);
	assert_int_equal(stat(fixture->path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	store_close(fixture);
}

static void test_lists_in_order(void **state)
{
	struct fixture *fixture = *state;
	struct ph_value items;
	struct answer answer;

	store_open(fixture);
	put(fixture, "b", "2");
	put(fixture, "a", "1");
	ph_put_text(room_map(&fixture->room), "space", "test");
	room_call(&fixture->room, PH_STORE_LIST, &answer);
	items = ph_value_get(answer.body, "items");
	assert_int_equal(ph_value_count(items), 2);
	assert_true(
		ph_value_is(ph_value_get(ph_value_at(items, 0), "key"), "a"));
	answer_free(&answer);
	ph_put_text(room_map(&fixture->room), "space", "other");
	room_call(&fixture->room, PH_STORE_LIST, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_int_equal(ph_value_count(ph_value_get(answer.body, "items")), 0);
	answer_free(&answer);
	store_close(fixture);
}

static void test_wrong_arguments(void **state)
{
	struct fixture *fixture = *state;
	struct room *room = &fixture->room;
	uint8_t *large = calloc(1, PH_STORE_VALUE + 1);
	char key[PH_STORE_KEY + 2];

	store_open(fixture);
	memset(key, 'k', sizeof(key));
	key[sizeof(key) - 1] = '\0';
	put_map(room, key, "x", 1);
	room_call_exit(room, PH_STORE_PUT, PH_EXIT_USAGE);
	put_map(room, "", "x", 1);
	room_call_exit(room, PH_STORE_PUT, PH_EXIT_USAGE);
	put_map(room, "k", large, PH_STORE_VALUE + 1);
	room_call_exit(room, PH_STORE_PUT, PH_EXIT_USAGE);
	put_map(room, "k", large, PH_STORE_VALUE);
	room_call_ok(room, PH_STORE_PUT);
	ph_put_text(room_map(room), "space", "../etc");
	room_call_exit(room, PH_STORE_LIST, PH_EXIT_USAGE);
	store_close(fixture);
	free(large);
}

/* What one SQL query over the file says, as a number. */
static int64_t ask(struct fixture *fixture, const char *sql)
{
	sqlite3_stmt *statement;
	sqlite3 *sqlite;
	int64_t answer;

	assert_int_equal(sqlite3_open(fixture->path, &sqlite), SQLITE_OK);
	if (sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(sqlite));
	answer = sqlite3_step(statement) == SQLITE_ROW
			 ? sqlite3_column_int64(statement, 0)
			 : 0;
	sqlite3_finalize(statement);
	sqlite3_close(sqlite);
	return answer;
}

static void test_the_journal(void **state)
{
	struct fixture *fixture = *state;

	store_open(fixture);
	for (unsigned i = 0; i < 3; i++) {
		struct ph_writer *writer = room_map(&fixture->room);

		ph_put_text(writer, "actor", "ops");
		ph_put_text(writer, "what", "applied");
		room_call_ok(&fixture->room, PH_STORE_NOTE);
	}
	store_close(fixture);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM journal"), 3);
	assert_true(ask(fixture, "SELECT min(ts) FROM journal") > 0);
	assert_int_equal(ask(fixture, "SELECT max(seq) FROM journal"), 3);
}

/* A thousand writes at once are a handful of transactions. */
static void test_group_commit(void **state)
{
	struct fixture *fixture = *state;
	struct answer *answers = calloc(1000, sizeof(*answers));
	int64_t began = ph_clock_real.now(&ph_clock_real);
	struct stat info;
	char wal[128];

	store_open(fixture);
	for (unsigned i = 0; i < 1000; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%u", i);
		put_map(&fixture->room, key, "value", 5);
		room_send(&fixture->room, PH_STORE_PUT, &answers[i]);
	}
	for (unsigned i = 0; i < 1000; i++) {
		room_wait(&fixture->room, &answers[i]);
		assert_int_equal(answers[i].status, PH_CALL_OK);
		answer_free(&answers[i]);
	}
	began = ph_clock_real.now(&ph_clock_real) - began;
	print_message("1,000 writes: %lld ms\n", (long long)began / 1000000);
	/* Each transaction would add at least two pages to the log. */
	snprintf(wal, sizeof(wal), "%s-wal", fixture->path);
	assert_int_equal(stat(wal, &info), 0);
	assert_true(info.st_size < 200 * 4096);
	store_close(fixture);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM kv"), 1000);
	free(answers);
}

static void test_one_node_to_a_directory(void **state)
{
	struct fixture *fixture = *state;
	struct fixture second = *fixture;
	char holder[32];

	store_open(fixture);
	room_open(&second.room, false);
	assert_int_equal(try_open(&second), -1);
	assert_int_equal(second.error.exit, PH_EXIT_CONFLICT);
	snprintf(holder, sizeof(holder), "pid %ld ", (long)getpid());
	assert_non_null(strstr(second.error.what, holder));
	store_close(fixture);
	assert_int_equal(try_open(&second), 0);
	assert_int_equal(second.epoch, 2);
	store_close(&second);
}

static void write_file(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, length), (ssize_t)length);
	close(fd);
}

static void expect_refusal(struct fixture *fixture, int code, const char *what)
{
	room_open(&fixture->room, false);
	assert_int_equal(try_open(fixture), -1);
	assert_int_equal(fixture->error.exit, code);
	assert_string_equal(fixture->error.where, fixture->path);
	if (!strstr(fixture->error.what, what))
		fail_msg("'%s' does not say '%s'", fixture->error.what, what);
	assert_string_not_equal(fixture->error.next, "");
	room_close(&fixture->room);
}

static void test_a_file_that_is_no_database(void **state)
{
	struct fixture *fixture = *state;
	char text[8192];

	memset(text, 'x', sizeof(text));
	write_file(fixture->path, text, sizeof(text));
	expect_refusal(fixture, PH_EXIT_NEGATIVE, "not a database");
}

static void test_a_damaged_database(void **state)
{
	struct fixture *fixture = *state;
	char junk[4096];
	int fd;

	store_open(fixture);
	for (unsigned i = 0; i < 200; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%u", i);
		put(fixture, key, "some value that fills the pages");
	}
	store_close(fixture);
	memset(junk, 0xa5, sizeof(junk));
	fd = open(fixture->path, O_WRONLY);
	assert_true(fd >= 0);
	for (off_t page = 1; page < 4; page++)
		assert_int_equal(
			pwrite(fd, junk, sizeof(junk), page * 4096), 4096);
	close(fd);
	expect_refusal(fixture, PH_EXIT_NEGATIVE, "");
}

static void test_a_newer_schema(void **state)
{
	struct fixture *fixture = *state;

	store_open(fixture);
	store_close(fixture);
	ask(fixture, "PRAGMA user_version = 7");
	expect_refusal(fixture, PH_EXIT_CONFLICT, "newer posthouse");
}

static void test_somebody_elses_database(void **state)
{
	struct fixture *fixture = *state;

	ask(fixture, "CREATE TABLE customers (name TEXT)");
	expect_refusal(fixture, PH_EXIT_CONFLICT, "not a posthouse store");
}

static void test_a_directory_that_is_not_there(void **state)
{
	struct fixture *fixture = *state;

	snprintf(fixture->path, sizeof(fixture->path), "%s/no/state.db",
		fixture->directory);
	room_open(&fixture->room, false);
	assert_int_equal(try_open(fixture), -1);
	assert_int_equal(fixture->error.exit, PH_EXIT_NEGATIVE);
	room_close(&fixture->room);
}

/* The caller gets an error, what was acknowledged stays, and a small write
 * beside the one that does not fit is not refused with it. */
static void test_no_room(void **state)
{
	struct fixture *fixture = *state;
	size_t length = 512 << 10;
	uint8_t *large = calloc(1, length);
	struct answer answers[3];

	fixture->most = 256 << 10;
	store_open(fixture);
	put(fixture, "kept", "before");
	put_map(&fixture->room, "small1", "1", 1);
	room_send(&fixture->room, PH_STORE_PUT, &answers[0]);
	put_map(&fixture->room, "large", large, length);
	room_send(&fixture->room, PH_STORE_PUT, &answers[1]);
	put_map(&fixture->room, "small2", "2", 1);
	room_send(&fixture->room, PH_STORE_PUT, &answers[2]);
	for (unsigned i = 0; i < 3; i++)
		room_wait(&fixture->room, &answers[i]);
	assert_int_equal(answers[0].status, PH_CALL_OK);
	assert_int_equal(answers[1].status, PH_CALL_FAILED);
	assert_non_null(strstr(answers[1].error.what, "full"));
	assert_non_null(strstr(answers[1].error.next, "room"));
	assert_int_equal(answers[2].status, PH_CALL_OK);
	for (unsigned i = 0; i < 3; i++)
		answer_free(&answers[i]);
	store_close(fixture);
	store_open(fixture);
	expect(fixture, "kept", "before");
	expect(fixture, "small1", "1");
	expect(fixture, "small2", "2");
	expect(fixture, "large", NULL);
	store_close(fixture);
	free(large);
}

/* Whoever asks hears of it until a write succeeds: any, or one that is tried
 * because somebody asked. What finds nothing to delete writes nothing. */
static void test_trouble_is_told(void **state)
{
	struct fixture *fixture = *state;
	struct room *room = &fixture->room;
	size_t length = 512 << 10;
	uint8_t *large = calloc(1, length);

	fixture->most = 256 << 10;
	store_open(fixture);
	assert_null(ph_store_trouble(fixture->store));
	put_map(room, "large", large, length);
	room_call_exit(room, PH_STORE_PUT, PH_EXIT_NEGATIVE);
	put_map(room, "nothing", NULL, 0);
	room_call_ok(room, PH_STORE_DELETE);
	assert_non_null(strstr(ph_store_trouble(fixture->store), "full"));
	expect(fixture, "nothing", NULL);
	assert_null(ph_store_trouble(fixture->store));
	put_map(room, "large", large, length);
	room_call_exit(room, PH_STORE_PUT, PH_EXIT_NEGATIVE);
	put(fixture, "small", "1");
	assert_null(ph_store_trouble(fixture->store));
	store_close(fixture);
	assert_int_equal(ask(fixture, "SELECT count(*) FROM journal"), 1);
	free(large);
}

/* The disk itself refuses: a limit on file sizes stands in for it. */
static int child_without_disk(struct fixture *fixture)
{
	struct rlimit limit = {300 << 10, 300 << 10};
	uint8_t value[16 << 10] = {0};
	unsigned stored = 0, refused = 0;

	signal(SIGXFSZ, SIG_IGN);
	store_open(fixture);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (unsigned i = 0; i < 40; i++) {
		struct answer answer;
		char key[16];

		snprintf(key, sizeof(key), "%u", i);
		put_map(&fixture->room, key, value, sizeof(value));
		room_call(&fixture->room, PH_STORE_PUT, &answer);
		stored += answer.status == PH_CALL_OK;
		refused += answer.status == PH_CALL_FAILED;
		answer_free(&answer);
	}
	if (!refused || stored + refused != 40)
		return 255;
	return (int)stored;
}

static void test_the_disk_refuses(void **state)
{
	struct fixture *fixture = *state;
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(child_without_disk(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_not_equal(WEXITSTATUS(status), 255);
	assert_true(WEXITSTATUS(status) > 0);
	store_open(fixture);
	store_close(fixture);
	assert_int_equal(
		ask(fixture, "SELECT count(*) FROM kv"), WEXITSTATUS(status));
}

/*
 * Crash: a child writes as fast as it can, several at once, and tells each
 * acknowledged number through a pipe. It is killed at a random moment. Whatever
 * it told must be in the store afterwards.
 */
static void child_acknowledge(struct fixture *fixture, unsigned from,
	struct answer *answers, unsigned count, int tell)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t number = from + i;

		room_wait(&fixture->room, &answers[i]);
		if (answers[i].status != PH_CALL_OK ||
			write(tell, &number, sizeof(number)) < 0)
			_exit(1);
		answer_free(&answers[i]);
	}
}

static void child_write(struct fixture *fixture, unsigned round, int tell)
{
	struct answer answers[8];

	store_open(fixture);
	for (unsigned n = 0;; n += 8) {
		for (unsigned i = 0; i < 8; i++) {
			char key[32];

			snprintf(key, sizeof(key), "%u.%u", round, n + i);
			put_map(&fixture->room, key, key, strlen(key));
			room_send(&fixture->room, PH_STORE_PUT, &answers[i]);
		}
		child_acknowledge(fixture, n, answers, 8, tell);
	}
}

/* Lets it acknowledge `least` writes and a little more; returns how many it
 * told, 0 .. n-1 all of them. */
static unsigned crash(struct fixture *fixture, unsigned round, unsigned least)
{
	uint32_t number;
	unsigned told = 0;
	int ends[2];
	pid_t child;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		child_write(fixture, round, ends[1]);
	}
	close(ends[1]);
	while (told < least &&
		read(ends[0], &number, sizeof(number)) == sizeof(number))
		assert_int_equal(number, told++);
	/* Up to 1.5 ms more, so that the moment is anywhere in a commit. */
	poll(NULL, 0, (int)(round % 3));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(ends[0], &number, sizeof(number)) == sizeof(number))
		assert_int_equal(number, told++);
	close(ends[0]);
	return told;
}

static void expect_all(struct fixture *fixture, unsigned round, unsigned told)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM kv WHERE key GLOB '%u.*' AND "
		"cast(substr(key, instr(key, '.') + 1) AS INTEGER) < %u AND "
		"cast(value AS TEXT) = key",
		round, told);
	assert_int_equal(ask(fixture, sql), told);
}

static void test_crashes(void **state)
{
	const char *dose = getenv("PH_DOSE");
	unsigned rounds = dose && strcmp(dose, "full") == 0 ? 500 : 25;
	struct fixture *fixture = *state;
	unsigned told = 0;

	for (unsigned round = 1; round <= rounds; round++) {
		unsigned now = crash(fixture, round, 1 + round * 7 % 40);

		store_open(fixture);
		/* Every start that was, and this one. */
		assert_int_equal(fixture->epoch, 2 * round);
		store_close(fixture);
		expect_all(fixture, round, now);
		told += now;
	}
	assert_true(told > rounds);
	print_message("%u crashes, %u acknowledged writes, none lost\n", rounds,
		told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_values_last, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_lists_in_order, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_wrong_arguments, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_journal, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_group_commit, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_one_node_to_a_directory, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_is_no_database, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_damaged_database, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_newer_schema, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_somebody_elses_database, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_directory_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_trouble_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_the_disk_refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_crashes, setup, teardown),
	};

	return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
