#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"

struct heard {
	unsigned lines;
	enum ph_log_level level;
	char topic[32];
	char line[2048];
};

static void hear(void *context, enum ph_log_level level, const char *topic,
	const char *line)
{
	struct heard *heard = context;

	heard->lines++;
	heard->level = level;
	snprintf(heard->topic, sizeof(heard->topic), "%s", topic);
	snprintf(heard->line, sizeof(heard->line), "%s", line);
}

static void test_level_decides(void **state)
{
	struct heard heard = {0};

	ph_log_open(hear, &heard, PH_LOG_WARN);
	assert_int_equal(ph_log_most(), PH_LOG_WARN);
	ph_log_info("kernel", "nobody.listens");
	assert_int_equal(heard.lines, 0);
	ph_log_error("kernel", "disk.full path=%s", "/var");
	assert_int_equal(heard.lines, 1);
	assert_int_equal(heard.level, PH_LOG_ERROR);
	assert_string_equal(heard.topic, "kernel");
	assert_string_equal(heard.line, "disk.full path=/var");
}

static void test_long_line_is_cut(void **state)
{
	struct heard heard = {0};

	ph_log_open(hear, &heard, PH_LOG_INFO);
	ph_log_info("kernel", "%05000d", 7);
	assert_int_equal(strlen(heard.line), 1024);
}

static void test_line_cannot_start_another(void **state)
{
	struct heard heard = {0};

	ph_log_open(hear, &heard, PH_LOG_INFO);
	ph_log_info("kernel", "name=%s", "a\nerror forged \033[2J\x7f");
	assert_string_equal(heard.line, "name=a?error forged ?[2J?");
}

static void test_escape(void **state)
{
	char out[64];
	char tiny[6];

	ph_log_escape(out, sizeof(out), "a\0\n\xff\\z", 6);
	assert_string_equal(out, "a\\x00\\x0a\\xff\\x5cz");
	/* Cut before an escape, never within one. */
	ph_log_escape(tiny, sizeof(tiny), "ab\n", 3);
	assert_string_equal(tiny, "ab");
	ph_log_escape(tiny, sizeof(tiny), "a\nb", 3);
	assert_string_equal(tiny, "a\\x0a");
	ph_log_escape(tiny, sizeof(tiny), "abcdefgh", 8);
	assert_string_equal(tiny, "abcde");
	tiny[0] = 'x';
	ph_log_escape(tiny, 1, "abc", 3);
	assert_string_equal(tiny, "");
	tiny[0] = 'x';
	ph_log_escape(tiny, 0, "abc", 3);
	assert_int_equal(tiny[0], 'x');
}

/* What standard error shows without any sink. */
static void test_default_writes_stderr(void **state)
{
	char text[4096] = {0};
	int ends[2], saved = dup(STDERR_FILENO);
	regex_t form;

	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	ph_log_open(NULL, NULL, PH_LOG_INFO);
	ph_log_info("hostess", "call.answered peer=%s", "beta");
	ph_log_info("hostess", "%05000d", 7);
	dup2(saved, STDERR_FILENO);
	close(ends[1]);
	assert_true(read(ends[0], text, sizeof(text) - 1) > 0);
	close(ends[0]);
	close(saved);
	assert_int_equal(regcomp(&form,
				 "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\."
				 "[0-9]{3}Z info  hostess call\\.answered "
				 "peer=beta\n[^\n]* info  hostess 0+\n$",
				 REG_EXTENDED | REG_NOSUB),
		0);
	assert_int_equal(regexec(&form, text, 0, NULL, 0), 0);
	regfree(&form);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_level_decides),
		cmocka_unit_test(test_long_line_is_cut),
		cmocka_unit_test(test_line_cannot_start_another),
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_default_writes_stderr),
	};

	return cmocka_run_group_tests_name("kernel_log", tests, NULL, NULL);
}
