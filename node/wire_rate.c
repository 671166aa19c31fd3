#include "node/node.h"
#include "node/wire.h"

/* How fast the wires are: proto/rate.h, with the counters of their pipes. */

struct ph_rate_count wire_count(const struct wire *wire)
{
	const struct ph_counters *in =
		wire->pipe ? ph_pipe_in(wire->pipe) : &wire->given;
	const struct ph_counters *out =
		wire->pipe ? ph_pipe_out(wire->pipe) : &wire->taken;
	bool told = wire->side == WIRE_OUT;

	return (struct ph_rate_count){{
		[PH_RATE_SENT_BYTES] = in->bytes,
		[PH_RATE_SENT_MESSAGES] = in->messages,
		[PH_RATE_RECEIVED_BYTES] =
			told ? wire->acked.bytes : out->bytes,
		[PH_RATE_RECEIVED_MESSAGES] =
			told ? wire->acked.messages : out->messages,
	}};
}

void wire_attached(struct wire *wire)
{
	if (!wire->attached)
		ph_rate_begin(
			&wire->rate, ph_loop_now(wire->wires->node->loop));
	wire->attached = true;
}

/* Nothing of theirs changes between two turns, so nobody is woken to see that
 * nothing did. */
static void sample_wires(struct ph_deferrable *sampling, int64_t ended)
{
	struct ph_wires *wires =
		(struct ph_wires *)((char *)sampling -
				    offsetof(struct ph_wires, sampling));
	struct ph_loop *loop = wires->node->loop;
	int64_t now = ph_loop_now(loop);

	for (struct wire *wire = wires->table; wire; wire = wire->hh.next) {
		struct ph_rate_count count = wire_count(wire);

		if (wire->attached)
			ph_rate_sample(&wire->rate, ended, now, &count);
	}
	ph_deferrable_start(loop, sampling, now + PH_RATE_PERIOD);
}

void wire_rate_start(struct ph_wires *wires)
{
	struct ph_loop *loop = wires->node->loop;

	wires->sampling.on_due = sample_wires;
	ph_deferrable_start(
		loop, &wires->sampling, ph_loop_now(loop) + PH_RATE_PERIOD);
}

void wire_rate_stop(struct ph_wires *wires)
{
	ph_deferrable_stop(wires->node->loop, &wires->sampling);
}
