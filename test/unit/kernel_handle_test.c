#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "kernel/handle.h"

static int objects[1000];

static void test_handle_finds_only_its_kind(void **state)
{
	struct ph_handles *handles;
	ph_handle handle;

	assert_int_equal(ph_handles_create(&handles), 0);
	assert_int_equal(ph_handle_open(handles, 1, &objects[0], &handle), 0);
	assert_int_not_equal(handle, 0);
	assert_ptr_equal(ph_handle_find(handles, 1, handle), &objects[0]);
	assert_null(ph_handle_find(handles, 2, handle));
	assert_null(ph_handle_find(handles, 1, 0));
	assert_null(ph_handle_find(handles, 1, handle + 1));
	assert_null(ph_handle_find(handles, 1, handle + (UINT64_C(1) << 32)));
	assert_null(ph_handle_find(handles, 1, UINT64_MAX));
	assert_int_equal(ph_handles_count(handles), 1);
	ph_handles_destroy(handles);
}

static void test_stale_handle_is_refused(void **state)
{
	struct ph_handles *handles;
	ph_handle old, fresh;

	assert_int_equal(ph_handles_create(&handles), 0);
	assert_int_equal(ph_handle_open(handles, 1, &objects[0], &old), 0);
	assert_int_equal(ph_handle_close(handles, old), 0);
	assert_int_equal(ph_handle_close(handles, old), -ESTALE);
	assert_int_equal(ph_handle_open(handles, 1, &objects[1], &fresh), 0);
	/* The slot is used again, the name is not. */
	assert_int_equal((uint32_t)fresh, (uint32_t)old);
	assert_int_not_equal(fresh, old);
	assert_null(ph_handle_find(handles, 1, old));
	assert_int_equal(ph_handle_close(handles, old), -ESTALE);
	assert_ptr_equal(ph_handle_find(handles, 1, fresh), &objects[1]);
	assert_int_equal(ph_handles_count(handles), 1);
	ph_handles_destroy(handles);
}

static void test_bad_arguments(void **state)
{
	struct ph_handles *handles;
	ph_handle handle = 7;

	assert_int_equal(ph_handles_create(&handles), 0);
	assert_int_equal(ph_handle_open(handles, 0, objects, &handle), -EINVAL);
	assert_int_equal(ph_handle_open(handles, 1, NULL, &handle), -EINVAL);
	assert_int_equal(handle, 7);
	assert_int_equal(ph_handle_close(handles, 0), -ESTALE);
	ph_handles_destroy(handles);
}

/* A thousand objects coming and going: every name ever given out is either
 * live and its own, or refused. */
static void test_many_come_and_go(void **state)
{
	static ph_handle names[100000];
	static int owner[100000];
	struct ph_handles *handles;
	uint32_t seed = 1;
	size_t given = 0, live = 0;
	ph_handle now[1000] = {0};

	assert_int_equal(ph_handles_create(&handles), 0);
	while (given < 100000) {
		size_t i = (seed = seed * 1664525 + 1013904223) >> 8;

		i %= 1000;
		if (now[i]) {
			assert_int_equal(ph_handle_close(handles, now[i]), 0);
			now[i] = 0;
			live--;
			continue;
		}
		assert_int_equal(
			ph_handle_open(handles, 3, &objects[i], &now[i]), 0);
		owner[given] = (int)i;
		names[given++] = now[i];
		live++;
	}
	assert_int_equal(ph_handles_count(handles), live);
	for (size_t i = 0; i < given; i++) {
		void *found = ph_handle_find(handles, 3, names[i]);

		if (now[owner[i]] == names[i])
			assert_ptr_equal(found, &objects[owner[i]]);
		else
			assert_null(found);
	}
	ph_handles_destroy(handles);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_handle_finds_only_its_kind),
		cmocka_unit_test(test_stale_handle_is_refused),
		cmocka_unit_test(test_bad_arguments),
		cmocka_unit_test(test_many_come_and_go),
	};

	return cmocka_run_group_tests_name("kernel_handle", tests, NULL, NULL);
}
