#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "proto/resume.h"

/*
 * Both machines over a network that loses carriers at any point, driven by a
 * seed. A frame is its number; a carrier is two queues that may stop in the
 * middle, one way or both, and whose ends learn of it late and not together.
 * Old carriers go on delivering what was on the way, and a stranger repeats
 * old ATTACHes. Whatever happens: each frame once, in order, and finished only
 * when all was consumed.
 */
#define CARRIERS_MOST 4096u
#define WINDOW	      64u /* frames kept */
#define MS	      PH_MILLISECOND

enum word_kind {
	WORD_ATTACH,
	WORD_FRAME,
	WORD_HEARD,
	WORD_ATTACHED,
	WORD_ACK,
	WORD_CUT
};

struct word {
	enum word_kind kind;
	bool flag; /* resume, welcome */
	uint64_t generation;
	uint64_t number; /* frame, next, frames consumed */
	int64_t at;	 /* not before */
};

#define WAY 512u

struct way {
	struct word words[WAY];
	unsigned head, count;
	bool broken; /* nothing arrives any more */
};

struct carrier {
	struct way there;
	struct way back;
	int64_t sender_lost; /* when this end learns of it */
	int64_t receiver_lost;
	bool sender_open;
	bool receiver_open;
};

enum fate {
	FATE_FINISH,
	FATE_LEAVE,   /* the input's server goes */
	FATE_FORGET,  /* the receiving node restarts */
	FATE_RESTART, /* the sender opens anew */
	FATE_GONE     /* nobody listens there any more */
};

struct world {
	uint64_t seed;
	int64_t now;
	int64_t calm; /* no more faults from here */
	uint64_t total;
	enum fate fate;
	int64_t fate_at;
	bool fated;

	struct ph_resume_out out;
	uint64_t given;
	uint64_t cursor;
	int64_t out_due;
	int64_t opens; /* the dialled carrier, or 0 */
	int64_t fails;
	struct carrier *line; /* the sender's */
	bool finished;
	bool failed;
	unsigned carriers;
	unsigned rewinds;
	unsigned lost, back;

	struct ph_resume_in in;
	bool there; /* there is a stream */
	struct carrier *seat;
	uint64_t received;
	uint64_t consumed;
	int64_t in_due;
	bool whole;
	uint64_t fence; /* the Hostess's: no generation twice */

	struct carrier old[8]; /* the newest, in turn */
};

static unsigned dice(struct world *world, unsigned sides)
{
	world->seed = world->seed * UINT64_C(6364136223846793005) +
		      1442695040888963407;
	return (unsigned)(world->seed >> 33) % sides;
}

static void say(struct world *world, struct way *way, struct word word)
{
	if (way->broken)
		return;
	assert_true(way->count < WAY);
	word.at = world->now + dice(world, 4) * MS;
	way->words[(way->head + way->count++) % WAY] = word;
}

/* --- the sender's shell --- */

static void out_event(
	struct world *world, const struct ph_resume_out_event *event);

static void out_hang_up(struct world *world)
{
	struct carrier *line = world->line;

	world->opens = world->fails = 0;
	if (!line || !line->sender_open)
		return;
	line->sender_open = false;
	if (!line->receiver_lost)
		line->receiver_lost = world->now + dice(world, 30) * MS;
	world->line = NULL;
	if (world->out.state != PH_RESUME_OVER)
		out_event(world,
			&(struct ph_resume_out_event){.kind = PH_RESUME_LOST,
				.reason = "closed here"});
}

static void out_do(struct world *world, const struct ph_resume_outputs *outputs)
{
	unsigned actions = outputs->actions;

	if (actions & PH_RESUME_DO_FINISH && world->line)
		say(world, &world->line->there,
			(struct word){.kind = WORD_HEARD});
	if (actions & PH_RESUME_DO_REWIND) {
		assert_true(outputs->next <= world->cursor);
		assert_true(outputs->next >= world->out.acked);
		world->cursor = outputs->next;
		world->rewinds++;
	}
	if (actions & PH_RESUME_DO_DIAL) {
		if (world->fate == FATE_GONE && world->fated)
			world->fails = world->now + MS;
		else if (world->now < world->calm && !dice(world, 4))
			world->fails = world->now + dice(world, 20) * MS;
		else
			world->opens = world->now + dice(world, 20) * MS;
	}
	if (actions & PH_RESUME_DO_ATTACH)
		say(world, &world->line->there,
			(struct word){.kind = WORD_ATTACH,
				.flag = world->out.attached,
				.generation = world->out.generation,
				.number = outputs->next});
	if (actions & PH_RESUME_DO_ARM)
		world->out_due = outputs->due;
	world->finished |= (actions & PH_RESUME_DO_FINISH) != 0;
	world->failed |= (actions & PH_RESUME_DO_FAIL) != 0;
	world->lost += (actions & PH_RESUME_DO_TELL_LOST) != 0;
	world->back += (actions & PH_RESUME_DO_TELL_BACK) != 0;
	if (actions & PH_RESUME_DO_HANG_UP)
		out_hang_up(world);
}

static void out_event(
	struct world *world, const struct ph_resume_out_event *event)
{
	struct ph_resume_outputs outputs;

	ph_resume_out_step(&world->out, world->now, event, &outputs);
	out_do(world, &outputs);
}

static void out_lost(struct world *world, bool absent)
{
	world->line = NULL;
	out_event(world, &(struct ph_resume_out_event){.kind = PH_RESUME_LOST,
				 .absent = absent,
				 .reason = "the network"});
}

static void out_open(struct world *world)
{
	struct carrier *line = &world->old[world->carriers++ % 8];

	memset(line, 0, sizeof(*line));
	line->sender_open = line->receiver_open = true;
	world->line = line;
	world->opens = 0;
	out_event(
		world, &(struct ph_resume_out_event){.kind = PH_RESUME_OPENED});
}

static void out_turn(struct world *world)
{
	struct carrier *line = world->line;
	unsigned burst = dice(world, 12);

	if (world->given < world->total)
		world->given += !dice(world, 3);
	if (world->given > world->total)
		world->given = world->total;
	if (world->opens && world->opens <= world->now)
		out_open(world);
	if (world->fails && world->fails <= world->now) {
		world->fails = 0;
		out_lost(world, world->fate == FATE_GONE && world->fated);
	}
	while (line && world->out.state == PH_RESUME_FLOWING && burst-- &&
		world->cursor < world->given &&
		world->cursor - world->out.acked < WINDOW)
		say(world, &line->there,
			(struct word){
				.kind = WORD_FRAME, .number = world->cursor++});
	if (line && line->sender_lost && line->sender_lost <= world->now) {
		line->sender_open = false;
		if (!line->receiver_lost)
			line->receiver_lost = world->now + dice(world, 99) * MS;
		out_lost(world, false);
	}
	if (world->out_due && world->out_due <= world->now) {
		world->out_due = 0;
		out_event(world,
			&(struct ph_resume_out_event){.kind = PH_RESUME_DUE});
	}
	if (!dice(world, 500))
		out_event(world,
			&(struct ph_resume_out_event){.kind = PH_RESUME_NUDGE});
}

static void out_hear(struct world *world, const struct word *word)
{
	struct ph_resume_out_event event = {
		.given = world->given,
		.finished = world->given == world->total,
		.generation = word->generation,
		.welcome = word->flag,
		.next = word->number,
	};

	event.kind = word->kind == WORD_ATTACHED ? PH_RESUME_ATTACHED
		     : word->kind == WORD_ACK	 ? PH_RESUME_ACKED
						 : PH_RESUME_CUT;
	out_event(world, &event);
}

/* --- the receiver's --- */

static struct ph_ack taken(const struct world *world)
{
	return (struct ph_ack){.frames = world->consumed,
		.bytes = world->consumed * 3000,
		.queued = world->received - world->consumed};
}

static void in_do(struct world *world, struct carrier *carrier,
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

static void in_event(struct world *world, struct carrier *carrier,
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
static void in_claim(
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

static void in_hear(
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

static void in_consume(struct world *world)
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

static void in_turn(struct world *world)
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

/* --- the network --- */

static bool arrives(struct world *world, struct way *way, struct word *word)
{
	if (!way->count || way->broken || way->words[way->head].at > world->now)
		return false;
	*word = way->words[way->head];
	way->head = (way->head + 1) % WAY;
	way->count--;
	return true;
}

static void carry(struct world *world)
{
	for (unsigned i = 0; i < 8; i++) {
		struct carrier *carrier = &world->old[i];
		struct word word;

		while (carrier->receiver_open &&
			arrives(world, &carrier->there, &word))
			in_hear(world, carrier, &word);
		while (carrier->sender_open && carrier == world->line &&
			arrives(world, &carrier->back, &word))
			out_hear(world, &word);
	}
}

/* RST, one-way cuts, ends that learn of it late or long after the other. */
static void hurt(struct world *world)
{
	struct carrier *line = world->line;
	unsigned kind = dice(world, 6);

	if (!line || line->sender_lost || line->receiver_lost)
		return;
	if (kind != 1)
		line->there.broken = true; /* what is on the way is gone */
	if (kind != 2 && kind != 5)
		line->back.broken = true;
	/* 5: all that was sent still arrives at a half-open end. */
	if (kind == 5)
		line->there.broken = false;
	line->sender_lost = world->now + dice(world, kind == 3 ? 900 : 20) * MS;
	line->receiver_lost =
		world->now + dice(world, kind >= 4 ? 900 : 20) * MS;
}

/* A stranger who has heard everything says it again. */
static void replay(struct world *world)
{
	struct word word = {.kind = WORD_ATTACH,
		.flag = dice(world, 2),
		.generation = world->fence - dice(world, 2),
		.number = dice(world, (unsigned)world->total)};
	struct carrier stranger = {.receiver_open = true};
	struct carrier *seat = world->seat;

	if (!world->fence)
		return;
	in_claim(world, &stranger, &word);
	assert_ptr_equal(world->seat, seat);
	assert_int_equal(stranger.back.count, 1);
	assert_false(stranger.back.words[0].flag);
}

static void fate(struct world *world)
{
	world->fated = true;
	switch (world->fate) {
	case FATE_LEAVE:
		/* Only a stream that has not ended can be left. */
		if (world->there && !world->whole)
			in_event(world, NULL,
				(struct ph_resume_in_event){
					.kind = PH_RESUME_LEFT});
		return;
	case FATE_FORGET:
	case FATE_GONE:
		for (unsigned i = 0; i < 8; i++) {
			struct carrier *carrier = &world->old[i];

			carrier->receiver_open = false;
			if (!carrier->sender_lost)
				carrier->sender_lost = world->now + MS;
		}
		world->seat = NULL;
		world->there = false;
		return;
	case FATE_RESTART:
		if (world->line) {
			world->line->sender_open = false;
			world->line->receiver_lost = world->now + 500 * MS;
		}
		world->line = NULL;
		world->opens = world->fails = world->out_due = 0;
		world->given = world->cursor = 0;
		world->finished = world->failed = false;
		world->lost = world->back = 0;
		if (!world->there) {
			memset(&world->in, 0, sizeof(world->in));
			world->received = world->consumed = 0;
		}
		world->there = true;
		ph_resume_out_init(&world->out,
			(uint32_t)(world->out.generation >> 32) + 1,
			world->seed);
		world->opens = world->now + MS;
		return;
	case FATE_FINISH:
		return;
	}
}

static void world_turn(struct world *world)
{
	world->now += MS;
	if (world->fate != FATE_FINISH && !world->fated &&
		world->now >= world->fate_at)
		fate(world);
	out_turn(world);
	carry(world);
	in_turn(world);
	if (world->now < world->calm && !dice(world, 60))
		hurt(world);
	if (!dice(world, 100))
		replay(world);
	assert_true(world->cursor - world->out.acked <= WINDOW ||
		    world->out.state == PH_RESUME_OVER);
}

static void check(const struct world *world)
{
	bool whole = world->finished && !world->failed;

	/* Never both, and finished means consumed to the last frame. */
	assert_true(world->finished != world->failed);
	if (whole)
		assert_true(world->consumed == world->total);
	switch (world->fate) {
	case FATE_FINISH:
	case FATE_RESTART:
		assert_true(whole);
		assert_true(world->received == world->total);
		assert_int_equal(world->lost, world->back);
		break;
	case FATE_LEAVE:
	case FATE_FORGET:
	case FATE_GONE:
		assert_true(world->received <= world->total);
		break;
	}
}

static void run(uint64_t seed, enum fate kind, unsigned sums[2])
{
	static struct world world;

	memset(&world, 0, sizeof(world));
	world.seed = seed;
	world.now = PH_SECOND;
	world.fate = kind;
	world.total = 1 + dice(&world, 400);
	world.calm = world.now + (int64_t)dice(&world, 3000) * MS;
	world.fate_at = world.now + (int64_t)dice(&world, 800) * MS;
	world.there = true;
	ph_resume_out_init(&world.out, 1, seed);
	world.opens = world.now + MS;
	for (unsigned i = 0; i < 60000; i++) {
		world_turn(&world);
		/* A first carrier that fails is control's to dial again. */
		if (world.failed && !world.out.attached &&
			(kind == FATE_FINISH || kind == FATE_RESTART)) {
			world.failed = false;
			ph_resume_out_init(&world.out,
				(uint32_t)(world.out.generation >> 32) + 1,
				seed);
			world.given = world.cursor = 0;
			world.opens = world.now + 20 * MS;
		}
		if ((world.finished || world.failed) &&
			(kind == FATE_FINISH || world.fated))
			break;
	}
	if (!world.finished && !world.failed)
		fail_msg("seed %llu fate %d: stuck in %s",
			(unsigned long long)seed, kind,
			ph_resume_state_name(world.out.state));
	check(&world);
	sums[0] += world.carriers;
	sums[1] += world.rewinds;
}

static void schedules(enum fate kind, unsigned count)
{
	unsigned sums[2] = {0};

	for (uint64_t seed = 1; seed <= count; seed++)
		run(seed * 7919 + kind, kind, sums);
	/* The network did what it was there for. */
	if (kind == FATE_FINISH) {
		assert_true(sums[0] > count * 4);
		assert_true(sums[1] > count * 2);
	}
}

static void exactly_once_in_order(void **state)
{
	schedules(FATE_FINISH, 10000);
}

static void the_input_leaves(void **state)
{
	schedules(FATE_LEAVE, 1000);
}

static void the_receiver_forgets(void **state)
{
	schedules(FATE_FORGET, 1000);
}

static void nobody_listens_any_more(void **state)
{
	schedules(FATE_GONE, 1000);
}

static void a_new_stream_takes_the_place(void **state)
{
	schedules(FATE_RESTART, 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_once_in_order),
		cmocka_unit_test(the_input_leaves),
		cmocka_unit_test(the_receiver_forgets),
		cmocka_unit_test(nobody_listens_any_more),
		cmocka_unit_test(a_new_stream_takes_the_place),
	};

	return cmocka_run_group_tests_name("resume", tests, NULL, NULL);
}
