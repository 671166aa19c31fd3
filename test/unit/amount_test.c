#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "proto/server.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"1B", 1},
		{"3kB", 3000},
		{"2MB", 2000000},
		{"1GB", 1000000000},
		{"1KiB", 1024},
		{"64MiB", 67108864},
		{"1GiB", 1073741824},
		{"1TiB", UINT64_C(1) << 40},
		{"18446744073709551615", UINT64_MAX},
	};
	static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "MiB",
		"1.5GiB", "1mib", "1 MiB", "1K", "18446744073709551616",
		"99999999TiB", "0x10", "1e3"};
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (ph_parse_bytes(&value, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(value, 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(ph_parse_bytes(&value, good[i].text), 0);
		assert_true(value == good[i].value);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t value;
	} good[] = {
		{"1ns", 1},
		{"1us", 1000},
		{"250ms", 250 * PH_MILLISECOND},
		{"10s", 10 * PH_SECOND},
		{"5m", 300 * PH_SECOND},
		{"2h", 7200 * PH_SECOND},
		{"0s", 0},
		{"9223372036854775807ns", INT64_MAX},
	};
	static const char *const bad[] = {"", "10", "s", "-1s", "1.5s", "1 s",
		"1S", "1d", "9223372036854775808ns", "9999999999s"};
	int64_t value = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (ph_parse_duration(&value, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_int_equal(value, 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(ph_parse_duration(&value, good[i].text), 0);
		assert_true(value == good[i].value);
	}
}

static void parameters(void **state)
{
	static const struct ph_parameter given[] = {
		{"path", "/tmp/x"}, {"bytes", "1MiB"}};
	struct ph_server server = {.parameters = given, .parameter_count = 2};

	(void)state;
	assert_string_equal(ph_server_parameter(&server, "bytes"), "1MiB");
	assert_null(ph_server_parameter(&server, "byte"));
	server.parameter_count = 0;
	assert_null(ph_server_parameter(&server, "path"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(durations),
		cmocka_unit_test(parameters),
	};

	return cmocka_run_group_tests_name("amount", tests, NULL, NULL);
}
