#include "node/race.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/lines.h"

/* An attempt lives until its carrier has closed, whoever has won by then. */
struct attempt {
	struct race *race; /* NULL: let go */
	unsigned index;
	struct ph_carrier *carrier;
};

struct race {
	struct ph_node *node;
	const struct race_events *events;
	void *context;
	char peer[64];
	uint8_t key[PH_PUBLIC_KEY];
	struct ph_candidates candidates;
	struct attempt *attempts[PH_CANDIDATES];
	struct ph_timer timer;
	int64_t due;	   /* of all; 0: as long as the transport will */
	int reason;	   /* how the best one failed */
	bool impostor;	   /* another node answered */
	struct race **out; /* of its owner: NULL when it is over */
};

static void race_step(struct race *race);

static void learn(struct race *race, unsigned index, int error, uint32_t rtt_us)
{
	struct ph_address address;

	if (!ph_address_parse(&address, race->candidates.list[index].address))
		ph_lines_candidate_was(
			race->node->lines, race->peer, &address, error, rtt_us);
}

/* Its end is nobody's business any more. */
static void let_go(struct race *race, unsigned index)
{
	struct attempt *attempt = race->attempts[index];

	if (!attempt)
		return;
	race->attempts[index] = NULL;
	attempt->race = NULL;
	ph_carrier_close(attempt->carrier);
}

void race_stop(struct race *race)
{
	if (!race)
		return;
	for (unsigned i = 0; i < PH_CANDIDATES; i++)
		let_go(race, i);
	ph_timer_stop(race->node->loop, &race->timer);
	*race->out = NULL;
	free(race);
}

static void race_lost(struct race *race, int reason)
{
	const struct race_events *events = race->events;
	void *context = race->context;
	const char *why = race->impostor
				  ? "another node answered at that address"
				  : ph_transport_reason(reason);

	race_stop(race);
	events->on_lost(context, reason, why);
}

/* Who was tried before the winner, and is silent still, goes behind it. */
static void learn_silence(struct race *race, unsigned winner)
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
	struct race *race = attempt->race;
	const struct race_events *events = race->events;
	void *context = race->context;
	struct ph_carrier *carrier = attempt->carrier;
	struct ph_carrier_path path;

	ph_carrier_path(carrier, &path);
	learn_silence(race, attempt->index);
	learn(race, attempt->index, 0, path.rtt_us);
	race->attempts[attempt->index] = NULL;
	race_stop(race);
	free(attempt);
	events->on_won(context, carrier);
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct attempt *attempt = context;
	struct ph_carrier_info info;

	if (!attempt->race)
		return;
	ph_carrier_info(carrier, &info);
	if (memcmp(info.peer_key, attempt->race->key, PH_PUBLIC_KEY) == 0) {
		race_won(attempt);
		return;
	}
	attempt->race->impostor = true;
	ph_carrier_close(carrier);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct attempt *attempt = context;
	struct race *race = attempt->race;
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

static int try(struct race *race, unsigned index)
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
				->dial(&race->node->host, &to, &attempt_events,
					attempt, &attempt->carrier);
	}
	if (error)
		free(attempt);
	else
		race->attempts[index] = attempt;
	return error;
}

static void try_next(struct race *race, int64_t now)
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

static void race_step(struct race *race)
{
	struct ph_loop *loop = race->node->loop;
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
	race_step(
		(struct race *)((char *)timer - offsetof(struct race, timer)));
}

int race_start(struct race **out, struct ph_node *node, const char *peer,
	const char *via, int64_t due, const struct race_events *events,
	void *context, uint8_t key[PH_PUBLIC_KEY])
{
	struct race *race = calloc(1, sizeof(*race));
	int error = -ENOMEM;

	if (race)
		error = ph_lines_candidates(
			node->lines, peer, via, &race->candidates, race->key);
	if (error) {
		free(race);
		return error;
	}
	memcpy(key, race->key, PH_PUBLIC_KEY);
	snprintf(race->peer, sizeof(race->peer), "%s", peer);
	race->node = node;
	race->events = events;
	race->context = context;
	race->due = due;
	race->timer.on_due = timer_due;
	race->out = out;
	*out = race;
	ph_candidates_begin(&race->candidates, ph_loop_now(node->loop));
	race_step(race);
	return 0;
}
