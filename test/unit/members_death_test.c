/* The view of members: what it takes until one is held dead. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "test/unit/members_world.h"

/* A lie, told as often as its teller likes, with or without suspicion before:
 * one accuser kills nobody. */
static void nobody_dies_of_one_word(void **state)
{
	static const enum ph_member_state from[] = {
		PH_MEMBER_HEARD, PH_MEMBER_ALIVE, PH_MEMBER_SUSPECT};

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		world_open(99);
		bring(1, from[i]);
		for (unsigned tenth = 0; tenth < 50; tenth++) {
			declare(1, 2, 0);
			told(2, record_of(1, 2, PH_SWIM_DEAD, 1, 0));
			run(100 * MS);
		}
		is(1, PH_MEMBER_SUSPECT);
		told(1, record_of(1, 1, PH_SWIM_ALIVE, 1, 1));
		is(1, PH_MEMBER_ALIVE);
		/* What was said of its old self is over. */
		declare(1, 2, 0);
		is(1, PH_MEMBER_ALIVE);
		world_close();
	}
}

/* Three who declare it, or one and what our own ping found. */
static void refusal_is_confirmed(void **state)
{
	const struct ph_swim_record *said = NULL;

	(void)state;
	world_open(99);
	declare(1, 2, 0);
	assert_int_equal(count_sent_to(1, PH_SWIM_PING), 1);
	assert_int_equal(sent_to(1, PH_SWIM_PING)->swim.held, PH_SWIM_SUSPECT);
	declare(1, 3, 0);
	is(1, PH_MEMBER_SUSPECT);
	declare(1, 4, 0);
	is(1, PH_MEMBER_DEAD);
	world_close();

	world_open(99);
	declare(1, 2, 0);
	refused(1);
	is(1, PH_MEMBER_DEAD);
	/* We are a second witness: others need one less. */
	run(200 * MS);
	for (unsigned i = 0; i < world.sent && !said; i++)
		for (unsigned r = 0; r < world.sends[i].swim.count; r++)
			if (number_of(world.sends[i].swim.records[r].accuser) ==
				0)
				said = &world.sends[i].swim.records[r];
	assert_non_null(said);
	assert_int_equal(said->state, PH_SWIM_DEAD);
	assert_int_equal(said->cause, PH_SWIM_BY_REFUSAL);
	world_close();

	/* Asked for a favour, we were refused before anybody declared it. */
	world_open(99);
	ask_for(2, 1);
	refused(1);
	is(1, PH_MEMBER_ALIVE);
	declare(1, 2, 0);
	is(1, PH_MEMBER_DEAD);
	world_close();
}

/* An old refusal is none, nor one that no ping of ours was answered with. */
static void refusal_is_of_a_ping_and_new(void **state)
{
	(void)state;
	world_open(99);
	ask_for(2, 1);
	refused(1);
	run(4 * PH_SECOND);
	ph_members_forget(world.members, id_of(99)); /* nothing else waits */
	told(1, record_of(1, 1, PH_SWIM_ALIVE, 1, 1));
	is(1, PH_MEMBER_ALIVE);
	declare(1, 2, 1);
	is(1, PH_MEMBER_SUSPECT);
	world_close();
}

/* A latecomer accuses one that is dead for long: it is set right. */
static void latecomer_is_set_right(void **state)
{
	(void)state;
	world_open(4);
	bring(1, PH_MEMBER_DEAD);
	run(5 * PH_SECOND);
	forget_what_was();
	accuse(1, 3);
	run(100 * MS);
	is(1, PH_MEMBER_DEAD);
	assert_true(tells(1, PH_SWIM_DEAD));
	world_close();
}

static void silence_kills_who_was_suspect(void **state)
{
	(void)state;
	world_open(5);
	accuse(1, 2);
	run(2500 * MS);
	is(1, PH_MEMBER_SUSPECT);
	told(2, record_of(1, 2, PH_SWIM_DEAD, 1, 0));
	is(1, PH_MEMBER_SUSPECT);
	told(3, record_of(1, 3, PH_SWIM_DEAD, 1, 0));
	is(1, PH_MEMBER_DEAD);
	world_close();
}

/* Who would give it up asks it twice before. */
static void last_word_is_asked_for(void **state)
{
	(void)state;
	world_open(99);
	for (unsigned by = 2; by < 6; by++)
		accuse(1, by);
	run(3 * PH_SECOND);
	forget_what_was();
	run(900 * MS);
	is(1, PH_MEMBER_SUSPECT);
	assert_true(count_sent_to(1, PH_SWIM_PING) >= 2);
	assert_int_equal(sent_to(1, PH_SWIM_PING)->swim.held, PH_SWIM_SUSPECT);
	run(300 * MS);
	is(1, PH_MEMBER_DEAD);
	world_close();
}

static void suspicion_shrinks(void **state)
{
	static const struct {
		unsigned others;
		unsigned accusers;
		int tenths; /* of seconds */
	} cases[] = {
		{2, 1, 240},
		{3, 1, 240},
		{3, 2, 114},
		{4, 3, 82},
		{99, 1, 240},
		{99, 2, 140},
		{99, 3, 82},
		{99, 4, 40},
		{99, 5, 40},
		{999, 4, 60},
		{999, 1, 360},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ends;

		world_open(cases[i].others);
		for (unsigned a = 0; a < cases[i].accusers; a++)
			accuse(1, a + 2);
		ends = view_of(1).suspect_ends - 100 * PH_SECOND;
		if (ends / (100 * MS) < cases[i].tenths - 1 ||
			ends / (100 * MS) > cases[i].tenths + 1)
			fail_msg("case %zu: %.2f s", i, (double)ends / 1e9);
		world_close();
	}
}

static void nobody_else_could_confirm(void **state)
{
	(void)state;
	world_open(1);
	pinged_by(1);
	run(3 * PH_SECOND);
	is(1, PH_MEMBER_SUSPECT);
	run(4 * PH_SECOND);
	is(1, PH_MEMBER_DEAD);
	world_close();
}

static void accusers_count_once(void **state)
{
	(void)state;
	world_open(99);
	for (unsigned i = 0; i < 5; i++)
		accuse(1, 2);
	assert_int_equal(view_of(1).accusers, 1);
	accuse(1, 3);
	assert_int_equal(view_of(1).accusers, 2);
	world_close();
}

static unsigned suspects_after(unsigned others, int64_t lag, int64_t time)
{
	unsigned most = 0;

	world_open(others);
	world.lag = lag;
	for (unsigned i = 1; i <= others; i++)
		pinged_by(i);
	/* Lines to all of them break: as many hints as there can be. */
	for (int64_t done = 0; done < time; done += PH_SECOND) {
		unsigned before = count_events(PH_MEMBER_SUSPECT);

		for (unsigned i = 1; i <= others; i++)
			ph_members_hint(world.members, world.now, id_of(i),
				PH_MEMBER_LINE_BROKEN);
		run(PH_SECOND);
		if (count_events(PH_MEMBER_SUSPECT) - before > most)
			most = count_events(PH_MEMBER_SUSPECT) - before;
	}
	world_close();
	return most;
}

static void storm_is_braked(void **state)
{
	unsigned most = suspects_after(200, 0, 5 * PH_SECOND);

	(void)state;
	/* A period of ours and one of the test overlap by two. */
	assert_in_range(most, 1, 2 * 10);
	assert_in_range(suspects_after(20, 0, 5 * PH_SECOND), 1, 2 * 2);
	assert_int_equal(suspects_after(200, 201 * MS, 5 * PH_SECOND), 0);
}

static void pause_is_made_good(void **state)
{
	(void)state;
	world_open(2);
	pinged_by(1);
	run(2 * PH_SECOND);
	accuse(1, 2);
	is(1, PH_MEMBER_SUSPECT);
	/* Stopped for longer than any suspicion lasts. */
	world.now += 60 * PH_SECOND;
	tick();
	is(1, PH_MEMBER_SUSPECT);
	assert_int_equal(count_events(PH_MEMBER_DEAD), 0);
	/* It refutes right after: in time. */
	told(1, record_of(1, 1, PH_SWIM_ALIVE, 1, 1));
	is(1, PH_MEMBER_ALIVE);
	world_close();
}

static void datagram_first_after_a_pause(void **state)
{
	(void)state;
	world_open(5);
	accuse(1, 2);
	accuse(1, 3);
	accuse(1, 4);
	accuse(1, 5);
	world.now += 60 * PH_SECOND;
	pinged_by(2);
	tick();
	is(1, PH_MEMBER_SUSPECT);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_dies_of_one_word),
		cmocka_unit_test(refusal_is_confirmed),
		cmocka_unit_test(refusal_is_of_a_ping_and_new),
		cmocka_unit_test(latecomer_is_set_right),
		cmocka_unit_test(silence_kills_who_was_suspect),
		cmocka_unit_test(last_word_is_asked_for),
		cmocka_unit_test(suspicion_shrinks),
		cmocka_unit_test(nobody_else_could_confirm),
		cmocka_unit_test(accusers_count_once),
		cmocka_unit_test(storm_is_braked),
		cmocka_unit_test(pause_is_made_good),
		cmocka_unit_test(datagram_first_after_a_pause),
	};

	return cmocka_run_group_tests_name("members_death", tests, NULL, NULL);
}
