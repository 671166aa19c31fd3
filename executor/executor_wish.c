#include "executor/executor_inner.h"

#include <stdio.h>

/* Who started, stopped or restarted a server waits here until it has come true,
 * or cannot. */

static void answer_wish(struct ph_executor *executor,
	const struct ph_unit *unit, ph_handle ticket)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_executor_refuse(executor, ticket, PH_EXIT_NEGATIVE,
			unit->spec->name, "see `posthouse servers`",
			"out of memory");
		return;
	}
	ph_write_map(writer);
	ph_put_text(writer, "server", unit->spec->name);
	ph_put_text(writer, "state", ph_policy_state_name(unit->policy.state));
	if (unit->change.unread)
		ph_put_u64(writer, "unread", unit->change.unread);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, ticket, writer);
	ph_writer_free(writer);
}

static void refuse_wish(struct ph_executor *executor,
	const struct ph_unit *unit, const struct ph_unit_wish *wish)
{
	char what[300];

	if (!wish->up) {
		ph_executor_refuse(executor, wish->ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "stop it again",
			"started again before it had stopped");
		return;
	}
	if (unit->policy.state == PH_POLICY_STOPPED) {
		ph_executor_refuse(executor, wish->ticket, PH_EXIT_CONFLICT,
			unit->spec->name, "start it again",
			"stopped before it had started");
		return;
	}
	snprintf(what, sizeof(what), "it does not run: %s", unit->reason);
	ph_executor_refuse(executor, wish->ticket, PH_EXIT_NEGATIVE,
		unit->spec->name, "see `posthouse logs`", what);
}

/* What its state means to whoever waits: 1 has come true, -1 cannot, 0 not
 * yet. */
static int wish_is_settled(
	const struct ph_unit *unit, const struct ph_unit_wish *wish)
{
	switch (unit->policy.state) {
	case PH_POLICY_RUNNING:
	case PH_POLICY_FINISHED:
		return wish->up ? 1 : -1;
	case PH_POLICY_BACKOFF:
	case PH_POLICY_FAILED:
		return wish->patient ? 0 : -1;
	case PH_POLICY_STOPPED:
		if (!wish->up)
			return 1;
		return unit->again || wish->patient ? 0 : -1;
	case PH_POLICY_IDLE:
	case PH_POLICY_STARTING:
	case PH_POLICY_STOPPING:
		break;
	}
	return 0;
}

void ph_executor_answer_wishes(
	struct ph_executor *executor, struct ph_unit *unit)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < unit->wish_count; i++) {
		struct ph_unit_wish wish = unit->wishes[i];
		int settled = wish_is_settled(unit, &wish);

		if (settled > 0)
			answer_wish(executor, unit, wish.ticket);
		else if (settled < 0)
			refuse_wish(executor, unit, &wish);
		else
			unit->wishes[kept++] = wish;
	}
	unit->wish_count = kept;
}

void ph_executor_drop_wishes(struct ph_executor *executor, struct ph_unit *unit)
{
	for (unsigned i = 0; i < unit->wish_count; i++)
		ph_executor_refuse(executor, unit->wishes[i].ticket,
			PH_EXIT_CONFLICT, unit->spec->name,
			"see `posthouse servers`",
			"it was taken away, or replaced, meanwhile");
	unit->wish_count = 0;
}
