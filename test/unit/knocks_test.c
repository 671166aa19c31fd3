/* How often strangers make a node dial. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "kernel/hal.h"
#include "node/knocks.h"

#define MINUTE (60 * PH_SECOND)

static int setup(void **state)
{
	return ph_knocks_create((struct ph_knocks **)state, 7);
}

static int teardown(void **state)
{
	ph_knocks_destroy(*state);
	return 0;
}

static struct ph_address at(const char *host, unsigned port)
{
	struct ph_address address = {.port = (uint16_t)port};

	snprintf(address.host, sizeof(address.host), "%s", host);
	return address;
}

/* Dials that were allowed: `tries` a second apart, each by a node of its own
 * when `invented`. */
static unsigned dials(struct ph_knocks *knocks, unsigned tries, bool invented,
	const char *host, unsigned ports, int64_t from)
{
	unsigned allowed = 0;
	char node[33];

	for (unsigned i = 0; i < tries; i++) {
		struct ph_address address = at(host, 1000 + i % ports);

		snprintf(node, sizeof(node), "%032x", invented ? i : 0);
		allowed += ph_knocks_may(
			knocks, node, &address, from + i * MINUTE / tries);
	}
	return allowed;
}

/* A thousand invented nodes name one address: it is dialled nine times a
 * minute at first, then four. */
static void one_address_is_no_target(void **state)
{
	assert_in_range(dials(*state, 1000, true, "192.0.2.1", 1, 0), 5, 9);
	assert_in_range(
		dials(*state, 1000, true, "192.0.2.1", 1, MINUTE), 3, 5);
}

/* Nor is a host whose ports they name one after the other. */
static void one_host_is_no_target(void **state)
{
	assert_in_range(
		dials(*state, 6000, true, "192.0.2.1", 6000, 0), 32, 62);
}

static void one_node_has_its_share(void **state)
{
	char host[32];
	unsigned allowed = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct ph_address address;

		snprintf(host, sizeof(host), "192.0.2.%u", i);
		address = at(host, 7678);
		allowed += ph_knocks_may(*state, "one", &address, i);
	}
	assert_int_equal(allowed, 16);
}

/* Who is dialled in vain by a growing backoff is not held up. */
static void an_honest_one_is_dialled(void **state)
{
	static const int64_t after[] = {0, 100, 300, 700, 1500};
	struct ph_address address = at("192.0.2.1", 7678);

	for (unsigned i = 0; i < 5; i++)
		assert_true(ph_knocks_may(
			*state, "one", &address, after[i] * PH_MILLISECOND));
	assert_false(ph_knocks_may(*state, "one", &address, 2 * PH_SECOND));
	assert_true(ph_knocks_may(*state, "one", &address, 16 * PH_SECOND));
}

/* Hundreds a second who do not exist are dialled, too; one in ten of them names
 * the same address, and an honest one comes. */
static void who_invents_many_gains_nothing(void **state)
{
	unsigned victim = 0, honest = 0;
	char node[33], host[32];

	for (unsigned i = 0; i < 60 * 300; i++) {
		int64_t now = i * (PH_SECOND / 300);
		struct ph_address address;

		snprintf(node, sizeof(node), "%032x", i);
		snprintf(host, sizeof(host), "10.%u.%u.%u", i >> 16,
			i >> 8 & 255, i & 255);
		address = at(i % 10 ? host : "192.0.2.1", 7678);
		victim +=
			ph_knocks_may(*state, node, &address, now) && !(i % 10);
		if (i % 3000)
			continue;
		address = at("192.0.2.2", 7678);
		honest += ph_knocks_may(*state, "honest", &address, now);
	}
	assert_in_range(victim, 5, 12);
	assert_int_equal(honest, 6);
}

#define WITH_KNOCKS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_KNOCKS(one_address_is_no_target),
		WITH_KNOCKS(one_host_is_no_target),
		WITH_KNOCKS(one_node_has_its_share),
		WITH_KNOCKS(an_honest_one_is_dialled),
		WITH_KNOCKS(who_invents_many_gains_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
