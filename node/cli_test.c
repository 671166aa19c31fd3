#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlsurface/wiring_test.h"
#include "kernel/loop.h"
#include "node/cli_wiring.h"
#include "node/stage.h"

/*
 * posthouse test FILE: the tests of a wiring file, one after another. `reach`
 * is answered by the file alone; `inject` and `expect` run servers on a stage
 * (node/stage.h), which is opened for the first of them.
 */
#define WHY_BYTES 400
#define OUT_MOST  ((size_t)64 * 1024 * 1024)
/* How often servers are asked whether they broke: every so many naps. */
#define ASK_NAPS 10

struct trial {
	struct ph_cli *cli;
	const char *path; /* of the wiring file */
	struct ph_wiring *wiring;
	struct ph_stage stage;
	bool open;
	struct ph_writer *report; /* --json: an open list; or NULL */
	unsigned passed;
	unsigned failed;
};

struct bytes {
	char *data;
	size_t length;
};

static bool file_read(const char *path, struct bytes *out)
{
	FILE *file = fopen(path, "re");
	size_t size = 0;

	*out = (struct bytes){0};
	if (!file)
		return false;
	FILE *memory = open_memstream(&out->data, &size);
	char block[16384];
	size_t got;
	while (memory && size <= OUT_MOST &&
		(got = fread(block, 1, sizeof(block), file)) > 0) {
		fwrite(block, 1, got, memory);
		fflush(memory);
	}
	bool good = memory && !ferror(file);
	fclose(file);
	if (memory && fclose(memory))
		good = false;
	out->length = size;
	if (!good)
		free(out->data);
	return good;
}

/* A file that the test names stands beside the wiring file. */
static bool file_beside(
	const struct trial *trial, const char *name, struct bytes *out)
{
	char path[4096];
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", trial->path);
	snprintf(path, sizeof(path), "%s/%s", *name == '/' ? "" : dirname(copy),
		name);
	return file_read(path, out);
}

static bool put_bytes(const struct trial *trial, struct ph_wiring_put put,
	struct bytes *out, char why[WHY_BYTES])
{
	if (put.text) {
		out->data = strdup(put.text);
		out->length = strlen(put.text);
		return out->data != NULL;
	}
	if (file_beside(trial, put.file, out))
		return true;
	snprintf(why, WHY_BYTES, "cannot read %.200s: %s", put.file,
		strerror(errno));
	return false;
}

static bool inject_write(struct trial *trial, const struct ph_wiring_test *test,
	size_t index, char why[WHY_BYTES])
{
	char path[96];
	struct bytes bytes;

	if (!put_bytes(trial, ph_wiring_test_inject(test, index), &bytes, why))
		return false;
	snprintf(
		path, sizeof(path), "%s/in.%zu", trial->stage.directory, index);
	FILE *file = fopen(path, "we");
	bool good = file &&
		    fwrite(bytes.data, 1, bytes.length, file) == bytes.length;
	if (file && fclose(file))
		good = false;
	free(bytes.data);
	if (!good)
		snprintf(why, WHY_BYTES, "cannot write %s", path);
	return good;
}

/* Bytes for people: one line, at most so many. */
static void quote(char *out, size_t size, const char *data, size_t length)
{
	size_t to = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)data[i];

		if (to + 8 > size) {
			snprintf(out + to, size - to, "...");
			return;
		}
		if (byte == '\n')
			to += (size_t)snprintf(out + to, size - to, "\\n");
		else if (byte < 0x20 || byte > 0x7e)
			to += (size_t)snprintf(
				out + to, size - to, "\\x%02x", byte);
		else
			out[to++] = (char)byte;
	}
	out[to] = 0;
}

static bool is_equal(const struct bytes *came, const struct bytes *wanted,
	const char *at, char why[WHY_BYTES])
{
	size_t same = 0;
	char one[60];
	char other[60];

	while (same < came->length && same < wanted->length &&
		came->data[same] == wanted->data[same])
		same++;
	if (same == came->length && same == wanted->length)
		return true;
	size_t from = same > 10 ? same - 10 : 0;
	quote(one, sizeof(one), came->data + from, came->length - from);
	quote(other, sizeof(other), wanted->data + from, wanted->length - from);
	snprintf(why, WHY_BYTES,
		"%.80s: %zu bytes came, %zu are expected; from byte %zu on "
		"\"%s\" instead of \"%s\"",
		at, came->length, wanted->length, from, one, other);
	return false;
}

enum verdict {
	WAITS,
	HOLDS,
	BROKEN
};

/* What came until now, of a stream that has not ended. */
static bool part_read(
	const struct trial *trial, size_t index, struct bytes *out)
{
	char pattern[120];
	glob_t found;
	bool read = false;

	snprintf(pattern, sizeof(pattern), "%s/.posthouse.out.%zu-*.part",
		trial->stage.directory, index);
	if (!glob(pattern, GLOB_NOSORT, NULL, &found)) {
		read = found.gl_pathc > 0 && file_read(found.gl_pathv[0], out);
		globfree(&found);
	}
	return read;
}

static enum verdict expect_look(const struct trial *trial,
	const struct ph_wiring_test *test, size_t index, char why[WHY_BYTES])
{
	struct ph_wiring_put put = ph_wiring_test_expect(test, index);
	enum verdict verdict = WAITS;
	struct bytes came;
	struct bytes wanted;
	char path[96];

	snprintf(path, sizeof(path), "%s/out.%zu", trial->stage.directory,
		index);
	bool ended = file_read(path, &came);
	if (!ended && !(put.contains && part_read(trial, index, &came))) {
		snprintf(why, WHY_BYTES, "%.80s: its stream has not ended",
			put.at);
		return WAITS;
	}
	if (!put_bytes(trial, put, &wanted, why)) {
		free(came.data);
		return BROKEN;
	}
	if (!put.contains)
		verdict =
			is_equal(&came, &wanted, put.at, why) ? HOLDS : BROKEN;
	else if (memmem(came.data, came.length, wanted.data, wanted.length))
		verdict = HOLDS;
	else if (ended)
		verdict = BROKEN;
	if (put.contains && verdict != HOLDS)
		snprintf(why, WHY_BYTES,
			"%.80s: what is expected is not in the %zu bytes that "
			"came",
			put.at, came.length);
	free(came.data);
	free(wanted.data);
	return verdict;
}

static enum verdict all_look(const struct trial *trial,
	const struct ph_wiring_test *test, char why[WHY_BYTES])
{
	enum verdict verdict = HOLDS;

	for (size_t i = 0; i < ph_wiring_test_expects(test); i++) {
		enum verdict one = expect_look(trial, test, i, why);

		if (one == BROKEN)
			return BROKEN;
		if (one == WAITS)
			verdict = WAITS;
	}
	return verdict;
}

static bool stage_wait(struct trial *trial, const struct ph_wiring_test *test,
	char why[WHY_BYTES])
{
	int64_t until =
		ph_clock_real.now(&ph_clock_real) + ph_wiring_test_within(test);
	char late[WHY_BYTES];

	for (unsigned naps = 1;; naps++) {
		enum verdict verdict = all_look(trial, test, why);

		if (verdict != WAITS)
			return verdict == HOLDS;
		if (naps % ASK_NAPS == 0 &&
			ph_stage_broken(&trial->stage, late, sizeof(late))) {
			/* It may have ended well in the meantime. */
			if (all_look(trial, test, why) == HOLDS)
				return true;
			snprintf(why, WHY_BYTES, "%s", late);
			return false;
		}
		if (ph_clock_real.now(&ph_clock_real) > until) {
			snprintf(late, sizeof(late), "%s", why);
			snprintf(why, WHY_BYTES, "after %lld ms: %.300s",
				(long long)(ph_wiring_test_within(test) /
					    PH_MILLISECOND),
				late);
			return false;
		}
		if (!ph_stage_nap(&trial->stage)) {
			snprintf(why, WHY_BYTES, "it was broken off");
			return false;
		}
	}
}

static bool stage_run(struct trial *trial, const struct ph_wiring_test *test,
	char why[WHY_BYTES])
{
	struct ph_writer *map;
	struct ph_error error;
	const char *lacks;
	bool good;

	if (ph_writer_create(&map))
		return false;
	lacks = ph_wiring_test_rig(
		trial->wiring, test, trial->stage.directory, map);
	for (size_t i = 0; !lacks && i < ph_wiring_test_injects(test); i++)
		if (!inject_write(trial, test, i, why))
			lacks = why;
	if (lacks) {
		if (lacks != why)
			snprintf(why, WHY_BYTES, "%s", lacks);
		good = false;
	} else if (ph_stage_apply(&trial->stage, map, &error)) {
		snprintf(why, WHY_BYTES, "%.100s%s%.200s", error.where,
			*error.where ? ": " : "", error.what);
		good = false;
	} else {
		good = stage_wait(trial, test, why);
		ph_stage_clear(&trial->stage);
	}
	ph_writer_free(map);
	return good;
}

/* What a test before it left there. */
static void files_remove(const struct trial *trial)
{
	static const char *const patterns[] = {"in.*", "out.*", ".*.part"};
	char pattern[120];
	glob_t found;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
		snprintf(pattern, sizeof(pattern), "%s/%s",
			trial->stage.directory, patterns[i]);
		if (glob(pattern, GLOB_NOSORT, NULL, &found))
			continue;
		for (size_t j = 0; j < found.gl_pathc; j++)
			unlink(found.gl_pathv[j]);
		globfree(&found);
	}
}

/* 0 with *good; an exit code when the stage cannot be. */
static int test_run(struct trial *trial, const struct ph_wiring_test *test,
	bool *good, char why[WHY_BYTES])
{
	const char *lacks = ph_wiring_test_reach(trial->wiring, test);
	struct ph_error error;

	*good = lacks == NULL;
	if (lacks)
		snprintf(why, WHY_BYTES, "%s", lacks);
	if (!*good || !ph_wiring_test_expects(test))
		return 0;
	if (!trial->open) {
		trial->open = true;
		if (ph_stage_open(&trial->stage, &error))
			return ph_cli_fail(trial->cli, &error);
	}
	files_remove(trial);
	*good = stage_run(trial, test, why);
	return 0;
}

static void test_tell(struct trial *trial, const struct ph_wiring_test *test,
	bool good, const char *why)
{
	unsigned line = ph_wiring_test_line(trial->wiring, test);

	trial->passed += good;
	trial->failed += !good;
	if (trial->report) {
		ph_write_map(trial->report);
		ph_put_text(trial->report, "name", ph_wiring_test_name(test));
		ph_put_text(trial->report, "file", trial->path);
		ph_put_int(trial->report, "line", line);
		ph_put_bool(trial->report, "passed", good);
		ph_put_text(trial->report, "why", good ? "" : why);
		ph_write_end(trial->report);
	} else if (good) {
		printf("ok      %s\n", ph_wiring_test_name(test));
	} else {
		printf("FAILED  %s\n  %s:%u: %s\n", ph_wiring_test_name(test),
			trial->path, line, why);
	}
	fflush(stdout);
}

static void report_print(struct trial *trial)
{
	struct ph_document *document;
	const uint8_t *data;
	size_t length;

	if (!trial->report) {
		printf("%s: %u passed, %u failed\n", trial->path, trial->passed,
			trial->failed);
		return;
	}
	ph_write_end(trial->report);
	if (!ph_writer_finish(trial->report, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		ph_cli_offline_envelope(ph_document_root(document));
		ph_document_free(document);
	}
}

static int all_run(struct trial *trial)
{
	const struct ph_wiring_test *test = NULL;
	sigset_t stops;
	int code = 0;

	/* Looked at while waiting: the stage shall be taken down. */
	sigemptyset(&stops);
	sigaddset(&stops, SIGINT);
	sigaddset(&stops, SIGTERM);
	sigprocmask(SIG_BLOCK, &stops, NULL);
	while (!code && (test = ph_wiring_test_next(trial->wiring, test))) {
		char why[WHY_BYTES] = "";
		bool good = false;

		code = test_run(trial, test, &good, why);
		if (!code)
			test_tell(trial, test, good, why);
	}
	if (trial->open)
		ph_stage_close(&trial->stage);
	sigprocmask(SIG_UNBLOCK, &stops, NULL);
	if (code)
		return code;
	report_print(trial);
	return trial->failed ? PH_EXIT_NEGATIVE : 0;
}

int ph_cmd_test(struct ph_cli *cli)
{
	struct trial trial = {.cli = cli};
	size_t length;
	char *text;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "test");
	trial.path = cli->argv[0];
	code = ph_cli_wiring(
		cli, trial.path, NULL, &trial.wiring, &text, &length);
	if (code)
		return code;
	if (cli->json && !ph_writer_create(&trial.report))
		ph_write_list(trial.report);
	if (ph_wiring_errors(trial.wiring)) {
		ph_cli_findings(stderr, trial.wiring, trial.path);
		code = PH_EXIT_WIRING;
	} else {
		code = all_run(&trial);
	}
	ph_writer_free(trial.report);
	ph_wiring_free(trial.wiring);
	free(text);
	return code;
}
