#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "node/json.h"
#include "node/web_window.h"

static const struct {
	const char *text;
	unsigned windows; /* 0: refused */
} texts[] = {
	{"", 7},
	{"1s", 1},
	{"10s", 2},
	{"60s", 4},
	{"1s,60s", 5},
	{"60s,1s", 5},
	{"1s,10s,60s", 7},
	{"1s,1s", 1},
	{"1s,", 0},
	{",1s", 0},
	{",", 0},
	{"1s,,10s", 0},
	{"2s", 0},
	{"1", 0},
	{"1s ", 0},
	{"1S", 0},
	{"100s", 0},
};

static void test_windows_are_named(void **state)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		unsigned windows = 0;

		if (web_window_read(&windows, texts[i].text) !=
				!!texts[i].windows ||
			windows != texts[i].windows)
			fail_msg("'%s': %u", texts[i].text, windows);
	}
}

static char *only(unsigned windows)
{
	static const char json[] =
		"{\"items\":[{\"id\":\"a#1.1\",\"rate\":{\"sent_bps\":1,"
		"\"1s\":{\"sent_bps\":1},\"10s\":{\"sent_bps\":2},"
		"\"60s\":{\"sent_bps\":3}},\"to\":\"b\"},{\"id\":\"c\"}]}";
	struct ph_document *document;
	struct ph_writer *in;
	struct ph_writer *out;
	const uint8_t *data;
	size_t length;
	char why[160];
	char *text;

	assert_int_equal(0, ph_writer_create(&in));
	assert_int_equal(0, ph_writer_create(&out));
	assert_int_equal(
		0, ph_json_read(in, json, sizeof(json) - 1, why, sizeof(why)));
	assert_int_equal(0, ph_writer_finish(in, &data, &length));
	assert_int_equal(
		0, ph_document_read(&document, data, length, PH_SKIM_TABLE));
	web_window_write(out, ph_value_get(ph_document_root(document), "items"),
		windows);
	ph_document_free(document);
	assert_int_equal(0, ph_writer_finish(out, &data, &length));
	assert_int_equal(
		0, ph_document_read(&document, data, length, PH_SKIM_TABLE));
	text = ph_json_text(ph_document_root(document));
	ph_document_free(document);
	ph_writer_free(in);
	ph_writer_free(out);
	return text;
}

static void expect(unsigned windows, const char *wanted)
{
	char *text = only(windows);

	assert_string_equal(wanted, text);
	free(text);
}

static void test_the_others_are_left_out(void **state)
{
	expect(1, "[{\"id\":\"a#1.1\",\"rate\":{\"sent_bps\":1,"
		  "\"1s\":{\"sent_bps\":1}},\"to\":\"b\"},{\"id\":\"c\"}]");
	expect(6, "[{\"id\":\"a#1.1\",\"rate\":{\"10s\":{\"sent_bps\":2},"
		  "\"60s\":{\"sent_bps\":3}},\"to\":\"b\"},{\"id\":\"c\"}]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_are_named),
		cmocka_unit_test(test_the_others_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
