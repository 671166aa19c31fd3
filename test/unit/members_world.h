#ifndef PH_TEST_MEMBERS_WORLD_H
#define PH_TEST_MEMBERS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "discovery/members.h"

/*
 * The view of members that one node has, on a clock that the test turns: what
 * comes in are verbs, what goes out is kept.
 */
#define KEPT 512
#define MS   PH_MILLISECOND

struct world {
	struct ph_members *members;
	int64_t now;
	int64_t lag;
	struct ph_members_send sends[KEPT];
	unsigned sent;
	struct ph_member_event events[KEPT];
	unsigned happened;
	uint32_t sequence;
};

static struct world world;

/* Ids in order of their numbers; this node is 0. */
static inline const uint8_t *id_of(unsigned number)
{
	static uint8_t ids[8][PH_NODE_ID_BYTES];
	static unsigned next;
	uint8_t *id = ids[next++ % 8];

	memset(id, 0, PH_NODE_ID_BYTES);
	id[0] = (uint8_t)(number >> 8);
	id[1] = (uint8_t)number;
	return id;
}

static inline unsigned number_of(const uint8_t *id)
{
	return (unsigned)id[0] << 8 | id[1];
}

/* Signed is what carries its accuser's number. */
static inline bool verify(
	void *context, const struct ph_swim_record *record, uint32_t handle)
{
	(void)context;
	return record->signature[0] == (uint8_t)handle;
}

static inline void sign(void *context, struct ph_swim_record *record)
{
	(void)context;
	memset(record->signature, 0, sizeof(record->signature));
	record->signature[1] = 's';
}

static inline void take(void)
{
	while (ph_members_take_send(
		world.members, world.now, &world.sends[world.sent % KEPT]))
		world.sent++;
	while (ph_members_take_event(
		world.members, &world.events[world.happened % KEPT]))
		world.happened++;
}

static inline void forget_what_was(void)
{
	take();
	world.sent = 0;
	world.happened = 0;
}

static inline int introduce(unsigned number, uint64_t epoch, bool direct)
{
	struct ph_member_introduction card = {
		.epoch = epoch,
		.handle = number,
		.direct = direct,
	};
	int result;

	memcpy(card.id, id_of(number), sizeof(card.id));
	result = ph_members_introduce(world.members, world.now, &card);
	take();
	return result;
}

/* This node and others 1..n, alive. */
static inline void world_open(unsigned others)
{
	struct ph_members_config config = {
		.epoch = 7,
		.seed = 5,
		.timers = ph_members_timers_default(),
		.seam = {NULL, verify, sign},
	};

	memset(&world, 0, sizeof(world));
	world.now = 100 * PH_SECOND;
	memcpy(config.self, id_of(0), sizeof(config.self));
	assert_int_equal(
		ph_members_create(&world.members, &config, world.now), 0);
	for (unsigned i = 1; i <= others; i++)
		assert_int_equal(introduce(i, 1, true), 0);
	forget_what_was();
}

static inline void world_close(void)
{
	ph_members_destroy(world.members);
}

static inline void tick(void)
{
	ph_members_tick(world.members, world.now, world.lag);
	take();
}

/* Every timer in its time. */
static inline void run(int64_t time)
{
	int64_t until = world.now + time;

	while (ph_members_due(world.members) <= until) {
		int64_t due = ph_members_due(world.members);

		world.now = due > world.now ? due : world.now;
		tick();
	}
	world.now = until;
}

static inline struct ph_member_view view_of(unsigned number)
{
	struct ph_member_view view;

	assert_int_equal(
		ph_members_find(world.members, id_of(number), &view), 0);
	return view;
}

static inline void is(unsigned number, enum ph_member_state state)
{
	assert_string_equal(ph_member_state_name(view_of(number).state),
		ph_member_state_name(state));
}

/* --- datagrams in --- */

static inline struct ph_swim said_by(unsigned number, enum ph_swim_type type)
{
	struct ph_swim swim = {
		.type = (uint8_t)type,
		.held = PH_SWIM_ALIVE,
		.epoch = 1,
		.sequence = world.sequence += 64,
	};

	memcpy(swim.sender, id_of(number), sizeof(swim.sender));
	return swim;
}

static inline void hear(const struct ph_swim *swim)
{
	ph_members_receive(world.members, world.now, swim);
	take();
}

static inline void pinged_by(unsigned number)
{
	struct ph_swim swim = said_by(number, PH_SWIM_PING);

	hear(&swim);
}

static inline struct ph_swim_record record_of(unsigned subject,
	unsigned accuser, enum ph_swim_state state, uint64_t epoch,
	uint32_t incarnation)
{
	struct ph_swim_record record = {
		.epoch = epoch,
		.incarnation = incarnation,
		.state = (uint8_t)state,
		.signature = {(uint8_t)accuser},
	};

	memcpy(record.subject, id_of(subject), sizeof(record.subject));
	memcpy(record.accuser, id_of(accuser), sizeof(record.accuser));
	return record;
}

static inline void told(unsigned by, struct ph_swim_record record)
{
	struct ph_swim swim = said_by(by, PH_SWIM_NEWS);

	swim.records[0] = record;
	swim.count = 1;
	hear(&swim);
}

static inline void accuse(unsigned subject, unsigned accuser)
{
	told(accuser, record_of(subject, accuser, PH_SWIM_SUSPECT, 1, 0));
}

/* Dead, because its host refuses datagrams. */
static inline void declare(unsigned subject, unsigned by, uint32_t incarnation)
{
	struct ph_swim_record record =
		record_of(subject, by, PH_SWIM_DEAD, 1, incarnation);

	record.cause = PH_SWIM_BY_REFUSAL;
	told(by, record);
}

static inline struct ph_swim ask_for(unsigned by, unsigned target)
{
	struct ph_swim ask = said_by(by, PH_SWIM_ASK);

	memcpy(ask.target, id_of(target), sizeof(ask.target));
	hear(&ask);
	return ask;
}

static inline void refused(unsigned number)
{
	ph_members_hint(
		world.members, world.now, id_of(number), PH_MEMBER_REFUSED);
	take();
}

/* How a member comes into the state that a case begins with. */
static inline void bring(unsigned number, enum ph_member_state state)
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

/* --- datagrams out --- */

static inline const struct ph_members_send *sent_to(
	unsigned number, enum ph_swim_type type)
{
	for (unsigned i = world.sent; i-- > 0;)
		if (world.sends[i % KEPT].swim.type == type &&
			number_of(world.sends[i % KEPT].to) == number)
			return &world.sends[i % KEPT];
	return NULL;
}

static inline unsigned count_sent(enum ph_swim_type type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world.sent && i < KEPT; i++)
		count += world.sends[i].swim.type == type;
	return count;
}

static inline unsigned count_sent_to(unsigned number, enum ph_swim_type type)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world.sent && i < KEPT; i++)
		count += world.sends[i].swim.type == type &&
			 number_of(world.sends[i].to) == number;
	return count;
}

static inline unsigned count_events(enum ph_member_state to)
{
	unsigned count = 0;

	for (unsigned i = 0; i < world.happened && i < KEPT; i++)
		count += world.events[i].to == to;
	return count;
}

/* A record of that state about that member in what was sent last. */
static inline bool tells(unsigned subject, enum ph_swim_state state)
{
	for (unsigned i = 0; i < world.sent && i < KEPT; i++) {
		const struct ph_swim *swim = &world.sends[i].swim;

		for (unsigned r = 0; r < swim->count; r++)
			if (swim->records[r].state == state &&
				number_of(swim->records[r].subject) == subject)
				return true;
	}
	return false;
}

static inline void acked_by(unsigned number, uint32_t sequence)
{
	struct ph_swim swim = said_by(number, PH_SWIM_ACK);

	swim.sequence = sequence;
	hear(&swim);
}

#endif
