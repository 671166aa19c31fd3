/* The view of members: what is repeated, and whatever else comes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "test/unit/members_world.h"

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
		cmocka_unit_test(repetition_is_no_life),
		cmocka_unit_test(replays_are_not_answered),
		cmocka_unit_test(replayed_favours_are_not_done),
		cmocka_unit_test(answers_are_fresh_once),
		cmocka_unit_test(hammer),
	};

	return cmocka_run_group_tests_name("members_replay", tests, NULL, NULL);
}
