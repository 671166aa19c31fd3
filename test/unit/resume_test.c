#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "test/unit/resume_receiver.h"
#include "test/unit/resume_sender.h"

/*
 * Both machines over a network that loses carriers at any point, driven by a
 * seed. A frame is its number; a carrier is two queues that may stop in the
 * middle, one way or both, and whose ends learn of it late and not together.
 * Old carriers go on delivering what was on the way, and a stranger repeats
 * old ATTACHes. Whatever happens: each frame once, in order, and finished only
 * when all was consumed.
 */

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
