#include <stdio.h>
#include <stdlib.h>

#include "controlsurface/manual.h"
#include "kernel/clock.h"

/*
 * control.interpose and control.withdraw: what an operator does to a
 * connection by hand, beside what its wiring file declares. It stands in the
 * column `override`, lives as long as this process and the connection, and is
 * not durable: after a restart the wiring file alone counts.
 */
#define OVERRIDE_ASK (8 * PH_SECOND)

struct change {
	struct ph_control_work work; /* first */
	ph_handle ticket;
	bool into;
	bool bypass;
	char id[PH_CONNECTION_ID];
	char server[PH_NAME_MAX + 1];
	char by[PH_NAME_MAX + 1];
	char why[128];
};

static void change_free(struct ph_control_work *work)
{
	free(work);
}

static void change_end(struct ph_control *control, struct change *change,
	const struct ph_error *error)
{
	if (error)
		ph_answer_error(control->config.door, change->ticket, error);
	else
		ph_answer_ok(control->config.door, change->ticket, NULL);
	ph_control_work_end(control, &change->work);
	change_free(&change->work);
}

static void note(struct ph_control *control, const struct change *change)
{
	ph_control_note(control, change->by, change->why, "%s %s %s%s",
		change->into ? "interpose" : "withdraw", change->id,
		change->server, change->bypass ? " --on-crash bypass" : "");
}

static void override_set(struct ph_edge *edge, const struct change *change)
{
	struct ph_override *override = &edge->override;

	*override = (struct ph_override){
		.since = ph_clock_wall(), .bypass = change->bypass};
	snprintf(override->server, sizeof(override->server), "%s",
		change->server);
	snprintf(override->who, sizeof(override->who), "%s", change->by);
}

static void changed(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct change *change = ask->context;
	struct ph_edge *edge =
		ph_connectome_find(&control->connectome, change->id);

	if (edge && !reply->status && change->into)
		override_set(edge, change);
	if (edge && !reply->status && !change->into)
		edge->override.server[0] = '\0';
	/* It goes later, when what is in it has come out. */
	if (edge && !change->into && reply->error.exit == PH_EXIT_TIMEOUT)
		edge->override.leaving = true;
	if (!reply->status)
		note(control, change);
	change_end(control, change, reply->status ? &reply->error : NULL);
}

static void ask_wire(struct ph_control *control, struct change *change,
	struct ph_value filter)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "connection", change->id);
	ph_put_text(writer, "server", change->server);
	if (change->into) {
		ph_put_u64(writer, "input", ph_get_u64(filter, "input"));
		ph_put_u64(writer, "output", ph_get_u64(filter, "output"));
		ph_put_text(writer, "on_crash",
			change->bypass ? "bypass" : "block");
	}
	ph_write_end(writer);
	ph_control_ask(
		control, &(struct ph_ask){
				 .method = change->into ? PH_WIRE_INTERPOSE
							: PH_WIRE_WITHDRAW,
				 .timeout = OVERRIDE_ASK,
				 .reply = changed,
				 .context = change,
			 });
}

static void filter_found(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct change *change = ask->context;

	if (reply->status)
		change_end(control, change, &reply->error);
	else
		ask_wire(control, change, reply->body);
}

static void ask_filter(struct ph_control *control, struct change *change)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", change->server);
	ph_write_end(writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_HOSTESS_FILTER,
					.timeout = PH_ASK_HERE,
					.reply = filter_found,
					.context = change,
				});
}

/* A filter runs where the output is. */
static int read_server(struct ph_control *control, struct change *change,
	const char *text, struct ph_error *error)
{
	const char *slash = strchr(text, '/');
	size_t node = slash ? (size_t)(slash - text) : 0;

	if (slash && (strlen(control->node) != node ||
			     strncmp(control->node, text, node) != 0))
		return ph_fail(error, PH_EXIT_WIRING, text,
			"take a server on the output's host",
			"a filter runs on %s, where the output is",
			control->node);
	text = slash ? slash + 1 : text;
	if (!*text || strlen(text) > PH_NAME_MAX || strchr(text, ':'))
		return ph_fail(error, PH_EXIT_USAGE, text,
			"name a server, without a terminal",
			"that is no server's name");
	snprintf(change->server, sizeof(change->server), "%s", text);
	return 0;
}

static int read_policy(struct change *change, struct ph_value arguments,
	struct ph_error *error)
{
	char text[16];

	ph_get_copy(arguments, "on_crash", text, sizeof(text));
	change->bypass = !strcmp(text, "bypass");
	if (*text && !change->bypass && strcmp(text, "block") != 0)
		return ph_fail(error, PH_EXIT_USAGE, "on_crash",
			"write block or bypass", "no such policy: %s", text);
	return 0;
}

static int may_change(struct ph_control *control, const struct change *change,
	struct ph_error *error)
{
	const struct ph_edge *edge =
		ph_connectome_find(&control->connectome, change->id);

	if (!edge)
		return ph_fail(error, PH_EXIT_NOT_FOUND, change->id,
			"see `posthouse connections`",
			"this node owns no connection of that id");
	if (change->into && *edge->override.server)
		return ph_fail(error, PH_EXIT_CONFLICT, change->id,
			"withdraw that one first", "%s is in it already",
			edge->override.server);
	if (!change->into && strcmp(edge->override.server, change->server) != 0)
		return ph_fail(error, PH_EXIT_NOT_FOUND, change->id,
			"see `posthouse show`", "%s is not in it",
			change->server);
	return 0;
}

static int change_read(struct ph_control *control, struct change *change,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_value arguments = request->arguments;
	const char *by = request->call->caller->node;
	char server[2 * PH_NAME_MAX + 2];

	change->work.abandon = change_free;
	change->ticket = request->ticket;
	snprintf(
		change->by, sizeof(change->by), "%s", *by ? by : control->node);
	ph_get_copy(arguments, "connection", change->id, sizeof(change->id));
	ph_get_copy(arguments, "why", change->why, sizeof(change->why));
	ph_get_copy(arguments, "server", server, sizeof(server));
	if (read_server(control, change, server, error) ||
		read_policy(change, arguments, error))
		return -1;
	return may_change(control, change, error);
}

static void serve(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call, bool into)
{
	struct change *change = calloc(1, sizeof(*change));
	struct ph_request request;
	struct ph_error error;

	if (!change) {
		ph_door_answer(
			control->config.door, ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call)) {
		free(change);
		return;
	}
	change->into = into;
	if (change_read(control, change, &request, &error)) {
		ph_answer_error(control->config.door, ticket, &error);
		free(change);
	} else {
		ph_control_work_begin(control, &change->work);
		if (into)
			ask_filter(control, change);
		else
			ask_wire(control, change, (struct ph_value){NULL});
	}
	ph_request_close(&request);
}

void ph_control_serve_interpose(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, true);
}

void ph_control_serve_withdraw(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, false);
}

/* --- looks --- */

void ph_override_take(struct ph_edge *edge, struct ph_value flow)
{
	struct ph_override *override = &edge->override;
	struct ph_value via = ph_value_get(flow, "via");

	if (ph_value_type(via) != PH_MAP) {
		override->state[0] = '\0';
		if (override->leaving)
			*override = (struct ph_override){0};
		return;
	}
	ph_get_copy(via, "state", override->state, sizeof(override->state));
	ph_get_copy(via, "reason", override->reason, sizeof(override->reason));
	override->waiting = ph_get_u64(via, "waiting");
	override->lost_messages = ph_get_u64(via, "lost_messages");
	override->lost_bytes = ph_get_u64(via, "lost_bytes");
}

bool ph_override_holds(const struct ph_edge *edge)
{
	return *edge->override.server && !strcmp(edge->override.state, "held");
}

static bool is_in(const struct ph_override *override)
{
	return *override->server &&
	       (!strcmp(override->state, "in") ||
		       !strcmp(override->state, "held") ||
		       !strcmp(override->state, "draining"));
}

static void write_filter(
	struct ph_writer *writer, const struct ph_override *override)
{
	ph_put_text(writer, "interpose", override->server);
	ph_put_text(writer, "on_crash", override->bypass ? "bypass" : "block");
	ph_put_text(writer, "who", override->who);
	ph_put_int(writer, "since", override->since);
	ph_put_text(writer, "state", override->state);
	ph_put_text(writer, "reason", override->reason);
	ph_put_u64(writer, "waiting", override->waiting);
	ph_put_map(writer, "lost");
	ph_put_u64(writer, "bytes", override->lost_bytes);
	ph_put_u64(writer, "messages", override->lost_messages);
	ph_write_end(writer);
}

void ph_override_write(struct ph_control *control, const struct ph_edge *edge)
{
	struct ph_writer *writer = control->writer;
	const struct ph_override *override = &edge->override;
	const struct ph_manual *manual =
		*edge->declared.scope
			? NULL
			: ph_manual_of_wire(control, &edge->declared);

	ph_put_list(writer, "via");
	if (is_in(override))
		ph_write_text(writer, override->server);
	ph_write_end(writer);
	if (!*override->server && !manual) {
		ph_write_text(writer, "override");
		ph_write_nil(writer);
		return;
	}
	ph_put_map(writer, "override");
	if (*override->server)
		write_filter(writer, override);
	if (manual) {
		ph_put_map(writer, "manual");
		ph_manual_write(writer, manual);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}
