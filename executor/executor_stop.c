#include <stddef.h>

#include "executor/executor_inner.h"
#include "kernel/log.h"

/*
 * How all of them stop: who needs others before these. Nobody but the wiring
 * knows who needs whom; it says how high each stands (executor/spec.h). Those
 * of the least height leave first, together, and the next ones when these have
 * gone, so that each still has what it needs while it says its last words.
 *
 * The whole has one end. Whoever is slow takes from what is spare, and not from
 * what the others need: they begin then, whether he has gone or not.
 *
 * Among those that are wired the stream decides: who is fed leaves with the
 * last of those that feed him, and hears from the others that they are cut
 * without minding it (`expect`).
 */

/* What stands below may count on so much, whoever stands above it. */
#define TURN_LEAST (250 * PH_MILLISECOND)
/* Of all together, where none says how long it may take. */
#define USUAL_DRAIN (2500 * PH_MILLISECOND)

static void tell_stopped(struct ph_task *task)
{
	struct ph_executor *executor =
		(struct ph_executor *)((char *)task -
				       offsetof(struct ph_executor, task));

	if (executor->stopped)
		executor->stopped(executor->stopped_context);
	executor->stopped = NULL;
}

/* None has more time. */
static void cut_all(struct ph_executor *executor)
{
	ph_timer_stop(executor->config.loop, &executor->turn);
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		unit->called = true;
		if (unit->leave)
			ph_log_warn("executor",
				"stop.cut server=%s because=\"it did not "
				"finish before the node had to stop\"",
				unit->spec->name);
		ph_unit_stop(unit, executor->grace);
	}
	ph_executor_look_at_stop(executor);
}

static void last_due(struct ph_timer *timer)
{
	cut_all((struct ph_executor *)((char *)timer -
				       offsetof(struct ph_executor, last)));
}

/* Who has this terminal; NULL: nobody here. */
static const struct ph_unit *owner_of(
	const struct ph_executor *executor, const struct ph_terminal *terminal)
{
	for (const struct ph_unit *unit = executor->units; terminal && unit;
		unit = unit->next)
		for (unsigned i = 0; i < unit->spec->terminal_count; i++)
			if (unit->terminals[i] == terminal)
				return unit;
	return NULL;
}

/* Of those that feed it here the latest turn. */
static unsigned turn_of_feeders(
	const struct ph_executor *executor, const struct ph_unit *unit)
{
	unsigned turn = 0;

	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		enum ph_direction way = unit->spec->terminals[i].direction;

		if (way == PH_OUT || way == PH_MUX)
			continue;
		for (unsigned n = 0; n < ph_terminal_pipes(unit->terminals[i]);
			n++) {
			const struct ph_unit *from = owner_of(
				executor, ph_terminal_feeding(ph_terminal_pipe(
						  unit->terminals[i], n)));

			if (from && from->turn > turn)
				turn = from->turn;
		}
	}
	return turn;
}

static void give_turns(struct ph_executor *executor)
{
	bool changed = false;

	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		unit->turn = unit->spec->height;
		changed |= unit->turn > 0;
	}
	while (changed) {
		changed = false;
		for (struct ph_unit *unit = executor->units; unit;
			unit = unit->next) {
			unsigned turn = turn_of_feeders(executor, unit);

			if (turn <= unit->turn)
				continue;
			unit->turn = turn;
			changed = true;
		}
	}
}

/* The first turn from `from` on that somebody has; false: there is none. */
static bool find_turn(
	const struct ph_executor *executor, unsigned from, unsigned *turn)
{
	const struct ph_unit *first = NULL;

	for (const struct ph_unit *unit = executor->units; unit;
		unit = unit->next)
		if (unit->turn >= from && (!first || unit->turn < first->turn))
			first = unit;
	*turn = first ? first->turn : 0;
	return first != NULL;
}

/* As long as the most patient of those wants that say how long they may take,
 * or what is left to those that say nothing. */
static int64_t turn_wants(const struct ph_executor *executor, unsigned turn)
{
	int64_t most = TURN_LEAST;

	for (const struct ph_unit *unit = executor->units; unit;
		unit = unit->next) {
		int64_t wants =
			ph_executor_patience(unit) + ph_unit_drain(unit);

		if (unit->turn == turn && unit->spec->drain > 0 && wants > most)
			most = wants;
	}
	return most;
}

/* The time of all of them. */
static int64_t count_turns(struct ph_executor *executor)
{
	unsigned turn = 0;
	int64_t asked = 0;

	executor->turns = 0;
	executor->turns_want = 0;
	while (find_turn(executor, turn, &turn)) {
		int64_t wants = turn_wants(executor, turn++);

		executor->turns_want += wants;
		executor->turns++;
		if (wants > TURN_LEAST)
			asked += wants;
	}
	return asked > USUAL_DRAIN ? asked : USUAL_DRAIN;
}

/* They wait, and those that feed them may go before. */
static void let_wait(struct ph_executor *executor)
{
	int64_t lasts = executor->last.due - ph_loop_now(executor->config.loop);

	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		struct ph_run *run = unit->run;

		if (!unit->called && run && unit->running && run->ops->expect)
			run->ops->expect(run, lasts + executor->grace);
	}
}

/* What is left without what the later ones need, or as much as each of them
 * has where that is too little. */
static void arm_turn(struct ph_executor *executor)
{
	struct ph_loop *loop = executor->config.loop;
	int64_t left = executor->last.due - ph_loop_now(loop);
	int64_t spare = left - executor->turns_want;
	int64_t least = left / (executor->turns + 1);

	ph_timer_stop(loop, &executor->turn);
	if (executor->turns)
		ph_timer_start(loop, &executor->turn,
			ph_loop_now(loop) + (spare > least ? spare : least));
}

static void call_turn(struct ph_executor *executor)
{
	unsigned turn;

	if (!find_turn(executor, executor->next_turn, &turn))
		return;
	executor->next_turn = turn + 1;
	executor->turns--;
	executor->turns_want -= turn_wants(executor, turn);
	arm_turn(executor);
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next) {
		if (unit->turn != turn)
			continue;
		unit->called = true;
		ph_executor_leave(executor, unit, ph_executor_patience(unit));
	}
}

static void turn_due(struct ph_timer *timer)
{
	struct ph_executor *executor =
		(struct ph_executor *)((char *)timer -
				       offsetof(struct ph_executor, turn));
	unsigned turn;

	if (!find_turn(executor, executor->next_turn, &turn))
		return;
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next)
		if (unit->turn + 1 == executor->next_turn)
			ph_log_warn("executor",
				"stop.late server=%s because=\"what it needs "
				"could wait no longer\"",
				unit->spec->name);
	call_turn(executor);
}

static bool any_is_called(const struct ph_executor *executor)
{
	for (const struct ph_unit *unit = executor->units; unit;
		unit = unit->next)
		if (unit->called)
			return true;
	return false;
}

void ph_executor_look_at_stop(struct ph_executor *executor)
{
	struct ph_loop *loop = executor->config.loop;

	if (!executor->stopping)
		return;
	if (executor->units) {
		if (!any_is_called(executor))
			call_turn(executor);
	} else if (!ph_leash_is_busy(executor->leash)) {
		ph_timer_stop(loop, &executor->last);
		ph_timer_stop(loop, &executor->turn);
		executor->task.run = tell_stopped;
		ph_loop_defer(loop, &executor->task);
	}
}

void ph_executor_stop(struct ph_executor *executor, int64_t drain,
	int64_t grace, void (*stopped)(void *context), void *context)
{
	struct ph_loop *loop = executor->config.loop;
	int64_t time;

	executor->stopping = true;
	executor->stopped = stopped;
	executor->stopped_context = context;
	executor->grace = grace;
	for (struct ph_unit *unit = executor->units; unit; unit = unit->next)
		ph_unregister_last(&unit->unregister);
	if (drain <= 0) {
		cut_all(executor);
		return;
	}
	give_turns(executor);
	time = count_turns(executor);
	executor->last.on_due = last_due;
	executor->turn.on_due = turn_due;
	ph_timer_start(loop, &executor->last,
		ph_loop_now(loop) + (time < drain ? time : drain));
	call_turn(executor);
	let_wait(executor);
	ph_executor_look_at_stop(executor);
}
