#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "transport/http_inner.h"

/* What is seen of a visitor's bytes before libwebsockets has them, in pieces
 * of every size. */

/* --- headers --- */

static const struct {
	const char *text;
	bool may;
} heads[] = {
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", true},
	{"GET / HTTP/1.1\nHost: a\n\n", true},
	{"GET / HTTP/1.1\r\nHost: a\r\n\n", true},
	{"GET / HTTP/1.1\r\nHost: a\r\n", false},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\nx", false},
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\nx\r\n\r\n", false},
	{"GET / HTTP/1.1\nHost: a\n\nx\r\n\r\n", false},
	{"GET / HTTP/1.1\r\n\nx\r\n\r\n", false},
	{"", false},
};

static bool may(const char *text, size_t piece)
{
	struct http_guard guard = {.there = true};
	size_t length = strlen(text);
	uint8_t data[128];

	for (size_t at = 0; at < length; at += piece) {
		size_t size = length - at < piece ? length - at : piece;

		memcpy(data, text + at, size);
		assert_int_equal(size,
			http_guard_head(&guard, data, size, sizeof(data)));
	}
	assert_int_equal(0, http_guard_verdict(&guard));
	return http_guard_may_upgrade(&guard);
}

static void test_nothing_comes_before_the_answer(void **state)
{
	struct http_guard blind = {0};

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
		for (size_t piece = 1; piece <= strlen(heads[i].text); piece++)
			if (may(heads[i].text, piece) != heads[i].may)
				fail_msg("%zu, by %zu", i, piece);
	/* Whoever sees nothing refuses nothing. */
	assert_true(http_guard_may_upgrade(&blind));
}

static void test_of_an_earlier_request_nothing_is_left(void **state)
{
	struct http_guard guard = {.there = true};
	uint8_t data[] = "GET / HTTP/1.1\r\n\r\nGET";

	http_guard_head(&guard, data, sizeof(data) - 1, sizeof(data));
	assert_false(http_guard_may_upgrade(&guard));
	http_guard_begin(&guard);
	assert_false(http_guard_may_upgrade(&guard));
	http_guard_head(&guard, data, 18, sizeof(data));
	assert_true(http_guard_may_upgrade(&guard));
}

static size_t fill(uint8_t *data, const char *head, size_t length)
{
	memset(data, 'a', length);
	memcpy(data, head, strlen(head));
	return length;
}

static void test_too_much_is_cut_off(void **state)
{
	static uint8_t data[3 * HTTP_HEAD];
	static const char *const heads_too_long[] = {
		"GET /", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nX: "};

	for (size_t i = 0; i < 3; i++)
		for (size_t piece = 1; piece < sizeof(data);
			piece = piece * 3) {
			struct http_guard guard = {0};
			size_t length =
				fill(data, heads_too_long[i], sizeof(data));
			size_t at = 0, got = piece;

			while (at + piece <= length && got == piece) {
				got = http_guard_head(
					&guard, data + at, piece, length - at);
				at += got;
			}
			assert_in_range(at, HTTP_HEAD - 64, HTTP_HEAD + 8);
			assert_memory_equal(data + at - 5, ":\r\n\r\n", 5);
			assert_int_equal(
				i ? 431 : 414, http_guard_verdict(&guard));
			assert_true(guard.deaf);
		}
}

/* libwebsockets keeps eight bytes of its own with each. */
static void test_each_header_costs(void **state)
{
	static uint8_t data[HTTP_HEAD];
	struct http_guard guard = {0};

	for (size_t i = 0; i < HTTP_HEAD; i += 4)
		memcpy(data + i, "a:\r\n", 4);
	assert_true(http_guard_head(&guard, data, sizeof(data), sizeof(data)) <=
		    HTTP_HEAD / 3 + 8);
	assert_int_equal(431, http_guard_verdict(&guard));
}

/* --- frames --- */

static const struct {
	const char *bytes;
	size_t length;
	const char *why;
} frames[] = {
	{"\x82\x80"
	 "mask",
		6, NULL},
	{"\x82\x81"
	 "maskx",
		7, NULL},
	{"\x82\x81"
	 "maskx\x89\x80"
	 "mask",
		13, NULL},
	{"\x02\xfe\x00\x03"
	 "maskxyz\x80\x81"
	 "maskx",
		18, NULL},
	{"\x82\xff\0\0\0\0\0\0\0\x02"
	 "maskxy\x88\x80"
	 "mask",
		22, NULL},
	{"\x82\x01x", 3, "not masked"},
	{"\x82\x00", 2, "not masked"},
	{"\x82\x7f", 2, "not masked"},
	{"\x89\x00", 2, "not masked"},
	{"\x82\x81"
	 "maskx\x82\x01x",
		10, "not masked"},
	{"\x82\x80"
	 "mask\x8a\x7e",
		8, "not masked"},
	{"\x89\xfd"
	 "mask",
		6, NULL},
	{"\x89\xfe", 2, "control frame too long"},
	{"\x88\xff", 2, "control frame too long"},
	{"\x8a\xfe\x00\x01", 4, "control frame too long"},
	{"\x82\xff\x80\0\0\0\0\0\0\0", 10, "length of 64 bits"},
	{"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
	 "maskxyz",
		17, NULL},
};

static const char *why(const char *bytes, size_t length, size_t piece)
{
	struct http_guard guard = {0};
	const char *found = NULL;

	for (size_t at = 0; at < length && !found; at += piece)
		found = http_guard_frames(&guard, (const uint8_t *)bytes + at,
			length - at < piece ? length - at : piece);
	return found;
}

static void test_frames(void **state)
{
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++)
		for (size_t piece = 1; piece <= frames[i].length; piece++) {
			const char *found =
				why(frames[i].bytes, frames[i].length, piece);

			if (!found != !frames[i].why ||
				(found && strcmp(found, frames[i].why) != 0))
				fail_msg("%zu, by %zu: %s", i, piece,
					found ? found : "nothing");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_comes_before_the_answer),
		cmocka_unit_test(test_of_an_earlier_request_nothing_is_left),
		cmocka_unit_test(test_too_much_is_cut_off),
		cmocka_unit_test(test_each_header_costs),
		cmocka_unit_test(test_frames),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
