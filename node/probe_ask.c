#include "node/probe_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/probe_page.h"

/* A peer is asked for its beacon: first this node, where the peer is, then the
 * peer itself. */

/* Answers that come when the node is going. */
static bool is_gone(struct ph_probing *probing)
{
	bool gone = probing->gone;

	probing->asked--;
	if (gone && !probing->asked)
		free(probing);
	return gone;
}

/* What a beacon that says no range has, and had to skip. */
static struct ph_range range_of(const struct ph_ready *ready)
{
	struct ph_range range = {65535, PH_POINT_LOWEST};
	struct ph_point point;

	for (uint32_t i = 0; i < ready->bound.count + ready->skipped; i++) {
		if (i < ready->bound.count)
			ph_point_at(&ready->bound, i, &point);
		else
			ph_point_read(&point,
				ready->skips +
					(size_t)(i - ready->bound.count) *
						(PH_POINT + 2));
		if (point.port < range.first)
			range.first = point.port;
		if (point.port > range.last)
			range.last = point.port;
	}
	return range;
}

/* The range, if it was not given, and what of it the beacon has. */
static int narrow(struct run *run, const struct ph_ready *ready,
	struct ph_value answer, struct ph_error *error)
{
	char range[PROBE_RANGE_TEXT];
	char page[PROBE_RANGE_TEXT];
	bool told = ph_get_copy(answer, "range", range, sizeof(range))[0] &&
		    ph_get_copy(answer, "page", page, sizeof(page))[0];
	bool bad = !ready->bound.count ||
		   memcmp(ready->session, run->session, PH_PROBE_SESSION) != 0;

	if (!run->has_range && !told)
		run->range = range_of(ready);
	if (!run->has_range && told)
		bad |= ph_options_range(&run->range, range) != 0;
	run->page = run->range;
	if (told)
		bad |= ph_options_range(&run->page, page) ||
		       !probe_page_begins(run->range, run->page);
	if (bad)
		return ph_fail(error, PH_EXIT_NEGATIVE, run->node, "",
			"its beacon's answer cannot be read");
	run->left_out = (uint32_t)ph_get_u64(answer, "left_out");
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
	} else if (narrow(run, &ready, answer, &error)) {
		run_fails(run, &error);
	} else {
		run_scan(run, &ready, key);
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
	struct ph_node *node = run_node(run);
	int error = ph_call_send(node->door, &ph_node_self, node_name, method,
		writer, ph_loop_now(node->loop), PROBE_ASK_PATIENCE, answer,
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

int run_ask_peer(struct run *run, struct ph_error *error)
{
	int code;

	if (!run_node(run)->options.probe_peers)
		return ph_fail(error, PH_EXIT_DENIED, run_node(run)->name,
			"start both nodes with --probe-peers on",
			"this node probes no others");
	code = ask(run, "", PH_MESH_PEERS, NULL, on_peers);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, run->node, "",
			"cannot ask for the peers: %s", strerror(-code));
	return 0;
}
