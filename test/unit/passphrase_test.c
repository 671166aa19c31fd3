#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "proto/passphrase.h"

static int mesh_of(char mesh[PH_MESH_ID], const char *phrase)
{
	return ph_passphrase_mesh(mesh, phrase, strlen(phrase));
}

static void made_ones_name_their_mesh(void **state)
{
	for (int i = 0; i < 1000; i++) {
		char phrase[PH_PASSPHRASE];
		char mesh[PH_MESH_ID];

		ph_passphrase_make(phrase);
		assert_int_equal(strlen(phrase), 44);
		assert_int_equal(mesh_of(mesh, phrase), 0);
		assert_int_equal(strlen(mesh), 8);
		assert_memory_equal(mesh, phrase, 8);
		assert_string_not_equal(mesh, "default0");
	}
}

static void made_ones_differ_in_every_word(void **state)
{
	char first[PH_PASSPHRASE];
	char second[PH_PASSPHRASE];

	ph_passphrase_make(first);
	ph_passphrase_make(second);
	assert_memory_not_equal(first, second, 8);
	assert_string_not_equal(first + 8, second + 8);
	/* All 65,536 words are reached: each letter of each place turns up. */
	for (int place = 9; place < 44; place++) {
		int seen[256] = {0};
		int letters = 0;

		if ((place - 8) % 6 == 0)
			continue;
		for (int i = 0; i < 2000; i++) {
			ph_passphrase_make(first);
			letters += !seen[(uint8_t)first[place]]++;
		}
		assert_int_equal(letters, (place - 9) % 6 % 2 ? 4 : 16);
	}
}

static void a_new_one_keeps_the_mesh(void **state)
{
	char old[PH_PASSPHRASE];
	char new[PH_PASSPHRASE];
	char mesh[PH_MESH_ID];
	char same[PH_MESH_ID];

	ph_passphrase_make(old);
	mesh_of(mesh, old);
	ph_passphrase_renew(new, mesh);
	assert_int_equal(mesh_of(same, new), 0);
	assert_string_equal(mesh, same);
	assert_string_not_equal(old, new);
}

static void other_text_is_of_the_default_mesh(void **state)
{
	static const char *const texts[] = {
		"correct horse battery",
		"0123456789ab",
		"abcdefgh-lusab-babad-gutih-tugad-lusab",	/* five words */
		"abcdefgh-lusab-babad-gutih-tugad-lusab-baba",	/* cut short */
		"abcdefgi-lusab-babad-gutih-tugad-lusab-babad", /* an i */
		"abcdefgh-lusab-babad-gutih-tugad-lusab-babae",
		"abcdefgh lusab babad gutih tugad lusab babad",
		"h\xc3\xa4ngematte am Fluss",
	};
	char mesh[PH_MESH_ID];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(mesh_of(mesh, texts[i]), 0);
		assert_string_equal(mesh, "default0");
	}
	assert_int_equal(
		mesh_of(mesh, "abcdefgh-lusab-babad-gutih-tugad-lusab-babad"),
		0);
	assert_string_equal(mesh, "abcdefgh");
}

static void short_and_broken_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"elevenchars",
		/* eleven characters in 22 bytes */
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4",
		"twelve chars\xff",
		"twelve chars\xc0\x80", /* overlong */
		"twelve chars\xe0\x80\x80",
		"twelve chars\xed\xa0\x80", /* a surrogate */
		"twelve chars\xf4\x90\x80\x80",
		"twelve chars\xe2\x82", /* cut */
		"twelve chars\x80",
	};
	char mesh[PH_MESH_ID] = "untouch";
	char huge[PH_PASSPHRASE_MOST + 1];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(mesh_of(mesh, texts[i]), -EINVAL);
	assert_int_equal(
		ph_passphrase_mesh(mesh, "with\0a zero byte", 16), -EINVAL);
	memset(huge, 'x', sizeof(huge));
	assert_int_equal(ph_passphrase_mesh(mesh, huge, sizeof(huge)), -EINVAL);
	assert_string_equal(mesh, "untouch");
	assert_int_equal(ph_passphrase_mesh(mesh, huge, sizeof(huge) - 1), 0);
}

static void secret(
	uint8_t out[PH_MESH_SECRET], const char *mesh, const char *phrase)
{
	assert_int_equal(
		ph_passphrase_secret(out, mesh, phrase, strlen(phrase)), 0);
}

static void secrets_depend_on_phrase_and_mesh(void **state)
{
	uint8_t out[4][PH_MESH_SECRET];

	secret(out[0], "default0", "correct horse battery");
	secret(out[1], "default0", "correct horse battery");
	secret(out[2], "default1", "correct horse battery");
	secret(out[3], "default0", "correct horse battery ");
	assert_memory_equal(out[0], out[1], PH_MESH_SECRET);
	assert_memory_not_equal(out[0], out[2], PH_MESH_SECRET);
	assert_memory_not_equal(out[0], out[3], PH_MESH_SECRET);
}

/* Written down once: a change would lock every mesh out of itself. */
static void secrets_stay_what_they_were(void **state)
{
	static const char expected[] = "f80f14ac81e310632723920abb351f5fa45d3a3"
				       "53ff33b2cc722615546678fa1";
	uint8_t out[PH_MESH_SECRET];
	char hex[2 * PH_MESH_SECRET + 1];

	secret(out, "default0", "correct horse battery");
	sodium_bin2hex(hex, sizeof(hex), out, sizeof(out));
	assert_string_equal(hex, expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_ones_name_their_mesh),
		cmocka_unit_test(made_ones_differ_in_every_word),
		cmocka_unit_test(a_new_one_keeps_the_mesh),
		cmocka_unit_test(other_text_is_of_the_default_mesh),
		cmocka_unit_test(short_and_broken_text_is_refused),
		cmocka_unit_test(secrets_depend_on_phrase_and_mesh),
		cmocka_unit_test(secrets_stay_what_they_were),
	};

	return cmocka_run_group_tests_name("passphrase", tests, NULL, NULL);
}
