#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "node/table.h"

/* The writer's bytes are the document's. */
struct items {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value list;
};

static struct items items_of(const char *const *texts, size_t count)
{
	struct items items;
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++) {
		ph_write_map(writer);
		ph_put_text(writer, "what", texts[i]);
		ph_put_text(writer, "node", "a");
		ph_write_end(writer);
	}
	ph_write_end(writer);
	assert_int_equal(
		ph_document_written(&items.document, writer, PH_SKIM_TABLE), 0);
	items.writer = writer;
	items.list = ph_document_root(items.document);
	return items;
}

static void items_free(struct items *items)
{
	ph_document_free(items->document);
	ph_writer_free(items->writer);
}

static void expect_cell(
	const char *text, size_t size, enum ph_cell cell, const char *wanted)
{
	struct items items = items_of(&text, 1);
	char out[128];

	ph_cell_text(out, size,
		ph_value_get(ph_value_at(items.list, 0), "what"), cell);
	assert_string_equal(out, wanted);
	items_free(&items);
}

static void people_read_what_was_written(void **state)
{
	static const char *const same[] = {
		"größe", "C:\\dir", "日本 🐎", "e\u0301"};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		expect_cell(same[i], 128, PH_CELL_TEXT, same[i]);
	expect_cell("a\tb", 128, PH_CELL_LINE, "a\tb");
	expect_cell("", 128, PH_CELL_LINE, "");
}

static void nothing_steers_the_terminal(void **state)
{
	expect_cell("\033[2J\x7f", 128, PH_CELL_LINE, "\\x1b[2J\\x7f");
	expect_cell("a\tb\n", 128, PH_CELL_TEXT, "a\\x09b\\x0a");
	expect_cell("\xc2\x80\xc2\x9b\xc2\x9f\u00a0", 128, PH_CELL_TEXT,
		"\\xc2\\x80\\xc2\\x9b\\xc2\\x9f\u00a0");
	expect_cell("\u202a\u202e\u202f", 128, PH_CELL_TEXT,
		"\\xe2\\x80\\xaa\\xe2\\x80\\xae\u202f");
	expect_cell("\u2065\u2066\u2069\u206a", 128, PH_CELL_TEXT,
		"\u2065\\xe2\\x81\\xa6\\xe2\\x81\\xa9\u206a");
}

static void a_cut_leaves_whole_characters(void **state)
{
	expect_cell("größe", 4, PH_CELL_TEXT, "gr");
	expect_cell("größe", 5, PH_CELL_TEXT, "grö");
	expect_cell("a\033b", 5, PH_CELL_TEXT, "a");
	expect_cell("a\033b", 6, PH_CELL_TEXT, "a\\x1b");
	expect_cell("1234567ö", 128, PH_CELL_SHORT, "1234567");
}

static void columns_count_characters(void **state)
{
	static const struct ph_column columns[] = {
		{"WHAT", "what", PH_CELL_TEXT}, {"NODE", "node", PH_CELL_TEXT}};
	static const char *const texts[] = {"größe", "plain"};
	struct items items = items_of(texts, 2);
	char *printed = NULL;
	size_t length;
	FILE *out = open_memstream(&printed, &length);

	ph_table_items(out, columns, 2, items.list);
	fclose(out);
	assert_string_equal(printed, "WHAT   NODE\n"
				     "größe  a\n"
				     "plain  a\n");
	free(printed);
	items_free(&items);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(people_read_what_was_written),
		cmocka_unit_test(nothing_steers_the_terminal),
		cmocka_unit_test(a_cut_leaves_whole_characters),
		cmocka_unit_test(columns_count_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
