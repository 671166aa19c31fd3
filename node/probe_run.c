#include "node/probe_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/probe_hosts.h"
#include "node/reach.h"
#include "node/trust.h"
#include "probe/process.h"
#include "probe/session.h"
#include "proto/secret.h"

/* The asking side: a beacon is asked for, here or at a peer's; then a process
 * scans. */

#define ASK_PATIENCE (15 * PH_SECOND)

static struct ph_node *node_of(struct run *run)
{
	return run->probing->node;
}

static void forget_known(struct run *run)
{
	ph_document_free(run->known);
	free(run->known_bytes);
	run->known = NULL;
	run->known_bytes = NULL;
}

void run_close(struct run *run)
{
	probe_child_stop(&run->child);
	ph_probe_matrix_fini(&run->report.matrix);
	forget_known(run);
	memset(&run->report, 0, sizeof(run->report));
}

/* The beacon hears that nobody will come any more. */
static void tell_close(struct run *run)
{
	struct ph_node *node = node_of(run);
	struct ph_writer *writer;

	if (run->local) {
		answering_close(&run->probing->answering, run->session);
		return;
	}
	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_bytes(writer, "session", run->session, PH_PROBE_SESSION);
	ph_write_end(writer);
	ph_call_send(node->door, &ph_node_self, run->node, PH_BEACON_CLOSE,
		writer, ph_loop_now(node->loop), ASK_PATIENCE, NULL, NULL);
	ph_writer_free(writer);
}

static void run_fails(struct run *run, const struct ph_error *error)
{
	run->state = RUN_FAILED;
	run->error = *error;
	forget_known(run);
	ph_log_warn("probe", "run.failed node=%s because=\"%s\"", run->node,
		error->what);
}

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
		ph_reach_learn(node_of(run), run->peer_id, rows, count);
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

static void child_end(struct probe_child *child, int code)
{
	struct run *run = of_child(child);
	const struct ph_probe_matrix *matrix = &run->report.matrix;

	ph_log_info("probe",
		"run.over node=%s exit=%d rows=%u verified=%u connects=%u "
		"ignored=%u",
		run->node, code, matrix->count,
		matrix->counts[PH_VERDICT_OPEN_VERIFIED], run->over.connects,
		run->over.ignored);
	run->state = code == PH_PROBE_TERMINATED && run->report.ended
			     ? RUN_DONE
			     : RUN_FAILED;
	if (run->state == RUN_FAILED)
		explain(run, code);
	if (run->report.ended && code != PH_PROBE_NOT_PROVEN)
		learn(run);
	run->progress.done = run->progress.total;
	tell_close(run);
}

/* The beacon is there: off it goes. */

static void fill(struct run *run, struct ph_instruct *instruct,
	const struct ph_ready *ready, const uint8_t *key)
{
	struct ph_node *node = node_of(run);

	instruct->mapped = !run->local;
	instruct->secure = true;
	instruct->first = run->range.first;
	instruct->last = run->range.last;
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
	uint32_t ports = (uint32_t)(run->range.last - run->range.first + 1);

	if (run->local)
		probe_hosts_own(hosts, node_of(run), false);
	else
		probe_hosts_peer(hosts, node_of(run), ready, run->addresses);
	if (hosts->count > PROBE_POINTS / ports)
		hosts->count = PROBE_POINTS / ports;
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
		if (!ph_reach_needs_probe(node_of(run), run->peer_id, &row))
			known[i / 8] |= (uint8_t)(1 << i % 8);
	}
	return known;
}

static int start_child(struct run *run, const struct ph_instruct *instruct)
{
	struct ph_node *node = node_of(run);
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
		error = probe_child_start(&run->child, node->loop,
			PH_PROBE_VERB, order, (size_t)length, secrets);
	}
	free(order);
	ph_secret_free(secrets);
	return error;
}

static void scan(
	struct run *run, const struct ph_ready *ready, const uint8_t *key)
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
	forget_known(run);
	free(known);
	if (code) {
		ph_fail(&error, PH_EXIT_NEGATIVE, run->node,
			"look at the node's log", "cannot start the probe: %s",
			strerror(-code));
		run_fails(run, &error);
		tell_close(run);
		return;
	}
	run->state = RUN_SCANS;
	ph_log_info("probe",
		"run.started node=%s pid=%d addresses=%u ports=%u-%u bound=%u "
		"skipped=%u",
		run->node, (int)run->child.process.pid, hosts.count,
		run->range.first, run->range.last, ready->bound.count,
		ready->skipped);
}

static void ready_here(void *context, const uint8_t *bytes, size_t length,
	const struct ph_error *error)
{
	struct run *run = context;
	struct ph_ready ready;

	if (error)
		run_fails(run, error);
	else if (!ph_ready_read(&ready, bytes, length))
		scan(run, &ready, node_of(run)->key);
}

/* Answers that come when the node is going. */
static bool is_gone(struct ph_probing *probing)
{
	bool gone = probing->gone;

	probing->asked--;
	if (gone && !probing->asked)
		free(probing);
	return gone;
}

static int narrow(
	struct run *run, const struct ph_ready *ready, struct ph_error *error)
{
	struct ph_point point;

	if (!ready->bound.count ||
		memcmp(ready->session, run->session, PH_PROBE_SESSION) != 0)
		return ph_fail(error, PH_EXIT_NEGATIVE, run->node, "",
			"its beacon's answer cannot be read");
	if (run->has_range)
		return 0;
	/* Its range, as far as it tells: what it has, and had to skip. */
	run->range = (struct ph_range){65535, PH_POINT_LOWEST};
	for (uint32_t i = 0; i < ready->bound.count + ready->skipped; i++) {
		if (i < ready->bound.count)
			ph_point_at(&ready->bound, i, &point);
		else
			ph_point_read(&point,
				ready->skips +
					(size_t)(i - ready->bound.count) *
						(PH_POINT + 2));
		if (point.port < run->range.first)
			run->range.first = point.port;
		if (point.port > run->range.last)
			run->range.last = point.port;
	}
	return 0;
}

static void take_ready(struct run *run, struct ph_value answer)
{
	struct ph_ready ready;
	struct ph_error error;
	size_t length;
	size_t key_length;
	const uint8_t *bytes =
		ph_value_bytes(ph_value_get(answer, "ready"), &length);
	const uint8_t *key =
		ph_value_bytes(ph_value_get(answer, "key"), &key_length);

	if (!bytes || key_length != PH_PUBLIC_KEY ||
		ph_ready_read(&ready, bytes, length)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, run->node, "",
			"its beacon's answer cannot be read");
		run_fails(run, &error);
	} else if (narrow(run, &ready, &error)) {
		run_fails(run, &error);
	} else {
		scan(run, &ready, key);
	}
}

static void on_opened(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_probing *probing = context;
	struct ph_document *document;
	struct ph_error error;

	if (is_gone(probing))
		return;
	if (status) {
		ph_error_read(&error, status, body, length);
		run_fails(&probing->run, &error);
	} else if (ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, probing->run.node, "",
			"its answer cannot be read");
		run_fails(&probing->run, &error);
	} else {
		take_ready(&probing->run, ph_document_root(document));
		ph_document_free(document);
	}
}

static int ask(struct run *run, const char *node_name, uint16_t method,
	struct ph_writer *writer, ph_answer_fn *answer)
{
	struct ph_node *node = node_of(run);
	int error = ph_call_send(node->door, &ph_node_self, node_name, method,
		writer, ph_loop_now(node->loop), ASK_PATIENCE, answer,
		run->probing);

	if (!error)
		run->probing->asked++;
	return error;
}

static int ask_beacon(struct run *run)
{
	struct ph_writer *writer;
	char range[16];
	int error = ph_writer_create(&writer);

	if (error)
		return error;
	snprintf(range, sizeof(range), "%u-%u", run->range.first,
		run->range.last);
	ph_write_map(writer);
	ph_put_bytes(writer, "session", run->session, PH_PROBE_SESSION);
	ph_put_bytes(writer, "key", run->key, PH_PROBE_KEY);
	if (run->has_range)
		ph_put_text(writer, "range", range);
	ph_write_end(writer);
	error = ask(run, run->node, PH_BEACON_OPEN, writer, on_opened);
	ph_writer_free(writer);
	return error;
}

/* The addresses by which the peer is known. */
static int find_peer(
	struct run *run, struct ph_value items, struct ph_error *error)
{
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);

		if (!ph_value_is(ph_value_get(item, "node"), run->node) &&
			!ph_value_is(ph_value_get(item, "id"), run->node))
			continue;
		run->addresses = ph_value_get(item, "addresses");
		ph_get_copy(item, "id", run->peer_id, sizeof(run->peer_id));
		return 0;
	}
	return ph_fail(error, PH_EXIT_NOT_FOUND, run->node,
		"posthouse peers lists them", "no such node is known");
}

static void on_peers(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_probing *probing = context;
	struct run *run = &probing->run;
	struct ph_error error;
	int code;

	if (is_gone(probing))
		return;
	run->known_bytes = malloc(length + 1);
	if (status || !run->known_bytes) {
		ph_error_read(&error, status ? status : 1, body, length);
		run_fails(run, &error);
		return;
	}
	memcpy(run->known_bytes, body, length);
	code = ph_document_read(
		&run->known, run->known_bytes, length, PH_SKIM_TABLE);
	if (code)
		run->known = NULL;
	if (find_peer(run,
		    run->known ? ph_value_get(
					 ph_document_root(run->known), "items")
			       : (struct ph_value){NULL},
		    &error)) {
		run_fails(run, &error);
		return;
	}
	code = ask_beacon(run);
	if (!code)
		return;
	ph_fail(&error, PH_EXIT_UNREACHABLE, run->node, "",
		"cannot ask it for its beacon: %s", strerror(-code));
	run_fails(run, &error);
}

/* probe.run */

static int begin_here(struct run *run, struct ph_error *error)
{
	struct ph_node *node = node_of(run);
	struct answer_order order = {.peer = "",
		.range = run->range,
		.on_ready = ready_here,
		.context = run};
	int code;

	memcpy(order.session, run->session, PH_PROBE_SESSION);
	memcpy(order.key, run->key, PH_PROBE_KEY);
	memcpy(order.prober, node->key, PH_PUBLIC_KEY);
	memcpy(run->peer_id, node->id, sizeof(run->peer_id));
	code = answering_open(&run->probing->answering, &order, error);
	ph_wipe(&order, sizeof(order));
	return code;
}

static int begin_there(struct run *run, struct ph_error *error)
{
	int code;

	if (!node_of(run)->options.probe_peers)
		return ph_fail(error, PH_EXIT_DENIED, node_of(run)->name,
			"start both nodes with --probe-peers on",
			"this node probes no others");
	code = ask(run, "", PH_MESH_PEERS, NULL, on_peers);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, run->node, "",
			"cannot ask for the peers: %s", strerror(-code));
	return 0;
}

static int read_run(
	struct run *run, struct ph_value arguments, struct ph_error *error)
{
	struct ph_node *node = node_of(run);
	char range[24];

	ph_get_copy(arguments, "node", run->node, sizeof(run->node));
	run->local = !run->node[0] || !strcmp(run->node, "local") ||
		     !strcmp(run->node, node->name) ||
		     !strcmp(run->node, node->id);
	if (run->local)
		snprintf(run->node, sizeof(run->node), "%s", node->name);
	run->range = node->options.beacon_range;
	run->fresh = ph_get_bool(arguments, "new");
	ph_get_copy(arguments, "range", range, sizeof(range));
	run->has_range = range[0] || run->local;
	if (range[0] && ph_options_range(&run->range, range))
		return ph_fail(error, PH_EXIT_USAGE, "--range",
			"two ports from 1024 to 65535, as 20000-20099",
			"not valid: '%s'", range);
	if (run->range.last - run->range.first >= PROBE_PORTS)
		return ph_fail(error, PH_EXIT_USAGE, "--range",
			"probe it in parts", "more than %d ports", PROBE_PORTS);
	return 0;
}

static void name_run(struct run *run)
{
	ph_random(run->session, sizeof(run->session));
	ph_random(run->key, sizeof(run->key));
	for (size_t i = 0; i < sizeof(run->session); i++)
		snprintf(run->id + 2 * i, 3, "%02x", run->session[i]);
}

static int begin(
	struct run *run, struct ph_value arguments, struct ph_error *error)
{
	struct ph_probing *probing = run->probing;

	if (run->state == RUN_PREPARES || run->state == RUN_SCANS)
		return ph_fail(error, PH_EXIT_CONFLICT, run->node,
			"wait until it is done", "a probe runs already");
	run_close(run);
	memset(run, 0, sizeof(*run));
	run->probing = probing;
	run->child.on_order = child_order;
	run->child.on_end = child_end;
	if (read_run(run, arguments, error))
		return -1;
	name_run(run);
	run->state = RUN_PREPARES;
	if (run->local ? begin_here(run, error) : begin_there(run, error)) {
		run->state = RUN_NONE;
		return -1;
	}
	return 0;
}

static void serve_run(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_probing *probing = context;
	struct ph_door *door = probing->node->door;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_error error;

	if (ph_request_open(&request, door, ticket, call))
		return;
	if (begin(&probing->run, request.arguments, &error)) {
		ph_answer_error(door, ticket, &error);
	} else if (!ph_writer_create(&writer)) {
		ph_write_map(writer);
		ph_put_text(writer, "id", probing->run.id);
		ph_write_end(writer);
		ph_answer_ok(door, ticket, writer);
		ph_writer_free(writer);
	} else {
		ph_answer_ok(door, ticket, NULL);
	}
	ph_request_close(&request);
}

/* probe.status */

static void write_row(struct ph_writer *writer, const struct ph_probe_row *row)
{
	char host[PH_POINT_HOST];

	ph_write_map(writer);
	ph_put_text(writer, "address",
		ph_point_host(&row->point, host, sizeof(host)));
	ph_put_u64(writer, "port", row->point.port);
	ph_put_text(writer, "transport",
		ph_reach_transport_name(
			(enum ph_reach_transport)row->transport));
	ph_put_text(writer, "verdict",
		ph_verdict_name((enum ph_verdict)row->verdict));
	ph_put_u64(writer, "rtt_us", row->rtt_us);
	if (row->error)
		ph_put_text(writer, "error", strerror(row->error));
	if (row->met)
		ph_put_u64(writer, "mapped_port", row->met);
	ph_write_end(writer);
}

static int row_compare(const void *one, const void *other)
{
	struct ph_probe_row a;
	struct ph_probe_row b;
	int order;

	ph_probe_row_read(&a, one);
	ph_probe_row_read(&b, other);
	order = memcmp(a.point.address, b.point.address, 16);
	if (!order)
		order = (int)a.point.port - (int)b.point.port;
	return order ? order : (int)a.transport - (int)b.transport;
}

/* By address, port and transport: the report's order told nothing more. */
static void write_items(struct ph_writer *writer, struct run *run)
{
	struct ph_probe_matrix *matrix = &run->report.matrix;
	struct ph_probe_row row;

	if (matrix->count)
		qsort(matrix->rows, matrix->count, PH_PROBE_ROW, row_compare);
	ph_put_list(writer, "items");
	for (uint32_t i = 0; i < matrix->count; i++) {
		ph_probe_matrix_at(matrix, i, &row);
		write_row(writer, &row);
	}
	ph_write_end(writer);
}

static void write_status(struct ph_writer *writer, struct run *run)
{
	static const char *const names[] = {
		"none", "prepares", "scans", "done", "failed"};

	ph_write_map(writer);
	ph_put_text(writer, "id", run->id);
	ph_put_text(writer, "node", run->node);
	ph_put_text(writer, "state", names[run->state]);
	ph_put_u64(writer, "done", run->progress.done);
	ph_put_u64(writer, "total", run->progress.total);
	if (run->state == RUN_FAILED) {
		ph_put_int(writer, "exit", run->error.exit);
		ph_put_text(writer, "where", run->error.where);
		ph_put_text(writer, "what", run->error.what);
		ph_put_text(writer, "next", run->error.next);
	}
	if (run->state >= RUN_DONE)
		write_items(writer, run);
	ph_write_end(writer);
}

static void serve_status(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_probing *probing = context;
	struct ph_door *door = probing->node->door;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_error error;
	char id[40];

	if (ph_request_open(&request, door, ticket, call))
		return;
	ph_get_copy(request.arguments, "id", id, sizeof(id));
	if (id[0] && strcmp(id, probing->run.id) != 0) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, id, "posthouse probe local",
			"that probe is not the last one");
		ph_answer_error(door, ticket, &error);
	} else if (!ph_writer_create(&writer)) {
		write_status(writer, &probing->run);
		ph_answer_ok(door, ticket, writer);
		ph_writer_free(writer);
	}
	ph_request_close(&request);
}

void run_serve(struct ph_probing *probing)
{
	struct ph_door *door = probing->node->door;

	probing->run.probing = probing;
	ph_door_serve(door, PH_PROBE_RUN, serve_run, probing);
	ph_door_serve(door, PH_PROBE_STATUS, serve_status, probing);
}
