#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/manifest.h"

/* Manifests of programs, and the rule of who may book. */

/* printf 'open sesame' | b2sum -l 256 */
#define SESAME                                                                 \
	"928db2d7bd4e793d9cc22938b5a960aaf601d4409c2bafb096d95046f61f65ad"

static void test_a_whole_manifest(void **state)
{
	static const char text[] = "manifest: 1\n"
				   "# an encoder\n"
				   "\n"
				   "class: 0x2A\n"
				   "owner: video\n"
				   "auth: yes\n"
				   "caps: gpu=nvenc  h264\n"
				   "labels: room=porch\n"
				   "in raw: video/mjpeg\n"
				   "combine log: text/plain fd=5\n"
				   "out h264: video/h264\n"
				   "mux frames: any fd=4";
	struct ph_manifest_place place;
	struct ph_manifest *manifest;
	struct ph_error error;
	char *printed;

	assert_int_equal(
		ph_manifest_read(&manifest, text, strlen(text), &place, &error),
		0);
	assert_int_equal(manifest->class, 0x2a);
	assert_string_equal(manifest->owner, "video");
	assert_int_equal(manifest->auth.mechanism, PH_MECHANISM_PEER);
	assert_int_equal(manifest->auth.role, PH_ROLE_EXEC);
	assert_int_equal(manifest->cap_count, 2);
	assert_string_equal(manifest->labels[0], "room=porch");
	assert_int_equal(manifest->terminal_count, 4);
	assert_int_equal(manifest->terminals[1].fd, 5);
	assert_int_equal(manifest->terminals[2].fd, -1);
	assert_string_equal(manifest->terminals[3].media, "");
	assert_int_equal(manifest->terminals[3].direction, PH_MUX);
	printed = ph_manifest_text(manifest);
	assert_non_null(strstr(printed, "class: 2a\n"));
	assert_non_null(strstr(printed, "auth: yes peer role=exec\n"));
	assert_non_null(strstr(printed, "mux frames: any fd=4\n"));
	free(printed);
	ph_manifest_free(manifest);
}

static void test_refused_with_place_and_reason(void **state)
{
	static const struct {
		const char *text, *what;
		unsigned line, column;
		int exit;
	} rows[] = {
		{"", "empty", 1, 1, 78},
		{"class: 1", "not a manifest", 1, 1, 78},
		{"in a: any", "not a manifest", 1, 1, 78},
		{"manifest: 2", "version", 1, 11, 78},
		{"manifest: 1 2", "behind", 1, 13, 78},
		{"manifest: 1\nmanifest: 1", "twice", 2, 1, 78},
		{"manifest: 1\n\ncolour: red", "no such key", 3, 1, 78},
		{"manifest 1", "not a manifest", 1, 1, 78},
		{"manifest: 1\ncaps gpu", "begins with a key", 2, 1, 78},
		{"manifest: 1\nclass: xyz", "no class", 2, 8, 78},
		{"manifest: 1\nowner: a b", "behind", 2, 10, 78},
		{"manifest: 1\nowner: a:b", "no owner", 2, 8, 78},
		{"manifest: 1\nauth: yes magic", "no such way", 2, 1, 6},
		{"manifest: 1\nauth: no peer", "belongs", 2, 1, 78},
		{"manifest: 1\nauth: yes token 12", "64 hex", 2, 1, 78},
		{"manifest: 1\nlabels: room", "no such word", 2, 9, 78},
		{"manifest: 1\nlabels: a=1 a=2", "twice", 2, 1, 78},
		{"manifest: 1\nin raw video/x", "terminal's name", 2, 4, 78},
		{"manifest: 1\nin raw: video", "no media", 2, 9, 78},
		{"manifest: 1\nin raw:", "no media", 2, 1, 78},
		{"manifest: 1\nin a: any fd=x", "descriptor", 2, 11, 78},
		{"manifest: 1\nin a: any fd=1\nout b: any fd=1", "share", 3, 12,
			78},
		{"manifest: 1\nin a: any\nout a: any", "same name", 3, 5, 78},
		{"manifest: 1\nowner: \x01", "control", 2, 8, 78},
		{"manifest: 1\nowner: \xff", "UTF-8", 2, 8, 78},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ph_manifest *manifest = NULL;
		struct ph_manifest_place place;
		struct ph_error error;

		assert_int_equal(ph_manifest_read(&manifest, rows[i].text,
					 strlen(rows[i].text), &place, &error),
			-1);
		assert_null(manifest);
		if (!strstr(error.what, rows[i].what) ||
			error.exit != (enum ph_exit)rows[i].exit ||
			place.line != rows[i].line ||
			place.column != rows[i].column)
			fail_msg("'%s': %u:%u %s (%d)", rows[i].text,
				place.line, place.column, error.what,
				error.exit);
	}
}

static void test_a_mebibyte_is_refused(void **state)
{
	size_t length = (size_t)1 << 20;
	char *text = malloc(length);
	struct ph_manifest_place place;
	struct ph_manifest *manifest;
	struct ph_error error;

	memset(text, 'a', length);
	assert_int_equal(
		ph_manifest_read(&manifest, text, length, &place, &error), -1);
	assert_non_null(strstr(error.what, "too long"));
	free(text);
}

static int rule_of(struct ph_auth_rule *rule, const char *text)
{
	struct ph_error error = {.exit = PH_EXIT_OK};

	ph_auth_rule_parse(rule, text, strlen(text), &error);
	return (int)error.exit;
}

static void test_rules_are_canonical(void **state)
{
	static const char *const rows[][2] = {
		{"no", "no"},
		{"no none", "no"},
		{"yes", "yes peer role=exec"},
		{"  yes   peer role=wire", "yes peer role=wire"},
		{"optional peer from=a,b", "optional peer role=exec from=a,b"},
		{"yes token " SESAME, "yes token " SESAME},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ph_auth_rule rule;
		char text[PH_AUTH_TEXT];

		assert_int_equal(rule_of(&rule, rows[i][0]), 0);
		ph_auth_rule_format(&rule, text, sizeof(text));
		assert_string_equal(text, rows[i][1]);
	}
}

static int admit(const char *text, bool here, enum ph_role role,
	const char *node, const char *token)
{
	struct ph_error error = {.exit = PH_EXIT_OK};
	struct ph_auth_rule rule;
	struct ph_auth_claim claim = {.here = here,
		.role = role,
		.node = node,
		.token = token,
		.length = token ? strlen(token) : 0};

	assert_int_equal(rule_of(&rule, text), 0);
	ph_auth_admit(&rule, &claim, "alpha/sink:in", &error);
	return (int)error.exit;
}

static void test_who_is_admitted(void **state)
{
	static const char token[] = "yes token " SESAME;
	static const char maybe[] = "optional token " SESAME;

	assert_int_equal(admit("no", false, PH_ROLE_WIRE, "b", NULL), 0);
	assert_int_equal(admit("yes", false, PH_ROLE_WIRE, "b", NULL), 6);
	assert_int_equal(admit("yes", false, PH_ROLE_EXEC, "b", NULL), 0);
	assert_int_equal(admit("yes", true, PH_ROLE_EXEC, "a", NULL), 0);
	assert_int_equal(
		admit("yes peer role=wire", false, PH_ROLE_WIRE, "b", NULL), 0);
	assert_int_equal(
		admit("yes peer from=c", false, PH_ROLE_EXEC, "b", NULL), 6);
	assert_int_equal(
		admit("yes peer from=c,b", false, PH_ROLE_EXEC, "b", NULL), 0);
	assert_int_equal(admit("optional", false, PH_ROLE_WIRE, "b", NULL), 0);
	assert_int_equal(admit(token, true, PH_ROLE_EXEC, "a", NULL), 6);
	assert_int_equal(
		admit(token, false, PH_ROLE_WIRE, "b", "open sesame"), 0);
	assert_int_equal(
		admit(token, true, PH_ROLE_EXEC, "a", "open sesam"), 6);
	assert_int_equal(admit(maybe, false, PH_ROLE_WIRE, "b", NULL), 0);
	assert_int_equal(admit(maybe, false, PH_ROLE_WIRE, "b", "x"), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_whole_manifest),
		cmocka_unit_test(test_refused_with_place_and_reason),
		cmocka_unit_test(test_a_mebibyte_is_refused),
		cmocka_unit_test(test_rules_are_canonical),
		cmocka_unit_test(test_who_is_admitted),
	};

	return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
