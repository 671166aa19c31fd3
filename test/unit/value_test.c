#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/value.h"

static struct ph_writer *writer_new(void)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	return writer;
}

/* Reads back what was written; the bytes stand as long as the writer. */
static struct ph_document *read_back(struct ph_writer *writer)
{
	struct ph_document *document;

	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_TABLE), 0);
	return document;
}

static void fields_come_back(void **state)
{
	struct ph_writer *writer = writer_new();
	struct ph_document *document;
	struct ph_value root;
	const uint8_t *bytes;
	size_t length;
	char text[8];

	(void)state;
	ph_write_map(writer);
	ph_put_text(writer, "text", "alpha");
	ph_put_int(writer, "minus", INT64_MIN);
	ph_put_u64(writer, "large", UINT64_MAX);
	ph_put_bool(writer, "yes", true);
	ph_put_float(writer, "half", 0.5);
	ph_put_bytes(writer, "bytes", "\0\xff", 2);
	ph_put_map(writer, "map");
	ph_put_list(writer, "empty");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_put_list(writer, "list");
	ph_write_nil(writer);
	ph_write_int(writer, 7);
	ph_write_end(writer);
	ph_write_end(writer);
	document = read_back(writer);
	root = ph_document_root(document);
	assert_int_equal(ph_value_count(root), 8);
	assert_string_equal(ph_get_copy(root, "text", text, 8), "alpha");
	assert_true(ph_value_is(ph_value_get(root, "text"), "alpha"));
	assert_false(ph_value_is(ph_value_get(root, "text"), "alph"));
	assert_true(ph_get_int(root, "minus") == INT64_MIN);
	assert_true(ph_get_u64(root, "large") == UINT64_MAX);
	assert_true(ph_get_bool(root, "yes"));
	assert_true(ph_value_float(ph_value_get(root, "half"), 0) == 0.5);
	bytes = ph_value_bytes(ph_value_get(root, "bytes"), &length);
	assert_int_equal(length, 2);
	assert_memory_equal(bytes, "\0\xff", 2);
	assert_int_equal(
		ph_value_type(ph_value_get(ph_value_get(root, "map"), "empty")),
		PH_LIST);
	assert_true(ph_value_is(ph_value_key(root, 7), "list"));
	assert_int_equal(
		ph_value_int(ph_value_at(ph_value_item(root, 7), 1), 0), 7);
	ph_document_free(document);
	ph_writer_free(writer);
}

/* Missing and mistyped read as the default, never as something else. */
static void defaults(void **state)
{
	struct ph_writer *writer = writer_new();
	struct ph_document *document;
	struct ph_value root;
	size_t length = 99;
	char out[4] = "???";

	(void)state;
	ph_write_map(writer);
	ph_put_int(writer, "minus", -1);
	ph_put_u64(writer, "large", UINT64_MAX);
	ph_put_text(writer, "text", "1");
	ph_write_end(writer);
	document = read_back(writer);
	root = ph_document_root(document);
	assert_int_equal(ph_value_u64(ph_value_get(root, "minus"), 5), 5);
	assert_int_equal(ph_value_int(ph_value_get(root, "large"), 5), 5);
	assert_int_equal(ph_value_int(ph_value_get(root, "text"), 5), 5);
	assert_true(ph_value_bool(ph_value_get(root, "minus"), true));
	assert_int_equal(ph_value_type(ph_value_get(root, "none")), PH_NIL);
	assert_null(ph_value_text(ph_value_get(root, "minus"), &length));
	assert_int_equal(length, 0);
	assert_string_equal(ph_get_copy(root, "minus", out, 4), "");
	assert_null(ph_value_bytes(ph_value_get(root, "text"), &length));
	assert_int_equal(ph_value_count(ph_value_get(root, "text")), 0);
	assert_null(ph_value_at(root, 0).object);
	assert_null(ph_value_key(root, 3).object);
	assert_null(ph_value_get((struct ph_value){NULL}, "x").object);
	ph_document_free(document);
	ph_writer_free(writer);
}

/* Every size at which a head grows, with containers around it that grow too. */
static void counts(void **state)
{
	static const struct {
		unsigned count;
		unsigned head;
	} cases[] = {{0, 1}, {15, 1}, {16, 3}, {65535, 3}, {65536, 5}};
	struct ph_writer *writer = writer_new();

	(void)state;
	for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++) {
		struct ph_document *document;
		struct ph_value outer;
		struct ph_value inner;
		const uint8_t *data;
		size_t length;

		ph_writer_reset(writer);
		ph_write_list(writer);
		ph_write_list(writer);
		for (unsigned i = 0; i < cases[c].count; i++)
			ph_write_int(writer, i & 0x7f);
		ph_write_end(writer);
		for (unsigned i = 1; i < cases[c].count; i++)
			ph_write_bool(writer, i & 1);
		ph_write_end(writer);
		document = read_back(writer);
		assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
		if (cases[c].count)
			assert_int_equal(length,
				2 * cases[c].head + 2 * cases[c].count - 1);
		outer = ph_document_root(document);
		inner = ph_value_at(outer, 0);
		assert_int_equal(ph_value_count(inner), cases[c].count);
		for (unsigned i = 0; i < cases[c].count; i++)
			assert_int_equal(
				ph_value_int(ph_value_at(inner, i), -1),
				i & 0x7f);
		for (unsigned i = 1; i < cases[c].count; i++)
			assert_int_equal(
				ph_value_bool(ph_value_at(outer, i), !(i & 1)),
				i & 1);
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

static void maps_grow(void **state)
{
	struct ph_writer *writer = writer_new();
	struct ph_document *document;
	char key[3] = "aa";

	(void)state;
	ph_write_map(writer);
	for (int i = 0; i < 26 * 26; i++) {
		key[0] = (char)('a' + i / 26);
		key[1] = (char)('a' + i % 26);
		ph_put_int(writer, key, i);
	}
	ph_write_end(writer);
	document = read_back(writer);
	assert_int_equal(
		ph_get_int(ph_document_root(document), "zz"), 26 * 26 - 1);
	ph_document_free(document);
	ph_writer_free(writer);
}

/* What is not UTF-8 is mended, so that the reader takes it. */
static void text_is_mended(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		const char *mended;
	} cases[] = {
		{"", 0, ""},
		{"plain", 5, "plain"},
		{"\xff", 1, "\xef\xbf\xbd"},
		{"a\0b", 3,
			"a\xef\xbf\xbd"
			"b"},
		{"\xc3\xa4\xc3", 3, "\xc3\xa4\xef\xbf\xbd"},
		{"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
	};
	struct ph_writer *writer = writer_new();
	char out[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ph_document *document;

		ph_writer_reset(writer);
		ph_write_textn(writer, cases[i].text, cases[i].length);
		document = read_back(writer);
		assert_string_equal(ph_value_copy(ph_document_root(document),
					    out, sizeof(out)),
			cases[i].mended);
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

static void copies_are_cut_between_letters(void **state)
{
	struct ph_writer *writer = writer_new();
	struct ph_document *document;
	char out[5];

	(void)state;
	ph_write_text(writer, "abc\xc3\xa4z");
	document = read_back(writer);
	ph_value_copy(ph_document_root(document), out, sizeof(out));
	assert_string_equal(out, "abc");
	ph_value_copy(ph_document_root(document), out, 1);
	assert_string_equal(out, "");
	ph_document_free(document);
	ph_writer_free(writer);
}

/* A value copied from one document to another is the same bytes. */
static void values_are_copied(void **state)
{
	struct ph_writer *writer = writer_new();
	struct ph_writer *copy = writer_new();
	struct ph_document *document;
	const uint8_t *data[2];
	size_t length[2];

	(void)state;
	ph_write_map(writer);
	ph_put_list(writer, "list");
	for (int i = 0; i < 40; i++)
		ph_write_int(writer, i - 20);
	ph_write_end(writer);
	ph_put_text(writer, "text", "x");
	ph_put_float(writer, "float", 1.25);
	ph_put_bytes(writer, "none", NULL, 0);
	ph_write_end(writer);
	document = read_back(writer);
	ph_write_value(copy, ph_document_root(document));
	assert_int_equal(ph_writer_finish(writer, &data[0], &length[0]), 0);
	assert_int_equal(ph_writer_finish(copy, &data[1], &length[1]), 0);
	assert_int_equal(length[0], length[1]);
	assert_memory_equal(data[0], data[1], length[0]);
	ph_writer_reset(copy);
	ph_write_list(copy);
	ph_write_encoded(copy, data[0], length[0]);
	ph_write_value(copy, (struct ph_value){NULL});
	ph_write_end(copy);
	ph_document_free(document);
	document = read_back(copy);
	assert_int_equal(
		ph_value_count(ph_value_at(ph_document_root(document), 0)), 4);
	ph_document_free(document);
	ph_writer_free(copy);
	ph_writer_free(writer);
}

static void what_was_written_keeps_to_the_limits(void **state)
{
	struct ph_document *document = NULL;
	struct ph_writer *writer = writer_new();

	(void)state;
	ph_write_list(writer);
	for (int i = 0; i < 64; i++)
		ph_write_nil(writer);
	ph_write_end(writer);
	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_STRANGER),
		-E2BIG);
	assert_null(document);
	assert_int_equal(
		ph_document_written(&document, writer, PH_SKIM_PEER), 0);
	assert_int_equal(ph_value_count(ph_document_root(document)), 64);
	ph_document_free(document);
	ph_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_come_back),
		cmocka_unit_test(defaults),
		cmocka_unit_test(counts),
		cmocka_unit_test(maps_grow),
		cmocka_unit_test(text_is_mended),
		cmocka_unit_test(copies_are_cut_between_letters),
		cmocka_unit_test(values_are_copied),
		cmocka_unit_test(what_was_written_keeps_to_the_limits),
	};

	return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
