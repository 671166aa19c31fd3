#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/lines.h"
#include "node/probe_inner.h"
#include "node/reach.h"
#include "probe/session.h"

/*
 * The ways of a peer that are ws or wss. A WebSocket's client speaks first and
 * a beacon's, so no port of a beacon can show one: where the peer itself
 * listens for carriers of this kind it is dialled as it is for a line, and
 * whoever proves the peer's key, which the passphrase once proved, is verified.
 * All of its addresses at once while the probe scans; each a row of the same
 * matrix.
 */
#define WS_PATIENCE (2 * PH_SECOND)

struct ws_check {
	struct run *run; /* NULL: let go */
	struct ph_carrier *carrier;
	unsigned index;
};

static void check_over(
	struct ws_check *check, enum ph_verdict verdict, int error)
{
	struct run *run = check->run;
	struct run_ws *ws = &run->ws;

	check->run = NULL;
	ws->check[check->index] = NULL;
	ws->row[check->index].verdict = (uint8_t)verdict;
	ws->row[check->index].error = (uint16_t)abs(error);
	ws->open--;
	run_look(run);
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct ws_check *check = context;
	struct ph_carrier_info info;
	struct ph_carrier_path path;

	/* Its key goes with it. */
	ph_carrier_info(carrier, &info);
	ph_carrier_path(carrier, &path);
	ph_carrier_close(carrier);
	if (!check->run)
		return;
	check->run->ws.row[check->index].rtt_us = path.rtt_us;
	check_over(check,
		memcmp(info.peer_key, check->run->ws.key, PH_PUBLIC_KEY)
			? PH_VERDICT_OPEN_FOREIGN
			: PH_VERDICT_OPEN_VERIFIED,
		0);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct ws_check *check = context;

	(void)carrier;
	if (check->run)
		check_over(check, ph_verdict_of_errno(reason), reason);
	free(check);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	(void)context;
	(void)segment;
	ph_carrier_close(carrier);
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	(void)context;
	(void)carrier;
}

static const struct ph_carrier_events check_events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

/* A row of it. False: it is no ws, or a name, of which nobody knows what it
 * leads to before it is asked. */
static bool row_of(struct ph_probe_row *row, const struct ph_address *address)
{
	if (address->scheme != PH_ADDRESS_WS &&
		address->scheme != PH_ADDRESS_WSS)
		return false;
	*row = (struct ph_probe_row){
		.transport = address->scheme == PH_ADDRESS_WS ? PH_REACH_WS
							      : PH_REACH_WSS,
		.verdict = PH_VERDICT_SKIPPED};
	return !ph_point_parse(&row->point, address->host, address->port);
}

static bool is_to_be_tried(struct run *run, const struct ph_probe_row *row)
{
	struct ph_reach_row point = {
		.transport = row->transport, .port = row->point.port};

	ph_point_host(&row->point, point.address, sizeof(point.address));
	return !ph_point_forbidden(&row->point) &&
	       (!run->fresh || ph_reach_needs_probe(
				       run_node(run), run->peer_id, &point));
}

static void check_start(
	struct run *run, unsigned index, const struct ph_address *address)
{
	struct ph_node *node = run_node(run);
	struct ph_probe_row *row = &run->ws.row[index];
	struct ws_check *check = calloc(1, sizeof(*check));
	struct ph_dial to = {.address = *address,
		.deadline = ph_loop_now(node->loop) + WS_PATIENCE};
	int error = -ENOMEM;

	if (check) {
		*check = (struct ws_check){.run = run, .index = index};
		error = ph_transport_find(address->scheme)
				->dial(&node->host, &to, &check_events, check,
					&check->carrier);
	}
	if (!error) {
		run->ws.check[index] = check;
		run->ws.open++;
		return;
	}
	row->verdict = (uint8_t)ph_verdict_of_errno(error);
	row->error = (uint16_t)-error;
	free(check);
}

void run_ws_start(struct run *run)
{
	struct run_ws *ws = &run->ws;
	struct ph_candidates candidates;
	struct ph_address address;

	if (run->local || ph_lines_candidates(run_node(run)->lines,
				  run->peer_id, "", &candidates, ws->key))
		return;
	for (unsigned i = 0; i < candidates.count; i++) {
		if (ph_address_parse(&address, candidates.list[i].address) ||
			!row_of(&ws->row[ws->count], &address))
			continue;
		ws->count++;
		if (is_to_be_tried(run, &ws->row[ws->count - 1]))
			check_start(run, ws->count - 1, &address);
	}
	if (ws->count)
		ph_log_info("probe", "ws.tried node=%s addresses=%u of=%u",
			run->node, ws->open, ws->count);
}

bool run_ws_report(struct run *run)
{
	bool open = false;

	for (unsigned i = 0; i < run->ws.count; i++) {
		const struct ph_probe_row *row = &run->ws.row[i];

		if (!ph_probe_matrix_add(&run->report.matrix, row))
			open |= row->verdict == PH_VERDICT_OPEN_VERIFIED;
	}
	return open;
}

void run_ws_stop(struct run *run)
{
	for (unsigned i = 0; i < run->ws.count; i++) {
		struct ws_check *check = run->ws.check[i];

		if (!check)
			continue;
		run->ws.check[i] = NULL;
		check->run = NULL;
		ph_carrier_close(check->carrier);
	}
	run->ws.open = 0;
}
