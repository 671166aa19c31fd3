#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/limits.h"

static void test_taken(void **state)
{
	static const struct {
		enum ph_limit limit;
		const char *text;
		uint64_t value;
		const char *back;
	} rows[] = {
		{PH_LIMIT_MEMORY, "64MiB", 64 << 20, "64MiB"},
		{PH_LIMIT_MEMORY, "1048577", 1048577, "1048577"},
		{PH_LIMIT_CPU, "50%", 500, "50%"},
		{PH_LIMIT_CPU, "1", 1000, "1"},
		{PH_LIMIT_CPU, "1.5", 1500, "150%"},
		{PH_LIMIT_CPU, "0.125", 125, "12%"},
		{PH_LIMIT_PIDS, "1", 1, "1"},
		{PH_LIMIT_FILES, "1000000", 1000000, "1000000"},
	};
	char text[32];
	uint64_t value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			ph_limit_parse(&value, rows[i].limit, rows[i].text), 0);
		assert_int_equal(value, rows[i].value);
		assert_string_equal(ph_limit_format(text, sizeof(text),
					    rows[i].limit, value),
			rows[i].back);
	}
}

static void test_refused(void **state)
{
	static const struct {
		enum ph_limit limit;
		const char *text;
	} rows[] = {
		{PH_LIMIT_MEMORY, ""},
		{PH_LIMIT_MEMORY, "64k"},
		{PH_LIMIT_MEMORY, "1023KiB"},
		{PH_LIMIT_MEMORY, "99999999TiB"},
		{PH_LIMIT_CPU, "0"},
		{PH_LIMIT_CPU, "0.009"},
		{PH_LIMIT_CPU, "1.2345"},
		{PH_LIMIT_CPU, "1."},
		{PH_LIMIT_CPU, ".5"},
		{PH_LIMIT_CPU, "-1"},
		{PH_LIMIT_CPU, "50%%"},
		{PH_LIMIT_CPU, "99999999"},
		{PH_LIMIT_PIDS, "0"},
		{PH_LIMIT_PIDS, "10k"},
		{PH_LIMIT_PIDS, "1000001"},
		{PH_LIMIT_PIDS, "99999999999999999999"},
		{PH_LIMIT_FILES, "7"},
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!ph_limit_parse(&value, rows[i].limit, rows[i].text))
			fail_msg("taken: %s", rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
