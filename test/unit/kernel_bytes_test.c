#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "kernel/bytes.h"

static const uint8_t counted[9] = {0, 1, 2, 3, 4, 5, 6, 7, 0xf8};

/* One past an even address, as in a packet. */
static void numbers_are_little_endian(void **state)
{
	const uint8_t *at = counted + 1;

	(void)state;
	assert_int_equal(ph_load16(at), 0x0201);
	assert_int_equal(ph_load32(at), 0x04030201);
	assert_int_equal(ph_load64(at), UINT64_C(0xf807060504030201));
}

static void what_is_stored_is_as_long_as_it_says(void **state)
{
	uint8_t bytes[9] = {0};

	(void)state;
	ph_store64(bytes + 1, UINT64_C(0xf807060504030201));
	assert_memory_equal(bytes, counted, sizeof(bytes));
	ph_store32(bytes + 1, 0xf4f3f2f1);
	assert_memory_equal(bytes, "\0\xf1\xf2\xf3\xf4\5\6\7\xf8", 9);
	ph_store16(bytes + 1, 0xe2e1);
	assert_memory_equal(bytes, "\0\xe1\xe2\xf3\xf4\5\6\7\xf8", 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_little_endian),
		cmocka_unit_test(what_is_stored_is_as_long_as_it_says),
	};

	return cmocka_run_group_tests_name("kernel_bytes", tests, NULL, NULL);
}
