#include "controlsurface/manual.h"
#include "controlsurface/pact.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/*
 * A part becomes true in this order: durable, then brought about. Bringing
 * about compares what is with what is declared, so it may be done any number
 * of times and picks up where a restart left off.
 */
#define STORE_CALL (20 * PH_SECOND)
#define START_CALL (10 * PH_SECOND)
#define RETRY_TIME (5 * PH_SECOND)

struct ph_control_scope *ph_control_scope(
	struct ph_control *control, const char *name)
{
	struct ph_control_scope *scope;

	HASH_FIND_STR(control->scopes, name, scope);
	return scope;
}

static struct ph_control_scope *scope_make(
	struct ph_control *control, const char *name)
{
	struct ph_control_scope *scope = ph_control_scope(control, name);

	if (scope)
		return scope;
	scope = calloc(1, sizeof(*scope));
	if (!scope)
		return NULL;
	snprintf(scope->name, sizeof(scope->name), "%s", name);
	HASH_ADD_STR(control->scopes, name, scope);
	return scope;
}

static void scope_remove(
	struct ph_control *control, struct ph_control_scope *scope)
{
	HASH_DEL(control->scopes, scope);
	ph_part_free(scope->part);
	free(scope->bytes);
	free(scope);
}

struct ph_control_scope *ph_control_scope_set(struct ph_control *control,
	struct ph_part *part, uint8_t *bytes, size_t length)
{
	struct ph_control_scope *scope = scope_make(control, part->scope);

	if (!scope)
		return NULL;
	if (scope->part)
		ph_part_free(scope->part);
	free(scope->bytes);
	scope->part = part;
	scope->bytes = bytes;
	scope->length = length;
	scope->changed = ph_control_revision(control);
	return scope;
}

uint64_t ph_control_scope_revision(struct ph_control *control, const char *name)
{
	const struct ph_control_scope *scope = ph_control_scope(control, name);

	return scope && scope->part ? scope->changed : 0;
}

/* --- edges --- */

static void edge_event(struct ph_control *control, struct ph_edge *edge,
	enum ph_connection_event_kind kind)
{
	ph_control_event(
		control, edge, &(struct ph_connection_event){.kind = kind});
}

/* A finished wire out of a server that is another one now runs again. */
static bool wire_is_renewed(const struct ph_edge *edge,
	const struct ph_part *part, const struct ph_part *old)
{
	const char *name = edge->declared.from.server;
	const struct ph_part_server *before = ph_part_server(old, name);
	const struct ph_part_server *after = ph_part_server(part, name);

	return edge->actual.ended && before && after &&
	       !ph_part_server_equal(before, after);
}

/* What is only said about it takes no new stream. */
static void edge_take(struct ph_edge *edge, const struct ph_wire *wire)
{
	edge->declared_now = true;
	edge->declared.notes = wire->notes;
	edge->actual.retry_first = wire->notes.retry_first;
	edge->actual.retry_most = wire->notes.retry_most;
}

static void declare_wire(struct ph_control *control, const struct ph_wire *wire,
	const struct ph_part *part, const struct ph_part *old)
{
	struct ph_edge *edge = ph_connectome_wire(&control->connectome, wire);

	if (edge && (!ph_wire_equal(&edge->declared, wire) ||
			    wire_is_renewed(edge, part, old))) {
		edge_event(control, edge, PH_CONNECTION_ON_WITHDRAWN);
		edge = NULL;
	}
	if (!edge)
		edge = ph_connectome_add(&control->connectome, wire,
			ph_loop_now(control->config.loop));
	if (edge)
		edge_take(edge, wire);
	else
		ph_log_error("control", "connection.lost because=memory");
}

/* The scope's edges become its wires. */
static void declare_wires(struct ph_control *control,
	const struct ph_control_scope *scope, const struct ph_part *old)
{
	struct ph_edge *edge;
	struct ph_edge *next;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->declared_now = strcmp(edge->declared.scope, scope->name);
	for (unsigned i = 0; i < scope->part->wire_count; i++)
		if (!ph_manual_cutting(control, &scope->part->wires[i]))
			declare_wire(control, &scope->part->wires[i],
				scope->part, old);
	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (!edge->declared_now && !edge->withdrawn)
			edge_event(control, edge, PH_CONNECTION_ON_WITHDRAWN);
	}
}

/* A thousand at once would hold up the data of others for milliseconds. */
#define BEGIN_WIRES 64u

static void begin_some(struct ph_task *task)
{
	struct ph_control *control =
		PH_CONTAINER(task, struct ph_control, beginning);
	struct ph_edge *edge;
	struct ph_edge *next;
	unsigned begun = 0;

	for (edge = control->connectome.ids; edge; edge = next) {
		next = edge->by_id.next;
		if (edge->begun || edge->withdrawn || !edge->ready)
			continue;
		if (begun++ == BEGIN_WIRES) {
			ph_loop_defer(control->config.loop, task);
			return;
		}
		edge->begun = true;
		edge_event(control, edge, PH_CONNECTION_ON_BEGIN);
	}
}

void ph_control_begin_wires(struct ph_control *control)
{
	control->beginning.run = begin_some;
	ph_loop_defer(control->config.loop, &control->beginning);
}

void ph_control_rewire(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	struct ph_edge *edge;

	declare_wires(control, scope, scope->part);
	if (scope->starting)
		return;
	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->ready |= !strcmp(edge->declared.scope, scope->name);
}

static void begin_wires(
	struct ph_control *control, const struct ph_control_scope *scope)
{
	struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next)
		edge->ready |= !strcmp(edge->declared.scope, scope->name);
	ph_control_begin_wires(control);
}

/* --- servers --- */

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

static bool server_waits(struct ph_control *control, const struct ph_part *part,
	const struct ph_part_server *server)
{
	for (unsigned i = 0; i < server->need_count; i++) {
		const struct ph_part_server *needed =
			&part->servers[server->needs[i]];

		if (!needed->started &&
			!server_is_finished(control, part, needed))
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

		if (!server->asked &&
			(server->need_count || server->far_count) &&
			server_waits(control, scope->part, server))
			ph_log_warn("control",
				"server.waits scope=%s server=%s "
				"because=\"what it needs does not run\"",
				scope->name, server->name);
	}
	begin_wires(control, scope);
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
	if (server->started)
		ph_control_start_free(control, scope);
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
		if (scope->part && !scope->starting)
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
	declare_wires(control, scope, old);
	stop_servers(control, scope->part, old);
	start_servers(control, scope);
}

/* --- control.commit --- */

struct commit {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	char by[PH_NAME_MAX + 1];
	uint64_t expects; /* revision of the scope */
	struct ph_part *part;
	uint8_t *bytes;
	size_t length;
};

static void commit_free(struct ph_control_work *work)
{
	struct commit *commit = (struct commit *)work;

	ph_part_free(commit->part);
	free(commit->bytes);
	free(commit);
}

void ph_control_scope_become(struct ph_control *control, struct ph_part *part,
	uint8_t *bytes, size_t length, const char *by)
{
	struct ph_control_scope *scope = scope_make(control, part->scope);
	struct ph_part *old = scope ? scope->part : NULL;
	bool empty = ph_part_is_empty(part);

	if (!scope) {
		/* It is on the disk: the next start has the memory. */
		ph_log_error("control", "scope.lost name=%s because=memory",
			part->scope);
		ph_part_free(part);
		free(bytes);
		return;
	}
	control->changes++;
	ph_log_info("control",
		"scope.committed name=%s servers=%u wires=%u "
		"by=%s",
		scope->name, part->server_count, part->wire_count, by);
	ph_control_note(control, by, "", "%s %s: %u servers, %u wires here",
		empty ? "unapply" : "apply", scope->name, part->server_count,
		part->wire_count);
	scope->part = NULL;
	scope->fresh = true;
	ph_control_scope_set(control, part, bytes, length);
	ph_control_bring_about(control, scope, old);
	ph_part_free(old);
	if (empty)
		scope_remove(control, scope);
	ph_manuals_prune(control);
}

static void commit_stored(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct commit *commit = ask->context;
	struct ph_control_scope *scope =
		ph_control_scope(control, commit->part->scope);

	scope->committing = false;
	if (reply->status) {
		ph_answer_error(
			control->config.door, commit->ticket, &reply->error);
		if (!scope->part)
			scope_remove(control, scope);
	} else {
		ph_control_scope_become(control, commit->part, commit->bytes,
			commit->length, commit->by);
		commit->part = NULL;
		commit->bytes = NULL;
		ph_answer_ok(control->config.door, commit->ticket, NULL);
	}
	ph_control_work_end(control, &commit->work);
	commit_free(&commit->work);
}

uint16_t ph_control_write_scope(struct ph_control *control,
	const struct ph_part *part, const uint8_t *bytes, size_t length)
{
	struct ph_writer *writer = ph_control_writer(control);
	bool empty = ph_part_is_empty(part);

	ph_write_map(writer);
	ph_put_text(writer, "space", "wiring");
	ph_put_text(writer, "key", part->scope);
	if (!empty)
		ph_put_bytes(writer, "value", bytes, length);
	ph_write_end(writer);
	return empty ? PH_STORE_DELETE : PH_STORE_PUT;
}

static void commit_store(struct commit *commit)
{
	struct ph_control *control = commit->control;
	uint16_t method = ph_control_write_scope(
		control, commit->part, commit->bytes, commit->length);

	ph_control_ask(control, &(struct ph_ask){
					.method = method,
					.timeout = STORE_CALL,
					.reply = commit_stored,
					.context = commit,
				});
}

/* 0 when the store was asked; 1 when there is nothing to do; -1: refused. */
static int commit_begin(struct commit *commit, struct ph_error *error)
{
	struct ph_control *control = commit->control;
	const char *name = commit->part->scope;
	struct ph_control_scope *scope = ph_control_scope(control, name);

	if ((scope && scope->committing) || ph_pact_of_scope(control, name))
		return ph_fail(error, PH_EXIT_CONFLICT, name,
			"try again in a moment",
			"this scope is being changed by somebody else");
	if (ph_control_scope_revision(control, name) != commit->expects)
		return ph_fail(error, PH_EXIT_CONFLICT, name,
			"look at it again, then apply once more",
			"this scope was changed meanwhile");
	if (!scope && ph_part_is_empty(commit->part))
		return 1;
	if (scope && scope->length == commit->length &&
		!memcmp(scope->bytes, commit->bytes, commit->length)) {
		ph_control_bring_about(control, scope, scope->part);
		return 1;
	}
	scope = scope_make(control, name);
	if (!scope)
		return ph_fail(
			error, PH_EXIT_NEGATIVE, name, "", "out of memory");
	scope->committing = true;
	ph_control_work_begin(control, &commit->work);
	commit_store(commit);
	return 0;
}

uint8_t *ph_control_part_encode(struct ph_control *control,
	struct ph_value part, const char *scope, size_t *length,
	struct ph_error *error)
{
	struct ph_writer *writer = ph_control_writer(control);
	const uint8_t *data;
	uint8_t *bytes = NULL;

	ph_write_value(writer, part);
	if (ph_writer_finish(writer, &data, length)) {
		ph_fail(error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	} else if (*length > PH_PART_BYTES) {
		ph_fail(error, PH_EXIT_WIRING, scope, "split the wiring file",
			"this node's part has %zu bytes, at most %zu", *length,
			PH_PART_BYTES);
	} else {
		bytes = malloc(*length ? *length : 1);
		if (bytes)
			memcpy(bytes, data, *length);
		else
			ph_fail(error, PH_EXIT_NEGATIVE, "", "",
				"out of memory");
	}
	return bytes;
}

static int commit_encode(
	struct commit *commit, struct ph_value part, struct ph_error *error)
{
	commit->bytes = ph_control_part_encode(commit->control, part,
		commit->part->scope, &commit->length, error);
	return commit->bytes ? 0 : -1;
}

static void commit_serve(struct ph_control *control, ph_handle ticket,
	const char *by, struct ph_value arguments)
{
	struct ph_value map = ph_value_get(arguments, "part");
	struct commit *commit = calloc(1, sizeof(*commit));
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	int status = -1;

	if (commit) {
		commit->work.abandon = commit_free;
		commit->control = control;
		commit->ticket = ticket;
		snprintf(commit->by, sizeof(commit->by), "%s", by);
		commit->expects = ph_get_u64(arguments, "expects");
		if (!ph_part_read(&commit->part, map, control->node,
			    control->config.bundled, &error) &&
			!commit_encode(commit, map, &error))
			status = commit_begin(commit, &error);
	}
	if (!status)
		return;
	if (status > 0)
		ph_answer_ok(control->config.door, ticket, NULL);
	else
		ph_answer_error(control->config.door, ticket, &error);
	if (commit)
		commit_free(&commit->work);
}

void ph_control_serve_commit(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;

	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (ph_value_type(ph_value_get(request.arguments, "transaction")) ==
		PH_TEXT)
		ph_pact_serve_commit(control, &request);
	else if (ph_pact_is_passing(control, request.arguments))
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
	else
		commit_serve(control, ticket,
			*call->caller->node ? call->caller->node
					    : control->node,
			request.arguments);
	ph_request_close(&request);
}
