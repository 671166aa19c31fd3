#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <utlist.h>

#include "transport/http_inner.h"

/* What of HTTP needs no connection: lengths, limits, queries, what waits. */

static const struct {
	const char *text;
	bool coded;
	unsigned status;
	size_t length;
} lengths[] = {
	{"0", false, 0, 0},
	{"17", false, 0, 17},
	{"1048576", false, 0, 1048576},
	{"007", false, 0, 7},
	{"", false, 411, 0},
	{"17", true, 411, 0},
	{"", true, 411, 0},
	{"1048577", false, 413, 0},
	{"999999999999", false, 413, 0},
	{"18446744073709551617", false, 413, 0},
	{"-1", false, 400, 0},
	{"+1", false, 400, 0},
	{" 1", false, 400, 0},
	{"1 ", false, 400, 0},
	{"0x10", false, 400, 0},
	{"1e3", false, 400, 0},
	{"17,17", false, 400, 0},
	{"17, 4", false, 400, 0},
};

static void test_length_of_a_body(void **state)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t length = 99;
		unsigned status = http_body_length(
			lengths[i].text, lengths[i].coded, &length);

		if (status != lengths[i].status || length != lengths[i].length)
			fail_msg("'%s': %u, %zu", lengths[i].text, status,
				length);
	}
}

/* --- of one source --- */

static struct ph_exchange *come(struct ph_http *http, enum visitor_kind kind,
	const char *source, bool carries)
{
	struct ph_exchange *visitor = calloc(1, sizeof(*visitor));

	visitor->http = http;
	visitor->kind = kind;
	visitor->carries = carries;
	snprintf(visitor->peer.source, sizeof(visitor->peer.source), "%s",
		source);
	DL_APPEND2(http->visitors, visitor, prev, following);
	return visitor;
}

static void all_leave(struct ph_http *http)
{
	struct ph_exchange *visitor;
	struct ph_exchange *next;

	DL_FOREACH_SAFE2(http->visitors, visitor, next, following)
	free(visitor);
	http->visitors = NULL;
}

static bool is_full(
	struct ph_http *http, enum visitor_kind kind, const char *source)
{
	struct ph_exchange new = {.kind = kind};

	snprintf(new.peer.source, sizeof(new.peer.source), "%s", source);
	return http_source_is_full(http, &new);
}

static void test_a_source_has_its_limit(void **state)
{
	struct ph_http http = {0};
	struct ph_exchange new = {.peer = {.source = "192.0.2.1"}};

	for (unsigned i = 0; i < PH_HTTP_SOURCE; i++) {
		assert_false(is_full(&http, VISITOR_WEB, "192.0.2.1"));
		come(&http, VISITOR_WEB, "192.0.2.1", false);
	}
	assert_true(is_full(&http, VISITOR_WEB, "192.0.2.1"));
	assert_false(is_full(&http, VISITOR_WEB, "192.0.2.2"));
	/* Carriers are counted for themselves. */
	assert_false(is_full(&http, VISITOR_CARRIER, "192.0.2.1"));
	/* Whoever is here may come as often as it likes. */
	new.peer.loopback = true;
	assert_false(http_source_is_full(&http, &new));
	new.peer.loopback = false;
	new.peer.has_uid = true;
	assert_false(http_source_is_full(&http, &new));
	all_leave(&http);
}

static void test_carriers_have_another(void **state)
{
	struct ph_http http = {0};

	for (unsigned i = 0; i < PH_HTTP_SOURCE_CARRIERS; i++) {
		assert_false(is_full(&http, VISITOR_CARRIER, "192.0.2.1"));
		come(&http, VISITOR_CARRIER, "192.0.2.1", true);
	}
	assert_true(is_full(&http, VISITOR_CARRIER, "192.0.2.1"));
	assert_false(is_full(&http, VISITOR_WEB, "192.0.2.1"));
	all_leave(&http);
	/* That come to a door of carriers and do not become any. */
	for (unsigned i = 0; i < PH_HTTP_SOURCE; i++)
		come(&http, VISITOR_CARRIER, "192.0.2.1", false);
	assert_true(is_full(&http, VISITOR_CARRIER, "192.0.2.1"));
	all_leave(&http);
	/* That were dialled from here. */
	for (unsigned i = 0; i < PH_HTTP_SOURCE_CARRIERS; i++)
		come(&http, VISITOR_CARRIER, "192.0.2.1", true)->name[0] = 'a';
	assert_false(is_full(&http, VISITOR_CARRIER, "192.0.2.1"));
	all_leave(&http);
}

/* --- what is held --- */

static void test_a_body_has_its_bound(void **state)
{
	struct ph_http http = {0};
	struct ph_exchange *visitor = come(&http, VISITOR_WEB, "", false);

	visitor->end = &visitor->first;
	assert_int_equal(0, http_append(visitor, "abc", 3, 5));
	assert_int_equal(0, http_append(visitor, "de", 2, 5));
	assert_int_not_equal(0, http_append(visitor, "f", 1, 5));
	assert_memory_equal(visitor->body, "abcde", 5);
	http_reset(visitor);
	assert_int_equal(0, visitor->length);
	all_leave(&http);
}

static void test_what_waits_is_counted(void **state)
{
	struct ph_http http = {0};
	struct ph_exchange *visitor = come(&http, VISITOR_WEB, "", false);

	visitor->end = &visitor->first;
	for (unsigned i = 0; i < 3; i++)
		http_queue(visitor, http_chunk("0123456789", 10));
	assert_int_equal(30, visitor->waiting);
	assert_int_equal(30, http.pending);
	assert_memory_equal(visitor->first->data, "0123456789", 10);
	visitor->first->sent = 4;
	visitor->waiting -= 4;
	http.pending -= 4;
	http_reset(visitor);
	assert_int_equal(0, http.pending);
	assert_int_equal(0, visitor->waiting);
	assert_null(visitor->first);
	all_leave(&http);
}

static void test_query(void **state)
{
	static const char fields[] = "node=beta\0nodes=x\0all\0all=1\0"
				     "node=gamma\0empty=\0";
	struct ph_exchange visitor = {0};
	char text[8];

	memcpy(visitor.query, fields, sizeof(fields));
	assert_true(ph_exchange_query(&visitor, "node", text, sizeof(text)));
	assert_string_equal(text, "beta");
	assert_true(ph_exchange_query(&visitor, "all", text, sizeof(text)));
	assert_string_equal(text, "1");
	assert_true(ph_exchange_query(&visitor, "empty", text, sizeof(text)));
	assert_string_equal(text, "");
	assert_false(ph_exchange_query(&visitor, "nod", text, sizeof(text)));
	assert_false(ph_exchange_query(&visitor, "node", text, 4));
}

static void test_a_query_says_a_thing_once(void **state)
{
	assert_false(http_query_repeats(""));
	assert_false(http_query_repeats("a=1\0b=1\0ab=1\0"));
	assert_false(http_query_repeats("a\0ab\0"));
	assert_true(http_query_repeats("a=1\0b=1\0a=2\0"));
	assert_true(http_query_repeats("a=1\0a\0"));
	assert_true(http_query_repeats("a\0a\0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_length_of_a_body),
		cmocka_unit_test(test_a_source_has_its_limit),
		cmocka_unit_test(test_carriers_have_another),
		cmocka_unit_test(test_a_body_has_its_bound),
		cmocka_unit_test(test_what_waits_is_counted),
		cmocka_unit_test(test_query),
		cmocka_unit_test(test_a_query_says_a_thing_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
