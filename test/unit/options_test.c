#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/options.h"

/* What `up` was told: flags over the environment over what is usual. */
#define WORDS 16

static int read_words(
	struct ph_options *out, struct ph_error *error, const char *first, ...)
{
	char *words[WORDS] = {(char *)"up"};
	int count = 1;
	va_list list;

	va_start(list, first);
	for (const char *word = first; word && count < WORDS - 1;
		word = va_arg(list, const char *))
		words[count++] = (char *)word;
	va_end(list);
	return ph_options_read(out, count, words, error);
}

static int clear_environment(void **state)
{
	unsetenv("POSTHOUSE_DISCOVERY");
	unsetenv("POSTHOUSE_L2");
	unsetenv("POSTHOUSE_CAP");
	return 0;
}

static void hearsay_may_be_allowed_to_go_further(void **state)
{
	struct ph_options options;
	struct ph_error error;

	assert_int_equal(read_words(&options, &error, NULL), 0);
	assert_int_equal(options.dial_allows, 0);
	assert_int_equal(read_words(&options, &error, "--dial-allow",
				 "10.0.0.0/8,2001:db8::/32", "--dial-allow",
				 "192.0.2.7", NULL),
		0);
	assert_int_equal(options.dial_allows, 3);
	assert_int_equal(options.dial_allow[0].length, 8);
	assert_int_equal(options.dial_allow[2].length, 32);
	assert_int_equal(read_words(&options, &error, "--dial-allow",
				 "10.0.0.1/8", NULL),
		-1);
	assert_int_equal(error.exit, PH_EXIT_USAGE);
	assert_int_equal(
		read_words(&options, &error, "--dial-allow", "porch.lan", NULL),
		-1);
}

static void discovery_is_on_by_itself(void **state)
{
	struct ph_options options;
	struct ph_error error;

	assert_int_equal(read_words(&options, &error, NULL), 0);
	assert_true(options.discovery);
	assert_null(options.interfaces);
	assert_int_equal(options.l2, PH_L2_OFF);
	assert_int_equal(options.caps, 0);
}

static void discovery_says_on_off_or_where(void **state)
{
	struct ph_options options;
	struct ph_error error;

	assert_int_equal(
		read_words(&options, &error, "--discovery", "off", NULL), 0);
	assert_false(options.discovery);
	assert_int_equal(
		read_words(&options, &error, "--discovery=eth0,wlan0.7", NULL),
		0);
	assert_true(options.discovery);
	assert_string_equal(options.interfaces, "eth0,wlan0.7");
	setenv("POSTHOUSE_DISCOVERY", "off", 1);
	assert_int_equal(read_words(&options, &error, NULL), 0);
	assert_false(options.discovery);
	assert_int_equal(
		read_words(&options, &error, "--discovery", "on", NULL), 0);
	assert_true(options.discovery);
}

static void bad_values_say_what_would_be_good(void **state)
{
	static const char *const bad[][2] = {
		{"--discovery", ""},
		{"--discovery", "eth0,,eth1"},
		{"--discovery", "a-name-that-is-too-long"},
		{"--discovery", "../eth0"},
		{"--discovery", "eth 0"},
		{"--l2", "on"},
		{"--l2", ""},
		{"--cap", ""},
		{"--cap", "=5"},
		{"--cap", "GPU"},
		{"--cap", "gpu=a\nb"},
		{"--cap", "gpu,,x"},
	};
	struct ph_options options;
	struct ph_error error;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_words(&options, &error, bad[i][0],
					 bad[i][1], NULL),
			-1);
		assert_int_equal(error.exit, PH_EXIT_USAGE);
		assert_string_equal(error.where, bad[i][0]);
		assert_true(error.next[0]);
	}
}

static void capabilities_repeat(void **state)
{
	struct ph_options options;
	struct ph_error error;

	assert_int_equal(read_words(&options, &error, "--cap", "gpu=nvenc",
				 "--cap", "room=3,quiet", NULL),
		0);
	assert_int_equal(options.caps, 3);
	assert_string_equal(options.cap[0], "gpu=nvenc");
	assert_string_equal(options.cap[1], "room=3");
	assert_string_equal(options.cap[2], "quiet");
	/* Flags replace the list of the environment. */
	setenv("POSTHOUSE_CAP", "a,b,c", 1);
	assert_int_equal(read_words(&options, &error, NULL), 0);
	assert_int_equal(options.caps, 3);
	assert_int_equal(read_words(&options, &error, "--cap", "d", NULL), 0);
	assert_int_equal(options.caps, 1);
	assert_string_equal(options.cap[0], "d");
}

static void capabilities_are_bounded(void **state)
{
	struct ph_options options;
	struct ph_error error;
	char list[PH_OPTIONS_CAPS * 2 + 4] = "";

	for (unsigned i = 0; i < PH_OPTIONS_CAPS; i++)
		memcpy(list + 2 * i, "a,", 3);
	assert_int_equal(read_words(&options, &error, "--cap", list, NULL), 0);
	memcpy(list + 2 * PH_OPTIONS_CAPS, "a", 2);
	assert_int_equal(read_words(&options, &error, "--cap", list, NULL), -1);
}

static void l2_has_three_modes(void **state)
{
	struct ph_options options;
	struct ph_error error;

	assert_int_equal(
		read_words(&options, &error, "--l2", "listen", NULL), 0);
	assert_int_equal(options.l2, PH_L2_LISTEN);
	assert_int_equal(read_words(&options, &error, "--l2", "emit", NULL), 0);
	assert_int_equal(options.l2, PH_L2_EMIT);
	setenv("POSTHOUSE_L2", "emit", 1);
	assert_int_equal(read_words(&options, &error, "--l2", "off", NULL), 0);
	assert_int_equal(options.l2, PH_L2_OFF);
}

#define TEST(name) cmocka_unit_test_setup(name, clear_environment)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hearsay_may_be_allowed_to_go_further),
		TEST(discovery_is_on_by_itself),
		TEST(discovery_says_on_off_or_where),
		TEST(bad_values_say_what_would_be_good),
		TEST(capabilities_repeat),
		TEST(capabilities_are_bounded),
		TEST(l2_has_three_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
