#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "executor/spec.h"
#include "test/rig.h"

static int read_map(
	struct ph_writer *writer, struct ph_spec **out, struct ph_error *error)
{
	struct ph_document *document;
	int result;

	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_PEER), 0);
	result = ph_spec_read(out, ph_document_root(document), error);
	ph_document_free(document);
	ph_writer_free(writer);
	return result;
}

static int read_spec(const struct rig_spec *text, struct ph_spec **out,
	struct ph_error *error)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	rig_write_spec(writer, text);
	return read_map(writer, out, error);
}

static struct ph_spec *good(struct rig_spec text)
{
	struct ph_spec *spec;
	struct ph_error error;

	if (read_spec(&text, &spec, &error)) {
		print_error("%s\n", error.what);
		fail();
	}
	return spec;
}

static void bad(struct rig_spec text, const char *what)
{
	struct ph_spec *spec;
	struct ph_error error = {0};

	assert_int_equal(read_spec(&text, &spec, &error), -1);
	assert_int_equal(error.exit, PH_EXIT_WIRING);
	if (!strstr(error.what, what))
		fail_msg("%s", error.what);
	assert_true(error.next[0]);
}

static void a_program_has_three_terminals(void **state)
{
	struct ph_spec *spec =
		good((struct rig_spec){.name = "a", .argv = {"cat", "-u"}});

	assert_string_equal(spec->argv[0], "cat");
	assert_string_equal(spec->argv[1], "-u");
	assert_null(spec->argv[2]);
	assert_int_equal(spec->terminal_count, 3);
	assert_string_equal(spec->terminals[0].name, "stdin");
	assert_int_equal(spec->terminals[0].direction, PH_IN);
	assert_string_equal(spec->terminals[2].name, "stderr");
	assert_int_equal(spec->terminals[2].fd, 2);
	assert_int_equal(spec->restart, PH_RESTART_ON_FAILURE);
	assert_int_equal(spec->framing, PH_FRAMING_RAW);
	assert_string_equal(spec->owner, "posthouse");
	ph_spec_free(spec);
}

static void named_terminals_replace_the_three(void **state)
{
	struct ph_spec *spec = good(
		(struct rig_spec){.name = "a", .argv = {"cam"}, .mux = true});

	assert_int_equal(spec->terminal_count, 1);
	assert_int_equal(spec->terminals[0].direction, PH_MUX);
	ph_spec_free(spec);
}

static void a_bundled_server_has_its_own(void **state)
{
	struct ph_spec *spec = good((struct rig_spec){.name = "a",
		.use = "clock",
		.with = {{"every", "1s"}},
		.mux = true});

	assert_null(spec->argv);
	assert_int_equal(spec->terminal_count, 1);
	assert_int_equal(spec->terminals[0].direction, PH_MUX);
	assert_int_equal(spec->class, 0x30);
	ph_spec_free(spec);
}

static void what_is_wrong_is_named(void **state)
{
	bad((struct rig_spec){.argv = {"x"}}, "`name`");
	bad((struct rig_spec){.name = "a/b", .argv = {"x"}}, "`name`");
	bad((struct rig_spec){.name = "a"}, "one of `exec` and");
	bad((struct rig_spec){.name = "a", .argv = {""}, .use = NULL},
		"no program named");
	bad((struct rig_spec){.name = "a", .use = "zero", .placement = "moon"},
		"unknown word at `placement`");
	bad((struct rig_spec){.name = "a", .use = "zero", .placement = "guest"},
		"unknown word at `placement`");
	bad((struct rig_spec){.name = "a", .argv = {"x"}, .placement = "loop"},
		"a program is always a process: `placement`");
	bad((struct rig_spec){.name = "a", .argv = {"x"}, .restart = "often"},
		"unknown word at `restart`");
	bad((struct rig_spec){.name = "a", .argv = {"x"}, .framing = "xml"},
		"unknown word at `framing`");
	bad(
		(struct rig_spec){
			.name = "a", .argv = {"x"}, .env = {{"A=B", "c"}}},
		"variable's name");
	bad((struct rig_spec){.name = "a", .use = "null", .only_output = true},
		"no such output");
	bad((struct rig_spec){.name = "a", .use = "file.read"},
		"missing below `with`: `path`");
	bad((struct rig_spec){.name = "a",
		    .use = "zero",
		    .with = {{"bytes", "many"}}},
		"not a size");
	bad(
		(struct rig_spec){
			.name = "a", .use = "clock", .with = {{"every", "0s"}}},
		"not a time");
	bad(
		(struct rig_spec){
			.name = "a", .use = "zero", .with = {{"colour", "x"}}},
		"unknown to `zero`");
}

static void shapes_are_checked(void **state)
{
	static const char *const keys[] = {"exec", "with", "env", "labels"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		struct ph_writer *writer;
		struct ph_spec *spec;
		struct ph_error error;

		ph_writer_create(&writer);
		ph_write_map(writer);
		ph_put_text(writer, "name", "a");
		if (i)
			ph_put_text(writer, "use", "null");
		ph_put_int(writer, keys[i], 7);
		ph_write_end(writer);
		assert_int_equal(read_map(writer, &spec, &error), -1);
		assert_int_equal(error.exit, PH_EXIT_WIRING);
	}
}

static void a_zero_byte_is_no_text(void **state)
{
	/* Our own writer would not write it. */
	static const uint8_t map[] = "\x82\xa4name\xa1"
				     "a"
				     "\xa4"
				     "exec\x91\xa4"
				     "ca\0t";
	struct ph_document *document;
	struct ph_spec *spec;
	struct ph_error error;

	if (ph_document_read(&document, map, sizeof(map) - 1, PH_SKIM_PEER))
		return; /* refused even earlier */
	assert_int_equal(
		ph_spec_read(&spec, ph_document_root(document), &error), -1);
	assert_int_equal(error.exit, PH_EXIT_WIRING);
	ph_document_free(document);
}

static void two_terminals_share_no_descriptor(void **state)
{
	struct ph_writer *writer;
	struct ph_spec *spec;
	struct ph_error error;

	ph_writer_create(&writer);
	ph_write_map(writer);
	ph_put_text(writer, "name", "a");
	ph_put_list(writer, "exec");
	ph_write_text(writer, "x");
	ph_write_end(writer);
	ph_put_list(writer, "out");
	for (int i = 0; i < 2; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "name", i ? "one" : "two");
		ph_put_int(writer, "fd", 3);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(read_map(writer, &spec, &error), -1);
	assert_non_null(strstr(error.what, "on the fd of"));
}

static void equal_means_equal(void **state)
{
	struct rig_spec base = {.name = "a",
		.argv = {"cat", "x"},
		.env = {{"A", "1"}, {"B", "2"}}};
	struct rig_spec others[6];
	struct ph_spec *one = good(base);
	struct ph_spec *other;

	for (int i = 0; i < 6; i++)
		others[i] = base;
	others[0].argv[1] = "y";
	others[1].argv[2] = "z";
	others[2].env[0][1] = "3";
	others[3].restart = "never";
	others[4].scope = "other";
	others[5].cwd = "/";
	other = good(base);
	assert_true(ph_spec_equal(one, other));
	ph_spec_free(other);
	for (int i = 0; i < 6; i++) {
		other = good(others[i]);
		assert_false(ph_spec_equal(one, other));
		ph_spec_free(other);
	}
	ph_spec_free(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_has_three_terminals),
		cmocka_unit_test(named_terminals_replace_the_three),
		cmocka_unit_test(a_bundled_server_has_its_own),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(shapes_are_checked),
		cmocka_unit_test(a_zero_byte_is_no_text),
		cmocka_unit_test(two_terminals_share_no_descriptor),
		cmocka_unit_test(equal_means_equal),
	};

	return cmocka_run_group_tests_name("spec", tests, NULL, NULL);
}
