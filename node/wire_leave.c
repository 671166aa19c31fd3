#include "node/wire.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/log.h"
#include "node/wire_detour.h"

/*
 * A wire that is taken away, or whose node stops, while messages are on their
 * way: its output is let go of between two messages, or lets go by itself, and
 * what it has given is delivered, CUT behind it. A filter in it is given END
 * first, and what it then says comes before the CUT. The wire goes when its
 * input has taken that; or when its time is over, and then the log tells.
 */
#define STOP_LOOK (10 * PH_MILLISECOND)

static void break_off(struct wire *wire)
{
	wire->parting = 0;
	if (wire->pipe && !wire->closing)
		ph_pipe_break(wire->pipe, -ECANCELED);
}

/* The message is over. */
static void on_boundary(void *context)
{
	break_off(context);
}

void wire_part(struct wire *wire)
{
	struct ph_terminal *output = ph_terminal_feeding(wire->pipe);

	if (wire->parting)
		return;
	if (!output || !ph_terminal_is_inside(output)) {
		break_off(wire);
		return;
	}
	wire->boundary =
		(struct ph_boundary){.reached = on_boundary, .context = wire};
	ph_terminal_await(output, &wire->boundary);
	wire->parting = ph_terminal_handle(output);
}

/* It goes before the message is over. */
static void wait_no_more(struct wire *wire)
{
	struct ph_terminal *output =
		ph_terminal_find(&wire->wires->node->kernel, wire->parting);

	wire->parting = 0;
	if (output)
		ph_terminal_await_no_more(output, &wire->boundary);
}

static void leave_due(struct ph_timer *timer)
{
	struct wire *wire =
		(struct wire *)((char *)timer - offsetof(struct wire, leaving));

	ph_log_warn("wire",
		"leave.cut connection=%s to=%s bytes=%llu because=\"what was "
		"on its way was not taken in time\"",
		wire->connection, wire->peer,
		(unsigned long long)(wire->pipe ? ph_pipe_queued(wire->pipe)
						: 0));
	wire_cut(wire, "taken away");
}

bool wire_leave(
	struct wire *wire, ph_handle ticket, int64_t lasts, bool by_itself)
{
	struct ph_loop *loop = wire->wires->node->loop;

	if (!wire->pipe || wire->closing || wire->leave_ticket)
		return false;
	wire->leave_ticket = ticket;
	wire->leaving.on_due = leave_due;
	ph_timer_start(loop, &wire->leaving, ph_loop_now(loop) + lasts);
	if (by_itself)
		wire_detour_part(wire);
	else if (!wire_detour_leave(wire))
		wire_part(wire);
	return true;
}

void wire_left(struct wire *wire)
{
	struct ph_node *node = wire->wires->node;

	if (wire->parting)
		wait_no_more(wire);
	ph_timer_stop(node->loop, &wire->leaving);
	if (!wire->leave_ticket)
		return;
	wire_detour_forget(wire->wires, wire->connection);
	ph_answer_ok(node->door, wire->leave_ticket, NULL);
	wire->leave_ticket = 0;
}

/* --- a node that stops --- */

void ph_wires_quiesce(struct ph_wires *wires)
{
	struct wire *wire;
	struct wire *next;

	wires->closed = true;
	HASH_ITER(hh, wires->table, wire, next)
	{
		if (wire->side == WIRE_IN)
			wire_cut(wire, "this node stops");
	}
}

/* Somebody over there can still take what is here. */
static unsigned count_busy(const struct ph_wires *wires)
{
	unsigned busy = 0;

	for (struct wire *wire = wires->table; wire; wire = wire->hh.next)
		busy += wire->side == WIRE_OUT && wire->carrier &&
			!wire->closing && wire->pipe &&
			wire->out.state == PH_RESUME_FLOWING;
	return busy;
}

static void tell_left(struct ph_wires *wires)
{
	void (*left)(void *context) = wires->left;

	wires->left = NULL;
	left(wires->left_context);
}

static void look(struct ph_timer *timer)
{
	struct ph_wires *wires =
		(struct ph_wires *)((char *)timer -
				    offsetof(struct ph_wires, looking));
	struct ph_loop *loop = wires->node->loop;
	int64_t now = ph_loop_now(loop);
	unsigned busy = count_busy(wires);

	if (busy && now < wires->left_due) {
		ph_timer_start(loop, timer, now + STOP_LOOK);
		return;
	}
	if (busy)
		ph_log_warn("wire",
			"stop.cut connections=%u because=\"what was on its way "
			"was not taken before the node had to stop\"",
			busy);
	tell_left(wires);
}

void ph_wires_leave(struct ph_wires *wires, int64_t most,
	void (*left)(void *context), void *context)
{
	struct ph_loop *loop = wires->node->loop;

	wires->left = left;
	wires->left_context = context;
	wires->left_due = ph_loop_now(loop) + most;
	wires->looking.on_due = look;
	ph_timer_start(loop, &wires->looking, ph_loop_now(loop));
}
