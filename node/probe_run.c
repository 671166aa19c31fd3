#include "node/probe_inner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

/* The asking side: one run at a time, from its order to its end. A beacon is
 * asked for, here or at a peer's (probe_ask.c); then a process scans
 * (probe_scan.c), and who asked looks at it (probe_status.c). */

void run_forget_known(struct run *run)
{
	ph_document_free(run->known);
	free(run->known_bytes);
	run->known = NULL;
	run->known_bytes = NULL;
}

void run_close(struct run *run)
{
	probe_child_stop(&run->child);
	run_ws_stop(run);
	ph_probe_matrix_fini(&run->report.matrix);
	run_forget_known(run);
	memset(&run->report, 0, sizeof(run->report));
}

/* The beacon hears that nobody will come any more. */
void run_tell_close(struct run *run)
{
	struct ph_node *node = run_node(run);
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
		writer, ph_loop_now(node->loop), PROBE_ASK_PATIENCE, NULL,
		NULL);
	ph_writer_free(writer);
}

void run_fails(struct run *run, const struct ph_error *error)
{
	run->state = RUN_FAILED;
	run->error = *error;
	run_forget_known(run);
	ph_log_warn("probe", "run.failed node=%s because=\"%s\"", run->node,
		error->what);
}

static void ready_here(void *context, const uint8_t *bytes, size_t length,
	const struct ph_error *error)
{
	struct run *run = context;
	struct ph_ready ready;

	if (error) {
		run_fails(run, error);
	} else if (!ph_ready_read(&ready, bytes, length)) {
		run->page = run->probing->answering.page;
		run_scan(run, &ready, run_node(run)->key);
	}
}

/* probe.run */

static int begin_here(struct run *run, struct ph_error *error)
{
	struct ph_node *node = run_node(run);
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

static int read_run(
	struct run *run, struct ph_value arguments, struct ph_error *error)
{
	struct ph_node *node = run_node(run);
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
	if (read_run(run, arguments, error))
		return -1;
	name_run(run);
	run->state = RUN_PREPARES;
	if (run->local ? begin_here(run, error) : run_ask_peer(run, error)) {
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

void run_serve(struct ph_probing *probing)
{
	probing->run.probing = probing;
	ph_door_serve(probing->node->door, PH_PROBE_RUN, serve_run, probing);
	run_status_serve(probing);
}
