#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "node/probe_page.h"

static uint32_t ports(struct ph_range range)
{
	return (uint32_t)(range.last - range.first + 1);
}

/* Page after page: all of the range, each port once, never too many points. */
static void pages_are_the_whole_range(void **state)
{
	static const struct ph_range ranges[] = {{20000, 20099}, {1024, 65535},
		{65535, 65535}, {1024, 1024}, {61440, 65535}};
	static const uint32_t addresses[] = {1, 2, 3, 7, 63, 64, 5000};

	(void)state;
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		for (size_t k = 0; k < 7; k++) {
			struct ph_range rest = ranges[i];
			struct ph_range page;
			uint32_t next = rest.first;
			bool more = true;

			while (more) {
				page = probe_page(rest, addresses[k], 4096);
				assert_true(probe_page_begins(rest, page));
				assert_int_equal(page.first, next);
				assert_true(ports(page) == 1 ||
					    ports(page) * addresses[k] <= 4096);
				next = page.last + 1u;
				more = probe_page_rest(rest, page, &rest);
			}
			assert_int_equal(next, ranges[i].last + 1u);
		}
	}
}

static void what_fits_is_one_page(void **state)
{
	struct ph_range range = {20000, 20099};
	struct ph_range rest;

	(void)state;
	assert_int_equal(probe_page(range, 40, 4096).last, 20099);
	assert_false(probe_page_rest(range, range, &rest));
	assert_int_equal(probe_page(range, 41, 4096).last, 20098);
}

/* What a peer says its page is. */
static void a_page_begins_its_range(void **state)
{
	struct ph_range range = {20000, 20099};

	(void)state;
	assert_true(probe_page_begins(range, range));
	assert_true(probe_page_begins(range, (struct ph_range){20000, 20000}));
	assert_false(probe_page_begins(range, (struct ph_range){20001, 20050}));
	assert_false(probe_page_begins(range, (struct ph_range){20000, 20100}));
	assert_false(probe_page_begins(range, (struct ph_range){20000, 19999}));
	assert_false(probe_page_begins(range, (struct ph_range){2000, 20099}));
}

static void a_page_ends_where_descriptors_do(void **state)
{
	struct ph_range page = {20000, 20099};
	uint8_t skips[3 * (PH_POINT + 2)] = {0};
	struct ph_ready ready = {.skips = skips, .skipped = 3};
	const struct {
		uint16_t port;
		int error;
	} skip[] = {{20003, EADDRINUSE}, {20050, EMFILE}, {20049, EMFILE}};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct ph_point point = {.port = skip[i].port};

		ph_point_write(&point, skips + i * (PH_POINT + 2));
		skips[i * (PH_POINT + 2) + PH_POINT] = (uint8_t)skip[i].error;
	}
	assert_int_equal(probe_page_bound(page, &ready).last, 20048);
	page.first = 20049;
	assert_int_equal(probe_page_bound(page, &ready).last, 20049);
	ready.skipped = 1;
	assert_int_equal(probe_page_bound(page, &ready).last, 20099);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_the_whole_range),
		cmocka_unit_test(what_fits_is_one_page),
		cmocka_unit_test(a_page_begins_its_range),
		cmocka_unit_test(a_page_ends_where_descriptors_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
