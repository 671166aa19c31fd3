/* The view of members: introductions, states, what others say. */
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

/* How a member comes into the state that a case begins with. */
static void bring(unsigned number, enum ph_member_state state)
{
	ph_members_forget(world.members, id_of(number));
	introduce(number, 1, state != PH_MEMBER_HEARD);
	if (state == PH_MEMBER_SUSPECT)
		accuse(number, 2);
	for (unsigned by = 2; state == PH_MEMBER_DEAD && by < 5; by++)
		declare(number, by, 0);
	if (state == PH_MEMBER_LEFT)
		told(2, record_of(number, number, PH_SWIM_LEFT, 1, 0));
	is(number, state);
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

/* Who speaks though suspect is looked at again; a repetition is no speech. */
static void repetition_is_no_life(void **state)
{
	static const struct {
		uint32_t step;
		enum ph_member_state state;
	} cases[] = {{0, PH_MEMBER_DEAD}, {64, PH_MEMBER_SUSPECT}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct ph_swim ping;

		world_open(99);
		ping = said_by(1, PH_SWIM_PING);
		hear(&ping);
		for (unsigned by = 2; by < 6; by++)
			accuse(1, by);
		for (unsigned half = 0; half < 12; half++) {
			ping.sequence += cases[i].step;
			hear(&ping);
			run(500 * MS);
		}
		is(1, cases[i].state);
		world_close();
	}
}

/* Each ping is answered once, and once more when it was asked again; what was
 * recorded earlier never. None of it says where its sender is. */
static void replays_are_not_answered(void **state)
{
	struct ph_swim pings[70];

	(void)state;
	world_open(3);
	for (unsigned i = 0; i < 70; i++) {
		pings[i] = said_by(1, PH_SWIM_PING);
		/* Two swap places on the way. */
		if (i == 40 || i == 41)
			pings[i].sequence += i == 40 ? 64 : -64;
		assert_int_equal(
			ph_members_receive(world.members, world.now, &pings[i]),
			i != 41);
		take();
	}
	assert_int_equal(count_sent_to(1, PH_SWIM_ACK), 70);
	for (unsigned round = 0; round < 5; round++)
		for (unsigned i = 0; i < 70; i++)
			assert_false(ph_members_receive(
				world.members, world.now, &pings[i]));
	take();
	assert_int_equal(count_sent_to(1, PH_SWIM_ACK), 70 + 64);
	/* The sequence is a circle. */
	pings[0].sequence = pings[69].sequence + 0x40000000;
	assert_true(ph_members_receive(world.members, world.now, &pings[0]));
	pings[1].sequence = pings[0].sequence + 0x60000000;
	assert_true(ph_members_receive(world.members, world.now, &pings[1]));
	assert_false(ph_members_receive(world.members, world.now, &pings[0]));
	world_close();
}

static void replayed_favours_are_not_done(void **state)
{
	struct ph_swim ask;

	(void)state;
	world_open(3);
	ask = ask_for(2, 1);
	assert_int_equal(count_sent_to(1, PH_SWIM_PING), 1);
	for (unsigned i = 0; i < 10; i++)
		hear(&ask);
	assert_int_equal(count_sent_to(1, PH_SWIM_PING), 1);
	world_close();
}

/* An answer to what we asked is fresh once. */
static void answers_are_fresh_once(void **state)
{
	struct ph_swim ack;

	(void)state;
	world_open(2);
	ask_for(2, 1);
	ack = said_by(1, PH_SWIM_ACK);
	ack.sequence = sent_to(1, PH_SWIM_PING)->swim.sequence;
	assert_true(ph_members_receive(world.members, world.now, &ack));
	assert_false(ph_members_receive(world.members, world.now, &ack));
	take();
	/* The first of a new life begins a new window. */
	ack = said_by(1, PH_SWIM_PING);
	ack.epoch = 2;
	ack.sequence = 64;
	assert_true(ph_members_receive(world.members, world.now, &ack));
	assert_false(ph_members_receive(world.members, world.now, &ack));
	assert_int_equal(view_of(1).epoch, 2);
	world_close();
}

/* Whatever comes, in whatever order: sums hold, and ASan watches. */
static void hammer(void **state)
{
	uint64_t random = 88172645463325252u;

	(void)state;
	world_open(40);
	for (unsigned i = 0; i < 200000; i++) {
		unsigned a, b, sum = 0;
		struct ph_swim swim;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		a = (unsigned)(random >> 8) % 42;
		b = (unsigned)(random >> 16) % 42;
		swim = said_by(a, (enum ph_swim_type)(1 + (random >> 24) % 5));
		swim.epoch = 1 + (random >> 27) % 2;
		swim.held = (uint8_t)(1 + (random >> 28) % 4);
		swim.incarnation = (uint32_t)(random >> 32) % 4;
		swim.sequence = (uint32_t)(random >> 34);
		if (world.sent && (random >> 35) % 2)
			swim.sequence = world.sends[(random >> 36) % KEPT]
						.swim.sequence;
		swim.finding = (uint8_t)(1 + (random >> 37) % 3);
		memcpy(swim.target, id_of(b), sizeof(swim.target));
		swim.count = (random >> 40) % 2;
		swim.records[0] = record_of(b, a,
			(enum ph_swim_state)(1 + (random >> 41) % 4),
			1 + (random >> 43) % 2, (uint32_t)(random >> 44) % 5);
		if (swim.records[0].state == PH_SWIM_ALIVE ||
			swim.records[0].state == PH_SWIM_LEFT)
			swim.records[0] = record_of(b, b,
				(enum ph_swim_state)swim.records[0].state,
				swim.records[0].epoch,
				swim.records[0].incarnation);
		swim.records[0].cause = (random >> 46) % 2;
		switch ((random >> 48) % 10) {
		case 0:
			ph_members_forget(world.members, id_of(b));
			break;
		case 1:
			introduce(1 + b, 1 + (random >> 52) % 3, random >> 60);
			break;
		case 2:
			refused(b);
			break;
		case 3:
			ph_members_hint(world.members, world.now, id_of(b),
				PH_MEMBER_LINE_BROKEN);
			break;
		case 4:
			run((int64_t)((random >> 52) % 300) * MS);
			break;
		case 5:
			if ((random >> 52) % 20 == 0)
				world.now += 3 * PH_SECOND;
			break;
		default:
			hear(&swim);
		}
		for (unsigned s = 0; s <= PH_MEMBER_LEFT; s++)
			sum += ph_members_in(
				world.members, (enum ph_member_state)s);
		assert_int_equal(sum, ph_members_count(world.members));
	}
	take();
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(introductions),
		cmocka_unit_test(table_is_bounded),
		cmocka_unit_test(strangers_are_ignored),
		cmocka_unit_test(what_records_do),
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
		cmocka_unit_test(accused_one_refutes),
		cmocka_unit_test(contact_proves_life),
		cmocka_unit_test(news_ends),
		cmocka_unit_test(goodbye_goes_out),
		cmocka_unit_test(view_is_kept),
		cmocka_unit_test(repetition_is_no_life),
		cmocka_unit_test(replays_are_not_answered),
		cmocka_unit_test(replayed_favours_are_not_done),
		cmocka_unit_test(answers_are_fresh_once),
		cmocka_unit_test(hammer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
