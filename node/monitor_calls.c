#include "node/monitor_calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "node/monitor_inner.h"
#include "node/peer.h"

static void refuse(struct ph_request *request, enum ph_exit code,
	const char *where, const char *next, const char *what)
{
	struct ph_error error;

	ph_fail(&error, code, where, next, "%s", what);
	ph_answer_error(request->door, request->ticket, &error);
}

/* NODE/SERVER, NODE, or SERVER of this node, in which a node's name wins. 0
 * with the id ("" here), or -1: there is no such node. */
static int resolve(struct ph_monitoring *monitoring, const char *target,
	char node[40], char server[40])
{
	const struct ph_node *self = monitoring->node;
	size_t length = strcspn(target, "/");
	const struct peer *peer;
	char name[40];

	snprintf(name, sizeof(name), "%.*s", (int)length, target);
	snprintf(server, 40, "%s", target[length] ? target + length + 1 : "");
	node[0] = 0;
	if (!strcmp(name, self->name) || !strcmp(name, self->id))
		return 0;
	peer = peer_named(self->lines, name);
	if (peer)
		snprintf(node, 40, "%s", peer->id);
	else if (target[length])
		return -1;
	else
		snprintf(server, 40, "%s", name);
	return 0;
}

static unsigned count_of(
	const struct ph_monitoring *monitoring, const char *caller)
{
	const struct monitor_call *call;
	unsigned count = 0;

	DL_FOREACH(monitoring->calls, call)
	{
		count += !strcmp(call->caller, caller);
	}
	return count;
}

/* A node that is gone already may not be asked for its life first. */
static void tell_presence(struct ph_monitoring *monitoring, const char *id)
{
	const struct peer *peer =
		*id ? peer_find(monitoring->node->lines, id) : NULL;

	if (peer && !peer->line)
		ph_monitoring_presence(monitoring, id, peer->presence);
}

static void set(struct ph_monitoring *monitoring, struct ph_request *request,
	struct monitor_call *call)
{
	char node[40];
	char server[40];
	int error;

	ph_get_copy(request->arguments, "target", call->target,
		sizeof(call->target));
	ph_get_copy(
		request->arguments, "label", call->label, sizeof(call->label));
	snprintf(call->caller, sizeof(call->caller), "%s",
		request->call->caller->node);
	error = resolve(monitoring, call->target, node, server);
	if (error) {
		refuse(request, PH_EXIT_NOT_FOUND, call->target,
			"posthouse peers lists the nodes known here",
			"no such node");
		free(call);
		return;
	}
	error = call->caller[0] && count_of(monitoring, call->caller) >=
					   PH_MONITORS_OF_PEER
			? -ENOSPC
			: ph_monitors_add(monitoring->monitors, node, server,
				  ph_get_u64(request->arguments, "run"),
				  ph_get_u64(request->arguments, "life"),
				  &call->id);
	if (error) {
		refuse(request, PH_EXIT_CONFLICT, call->target,
			"drop some: posthouse monitor lists them",
			"there are too many monitors");
		free(call);
		return;
	}
	call->ticket = request->ticket;
	call->until = request->call->deadline - MONITOR_EARLY;
	call->since = ph_clock_wall();
	if (!monitoring->calls)
		monitoring->sweep = monitoring_now(monitoring) + MONITOR_SWEEP;
	DL_APPEND(monitoring->calls, call);
	tell_presence(monitoring, node);
	monitoring_stir(monitoring);
}

static void serve_set(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_monitoring *monitoring = context;
	struct ph_request request;
	struct monitor_call *made;

	if (ph_request_open(&request, monitoring->node->door, ticket, call))
		return;
	made = calloc(1, sizeof(*made));
	if (made)
		set(monitoring, &request, made);
	else
		refuse(&request, PH_EXIT_NEGATIVE, "monitor.set", "try again",
			"out of memory");
	ph_request_close(&request);
}

/* By number, or by the word that its caller gave it. A peer may drop its own
 * alone. */
static bool is_meant(const struct monitor_call *call, const char *caller,
	uint64_t id, const char *label)
{
	if (*caller && strcmp(call->caller, caller))
		return false;
	return *label ? !strcmp(call->label, label) &&
				!strcmp(call->caller, caller)
		      : call->id == id;
}

static void drop(struct ph_monitoring *monitoring, struct monitor_call *call)
{
	struct ph_error error;

	ph_monitors_drop(monitoring->monitors, call->id);
	ph_fail(&error, PH_EXIT_NEGATIVE, call->target, "watch it again",
		"the monitor was dropped");
	ph_answer_error(monitoring->node->door, call->ticket, &error);
	monitor_call_free(monitoring, call);
}

static void serve_drop(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_monitoring *monitoring = context;
	struct monitor_call *at;
	struct monitor_call *next;
	struct ph_request request;
	unsigned dropped = 0;
	char label[40];

	if (ph_request_open(&request, monitoring->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "label", label, sizeof(label));
	DL_FOREACH_SAFE(monitoring->calls, at, next)
	{
		if (!is_meant(at, call->caller->node,
			    ph_get_u64(request.arguments, "monitor"), label))
			continue;
		drop(monitoring, at);
		dropped++;
	}
	if (dropped)
		ph_answer_ok(request.door, ticket, NULL);
	else
		refuse(&request, PH_EXIT_NOT_FOUND, "monitor.drop",
			"monitor.list tells their numbers",
			"there is no such monitor");
	ph_request_close(&request);
}

static void write_call(const struct ph_monitoring *monitoring,
	struct ph_writer *writer, const struct monitor_call *call)
{
	uint64_t run = 0;
	uint64_t life = 0;

	ph_write_map(writer);
	ph_put_u64(writer, "monitor", call->id);
	ph_put_text(writer, "target", call->target);
	ph_put_text(writer, "by",
		call->caller[0] ? call->caller : monitoring->node->name);
	ph_put_text(writer, "state",
		ph_monitors_stand(monitoring->monitors, call->id, &run, &life)
			? "watching"
			: "asked");
	ph_put_int(writer, "since", call->since);
	ph_write_end(writer);
}

static void serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_monitoring *monitoring = context;
	const struct monitor_call *at;
	struct ph_request request;
	struct ph_writer *writer;

	if (ph_request_open(&request, monitoring->node->door, ticket, call))
		return;
	if (ph_writer_create(&writer)) {
		refuse(&request, PH_EXIT_NEGATIVE, "monitor.list", "try again",
			"out of memory");
	} else {
		ph_write_map(writer);
		ph_put_list(writer, "items");
		DL_FOREACH(monitoring->calls, at)
		{
			write_call(monitoring, writer, at);
		}
		ph_write_end(writer);
		ph_write_end(writer);
		ph_answer_ok(request.door, ticket, writer);
		ph_writer_free(writer);
	}
	ph_request_close(&request);
}

int ph_monitoring_create(struct ph_monitoring **out, struct ph_node *node)
{
	struct ph_monitoring *monitoring = calloc(1, sizeof(*monitoring));
	int error = monitoring ? ph_monitors_create(&monitoring->monitors)
			       : -ENOMEM;

	if (error) {
		free(monitoring);
		return error;
	}
	monitoring->node = node;
	monitoring->timer.on_due = monitoring_on_due;
	monitoring->task.run = monitoring_on_task;
	ph_door_serve(node->door, PH_MONITOR_SET, serve_set, monitoring);
	ph_door_serve(node->door, PH_MONITOR_DROP, serve_drop, monitoring);
	ph_door_serve(node->door, PH_MONITOR_LIST, serve_list, monitoring);
	*out = monitoring;
	return 0;
}

void ph_monitoring_destroy(struct ph_monitoring *monitoring)
{
	struct ph_loop *loop;

	if (!monitoring)
		return;
	loop = monitoring->node->loop;
	monitoring_forget_questions(monitoring);
	while (monitoring->calls)
		monitor_call_free(monitoring, monitoring->calls);
	ph_timer_stop(loop, &monitoring->timer);
	ph_loop_cancel(loop, &monitoring->task);
	ph_monitors_destroy(monitoring->monitors);
	free(monitoring);
}
