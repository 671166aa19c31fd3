#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/spin.h"

static void see(struct ph_spin *spin, unsigned times, int64_t waited)
{
	for (unsigned i = 0; i < times; i++)
		ph_spin_saw(spin, waited, true);
}

static void test_trust_is_earned(void **state)
{
	struct ph_spin spin = {0};

	assert_int_equal(ph_spin_wanted(&spin), 0);
	see(&spin, PH_SPIN_TRUST - 1, 1000);
	assert_int_equal(ph_spin_wanted(&spin), 0);
	see(&spin, 1, PH_SPIN_SHORT);
	assert_int_equal(ph_spin_wanted(&spin), PH_SPIN_MOST);
	see(&spin, 1000, 1000);
	assert_int_equal(ph_spin_wanted(&spin), PH_SPIN_MOST);
}

static void test_one_wait_in_vain_ends_it(void **state)
{
	struct ph_spin spin = {0};

	see(&spin, PH_SPIN_TRUST, 1000);
	see(&spin, 1, PH_SPIN_SHORT + 1);
	assert_int_equal(ph_spin_wanted(&spin), 0);
	see(&spin, PH_SPIN_TRUST, 1000);
	ph_spin_saw(&spin, 1000, false); /* a timer, not an event */
	assert_int_equal(ph_spin_wanted(&spin), 0);
	see(&spin, PH_SPIN_TRUST - 1, 1000);
	assert_int_equal(ph_spin_wanted(&spin), 0);
}

static void test_one_cpu_never_spins(void **state)
{
	struct ph_spin spin = {.alone = true};

	see(&spin, 100, 1000);
	assert_int_equal(ph_spin_wanted(&spin), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust_is_earned),
		cmocka_unit_test(test_one_wait_in_vain_ends_it),
		cmocka_unit_test(test_one_cpu_never_spins),
	};

	return cmocka_run_group_tests_name("spin", tests, NULL, NULL);
}
