/* The view of members: introductions, states, what it says of itself. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "test/unit/members_world.h"

static void introductions(void **state)
{
	static const struct {
		uint64_t epoch;
		bool direct;
		enum ph_member_state state;
		uint64_t is_epoch;
	} steps[] = {
		{4, false, PH_MEMBER_HEARD, 4},
		{4, false, PH_MEMBER_HEARD, 4},
		{4, true, PH_MEMBER_ALIVE, 4},
		{3, true, PH_MEMBER_ALIVE, 4},
		{5, false, PH_MEMBER_HEARD, 5},
		{6, true, PH_MEMBER_ALIVE, 6},
	};

	(void)state;
	world_open(0);
	assert_int_equal(introduce(0, 9, true), -EINVAL);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_int_equal(
			introduce(1, steps[i].epoch, steps[i].direct), 0);
		is(1, steps[i].state);
		assert_true(view_of(1).epoch == steps[i].is_epoch);
	}
	assert_int_equal(ph_members_count(world.members), 1);
	ph_members_forget(world.members, id_of(1));
	assert_int_equal(ph_members_count(world.members), 0);
	world_close();
}

static void table_is_bounded(void **state)
{
	uint8_t gone[PH_NODE_ID_BYTES];

	(void)state;
	world_open(PH_MEMBERS_MAX);
	assert_int_equal(introduce(5000, 1, true), -ENOSPC);
	assert_int_equal(ph_members_gone(world.members, gone), -ENOENT);
	ph_members_goodbye(world.members, world.now, id_of(99), 1);
	assert_int_equal(ph_members_gone(world.members, gone), 0);
	assert_int_equal(number_of(gone), 99);
	ph_members_forget(world.members, gone);
	assert_int_equal(introduce(5000, 1, true), 0);
	is(5000, PH_MEMBER_ALIVE);
	is(4096, PH_MEMBER_ALIVE);
	world_close();
}

static void strangers_are_ignored(void **state)
{
	(void)state;
	world_open(3);
	pinged_by(9);
	assert_int_equal(world.sent, 0);
	/* Neither about strangers, nor by them. */
	told(1, record_of(9, 1, PH_SWIM_DEAD, 1, 0));
	accuse(2, 1);
	is(2, PH_MEMBER_SUSPECT);
	told(1, record_of(3, 9, PH_SWIM_SUSPECT, 1, 0));
	is(3, PH_MEMBER_ALIVE);
	assert_int_equal(ph_members_count(world.members), 3);
	world_close();
}

static void what_records_do(void **state)
{
	static const struct {
		enum ph_member_state from;
		enum ph_swim_state said;
		uint64_t epoch;	      /* known is 1 */
		uint32_t incarnation; /* known is 0 */
		enum ph_swim_cause cause;
		enum ph_member_state to;
	} cases[] = {
		/* Accusations. */
		{PH_MEMBER_HEARD, PH_SWIM_SUSPECT, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_ALIVE, PH_SWIM_SUSPECT, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_ALIVE, PH_SWIM_SUSPECT, 1, 9, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_ALIVE, PH_SWIM_SUSPECT, 0, 9, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_ALIVE, PH_SWIM_SUSPECT, 2, 0, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_DEAD, PH_SWIM_SUSPECT, 1, 0, 0, PH_MEMBER_DEAD},
		{PH_MEMBER_LEFT, PH_SWIM_SUSPECT, 1, 9, 0, PH_MEMBER_LEFT},
		/* Deaths. */
		{PH_MEMBER_HEARD, PH_SWIM_DEAD, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_ALIVE, PH_SWIM_DEAD, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_ALIVE, PH_SWIM_DEAD, 1, 0, 1, PH_MEMBER_SUSPECT},
		{PH_MEMBER_SUSPECT, PH_SWIM_DEAD, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_SUSPECT, PH_SWIM_DEAD, 1, 0, 1, PH_MEMBER_SUSPECT},
		{PH_MEMBER_SUSPECT, PH_SWIM_DEAD, 0, 0, 1, PH_MEMBER_SUSPECT},
		{PH_MEMBER_LEFT, PH_SWIM_DEAD, 1, 0, 1, PH_MEMBER_LEFT},
		/* Its own word. */
		{PH_MEMBER_SUSPECT, PH_SWIM_ALIVE, 1, 0, 0, PH_MEMBER_SUSPECT},
		{PH_MEMBER_SUSPECT, PH_SWIM_ALIVE, 1, 1, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_DEAD, PH_SWIM_ALIVE, 1, 0, 0, PH_MEMBER_DEAD},
		{PH_MEMBER_DEAD, PH_SWIM_ALIVE, 1, 1, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_DEAD, PH_SWIM_ALIVE, 0, 9, 0, PH_MEMBER_DEAD},
		{PH_MEMBER_DEAD, PH_SWIM_ALIVE, 2, 0, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_LEFT, PH_SWIM_ALIVE, 1, 9, 0, PH_MEMBER_LEFT},
		{PH_MEMBER_LEFT, PH_SWIM_ALIVE, 2, 0, 0, PH_MEMBER_ALIVE},
		{PH_MEMBER_ALIVE, PH_SWIM_LEFT, 1, 0, 0, PH_MEMBER_LEFT},
		{PH_MEMBER_DEAD, PH_SWIM_LEFT, 1, 0, 0, PH_MEMBER_LEFT},
		{PH_MEMBER_ALIVE, PH_SWIM_LEFT, 0, 0, 0, PH_MEMBER_ALIVE},
	};

	(void)state;
	world_open(5);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool own = cases[i].said == PH_SWIM_ALIVE ||
			   cases[i].said == PH_SWIM_LEFT;
		struct ph_swim_record record = record_of(1, own ? 1 : 3,
			cases[i].said, cases[i].epoch, cases[i].incarnation);

		record.cause = (uint8_t)cases[i].cause;
		/* The same without a signature is nothing. */
		bring(1, cases[i].from);
		record.signature[0] ^= 1;
		told(4, record);
		is(1, cases[i].from);
		record.signature[0] ^= 1;
		told(4, record);
		if (view_of(1).state != cases[i].to)
			fail_msg("case %zu: is %s", i,
				ph_member_state_name(view_of(1).state));
	}
	world_close();
}

static void accused_one_refutes(void **state)
{
	struct ph_swim swim;

	(void)state;
	world_open(5);
	/* By a ping that says so, about this incarnation. */
	swim = said_by(1, PH_SWIM_PING);
	swim.held = PH_SWIM_SUSPECT;
	hear(&swim);
	assert_int_equal(ph_members_incarnation(world.members), 1);
	assert_int_equal(sent_to(1, PH_SWIM_ACK)->swim.incarnation, 1);
	run(100 * MS);
	assert_true(tells(0, PH_SWIM_ALIVE));
	/* The old accusation once more is nothing. */
	swim.sequence += 64;
	hear(&swim);
	assert_int_equal(ph_members_incarnation(world.members), 1);
	/* A liar who invents an incarnation moves us by one, not beyond. */
	told(2, record_of(0, 2, PH_SWIM_DEAD, 7, UINT32_MAX));
	run(300 * MS);
	assert_int_equal(ph_members_incarnation(world.members), 2);
	/* And many who do, by five a second. */
	for (unsigned i = 0; i < 1000; i++) {
		told(2, record_of(0, 2, PH_SWIM_DEAD, 7, UINT32_MAX));
		run(1 * MS);
	}
	assert_in_range(ph_members_incarnation(world.members), 3, 8);
	world_close();
}

static void contact_proves_life(void **state)
{
	struct ph_swim swim;

	(void)state;
	world_open(2);
	introduce(3, 1, false);
	is(3, PH_MEMBER_HEARD);
	pinged_by(3);
	is(3, PH_MEMBER_ALIVE);
	/* A header may refute as well as a record. */
	accuse(3, 2);
	swim = said_by(3, PH_SWIM_PING);
	swim.incarnation = 1;
	hear(&swim);
	is(3, PH_MEMBER_ALIVE);
	/* An older self is not listened to. */
	introduce(3, 2, true);
	swim = said_by(3, PH_SWIM_PING);
	world.sent = 0;
	hear(&swim);
	assert_null(sent_to(3, PH_SWIM_ACK));
	/* A newer one is, before its announcement. */
	swim.epoch = 3;
	hear(&swim);
	assert_non_null(sent_to(3, PH_SWIM_ACK));
	assert_true(view_of(3).epoch == 3);
	world_close();
}

static void news_ends(void **state)
{
	unsigned told_times;

	(void)state;
	world_open(99);
	accuse(1, 2);
	run(3 * PH_SECOND);
	told_times = 0;
	for (unsigned i = 0; i < world.sent && i < KEPT; i++)
		for (unsigned r = 0; r < world.sends[i].swim.count; r++)
			told_times += number_of(world.sends[i]
							.swim.records[r]
							.accuser) == 2;
	assert_int_equal(told_times, 9 + 6); /* log2(100) */
	world_close();
}

static void goodbye_goes_out(void **state)
{
	(void)state;
	world_open(10);
	ph_members_leave(world.members, world.now);
	take();
	assert_int_equal(count_sent(PH_SWIM_NEWS), 3);
	run(PH_SECOND);
	assert_true(tells(0, PH_SWIM_LEFT));
	assert_int_equal(count_sent(PH_SWIM_PING), 0);
	assert_true(ph_members_due(world.members) == INT64_MAX);
	world_close();
}

static void view_is_kept(void **state)
{
	struct ph_member_view views[4];

	(void)state;
	world_open(4);
	accuse(2, 1);
	ph_members_goodbye(world.members, world.now, id_of(3), 1);
	told(1, record_of(4, 1, PH_SWIM_DEAD, 1, 0));
	for (unsigned i = 0; i < 4; i++)
		views[i] = view_of(i + 1);
	views[3].state = PH_MEMBER_DEAD;
	world_close();
	world_open(0);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			ph_members_import(world.members, world.now, &views[i]),
			0);
	take();
	is(1, PH_MEMBER_ALIVE);
	is(2, PH_MEMBER_HEARD);
	is(3, PH_MEMBER_LEFT);
	is(4, PH_MEMBER_DEAD);
	for (unsigned i = 1; i <= 4; i++)
		assert_true(view_of(i).stale);
	/* Announcements that were loaded before change nothing of it. */
	world_close();
	world_open(0);
	for (unsigned i = 0; i < 4; i++) {
		introduce(i + 1, 1, false);
		ph_members_import(world.members, world.now, &views[i]);
	}
	take();
	is(1, PH_MEMBER_HEARD);
	is(2, PH_MEMBER_HEARD);
	is(3, PH_MEMBER_LEFT);
	is(4, PH_MEMBER_DEAD);
	for (unsigned i = 1; i <= 4; i++)
		assert_true(view_of(i).stale);
	pinged_by(1);
	introduce(2, 1, true);
	introduce(3, 2, true);
	assert_false(view_of(1).stale);
	assert_false(view_of(2).stale);
	assert_false(view_of(3).stale);
	assert_true(view_of(4).stale);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(introductions),
		cmocka_unit_test(table_is_bounded),
		cmocka_unit_test(strangers_are_ignored),
		cmocka_unit_test(what_records_do),
		cmocka_unit_test(accused_one_refutes),
		cmocka_unit_test(contact_proves_life),
		cmocka_unit_test(news_ends),
		cmocka_unit_test(goodbye_goes_out),
		cmocka_unit_test(view_is_kept),
	};

	return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
