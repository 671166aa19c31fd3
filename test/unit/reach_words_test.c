#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>

#include "proto/reach.h"

static void names_are_read_back(void **state)
{
	for (int i = 0; i < PH_VERDICTS; i++)
		assert_int_equal(ph_verdict_parse(ph_verdict_name(i)), i);
	for (int i = 1; i < PH_REACH_TRANSPORTS; i++)
		assert_int_equal(
			ph_reach_transport_parse(ph_reach_transport_name(i)),
			i);
	assert_int_equal(ph_verdict_parse("open"), -ENOENT);
	assert_int_equal(ph_reach_transport_parse(""), -ENOENT);
	assert_string_equal(ph_reach_transport_name(0), "");
	assert_string_equal(ph_reach_transport_name(99), "");
	assert_string_equal(ph_verdict_name(99), "untried");
}

static void errors_have_verdicts(void **state)
{
	assert_int_equal(ph_verdict_of_errno(ECONNREFUSED), PH_VERDICT_REFUSED);
	assert_int_equal(ph_verdict_of_errno(-ETIMEDOUT), PH_VERDICT_TIMEOUT);
	assert_int_equal(
		ph_verdict_of_errno(EHOSTUNREACH), PH_VERDICT_UNREACHABLE);
	assert_int_equal(
		ph_verdict_of_errno(-ENETUNREACH), PH_VERDICT_UNREACHABLE);
	assert_int_equal(ph_verdict_of_errno(EPERM), PH_VERDICT_DENIED);
	assert_int_equal(ph_verdict_of_errno(0), PH_VERDICT_OPEN_FOREIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_read_back),
		cmocka_unit_test(errors_have_verdicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
