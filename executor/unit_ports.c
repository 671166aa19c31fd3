#include "executor/unit_inner.h"

#include <errno.h>
#include <stddef.h>

/* Terminals: what happens there is the run's, when there is one. */

/* A source waits so long for all of its wires before it begins with some. */
#define UNIT_GATHER (5 * PH_SECOND)

bool ph_unit_is_output(const struct ph_unit *unit, unsigned index)
{
	enum ph_direction direction = unit->spec->terminals[index].direction;

	return direction == PH_OUT || direction == PH_MUX;
}

/* Its consumers may come and go without harm: a mux, and stderr. */
static bool is_free(const struct ph_unit *unit, unsigned index)
{
	const struct ph_spec_terminal *terminal = &unit->spec->terminals[index];

	return terminal->direction != PH_OUT || terminal->fd == 2;
}

void ph_unit_cut(struct ph_unit *unit, int reason)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		if (ph_unit_is_output(unit, i))
			ph_terminal_abort(unit->terminals[i], reason);
		else
			ph_terminal_refuse(unit->terminals[i], reason);
	}
}

void ph_unit_refuse_inputs(struct ph_unit *unit, int reason)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++)
		if (!ph_unit_is_output(unit, i))
			ph_terminal_refuse(unit->terminals[i], reason);
}

static void port_connected(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;
	struct ph_unit *unit = port->unit;

	if (unit->lost == (int)port->index)
		unit->lost = -1;
	if (unit->run && unit->running) {
		unit->run->ops->on_connected(unit->run, port->index);
		return;
	}
	/* Nothing will ever come of it: better told than waited for. */
	if (unit->policy.state == PH_POLICY_FAILED)
		ph_unit_cut(unit, -ECONNABORTED);
	else if (unit->policy.state == PH_POLICY_FINISHED)
		ph_unit_step(unit, PH_POLICY_WAKE);
	/* The backoff is over and waited for this consumer. */
	else if (unit->policy.state == PH_POLICY_BACKOFF && !unit->timer.slot &&
		 !unit->run)
		ph_unit_step(unit, PH_POLICY_DUE);
}

static void port_room(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;

	if (port->unit->run && port->unit->running)
		port->unit->run->ops->on_room(port->unit->run, port->index);
}

static void port_readable(void *context, struct ph_terminal *terminal)
{
	struct ph_unit_port *port = context;

	if (port->unit->run && port->unit->running)
		port->unit->run->ops->on_readable(port->unit->run, port->index);
}

static void port_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct ph_unit_port *port = context;
	struct ph_unit *unit = port->unit;

	if (!unit->run || !unit->running)
		return;
	if (reason < 0 && ph_unit_is_output(unit, port->index) &&
		!is_free(unit, port->index))
		unit->lost = (int)port->index;
	unit->run->ops->on_closed(unit->run, port->index, reason);
}

static const struct ph_terminal_ops port_ops = {
	.on_connected = port_connected,
	.on_room = port_room,
	.on_readable = port_readable,
	.on_closed = port_closed,
};

void ph_unit_greet_run(struct ph_unit *unit)
{
	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		if (!unit->run || !unit->running ||
			!ph_terminal_pipes(unit->terminals[i]))
			continue;
		unit->run->ops->on_connected(unit->run, i);
		if (unit->run && unit->running && !ph_unit_is_output(unit, i))
			unit->run->ops->on_readable(unit->run, i);
	}
}

static void gather_due(struct ph_timer *timer)
{
	struct ph_unit *unit =
		(struct ph_unit *)((char *)timer -
				   offsetof(struct ph_unit, gather));

	for (unsigned i = 0; i < unit->spec->terminal_count; i++)
		ph_terminal_gather(unit->terminals[i], 0);
}

/* Outputs that are to feed several begin with all of them. */
static void unit_gather(struct ph_unit *unit)
{
	bool any = false;

	for (unsigned i = 0; i < unit->spec->terminal_count; i++) {
		unsigned wires = unit->spec->terminals[i].wires;

		if (wires < 2 || unit->spec->terminals[i].direction != PH_MUX)
			continue;
		ph_terminal_gather(unit->terminals[i], wires);
		any = true;
	}
	unit->gather.on_due = gather_due;
	if (any)
		ph_timer_start(unit->config->loop, &unit->gather,
			ph_loop_now(unit->config->loop) + UNIT_GATHER);
}

int ph_unit_open_ports(struct ph_unit *unit)
{
	int error = 0;

	for (unsigned i = 0; !error && i < unit->spec->terminal_count; i++) {
		unit->ports[i] = (struct ph_unit_port){unit, i};
		error = ph_terminal_create(unit->config->kernel,
			unit->spec->terminals[i].direction, &port_ops,
			&unit->ports[i], &unit->terminals[i]);
	}
	if (!error)
		unit_gather(unit);
	return error;
}
