#include "controlsurface/control_inner.h"

#include <stdio.h>

#include "kernel/log.h"

/*
 * What a part declares is brought about: it is compared with what is, so this
 * may be done any number of times and picks up where a restart left off.
 * Servers start in rounds, those that need others after these; the wires begin
 * when all have been taken or refused.
 */
#define START_CALL (10 * PH_SECOND)
#define RETRY_TIME (5 * PH_SECOND)
/* From a node's word to the decision; a doubt that lasts ends it. */
#define EXPECT_TIME (20 * PH_SECOND)
/* Asked anew as long as it takes. */
#define READY_CALL (30 * PH_SECOND)

/* All of its wires have carried their streams to the end: running it again
 * would do finished work twice. */
static bool server_is_finished(struct ph_control *control,
	const struct ph_part *part, const struct ph_part_server *server)
{
	bool any = false;

	for (unsigned i = 0; i < part->wire_count; i++) {
		const struct ph_wire *wire = &part->wires[i];
		const struct ph_edge *edge;

		if (strcmp(wire->from.server, server->name))
			continue;
		edge = ph_connectome_wire(&control->connectome, wire);
		if (!edge || !edge->actual.ended)
			return false;
		any = true;
	}
	return any;
}

static bool is_awaited(struct ph_control *control, const struct ph_part *part,
	const struct ph_part_server *needed)
{
	return !needed->ready && !server_is_finished(control, part, needed);
}

static bool server_waits(struct ph_control *control, const struct ph_part *part,
	const struct ph_part_server *server)
{
	if (server->before != PH_PART_NONE &&
		is_awaited(control, part, &part->servers[server->before]))
		return true;
	for (unsigned i = 0; i < server->need_count; i++) {
		if (is_awaited(control, part, &part->servers[server->needs[i]]))
			return true;
	}
	for (unsigned i = 0; i < server->far_count; i++) {
		if (!server->fars[i].there)
			return true;
	}
	return false;
}

/* The wires begin when every server was taken or refused: their outputs are
 * in the guest book then. */
static void round_end(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	for (unsigned i = 0; i < scope->part->server_count; i++) {
		const struct ph_part_server *server = &scope->part->servers[i];

		if (!server->asked && !server->started &&
			server_waits(control, scope->part, server))
			ph_log_warn("control",
				"server.waits scope=%s server=%s "
				"because=\"what it needs does not run\"",
				scope->name, server->name);
	}
	ph_control_ready_wires(control, scope);
}

static void await_ready(struct ph_control *control,
	const struct ph_control_scope *scope, unsigned number);

static void became_ready(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_control_scope *scope = ph_control_scope(control, ask->id);
	struct ph_part_server *server;

	if (!scope || !scope->part || scope->changed != ask->attempt)
		return;
	server = &scope->part->servers[ask->number];
	if (reply->status == PH_CALL_TIMEOUT) {
		await_ready(control, scope, ask->number);
		return;
	}
	server->ready = !reply->status;
	if (server->ready)
		ph_control_start_free(control, scope);
}

/* It runs, but has not said yet that it is ready. */
static void await_ready(struct ph_control *control,
	const struct ph_control_scope *scope, unsigned number)
{
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_EXECUTOR_READY,
		.timeout = READY_CALL,
		.reply = became_ready,
		.attempt = scope->changed,
		.number = number,
	};

	if (control->quiet)
		return;
	ph_write_map(writer);
	ph_put_text(writer, "server", scope->part->servers[number].name);
	ph_write_end(writer);
	snprintf(ask.id, sizeof(ask.id), "%s", scope->name);
	ph_control_ask(control, &ask);
}

static void started(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_control_scope *scope = ph_control_scope(control, ask->id);
	struct ph_part_server *server;
	char text[sizeof(reply->error.what)];

	if (!scope || scope->round != ask->attempt)
		return;
	server = &scope->part->servers[ask->number];
	server->started = !reply->status;
	if (reply->status) {
		ph_log_error("control",
			"server.refused scope=%s server=%s what=\"%s\"",
			scope->name, server->name,
			ph_log_escape(text, sizeof(text), reply->error.what,
				strlen(reply->error.what)));
		if (!control->quiet && !control->retry.slot)
			ph_timer_start(control->config.loop, &control->retry,
				ph_loop_now(control->config.loop) + RETRY_TIME);
	}
	server->ready = server->started && !ph_get_bool(reply->body, "waits");
	if (server->ready)
		ph_control_start_free(control, scope);
	else if (server->started)
		await_ready(control, scope, ask->number);
	if (!--scope->starting)
		round_end(control, scope);
}

/* A source that this apply creates begins when all of its wires are there. */
static void write_wires(
	struct ph_writer *writer, const struct ph_part_server *server)
{
	ph_put_map(writer, "wires");
	for (unsigned i = 0; i < server->terminal_count; i++) {
		const struct ph_part_terminal *terminal = &server->terminals[i];

		if (terminal->wires > 1)
			ph_put_u64(writer, terminal->name, terminal->wires);
	}
	ph_write_end(writer);
}

static void start_server(struct ph_control *control,
	struct ph_control_scope *scope, unsigned number)
{
	const struct ph_part_server *server = &scope->part->servers[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_document *document;
	struct ph_ask ask = {
		.method = PH_EXECUTOR_START,
		.timeout = START_CALL,
		.reply = started,
		.attempt = scope->round,
		.number = number,
	};

	if (ph_document_read(
		    &document, server->spec, server->length, PH_SKIM_TABLE))
		return;
	ph_write_map(writer);
	ph_put_value(writer, "spec", ph_document_root(document));
	if (scope->fresh)
		write_wires(writer, server);
	ph_put_bool(writer, "eager", scope->eager);
	ph_put_u64(writer, "height", server->height);
	ph_write_end(writer);
	ph_document_free(document);
	snprintf(ask.id, sizeof(ask.id), "%s", scope->name);
	scope->starting++;
	ph_control_ask(control, &ask);
}

/* Those that need nothing, or whose needs have started. */
void ph_control_start_free(
	struct ph_control *control, struct ph_control_scope *scope)
{
	for (unsigned i = 0; i < scope->part->server_count; i++) {
		struct ph_part_server *server = &scope->part->servers[i];

		if (server->started || server->asked ||
			server_waits(control, scope->part, server) ||
			server_is_finished(control, scope->part, server))
			continue;
		server->asked = true;
		start_server(control, scope, i);
	}
}

static void start_servers(
	struct ph_control *control, struct ph_control_scope *scope)
{
	scope->round = ++control->rounds;
	scope->starting = 0;
	for (unsigned i = 0; i < scope->part->server_count; i++)
		scope->part->servers[i].asked = false;
	ph_control_start_free(control, scope);
	ph_control_needs_start(control, scope);
	if (!scope->starting)
		round_end(control, scope);
}

void ph_control_start_missing(struct ph_control *control)
{
	for (struct ph_control_scope *scope = control->scopes; scope;
		scope = scope->hh.next) {
		if (!scope->part || scope->starting)
			continue;
		scope->eager = false;
		start_servers(control, scope);
	}
}

static void stop_server(struct ph_control *control, const char *name)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "server", name);
	ph_write_end(writer);
	ph_control_tell(control, PH_EXECUTOR_STOP);
}

static void stop_servers(struct ph_control *control, const struct ph_part *part,
	const struct ph_part *old)
{
	for (unsigned i = 0; old && i < old->server_count; i++) {
		if (!ph_part_server(part, old->servers[i].name))
			stop_server(control, old->servers[i].name);
	}
}

void ph_control_expect(struct ph_control *control, const char *name,
	const struct ph_part *part)
{
	const struct ph_control_scope *scope = ph_control_scope(control, name);
	const struct ph_part *old = scope ? scope->part : NULL;

	for (unsigned i = 0; old && i < old->server_count; i++) {
		const char *server = old->servers[i].name;
		struct ph_writer *writer;

		if (!old->servers[i].started ||
			(part && ph_part_server(part, server)))
			continue;
		writer = ph_control_writer(control);
		ph_write_map(writer);
		ph_put_text(writer, "server", server);
		if (part)
			ph_put_int(writer, "for", EXPECT_TIME);
		ph_write_end(writer);
		ph_control_tell(control, PH_EXECUTOR_EXPECT);
	}
}

static void tell_seeds(struct ph_control *control, const struct ph_part *part)
{
	for (unsigned i = 0; i < part->host_count; i++) {
		const struct ph_part_host *host = &part->hosts[i];

		if (*host->at && control->config.seed &&
			strcmp(host->name, control->node))
			control->config.seed(
				control->config.context, host->name, host->at);
	}
}

void ph_control_bring_about(struct ph_control *control,
	struct ph_control_scope *scope, const struct ph_part *old)
{
	tell_seeds(control, scope->part);
	ph_control_alarms_keep(scope->part, old);
	ph_control_alarms_start(control);
	ph_control_declare_wires(control, scope, old);
	stop_servers(control, scope->part, old);
	/* Somebody looks: what waits for its next try need wait no longer. */
	scope->eager = true;
	start_servers(control, scope);
}
