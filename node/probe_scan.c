#include "node/probe_inner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/probe_hosts.h"
#include "node/probe_page.h"
#include "node/reach.h"
#include "node/trust.h"
#include "probe/process.h"
#include "probe/session.h"
#include "proto/secret.h"

/* The probe's process: what it is told to try, and what comes of what it
 * found. */

/* What it found out is handed to the reach matrix. */

static void row_of(struct ph_reach_row *out, const struct ph_probe_row *row)
{
	*out = (struct ph_reach_row){.port = row->point.port,
		.transport = row->transport,
		.verdict = row->verdict,
		.error = row->error,
		.rtt_us = row->rtt_us,
		.checked_at = ph_clock_wall()};
	ph_point_host(&row->point, out->address, sizeof(out->address));
}

static void learn(struct run *run)
{
	const struct ph_probe_matrix *matrix = &run->report.matrix;
	struct ph_reach_row *rows =
		calloc(matrix->count ? matrix->count : 1, sizeof(*rows));
	struct ph_probe_row row;
	uint32_t count = 0;

	/* What works comes last: it stays when there is not room for all. */
	for (uint32_t i = 0; rows && i < 2 * matrix->count; i++) {
		bool open = i >= matrix->count;

		ph_probe_matrix_at(matrix, i % matrix->count, &row);
		if (row.verdict != PH_VERDICT_SKIPPED &&
			open == (row.verdict == PH_VERDICT_OPEN_VERIFIED))
			row_of(&rows[count++], &row);
	}
	if (rows && count)
		ph_reach_learn(run_node(run), run->peer_id, rows, count);
	free(rows);
}

static void explain(struct run *run, int code)
{
	switch (code) {
	case PH_PROBE_NOT_PROVEN:
		ph_fail(&run->error, PH_EXIT_DENIED, run->node,
			"give both the same passphrase file",
			"its beacon did not prove the passphrase");
		break;
	case PH_PROBE_DEADLINE:
		ph_fail(&run->error, PH_EXIT_UNREACHABLE, run->node,
			"see the firewalls between the two, or try another "
			"range",
			"no port of its beacon could be reached, or it went "
			"away");
		break;
	default:
		ph_fail(&run->error, PH_EXIT_NEGATIVE, run->node,
			"look at the node's log", "the probe ended with %d",
			code);
	}
}

static struct run *of_child(struct probe_child *child)
{
	return (struct run *)((char *)child - offsetof(struct run, child));
}

static void child_order(struct probe_child *child, const struct ph_order *order)
{
	struct run *run = of_child(child);

	if (order->type == PH_PROBE_PROGRESS)
		ph_progress_read(&run->progress, order->body, order->length);
	else if (order->type == PH_PROBE_REPORT)
		ph_probe_intake_take(&run->report, order->body, order->length);
	else if (order->type == PH_PROBE_OVER)
		run->told =
			!ph_over_read(&run->over, order->body, order->length);
}

/* A firewall that lets nothing but ws through hides every beacon, and is not
 * in the way. */
static bool is_whole(const struct run *run, bool ws_alone)
{
	if (!run->report.ended)
		return false;
	return run->code == PH_PROBE_TERMINATED ||
	       (run->code == PH_PROBE_DEADLINE && ws_alone);
}

void run_look(struct run *run)
{
	const struct ph_probe_matrix *matrix = &run->report.matrix;
	bool ws_alone;

	if (run->state != RUN_SCANS || !run->ended || run->ws.open)
		return;
	ws_alone = !matrix->counts[PH_VERDICT_OPEN_VERIFIED];
	ws_alone &= run_ws_report(run);
	ph_log_info("probe",
		"run.over node=%s exit=%d rows=%u verified=%u connects=%u "
		"ignored=%u",
		run->node, run->code, matrix->count,
		matrix->counts[PH_VERDICT_OPEN_VERIFIED], run->over.connects,
		run->over.ignored);
	run->state = is_whole(run, ws_alone) ? RUN_DONE : RUN_FAILED;
	if (run->state == RUN_FAILED)
		explain(run, run->code);
	if (run->report.ended && run->code != PH_PROBE_NOT_PROVEN)
		learn(run);
	run->progress.done = run->progress.total;
}

static void child_end(struct probe_child *child, int code)
{
	struct run *run = of_child(child);

	run->ended = true;
	run->code = code;
	run_tell_close(run);
	run_look(run);
}

/* The beacon is there: off it goes. */

static void fill(struct run *run, struct ph_instruct *instruct,
	const struct ph_ready *ready, const uint8_t *key)
{
	struct ph_node *node = run_node(run);

	instruct->mapped = !run->local;
	instruct->secure = true;
	instruct->first = run->page.first;
	instruct->last = run->page.last;
	instruct->rate = PROBE_RATE;
	instruct->in_flight = PROBE_IN_FLIGHT;
	instruct->timeout_ms = PROBE_TIMEOUT_MS;
	instruct->bound = ready->bound;
	memcpy(instruct->session, run->session, PH_PROBE_SESSION);
	memcpy(instruct->mesh, node->mesh, PH_MESH_ID);
	memcpy(instruct->name, node->name, sizeof(instruct->name));
	memcpy(instruct->secure_key, ready->secure_key, PH_PUBLIC_KEY);
	ph_probe_identity(instruct->key, "probe", run->session, node->key);
	ph_probe_identity(instruct->peer, "beacon", run->session, key);
}

static void take_hosts(struct run *run, struct ph_instruct *instruct,
	struct probe_hosts *hosts, const struct ph_ready *ready)
{
	uint32_t ports;

	if (run->local)
		probe_hosts_own(hosts, run_node(run), false);
	else
		probe_hosts_peer(hosts, run_node(run), ready, run->addresses);
	run->left_out += hosts->left_out;
	if (hosts->count)
		run->page = probe_page(run->page, hosts->count, PROBE_POINTS);
	ports = (uint32_t)(run->page.last - run->page.first + 1);
	instruct->targets = (struct ph_point_list){hosts->points, hosts->count};
	instruct->allow = hosts->blocks;
	instruct->allowed = hosts->block_count;
	instruct->deadline_ms = probe_deadline_ms(ports * hosts->count);
	run->progress.total = ports * hosts->count;
}

/* A bit for each point of which the reach matrix says that another try tells
 * nothing. NULL: none is to be left out, or no memory to tell. */
static uint8_t *find_known(struct run *run, const struct ph_instruct *instruct)
{
	uint8_t *known =
		run->fresh ? calloc(run->progress.total / 8 + 1, 1) : NULL;
	struct ph_point point;

	for (uint32_t i = 0; known && i < run->progress.total; i++) {
		struct ph_reach_row row = {.transport = PH_REACH_TCP};

		ph_point_at(&instruct->targets, i % instruct->targets.count,
			&point);
		ph_point_host(&point, row.address, sizeof(row.address));
		row.port = (uint16_t)(instruct->first +
				      i / instruct->targets.count);
		if (!ph_reach_needs_probe(run_node(run), run->peer_id, &row))
			known[i / 8] |= (uint8_t)(1 << i % 8);
	}
	return known;
}

static int start_child(struct run *run, const struct ph_instruct *instruct)
{
	struct ph_node *node = run_node(run);
	struct ph_probe_secrets *secrets = ph_secret_alloc(sizeof(*secrets));
	uint8_t *order = malloc(PH_ORDER_HEADER + PH_ORDER_MOST);
	int length = order ? ph_instruct_write(instruct, order,
				     PH_ORDER_HEADER + PH_ORDER_MOST)
			   : -ENOMEM;
	int error = length < 0 ? length : secrets ? 0 : -ENOMEM;

	if (!error) {
		memcpy(secrets->key, run->key, sizeof(secrets->key));
		secrets->count = ph_trust_secrets(
			node->trust, ph_clock_wall(), secrets->secret);
		run->child.on_order = child_order;
		run->child.on_end = child_end;
		error = probe_child_start(&run->child, node->loop,
			PH_PROBE_VERB, order, (size_t)length, secrets);
	}
	free(order);
	ph_secret_free(secrets);
	return error;
}

void run_scan(struct run *run, const struct ph_ready *ready, const uint8_t *key)
{
	struct probe_hosts hosts;
	struct ph_instruct instruct = {0};
	struct ph_error error;
	uint8_t *known;
	int code;

	take_hosts(run, &instruct, &hosts, ready);
	fill(run, &instruct, ready, key);
	known = find_known(run, &instruct);
	instruct.known = known;
	code = instruct.targets.count ? start_child(run, &instruct)
				      : -EHOSTUNREACH;
	run_forget_known(run);
	free(known);
	if (code) {
		ph_fail(&error, PH_EXIT_NEGATIVE, run->node,
			"look at the node's log", "cannot start the probe: %s",
			strerror(-code));
		run_fails(run, &error);
		run_tell_close(run);
		return;
	}
	run->state = RUN_SCANS;
	run_ws_start(run);
	ph_log_info("probe",
		"run.started node=%s pid=%d addresses=%u ports=%u-%u of=%u-%u "
		"bound=%u skipped=%u",
		run->node, (int)run->child.process.pid, hosts.count,
		run->page.first, run->page.last, run->range.first,
		run->range.last, ready->bound.count, ready->skipped);
}
