/* The view of members: asking, relays, refusals, round trips. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "test/unit/members_world.h"

static void strangers_are_greeted(void **state)
{
	(void)state;
	world_open(1);
	introduce(2, 1, false);
	forget_what_was();
	run(250 * MS);
	assert_non_null(sent_to(2, PH_SWIM_PING));
	acked_by(2, sent_to(2, PH_SWIM_PING)->swim.sequence);
	is(2, PH_MEMBER_ALIVE);
	world_close();
}

/* Every greeting was lost: among a hundred its turn would come in minutes. */
static void strangers_are_greeted_again(void **state)
{
	unsigned pings = 0;

	(void)state;
	world_open(100);
	for (unsigned i = 1; i < 100; i++)
		pinged_by(i);
	introduce(101, 1, false);
	run(5 * 1000 * MS);
	forget_what_was();
	/* Nobody answers, so periods are nine times as long. */
	for (unsigned i = 0; i < 400; i++) {
		run(100 * MS);
		pings += sent_to(101, PH_SWIM_PING) != NULL;
		forget_what_was();
	}
	assert_in_range(pings, 3, 40);
	is(101, PH_MEMBER_HEARD);
	world_close();
}

/* Errors that somebody made up come as often as he likes. */
static void refusals_are_counted_by_pings(void **state)
{
	(void)state;
	world_open(1);
	pinged_by(1);
	forget_what_was();
	for (unsigned i = 0; i < 100; i++)
		refused(1);
	is(1, PH_MEMBER_ALIVE);
	acked_by(1, sent_to(1, PH_SWIM_PING)->swim.sequence);
	for (unsigned i = 0; i < 100; i++)
		refused(1);
	is(1, PH_MEMBER_ALIVE);
	world_close();
}

/* Lets the first probe begin; whom of. */
static unsigned first_pinged(void)
{
	while (!count_sent(PH_SWIM_PING))
		run(10 * MS);
	return number_of(world.sends[0].to);
}

static void silence_asks_others(void **state)
{
	unsigned target;

	(void)state;
	world_open(10);
	for (unsigned i = 1; i <= 10; i++)
		pinged_by(i);
	forget_what_was();
	target = first_pinged();
	run(500 * MS);
	assert_int_equal(count_sent(PH_SWIM_ASK), 3);
	/* One got an answer: no suspicion. */
	for (unsigned i = 0; i < world.sent; i++) {
		struct ph_swim report;

		if (world.sends[i].swim.type != PH_SWIM_ASK)
			continue;
		assert_int_equal(number_of(world.sends[i].swim.target), target);
		report = said_by(number_of(world.sends[i].to), PH_SWIM_REPORT);
		report.sequence = world.sends[i].swim.sequence;
		report.finding = PH_SWIM_ANSWERED;
		memcpy(report.target, id_of(target), sizeof(report.target));
		hear(&report);
		break;
	}
	run(400 * MS);
	is(target, PH_MEMBER_ALIVE);
	world_close();
}

/* The relays' answers to the last probe, all the same. */
static void all_report(
	unsigned target, enum ph_swim_finding finding, unsigned most)
{
	unsigned sent = world.sent;

	for (unsigned i = 0; i < sent && most; i++) {
		const struct ph_members_send *send = &world.sends[i];
		struct ph_swim report;

		if (send->swim.type != PH_SWIM_ASK)
			continue;
		report = said_by(number_of(send->to), PH_SWIM_REPORT);
		report.sequence = send->swim.sequence;
		report.finding = (uint8_t)finding;
		memcpy(report.target, id_of(target), sizeof(report.target));
		hear(&report);
		most--;
	}
}

static void agreed_silence_is_an_accusation(void **state)
{
	(void)state;
	world_open(10);
	pinged_by(4);
	forget_what_was();
	ph_members_hint(
		world.members, world.now, id_of(4), PH_MEMBER_LINE_BROKEN);
	take();
	all_report(4, PH_SWIM_SILENT, 3);
	is(4, PH_MEMBER_ALIVE); /* our own second ping is still out */
	run(600 * MS);
	is(4, PH_MEMBER_SUSPECT);
	assert_true(tells(4, PH_SWIM_SUSPECT));
	/* The suspect is told. */
	assert_int_equal(sent_to(4, PH_SWIM_NEWS)->swim.held, PH_SWIM_SUSPECT);
	/* We had every report, so it is not our network. */
	assert_int_equal(ph_members_ill(world.members), 0);
	world_close();
}

static void refusals_confirm(void **state)
{
	static const struct {
		unsigned others;
		unsigned own;	 /* refusals that we saw */
		unsigned relays; /* and that relays reported */
		enum ph_member_state state;
	} cases[] = {
		{10, 1, 0, PH_MEMBER_ALIVE},
		{10, 1, 1, PH_MEMBER_ALIVE},
		{10, 1, 2, PH_MEMBER_DEAD},
		{10, 0, 3, PH_MEMBER_DEAD},
		{10, 0, 2, PH_MEMBER_ALIVE},
		{10, 5, 1, PH_MEMBER_ALIVE}, /* we are one witness */
		{2, 1, 0, PH_MEMBER_ALIVE},
		{2, 1, 1, PH_MEMBER_DEAD},
		{1, 1, 0, PH_MEMBER_ALIVE}, /* alone: asks again */
		{1, 2, 0, PH_MEMBER_DEAD},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		world_open(cases[i].others);
		ph_members_hint(world.members, world.now, id_of(1),
			PH_MEMBER_LINE_BROKEN);
		take();
		for (unsigned own = 0; own < cases[i].own; own++) {
			refused(1);
			/* Alone, it is asked again first. */
			if (cases[i].others == 1 && own + 1 < cases[i].own)
				run(200 * MS);
		}
		all_report(1, PH_SWIM_REFUSED, cases[i].relays);
		if (view_of(1).state != cases[i].state)
			fail_msg("case %zu: is %s", i,
				ph_member_state_name(view_of(1).state));
		world_close();
	}
}

/* Its firewall refuses in its name, once it is believed. */
static void who_lives_refused_is_not_refused_again(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 3; round++) {
		world_open(10);
		pinged_by(1);
		for (unsigned life = 0; life < round; life++) {
			ph_members_hint(world.members, world.now, id_of(1),
				PH_MEMBER_LINE_BROKEN);
			take();
			refused(1);
			all_report(1, PH_SWIM_REFUSED, 3);
			is(1, life ? PH_MEMBER_SUSPECT : PH_MEMBER_DEAD);
			told(1, record_of(1, 1, PH_SWIM_ALIVE, 1, life + 1));
			is(1, PH_MEMBER_ALIVE);
			forget_what_was();
		}
		world_close();
	}
}

static void favours_are_done(void **state)
{
	struct ph_swim ask;
	unsigned round;

	(void)state;
	for (round = 0; round < 3; round++) {
		static const uint8_t findings[] = {
			PH_SWIM_ANSWERED, PH_SWIM_SILENT, PH_SWIM_REFUSED};

		world_open(5);
		ask = said_by(2, PH_SWIM_ASK);
		memcpy(ask.target, id_of(3), sizeof(ask.target));
		hear(&ask);
		assert_non_null(sent_to(3, PH_SWIM_PING));
		if (round == 0)
			acked_by(3, sent_to(3, PH_SWIM_PING)->swim.sequence);
		else if (round == 2)
			refused(3);
		else
			run(PH_SECOND);
		assert_non_null(sent_to(2, PH_SWIM_REPORT));
		assert_int_equal(sent_to(2, PH_SWIM_REPORT)->swim.finding,
			findings[round]);
		assert_int_equal(sent_to(2, PH_SWIM_REPORT)->swim.sequence,
			ask.sequence);
		/* It is the asker's to accuse. */
		is(3, PH_MEMBER_ALIVE);
		world_close();
	}
}

static void who_found_silence_agrees(void **state)
{
	struct ph_swim ask;

	(void)state;
	world_open(99);
	pinged_by(3);
	ask = said_by(2, PH_SWIM_ASK);
	memcpy(ask.target, id_of(3), sizeof(ask.target));
	hear(&ask);
	run(PH_SECOND);
	accuse(3, 2);
	assert_int_equal(view_of(3).accusers, 2);
	world_close();
}

/* 50 ms there and back, three times: a hint waits by that, not by the most. */
static void timeouts_follow_round_trips(void **state)
{
	(void)state;
	world_open(1);
	for (unsigned i = 0; i < 8; i++) {
		world.sent = 0;
		first_pinged();
		run(50 * MS);
		acked_by(1, sent_to(1, PH_SWIM_PING)->swim.sequence);
		run(900 * MS);
	}
	assert_in_range(view_of(1).round_trip / MS, 40, 65);
	world_close();
}

/* No report came back: that is our own network, and makes us slow. */
static void own_network_makes_ill(void **state)
{
	unsigned pings;

	(void)state;
	world_open(10);
	forget_what_was();
	ph_members_hint(
		world.members, world.now, id_of(4), PH_MEMBER_LINE_BROKEN);
	run(2 * PH_SECOND);
	assert_true(ph_members_ill(world.members) >= 3);
	run(20 * PH_SECOND);
	assert_int_equal(ph_members_ill(world.members), 8);
	forget_what_was();
	run(18 * PH_SECOND);
	pings = count_sent(PH_SWIM_PING);
	assert_in_range(pings, 1, 10);
	/* Each answer makes it better. */
	for (unsigned i = 0; i < 40; i++) {
		forget_what_was();
		first_pinged();
		acked_by(number_of(world.sends[0].to),
			world.sends[0].swim.sequence);
	}
	assert_int_equal(ph_members_ill(world.members), 0);
	world_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_are_greeted),
		cmocka_unit_test(strangers_are_greeted_again),
		cmocka_unit_test(refusals_are_counted_by_pings),
		cmocka_unit_test(silence_asks_others),
		cmocka_unit_test(agreed_silence_is_an_accusation),
		cmocka_unit_test(refusals_confirm),
		cmocka_unit_test(who_lives_refused_is_not_refused_again),
		cmocka_unit_test(favours_are_done),
		cmocka_unit_test(who_found_silence_agrees),
		cmocka_unit_test(timeouts_follow_round_trips),
		cmocka_unit_test(own_network_makes_ill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
