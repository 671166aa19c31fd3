#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/save.h"
#include "controlsurface/wiring.h"

/* What is saved and read again gives the same parts. */
struct parts {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value items;
};

static const char *any_variable(void *context, const char *name)
{
	return "/some/value${not}";
}

static struct ph_wiring *wiring_of(const char *text, size_t length)
{
	struct ph_wiring_input input = {.file = "saved",
		.text = text,
		.length = length,
		.variable = any_variable,
		.here = "home",
		.bundled = ph_bundled_servers};
	const struct ph_finding *findings;
	struct ph_wiring *wiring;

	assert_int_equal(ph_wiring_read(&wiring, &input), 0);
	for (size_t i = 0; i < ph_wiring_findings(wiring, &findings); i++)
		if (findings[i].severity == PH_FINDING_ERROR)
			print_message("%s\nline %u: %s\n", text,
				findings[i].line, findings[i].message);
	assert_int_equal(ph_wiring_errors(wiring), 0);
	return wiring;
}

static void parts_of(struct parts *parts, const struct ph_wiring *wiring)
{
	assert_int_equal(ph_writer_create(&parts->writer), 0);
	ph_write_list(parts->writer);
	for (size_t i = 0; i < ph_wiring_hosts(wiring); i++) {
		const char *host = ph_wiring_host(wiring, i);

		ph_write_map(parts->writer);
		ph_put_text(parts->writer, "node", *host ? host : "home");
		ph_put_text(parts->writer, "scope", ph_wiring_name(wiring));
		ph_write_text(parts->writer, "part");
		ph_wiring_part(wiring, host, "home", parts->writer);
		ph_write_end(parts->writer);
	}
	ph_write_end(parts->writer);
	assert_int_equal(ph_document_written(&parts->document, parts->writer,
				 PH_SKIM_TABLE),
		0);
	parts->items = ph_document_root(parts->document);
}

static void parts_free(struct parts *parts)
{
	ph_document_free(parts->document);
	ph_writer_free(parts->writer);
}

static char *saved(const struct parts *parts, const char *scope,
	struct ph_value changes, size_t *length)
{
	struct ph_error error = {0};
	char *text = NULL;
	FILE *out = open_memstream(&text, length);

	assert_non_null(out);
	if (ph_save(out, scope, parts->items, changes, &error))
		fail_msg("%s: %s", error.where, error.what);
	assert_int_equal(fclose(out), 0);
	return text;
}

static struct ph_value part_of(const struct parts *parts, struct ph_value node)
{
	char name[64];

	ph_value_copy(node, name, sizeof(name));
	for (size_t i = 0; i < ph_value_count(parts->items); i++) {
		struct ph_value item = ph_value_at(parts->items, i);

		if (ph_value_is(ph_value_get(item, "node"), name))
			return ph_value_get(item, "part");
	}
	fail_msg("no part of %s", name);
	return (struct ph_value){NULL};
}

static void same(struct ph_value one, struct ph_value other, const char *key)
{
	struct ph_writer *writer[2];
	const uint8_t *data[2];
	size_t length[2];

	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ph_writer_create(&writer[i]), 0);
		ph_write_value(writer[i], ph_value_get(i ? other : one, key));
		assert_int_equal(
			ph_writer_finish(writer[i], &data[i], &length[i]), 0);
	}
	assert_int_equal(length[0], length[1]);
	assert_memory_equal(data[0], data[1], length[0]);
	ph_writer_free(writer[0]);
	ph_writer_free(writer[1]);
}

static void round_trip(const char *text, size_t length)
{
	struct ph_wiring *wiring = wiring_of(text, length);
	struct ph_wiring *again;
	struct parts before;
	struct parts after;
	size_t size;
	char *file;

	parts_of(&before, wiring);
	file = saved(&before, ph_wiring_name(wiring), (struct ph_value){NULL},
		&size);
	again = wiring_of(file, size);
	parts_of(&after, again);
	assert_int_equal(
		ph_value_count(before.items), ph_value_count(after.items));
	for (size_t i = 0; i < ph_value_count(before.items); i++) {
		struct ph_value item = ph_value_at(before.items, i);
		struct ph_value part =
			part_of(&after, ph_value_get(item, "node"));

		same(ph_value_get(item, "part"), part, "servers");
		same(ph_value_get(item, "part"), part, "wires");
	}
	parts_free(&before);
	parts_free(&after);
	ph_wiring_free(wiring);
	ph_wiring_free(again);
	free(file);
}

static void every_example_comes_back(void **state)
{
	glob_t found;
	char text[65536];

	assert_int_equal(glob("examples/*.yaml", 0, NULL, &found), 0);
	assert_true(found.gl_pathc > 2);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *file = fopen(found.gl_pathv[i], "r");
		size_t length;

		assert_non_null(file);
		length = fread(text, 1, sizeof(text) - 1, file);
		text[length] = '\0';
		fclose(file);
		print_message("%s\n", found.gl_pathv[i]);
		round_trip(text, length);
	}
	globfree(&found);
}

static const char strange[] =
	"wiring: 1\nname: strange\nhosts: {a: {at: \"10.0.0.1:7678\"}, b: {}}\n"
	"servers:\n"
	"  one: {host: a, exec: [sh, -c, \"printf '%s\\n' \\\"a: b\\\" # "
	"no\"],\n"
	"        env: {A: \"${X}\", B: \"\", C: \" lead\", D: \"no\", E: "
	"\"~\"},\n"
	"        out: {video: {fd: 1, type: video/mjpeg, kind: mux}}}\n"
	"  two: {host: b, use: null}\n"
	"  three: {host: b, exec: [cat], framing: lines, restart: never,\n"
	"          labels: {k: \"v,w]\"}, caps: [gpu=nvenc, \"x y\"]}\n"
	"wires:\n  - one:video -> two\n"
	"  - {from: one:video, to: three:stdin, on_full: latest, queue: "
	"1MiB}\n";

static void strange_words_come_back(void **state)
{
	round_trip(strange, strlen(strange));
}

static void changes_by_hand_come_in(void **state)
{
	struct ph_wiring *wiring = wiring_of(strange, strlen(strange));
	struct ph_document *document;
	struct ph_writer *writer;
	struct parts before;
	size_t length;
	char *file;

	parts_of(&before, wiring);
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_text(writer, "verb", "disconnect");
	ph_put_text(writer, "from", "a/one:video");
	ph_put_text(writer, "to", "b/two:in");
	ph_write_end(writer);
	ph_write_map(writer);
	ph_put_text(writer, "verb", "move");
	ph_put_text(writer, "from", "a/one:video");
	ph_put_text(writer, "to", "c/other:in");
	ph_put_text(writer, "instead_of", "b/three:stdin");
	ph_write_end(writer);
	ph_write_map(writer);
	ph_put_text(writer, "verb", "connect");
	ph_put_text(writer, "from", "b/three:stdout");
	ph_put_text(writer, "to", "b/two:in");
	ph_put_text(writer, "on_full", "drop-oldest");
	ph_write_end(writer);
	ph_write_map(writer);
	ph_put_text(writer, "verb", "connect");
	ph_put_text(writer, "from", "b/stranger:stdout");
	ph_put_text(writer, "to", "b/two:in");
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_TABLE), 0);
	file = saved(&before, "strange", ph_document_root(document), &length);
	assert_null(strstr(file, "\"one:video\", to: \"two:in\""));
	assert_non_null(strstr(file,
		"{from: \"one:video\", to: \"c/other:in\", on_full: latest"));
	assert_non_null(strstr(file, "{from: \"three:stdout\", to: \"two:in\", "
				     "on_full: drop-oldest}"));
	assert_null(strstr(file, "stranger"));
	free(file);
	ph_document_free(document);
	ph_writer_free(writer);
	parts_free(&before);
	ph_wiring_free(wiring);
}

static void half_a_scope_is_not_saved(void **state)
{
	struct ph_wiring *wiring = wiring_of(strange, strlen(strange));
	struct ph_document *document;
	struct ph_writer *writer;
	struct parts parts;
	struct ph_error error;

	parts_of(&parts, wiring);
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_list(writer);
	ph_write_value(writer, ph_value_at(parts.items, 0));
	ph_write_end(writer);
	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_TABLE), 0);
	assert_int_equal(ph_save(stdout, "strange", ph_document_root(document),
				 (struct ph_value){NULL}, &error),
		-1);
	assert_int_equal(error.exit, PH_EXIT_UNREACHABLE);
	assert_int_equal(ph_save(stdout, "other", parts.items,
				 (struct ph_value){NULL}, &error),
		-1);
	assert_int_equal(error.exit, PH_EXIT_NOT_FOUND);
	ph_document_free(document);
	ph_writer_free(writer);
	parts_free(&parts);
	ph_wiring_free(wiring);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_example_comes_back),
		cmocka_unit_test(strange_words_come_back),
		cmocka_unit_test(changes_by_hand_come_in),
		cmocka_unit_test(half_a_scope_is_not_saved),
	};

	return cmocka_run_group_tests_name("save", tests, NULL, NULL);
}
