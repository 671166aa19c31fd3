#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/lines.h"
#include "node/wire.h"

/*
 * A carrier is dialled as a line is: the addresses of the peer race, in the
 * order of what is known of them (node/candidates.h), and the first where TLS
 * stands and proves the key carries the stream. An attempt lives until its
 * carrier has closed, whoever has won by then.
 */
struct attempt {
	struct wire_race *race; /* NULL: let go */
	unsigned index;
	struct ph_carrier *carrier;
};

struct wire_race {
	struct wire *wire;
	struct ph_candidates candidates;
	struct attempt *attempts[PH_CANDIDATES];
	struct ph_timer timer;
	int64_t due;   /* of all; 0: as long as the transport will */
	int reason;    /* how the best one failed */
	bool impostor; /* another node answered */
};

static void race_step(struct wire_race *race);

static struct ph_node *node_of(const struct wire_race *race)
{
	return race->wire->wires->node;
}

static void learn(
	struct wire_race *race, unsigned index, int error, uint32_t rtt_us)
{
	struct ph_address address;

	if (!ph_address_parse(&address, race->candidates.list[index].address))
		ph_lines_candidate_was(node_of(race)->lines, race->wire->peer,
			&address, error, rtt_us);
}

/* Its end is nobody's business any more. */
static void let_go(struct wire_race *race, unsigned index)
{
	struct attempt *attempt = race->attempts[index];

	if (!attempt)
		return;
	race->attempts[index] = NULL;
	attempt->race = NULL;
	ph_carrier_close(attempt->carrier);
}

void wire_race_stop(struct wire *wire)
{
	struct wire_race *race = wire->race;

	if (!race)
		return;
	for (unsigned i = 0; i < PH_CANDIDATES; i++)
		let_go(race, i);
	ph_timer_stop(node_of(race)->loop, &race->timer);
	wire->race = NULL;
	free(race);
}

static void race_lost(struct wire_race *race, int reason)
{
	struct wire *wire = race->wire;
	const char *why = race->impostor
				  ? "another node answered at that address"
				  : strerror(-reason);

	wire_race_stop(wire);
	wire_way_failed(wire, reason, why);
}

/* Who was tried before the winner, and is silent still, goes behind it. */
static void learn_silence(struct wire_race *race, unsigned winner)
{
	int64_t began = race->candidates.list[winner].started;

	for (unsigned i = 0; i < race->candidates.count; i++) {
		const struct ph_candidate *candidate =
			&race->candidates.list[i];

		if (i != winner && ph_candidate_is_silent(candidate) &&
			began - candidate->started >= PH_CANDIDATES_LEAST)
			learn(race, i, -ETIMEDOUT, 0);
	}
}

static void race_won(struct attempt *attempt)
{
	struct wire_race *race = attempt->race;
	struct wire *wire = race->wire;
	struct ph_carrier *carrier = attempt->carrier;
	struct ph_carrier_path path;

	ph_carrier_path(carrier, &path);
	learn_silence(race, attempt->index);
	learn(race, attempt->index, 0, path.rtt_us);
	race->attempts[attempt->index] = NULL;
	wire_race_stop(wire);
	free(attempt);
	wire_out_opened(wire, carrier);
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct attempt *attempt = context;
	struct ph_carrier_info info;

	if (!attempt->race)
		return;
	ph_carrier_info(carrier, &info);
	if (memcmp(info.peer_key, attempt->race->wire->peer_key,
		    PH_PUBLIC_KEY) == 0) {
		race_won(attempt);
		return;
	}
	attempt->race->impostor = true;
	ph_carrier_close(carrier);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct attempt *attempt = context;
	struct wire_race *race = attempt->race;
	unsigned index = attempt->index;

	free(attempt);
	if (!race)
		return;
	race->attempts[index] = NULL;
	reason = reason ? reason : -EPROTO;
	if (!race->reason || index == 0)
		race->reason = reason;
	learn(race, index, reason, 0);
	ph_candidates_failed(&race->candidates, (int)index);
	race_step(race);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	/* Nobody speaks before ATTACH. */
	ph_carrier_close(carrier);
}

static void on_room(void *context, struct ph_carrier *carrier)
{
}

static const struct ph_carrier_events attempt_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

static int try(struct wire_race *race, unsigned index)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));
	struct ph_dial to = {.deadline = race->due};
	int error = -ENOMEM;

	if (attempt)
		error = ph_address_parse(
			&to.address, race->candidates.list[index].address);
	if (!error) {
		attempt->race = race;
		attempt->index = index;
		error = ph_transport_find(to.address.scheme)
				->dial(&node_of(race)->host, &to,
					&attempt_events, attempt,
					&attempt->carrier);
	}
	if (error)
		free(attempt);
	else
		race->attempts[index] = attempt;
	return error;
}

static void try_next(struct wire_race *race, int64_t now)
{
	int index;

	while ((index = ph_candidates_yield(&race->candidates, now)) >= 0)
		let_go(race, (unsigned)index);
	while ((index = ph_candidates_next(&race->candidates, now)) >= 0) {
		int error = try(race, (unsigned)index);

		if (!error)
			continue;
		if (!race->reason)
			race->reason = error;
		ph_candidates_failed(&race->candidates, index);
	}
}

static void race_step(struct wire_race *race)
{
	struct ph_loop *loop = node_of(race)->loop;
	int64_t now = ph_loop_now(loop);
	int64_t due;

	if (race->due && now >= race->due) {
		race_lost(race, race->reason ? race->reason : -ETIMEDOUT);
		return;
	}
	try_next(race, now);
	if (ph_candidates_over(&race->candidates)) {
		race_lost(race, race->reason ? race->reason : -EHOSTUNREACH);
		return;
	}
	due = ph_candidates_due(&race->candidates);
	if (race->due && race->due < due)
		due = race->due;
	ph_timer_stop(loop, &race->timer);
	if (due != INT64_MAX)
		ph_timer_start(loop, &race->timer, due);
}

static void timer_due(struct ph_timer *timer)
{
	race_step((struct wire_race *)((char *)timer -
				       offsetof(struct wire_race, timer)));
}

int wire_race_start(struct wire *wire, int64_t due)
{
	struct wire_race *race = calloc(1, sizeof(*race));
	struct ph_lines *lines = wire->wires->node->lines;
	int error = -ENOMEM;

	if (race)
		error = ph_lines_candidates(
			lines, wire->peer, &race->candidates, wire->peer_key);
	if (error) {
		free(race);
		return error;
	}
	race->wire = wire;
	race->due = due;
	race->timer.on_due = timer_due;
	wire->race = race;
	ph_candidates_begin(
		&race->candidates, ph_loop_now(wire->wires->node->loop));
	race_step(race);
	return 0;
}
