#include "controlsurface/control_inner.h"

#include <stdio.h>

/* What comes back to control_drive.c: answers of calls, and news of the wires,
 * become events of the connections. */

/* "where: what", as far as it goes. */
static void reply_reason(const struct ph_reply *reply, char *out, size_t size)
{
	const struct ph_error *error = &reply->error;
	char text[sizeof(error->where) + sizeof(error->what) + 2];

	snprintf(text, sizeof(text), "%s%s%s", error->where,
		*error->where ? ": " : "", error->what);
	text[size - 1] = '\0';
	/* Cut within a character it would be no text any more. */
	text[ph_text_valid(text, strlen(text))] = '\0';
	memcpy(out, text, size);
}

static void found(const struct ph_reply *reply,
	struct ph_connection_event *event, char *type, size_t size)
{
	int direction =
		ph_wire_direction(ph_value_get(reply->body, "direction"));

	if (direction >= 0 &&
		!ph_wire_is_output((enum ph_direction)direction)) {
		event->kind = PH_CONNECTION_ON_REFUSED;
		event->reason = "the wire's source is an input";
		return;
	}
	event->kind = PH_CONNECTION_ON_FOUND;
	event->output = ph_get_u64(reply->body, "handle");
	event->type = ph_get_copy(reply->body, "type", type, size);
}

static void booked(
	const struct ph_reply *reply, struct ph_connection_event *event)
{
	size_t length;

	event->token =
		ph_value_bytes(ph_value_get(reply->body, "token"), &length);
	event->kind = PH_CONNECTION_ON_BOOKED;
	if (length == PH_CONNECTION_TOKEN)
		return;
	event->kind = PH_CONNECTION_ON_REFUSED;
	event->reason = "a booking without a usable token";
}

/* Which event a good answer is. */
static const enum ph_connection_event_kind replies[] = {
	[PH_CONNECTION_DO_RECORD] = PH_CONNECTION_ON_RECORDED,
	[PH_CONNECTION_DO_FIND] = PH_CONNECTION_ON_FOUND,
	[PH_CONNECTION_DO_RESERVE] = PH_CONNECTION_ON_BOOKED,
	[PH_CONNECTION_DO_OPEN] = PH_CONNECTION_ON_ATTACHED,
	[PH_CONNECTION_DO_CLOSE] = PH_CONNECTION_ON_GONE,
	[PH_CONNECTION_DO_LEAVE] = PH_CONNECTION_ON_GONE,
	[PH_CONNECTION_DO_RELEASE] = PH_CONNECTION_ON_GONE,
	[PH_CONNECTION_DO_FORGET] = PH_CONNECTION_ON_GONE,
};

/* Nobody was there to hear it. A refusal is an answer; so is that the peer
 * does not know what was meant. */
static bool release_is_unheard(
	const struct ph_ask *ask, const struct ph_reply *reply)
{
	return ask->number == PH_CONNECTION_DO_RELEASE && reply->status &&
	       (reply->error.exit == PH_EXIT_UNREACHABLE ||
		       reply->error.exit == PH_EXIT_TIMEOUT);
}

void ph_control_drive_reply(struct ph_control *control,
	const struct ph_ask *ask, const struct ph_reply *reply)
{
	struct ph_edge *edge =
		ph_connectome_find(&control->connectome, ask->id);
	struct ph_connection_event event = {
		.kind = replies[ask->number],
		.attempt = ask->attempt,
	};
	char reason[PH_CONNECTION_REASON];
	char type[64];

	if (!edge)
		return;
	/* What is taken away is gone also when that was refused. */
	if (release_is_unheard(ask, reply)) {
		reply_reason(reply, reason, sizeof(reason));
		event.kind = PH_CONNECTION_ON_UNHEARD;
		event.reason = reason;
	} else if (reply->status && event.kind != PH_CONNECTION_ON_GONE) {
		reply_reason(reply, reason, sizeof(reason));
		event.kind = PH_CONNECTION_ON_REFUSED;
		event.reason = reason;
	} else if (event.kind == PH_CONNECTION_ON_FOUND) {
		found(reply, &event, type, sizeof(type));
	} else if (event.kind == PH_CONNECTION_ON_BOOKED) {
		booked(reply, &event);
	}
	ph_control_event(control, edge, &event);
}

/* News of a carrier from whoever laid it. */
static void carrier_news(
	struct ph_control *control, struct ph_edge *edge, struct ph_value news)
{
	struct ph_value state = ph_value_get(news, "state");
	uint64_t generation = ph_get_u64(news, "generation");
	char reason[PH_CONNECTION_REASON];
	struct ph_connection_event event = {
		.kind = PH_CONNECTION_ON_BROKE,
		.reason = ph_get_copy(news, "reason", reason, sizeof(reason)),
	};

	if (ph_value_is(state, "closed") && !strcmp(reason, "end"))
		event.kind = PH_CONNECTION_ON_ENDED;
	else if (ph_value_is(state, "dialing"))
		event.kind = PH_CONNECTION_ON_LOST;
	else if (ph_value_is(state, "open"))
		event.kind = PH_CONNECTION_ON_BACK;
	else if (!ph_value_is(state, "closed") && !ph_value_is(state, "failed"))
		return;
	/* An older stream broke because a newer one came. */
	if (event.kind != PH_CONNECTION_ON_ENDED && generation &&
		generation != edge->actual.generation)
		return;
	/* What passed in all stays to be seen. */
	if (ph_value_type(ph_value_get(news, "sent")) == PH_MAP)
		ph_control_take_flow(edge, news);
	if (event.kind != PH_CONNECTION_ON_BACK)
		edge->flow.present = false;
	ph_control_event(control, edge, &event);
}

void ph_control_serve_carrier(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	struct ph_error error;
	struct ph_edge *edge;
	char id[PH_CONNECTION_ID];

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "connection", id, sizeof(id));
	edge = ph_connectome_find(&control->connectome, id);
	if (edge) {
		carrier_news(control, edge, request.arguments);
		ph_answer_ok(control->config.door, ticket, NULL);
	} else {
		ph_fail(&error, PH_EXIT_NOT_FOUND, id,
			"see `posthouse connections`",
			"this node owns no connection of that id");
		ph_answer_error(control->config.door, ticket, &error);
	}
	ph_request_close(&request);
}
