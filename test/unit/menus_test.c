#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/menus.h"
#include "test/houses.h"

/* The menus of others: fetched from them, or told by who has a line. */

/* Whom alpha may ask, and how often it did. */
struct tellers {
	const char *name;
	unsigned attempts;
};

static const char *teller(void *context, const char *node, unsigned attempt)
{
	struct tellers *tellers = context;

	tellers->attempts++;
	return tellers->name;
}

/* gamma has a line to beta, alpha too; none leads from alpha to gamma. */
static void lines(struct houses *houses, struct tellers *tellers)
{
	for (unsigned i = 0; i < HOUSES; i++)
		house_start(&houses->house[i]);
	*tellers = (struct tellers){0};
	ph_hostess_set_teller(houses->house[0].hostess, teller, tellers);
}

/* gamma gets a server more, of which alpha hears by announcement only. */
static struct ph_menu_version gamma_grows(
	struct houses *houses, const char *server)
{
	struct ph_menu_version version;

	house_register(&houses->house[2], server, "x", NULL);
	houses->house[0].away = true;
	houses_advance(houses, PH_SECOND);
	houses->house[0].away = false;
	ph_hostess_menu_version(houses->house[2].hostess, &version);
	return version;
}

/* gamma's announcement comes to `house`. */
static void announce(struct house *house, const struct ph_menu_version *version)
{
	ph_hostess_menu_heard(house->hostess, "gamma", version);
	houses_advance(house->all, 0);
}

static void known_of_gamma(struct house *house, struct answer *answer)
{
	ph_put_text(room_map(&house->all->room), "node", "gamma");
	house_call(house, NULL, PH_HOSTESS_KNOWN, answer);
}

/* How many servers it knows of gamma; -1: no menu. */
static int known(struct house *house)
{
	struct answer answer;
	int count = -1;

	known_of_gamma(house, &answer);
	if (answer.status == PH_CALL_OK)
		count = (int)ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	return count;
}

static bool can(struct house *house, const char *word)
{
	struct answer answer;
	struct ph_value caps;
	bool found = false;

	known_of_gamma(house, &answer);
	caps = ph_value_get(answer.body, "caps");
	for (size_t i = 0; i < ph_value_count(caps); i++)
		found |= ph_value_is(ph_value_at(caps, i), word);
	answer_free(&answer);
	return found;
}

static void test_told_by_who_has_a_line(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_menu_version version;
	struct tellers tellers;

	lines(houses, &tellers);
	version = gamma_grows(houses, "cam");
	announce(alpha, &version);
	/* Nobody to ask: it stays unknown. */
	assert_int_equal(known(alpha), -1);
	tellers.name = "beta";
	announce(alpha, &version);
	assert_int_equal(known(alpha), 1);
	assert_true(can(alpha, "gpu=nvenc"));
	assert_true(can(alpha, "site=gamma"));
	/* Nothing more is asked when it is known. */
	tellers.attempts = 0;
	announce(alpha, &version);
	houses_advance(houses, 60 * PH_SECOND);
	assert_int_equal(tellers.attempts, 0);
}

static void test_an_empty_house_can_something_too(void **state)
{
	struct houses *houses = *state;
	struct house *beta = &houses->house[1];
	struct ph_menu_version version;
	struct tellers tellers;

	lines(houses, &tellers);
	ph_hostess_menu_version(houses->house[2].hostess, &version);
	assert_int_equal(version.count, 0);
	announce(beta, &version);
	assert_int_equal(known(beta), 0);
	assert_true(can(beta, "gpu=nvenc"));
}

/* What is told must be what the node itself announced. */
static void test_hearsay_cannot_lie(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_menu_version version;
	struct tellers tellers;

	lines(houses, &tellers);
	tellers.name = "beta";
	version = gamma_grows(houses, "cam");
	version.digest[3] ^= 1;
	announce(alpha, &version);
	assert_int_equal(tellers.attempts, 1);
	assert_int_equal(known(alpha), -1);
	/* Nor is an older one taken for it. */
	version.digest[3] ^= 1;
	version.version++;
	announce(alpha, &version);
	assert_int_equal(tellers.attempts, 2);
	assert_int_equal(known(alpha), -1);
}

static void test_who_does_not_know_is_asked_a_few_times(void **state)
{
	struct houses *houses = *state;
	struct ph_menu_version version = {.epoch = 9, .version = 3, .count = 1};
	struct tellers tellers;

	lines(houses, &tellers);
	tellers.name = "beta";
	announce(houses->house, &version);
	for (unsigned i = 0; i < 1000; i++)
		houses_advance(houses, PH_SECOND);
	assert_int_equal(tellers.attempts, 8);
	/* A later one is news. */
	version.version++;
	announce(houses->house, &version);
	assert_int_equal(tellers.attempts, 9);
}

static void test_busy_menus_are_not_told_all_the_time(void **state)
{
	struct houses *houses = *state;
	struct house *alpha = houses->house;
	struct ph_menu_version version;
	struct tellers tellers;
	unsigned changes = 0;
	int before = -1;

	lines(houses, &tellers);
	tellers.name = "beta";
	for (unsigned i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		version = gamma_grows(houses, name);
		announce(alpha, &version);
		changes += known(alpha) != before;
		before = known(alpha);
	}
	assert_in_range(changes, 2, 3);
	houses_advance(houses, 10 * PH_SECOND);
	assert_int_equal(known(alpha), 20);
}

static void test_known_menus_outlive_a_restart(void **state)
{
	struct houses *houses = *state;
	struct house *beta = &houses->house[1];
	struct tellers tellers;

	lines(houses, &tellers);
	gamma_grows(houses, "cam");
	assert_int_equal(known(beta), 1);
	houses_advance(houses, 11 * PH_SECOND);
	houses->house[2].away = true;
	house_restart(beta);
	assert_int_equal(known(beta), 1);
	assert_true(can(beta, "site=gamma"));
	ph_hostess_menu_forget(beta->hostess, "gamma");
	house_restart(beta);
	assert_int_equal(known(beta), -1);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, houses_setup, houses_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_told_by_who_has_a_line),
		TEST(test_an_empty_house_can_something_too),
		TEST(test_hearsay_cannot_lie),
		TEST(test_who_does_not_know_is_asked_a_few_times),
		TEST(test_busy_menus_are_not_told_all_the_time),
		TEST(test_known_menus_outlive_a_restart),
	};

	return cmocka_run_group_tests_name("menus", tests, NULL, NULL);
}
