#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlsurface/wiring_test.h"
#include "kernel/loop.h"
#include "node/cli_trial.h"

/*
 * posthouse test FILE: the tests of a wiring file, one after another. `reach`
 * is answered by the file alone; `inject` and `expect` run servers on a stage
 * (node/stage.h), which is opened for the first of them.
 */

/* How often servers are asked whether they broke: every so many naps. */
#define ASK_NAPS 10

static bool inject_write(struct ph_trial *trial,
	const struct ph_wiring_test *test, size_t index, char why[PH_TRIAL_WHY])
{
	char path[96];
	struct ph_bytes bytes;

	if (!ph_trial_bytes(
		    trial, ph_wiring_test_inject(test, index), &bytes, why))
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
		snprintf(why, PH_TRIAL_WHY, "cannot write %s", path);
	return good;
}

static bool stage_wait(struct ph_trial *trial,
	const struct ph_wiring_test *test, char why[PH_TRIAL_WHY])
{
	int64_t until =
		ph_clock_real.now(&ph_clock_real) + ph_wiring_test_within(test);
	char late[PH_TRIAL_WHY];

	for (unsigned naps = 1;; naps++) {
		enum ph_verdict verdict = ph_trial_look(trial, test, why);

		if (verdict != PH_VERDICT_WAITS)
			return verdict == PH_VERDICT_HOLDS;
		if (naps % ASK_NAPS == 0 &&
			ph_stage_broken(&trial->stage, late, sizeof(late))) {
			/* It may have ended well in the meantime. */
			if (ph_trial_look(trial, test, why) == PH_VERDICT_HOLDS)
				return true;
			snprintf(why, PH_TRIAL_WHY, "%s", late);
			return false;
		}
		if (ph_clock_real.now(&ph_clock_real) > until) {
			snprintf(late, sizeof(late), "%s", why);
			snprintf(why, PH_TRIAL_WHY, "after %lld ms: %.300s",
				(long long)(ph_wiring_test_within(test) /
					    PH_MILLISECOND),
				late);
			return false;
		}
		if (!ph_stage_nap(&trial->stage)) {
			snprintf(why, PH_TRIAL_WHY, "it was broken off");
			return false;
		}
	}
}

static bool stage_run(struct ph_trial *trial, const struct ph_wiring_test *test,
	char why[PH_TRIAL_WHY])
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
			snprintf(why, PH_TRIAL_WHY, "%s", lacks);
		good = false;
	} else if (ph_stage_apply(&trial->stage, map, &error)) {
		snprintf(why, PH_TRIAL_WHY, "%.100s%s%.200s", error.where,
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
static void files_remove(const struct ph_trial *trial)
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
static int test_run(struct ph_trial *trial, const struct ph_wiring_test *test,
	bool *good, char why[PH_TRIAL_WHY])
{
	const char *lacks = ph_wiring_test_reach(trial->wiring, test);
	struct ph_error error;

	*good = lacks == NULL;
	if (lacks)
		snprintf(why, PH_TRIAL_WHY, "%s", lacks);
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

static void test_tell(struct ph_trial *trial, const struct ph_wiring_test *test,
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

static void report_print(struct ph_trial *trial)
{
	if (!trial->report && !trial->passed && !trial->failed) {
		printf("%s: it has no tests; write some under tests:\n",
			trial->path);
		return;
	}
	if (!trial->report) {
		printf("%s: %u passed, %u failed\n", trial->path, trial->passed,
			trial->failed);
		return;
	}
	ph_write_end(trial->report);
	ph_cli_offline_written(trial->report);
	trial->report = NULL;
}

static int all_run(struct ph_trial *trial)
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
		char why[PH_TRIAL_WHY] = "";
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
	struct ph_trial trial = {.cli = cli};
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
