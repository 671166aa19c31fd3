#ifndef PH_TEST_RESUME_RECEIVER_H
#define PH_TEST_RESUME_RECEIVER_H

#include "test/unit/resume_world.h"

/* The receiver's shell. */

static inline struct ph_ack taken(const struct world *world)
{
	return (struct ph_ack){.frames = world->consumed,
		.bytes = world->consumed * 3000,
		.queued = world->received - world->consumed};
}

static inline void in_do(struct world *world, struct carrier *carrier,
	const struct ph_resume_outputs *outputs)
{
	unsigned actions = outputs->actions;

	if (actions & PH_RESUME_DO_CUT)
		say(world, &world->seat->back, (struct word){.kind = WORD_CUT});
	if (actions & PH_RESUME_DO_HANG_UP && world->seat) {
		world->seat->receiver_open = false;
		if (!world->seat->sender_lost)
			world->seat->sender_lost =
				world->now + (1 + dice(world, 200)) * MS;
		world->seat = NULL;
	}
	if (actions & (PH_RESUME_DO_WELCOME | PH_RESUME_DO_REFUSE)) {
		bool welcome = actions & PH_RESUME_DO_WELCOME;

		if (welcome)
			world->seat = carrier;
		if (carrier)
			say(world, &carrier->back,
				(struct word){.kind = WORD_ATTACHED,
					.flag = welcome,
					.generation = world->fence,
					.number = outputs->next});
	}
	if (actions & PH_RESUME_DO_ACK && world->seat)
		say(world, &world->seat->back,
			(struct word){.kind = WORD_ACK,
				.number = world->in.told.frames});
	if (actions & PH_RESUME_DO_ARM)
		world->in_due = outputs->due;
	if (actions & (PH_RESUME_DO_FINISH | PH_RESUME_DO_FAIL))
		world->there = false;
}

static inline void in_event(struct world *world, struct carrier *carrier,
	struct ph_resume_in_event event)
{
	struct ph_resume_outputs outputs;

	event.taken = taken(world);
	ph_resume_in_step(&world->in, world->now, &event, &outputs);
	in_do(world, carrier, &outputs);
	if (!(outputs.actions & PH_RESUME_DO_REPLACE))
		return;
	ph_resume_in_init(&world->in, event.generation);
	world->seat = carrier;
	world->received = world->consumed = 0;
	world->whole = false;
	say(world, &carrier->back,
		(struct word){.kind = WORD_ATTACHED,
			.flag = true,
			.generation = event.generation});
}

/* The Hostess's word comes before the machine's. */
static inline void in_claim(
	struct world *world, struct carrier *carrier, const struct word *word)
{
	bool fresh = word->generation > world->fence;
	bool known =
		world->there && !(world->fate == FATE_FORGET && world->fated);

	if (fresh)
		world->fence = word->generation;
	if (fresh && known && world->in.generation) {
		in_event(world, carrier,
			(struct ph_resume_in_event){.kind = PH_RESUME_CLAIMED,
				.generation = word->generation,
				.resume = word->flag,
				.next = word->number});
		return;
	}
	if (fresh && known && !word->flag) {
		ph_resume_in_init(&world->in, word->generation);
		world->seat = carrier;
	}
	say(world, &carrier->back,
		(struct word){.kind = WORD_ATTACHED,
			.flag = fresh && known && !word->flag,
			.generation = word->generation});
}

static inline void in_hear(
	struct world *world, struct carrier *carrier, const struct word *word)
{
	if (word->kind == WORD_ATTACH) {
		in_claim(world, carrier, word);
		return;
	}
	/* Only the seated carrier is heard. */
	if (carrier != world->seat || !world->there)
		return;
	if (word->kind == WORD_HEARD) {
		in_event(world, carrier,
			(struct ph_resume_in_event){.kind = PH_RESUME_HEARD});
		return;
	}
	/* The heart of it: exactly the next one. */
	assert_true(word->number == world->received);
	world->received++;
	in_event(world, carrier,
		(struct ph_resume_in_event){
			.kind = PH_RESUME_CAME, .frames = 1});
}

static inline void in_consume(struct world *world)
{
	uint64_t most = world->received - world->consumed;

	if (!most || !world->there || dice(world, 3))
		return;
	world->consumed += dice(world, (unsigned)most + 1);
	world->whole = world->consumed == world->total;
	in_event(world, NULL,
		(struct ph_resume_in_event){.kind = world->whole
							    ? PH_RESUME_ENDED
							    : PH_RESUME_TAKEN});
}

static inline void in_turn(struct world *world)
{
	struct carrier *seat = world->seat;

	in_consume(world);
	if (seat && seat->receiver_lost && seat->receiver_lost <= world->now &&
		!(seat->there.count && !seat->there.broken)) {
		seat->receiver_open = false;
		if (!seat->sender_lost)
			seat->sender_lost = world->now + dice(world, 99) * MS;
		world->seat = NULL;
		in_event(world, NULL,
			(struct ph_resume_in_event){.kind = PH_RESUME_DROPPED});
	}
	if (world->in_due && world->in_due <= world->now) {
		world->in_due = 0;
		in_event(world, NULL,
			(struct ph_resume_in_event){.kind = PH_RESUME_TICK});
	}
}

#endif
