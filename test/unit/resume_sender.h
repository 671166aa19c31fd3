#ifndef PH_TEST_RESUME_SENDER_H
#define PH_TEST_RESUME_SENDER_H

#include "test/unit/resume_world.h"

/* The sender's shell. */

static inline void out_event(
	struct world *world, const struct ph_resume_out_event *event);

static inline void out_hang_up(struct world *world)
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

static inline void out_do(
	struct world *world, const struct ph_resume_outputs *outputs)
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

static inline void out_event(
	struct world *world, const struct ph_resume_out_event *event)
{
	struct ph_resume_outputs outputs;

	ph_resume_out_step(&world->out, world->now, event, &outputs);
	out_do(world, &outputs);
}

static inline void out_lost(struct world *world, bool absent)
{
	world->line = NULL;
	out_event(world, &(struct ph_resume_out_event){.kind = PH_RESUME_LOST,
				 .absent = absent,
				 .reason = "the network"});
}

static inline void out_open(struct world *world)
{
	struct carrier *line = &world->old[world->carriers++ % 8];

	memset(line, 0, sizeof(*line));
	line->sender_open = line->receiver_open = true;
	world->line = line;
	world->opens = 0;
	out_event(
		world, &(struct ph_resume_out_event){.kind = PH_RESUME_OPENED});
}

static inline void out_turn(struct world *world)
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

static inline void out_hear(struct world *world, const struct word *word)
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

#endif
