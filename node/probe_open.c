#include "node/probe_inner.h"

#include <stdlib.h>
#include <string.h>

#include "node/probe_page.h"
#include "node/trust.h"
#include "proto/secret.h"

/* beacon.open and beacon.close: a peer wants this node's beacon, and is told
 * where it is. */

struct opening {
	struct ph_probing *probing;
	ph_handle ticket;
	struct ph_range range; /* as it was asked for */
};

static void put_range(
	struct ph_writer *writer, const char *key, struct ph_range range)
{
	char text[PROBE_RANGE_TEXT];

	ph_put_text(writer, key, probe_range_text(range, text));
}

static void answer_ready(void *context, const uint8_t *ready, size_t length,
	const struct ph_error *error)
{
	struct opening *opening = context;
	struct ph_node *node = opening->probing->node;
	struct ph_writer *writer = NULL;
	struct ph_error none;

	if (!error && ph_writer_create(&writer)) {
		ph_fail(&none, PH_EXIT_NEGATIVE, "", "", "out of memory");
		error = &none;
	}
	if (error) {
		ph_answer_error(node->door, opening->ticket, error);
	} else {
		ph_write_map(writer);
		ph_put_bytes(writer, "ready", ready, length);
		ph_put_bytes(writer, "key", node->key, PH_PUBLIC_KEY);
		put_range(writer, "range", opening->range);
		put_range(writer, "page", opening->probing->answering.page);
		ph_put_u64(writer, "left_out",
			opening->probing->answering.left_out);
		ph_write_end(writer);
		ph_answer_ok(node->door, opening->ticket, writer);
		ph_writer_free(writer);
	}
	free(opening);
}

static int read_range(struct answer_order *order, struct ph_value arguments,
	const struct ph_node *node, struct ph_error *error)
{
	const struct ph_range *own = &node->options.beacon_range;
	char text[16];

	order->range = *own;
	ph_get_copy(arguments, "range", text, sizeof(text));
	if (!text[0])
		return 0;
	if (ph_options_range(&order->range, text))
		return ph_fail(error, PH_EXIT_USAGE, "range",
			"two ports, as 20000-20099", "not valid: '%s'", text);
	if (order->range.first >= own->first && order->range.last <= own->last)
		return 0;
	return ph_fail(error, PH_EXIT_DENIED, node->name,
		"stay within it, or give that node another --beacon-range",
		"its beacon has the ports %u-%u only", own->first, own->last);
}

static int read_order(struct answer_order *order, struct ph_value arguments,
	const struct ph_call *call, struct ph_node *node,
	struct ph_error *error)
{
	const struct ph_pin *pin =
		ph_trust_find_text(node->trust, call->caller->node);
	size_t session_length;
	size_t key_length;
	const uint8_t *session = ph_value_bytes(
		ph_value_get(arguments, "session"), &session_length);
	const uint8_t *key =
		ph_value_bytes(ph_value_get(arguments, "key"), &key_length);

	if (!node->options.probe_peers)
		return ph_fail(error, PH_EXIT_DENIED, node->name,
			"start it with --probe-peers on",
			"that node answers no probes of others");
	if (!pin || session_length != PH_PROBE_SESSION ||
		key_length != PH_PROBE_KEY)
		return ph_fail(error, PH_EXIT_USAGE, "beacon.open", "",
			"a peer's call, with 16 and 32 bytes");
	memcpy(order->session, session, PH_PROBE_SESSION);
	memcpy(order->key, key, PH_PROBE_KEY);
	memcpy(order->prober, pin->key, PH_PUBLIC_KEY);
	order->peer = call->caller->node;
	order->outside = true;
	return read_range(order, arguments, node, error);
}

static int open_with(struct opening *opening, const struct answer_order *order,
	struct ph_error *error)
{
	opening->range = order->range;
	return answering_open(&opening->probing->answering, order, error);
}

static void serve_open(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_probing *probing = context;
	struct ph_node *node = probing->node;
	struct answer_order order = {.on_ready = answer_ready};
	struct opening *opening;
	struct ph_request request;
	struct ph_error error;

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	opening = calloc(1, sizeof(*opening));
	order.context = opening;
	if (!opening)
		ph_fail(&error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	else
		*opening =
			(struct opening){.probing = probing, .ticket = ticket};
	if (!opening ||
		read_order(&order, request.arguments, call, node, &error) ||
		open_with(opening, &order, &error)) {
		ph_answer_error(node->door, ticket, &error);
		free(opening);
	}
	ph_wipe(&order, sizeof(order));
	ph_request_close(&request);
}

static void serve_close(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_probing *probing = context;
	struct ph_request request;
	const uint8_t *session;
	size_t length;

	if (ph_request_open(&request, probing->node->door, ticket, call))
		return;
	session = ph_value_bytes(
		ph_value_get(request.arguments, "session"), &length);
	if (length == PH_PROBE_SESSION &&
		!strcmp(call->caller->node, probing->answering.peer))
		answering_close(&probing->answering, session);
	ph_answer_ok(probing->node->door, ticket, NULL);
	ph_request_close(&request);
}

void answering_serve(struct ph_probing *probing)
{
	struct ph_door *door = probing->node->door;

	probing->answering.probing = probing;
	ph_door_serve(door, PH_BEACON_OPEN, serve_open, probing);
	ph_door_serve(door, PH_BEACON_CLOSE, serve_close, probing);
}
