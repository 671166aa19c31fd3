#include "executor/executor.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/ends.h"
#include "executor/executor_inner.h"
#include "executor/unit.h"
#include "executor/warden.h"
#include "proto/calls.h"
#include "proto/relay.h"
#include "proto/server.h"

/* Servers of one node; a wiring file with more is a mistake. */
#define EXECUTOR_UNITS 4096

struct ph_unit *ph_executor_find(struct ph_executor *executor, const char *name)
{
	struct ph_unit *unit;

	HASH_FIND_STR(executor->names, name, unit);
	return unit;
}

static void add_unit(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_unit **place = &executor->units;

	while (*place)
		place = &(*place)->next;
	*place = unit;
	snprintf(unit->name, sizeof(unit->name), "%s", unit->spec->name);
	HASH_ADD_STR(executor->names, name, unit);
	executor->count++;
}

static void remove_unit(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_unit **place = &executor->units;

	while (*place != unit)
		place = &(*place)->next;
	*place = unit->next;
	HASH_DEL(executor->names, unit);
	executor->count--;
}

void ph_executor_refuse(struct ph_executor *executor, ph_handle ticket,
	enum ph_exit exit, const char *where, const char *next,
	const char *what)
{
	struct ph_error error;

	ph_fail(&error, exit, where, next, "%s", what);
	ph_answer_error(executor->config.door, ticket, &error);
}

/* The guest's carriers come with this token. */
static void answer_guest(struct ph_executor *executor, struct ph_unit *unit)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_executor_refuse(executor, unit->start_ticket,
			PH_EXIT_NEGATIVE, unit->spec->name, "try again",
			"out of memory");
		return;
	}
	ph_write_map(writer);
	ph_put_bytes(
		writer, "token", unit->run->token, sizeof(unit->run->token));
	ph_put_int(writer, "version", PH_RELAY_VERSION);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, unit->start_ticket, writer);
	ph_writer_free(writer);
}

void ph_executor_answer_started(
	struct ph_executor *executor, struct ph_unit *unit, ph_handle ticket)
{
	if (!unit->spec->notify || unit->policy.state == PH_POLICY_RUNNING ||
		unit->policy.state == PH_POLICY_FINISHED)
		ph_answer_ok(executor->config.door, ticket, NULL);
	else
		ph_executor_answer_waits(executor, ticket);
}

/* {waits: true}: that it is ready is still to come. */
void ph_executor_answer_waits(struct ph_executor *executor, ph_handle ticket)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_answer_ok(executor->config.door, ticket, NULL);
		return;
	}
	ph_write_map(writer);
	ph_put_bool(writer, "waits", true);
	ph_write_end(writer);
	ph_answer_ok(executor->config.door, ticket, writer);
	ph_writer_free(writer);
}

/* A refusal is answered when nothing is left: whoever hears it may try again
 * at once. */
static void on_started(struct ph_unit *unit, const struct ph_error *error)
{
	struct ph_executor *executor = unit->host;

	if (error) {
		unit->start_error = *error;
		return;
	}
	if (unit->start_ticket && unit->spec->placement == PH_PLACEMENT_GUEST)
		answer_guest(executor, unit);
	else if (unit->start_ticket)
		ph_executor_answer_started(executor, unit, unit->start_ticket);
	unit->start_ticket = 0;
}

static void answer_start(struct ph_executor *executor, struct ph_unit *unit)
{
	if (!unit->start_ticket)
		return;
	if (!unit->start_error.exit)
		ph_fail(&unit->start_error, PH_EXIT_CONFLICT, unit->spec->name,
			"start it again", "stopped before it had started");
	ph_answer_error(
		executor->config.door, unit->start_ticket, &unit->start_error);
}

static void on_ended(struct ph_unit *unit, const struct ph_run_end *end)
{
	struct ph_executor *executor = unit->host;

	ph_ends_note(executor->ends, end);
}

/* For executor/ends.h. */
static void look(void *context, struct ph_run_end *out)
{
	const struct ph_unit *unit = ph_executor_find(context, out->server);

	if (!unit) {
		out->cause = PH_END_NO_SUCH;
	} else if (unit->run && unit->running) {
		out->run = unit->run_number;
	} else {
		out->cause = PH_END_NOT_RUNNING;
		snprintf(out->reason, sizeof(out->reason), "%s%s%s",
			ph_executor_state(unit), unit->reason[0] ? ": " : "",
			unit->reason);
	}
}

static void on_state(struct ph_unit *unit)
{
	ph_executor_answer_wishes(unit->host, unit);
	ph_executor_look_at_drain(unit->host, unit);
	ph_executor_stir(unit->host, unit);
}

/* What they left behind has gone, too. */
static void leash_done(void *context)
{
	ph_executor_look_at_stop(context);
}

static void on_gone(struct ph_unit *unit)
{
	struct ph_executor *executor = unit->host;
	struct ph_spec *successor = unit->successor;
	ph_handle ticket = unit->successor_ticket;
	bool halted = unit->successor_halted;

	remove_unit(executor, unit);
	ph_executor_drop_wishes(executor, unit);
	answer_start(executor, unit);
	for (unsigned i = 0; i < unit->stop_count; i++)
		ph_answer_ok(
			executor->config.door, unit->stop_tickets[i], NULL);
	unit->successor = NULL;
	/* Who is to stop next is not to begin now. */
	if (!successor && !executor->stopping)
		ph_executor_release(executor, unit->spec->name);
	ph_unit_destroy(unit);
	if (successor)
		ph_executor_begin(executor, successor, ticket, halted);
	ph_executor_look_at_stop(executor);
}

/* Takes the spec and the ticket. `halted`: it is there, but does not run. */
void ph_executor_begin(struct ph_executor *executor, struct ph_spec *spec,
	ph_handle ticket, bool halted)
{
	struct ph_unit *unit;
	int error;

	if (executor->stopping || executor->count >= EXECUTOR_UNITS) {
		ph_executor_refuse(executor, ticket, PH_EXIT_CONFLICT,
			spec->name,
			executor->stopping ? "wait until the node is up again"
					   : "stop some, or use another node",
			executor->stopping ? "this node is stopping"
					   : "this node runs 4096 servers");
		ph_spec_free(spec);
		return;
	}
	error = ph_unit_create(
		&unit, &executor->config, spec, ++executor->seed * 0x9e3779b1u);
	if (error) {
		ph_executor_refuse(executor, ticket, PH_EXIT_NEGATIVE,
			spec->name, "free memory and start it again",
			strerror(-error));
		ph_spec_free(spec);
		return;
	}
	unit->host = executor;
	unit->run_number = ++executor->made << 20;
	unit->leash = executor->leash;
	unit->on_started = on_started;
	unit->on_ended = on_ended;
	unit->on_state = on_state;
	unit->on_replaced = ph_executor_on_replaced;
	unit->on_gone = on_gone;
	unit->start_ticket = ticket;
	add_unit(executor, unit);
	if (halted)
		ph_unit_halt(unit, "stopped, as the one before it was", 0);
	/* Without an answer to come from the guest book, stop here. */
	if (ph_unit_start(unit))
		ph_unit_stop(unit, 0);
}

static int serve_all(struct ph_executor *executor)
{
	static const struct {
		uint16_t method;
		ph_call_fn *serve;
	} calls[] = {
		{PH_EXECUTOR_CHECK, ph_executor_serve_check},
		{PH_EXECUTOR_START, ph_executor_serve_start},
		{PH_EXECUTOR_EXPECT, ph_executor_serve_expect},
		{PH_EXECUTOR_STOP, ph_executor_serve_stop},
		{PH_EXECUTOR_ATTACH, ph_executor_serve_attach},
		{PH_EXECUTOR_READY, ph_executor_serve_ready},
		{PH_EXECUTOR_RUN, ph_executor_serve_run},
		{PH_EXECUTOR_HALT, ph_executor_serve_halt},
		{PH_EXECUTOR_RESTART, ph_executor_serve_restart},
		{PH_EXECUTOR_LIST, ph_executor_serve_list},
		{PH_EXECUTOR_LOGS, ph_executor_serve_logs},
	};
	int error = 0;

	for (size_t i = 0; !error && i < sizeof(calls) / sizeof(*calls); i++)
		error = ph_door_serve(executor->config.door, calls[i].method,
			calls[i].serve, executor);
	return error;
}

static int copy_config(
	struct ph_executor *executor, const struct ph_executor_config *config)
{
	executor->config = *config;
	snprintf(executor->fqdn, sizeof(executor->fqdn), "%s", config->fqdn);
	memcpy(executor->node_key, config->node_key, PH_PUBLIC_KEY);
	executor->directory = strdup(config->directory);
	snprintf(executor->node, sizeof(executor->node), "%s", config->node);
	executor->config.fqdn = executor->fqdn;
	executor->config.node = executor->node;
	executor->config.node_key = executor->node_key;
	executor->config.directory = executor->directory;
	return executor->directory ? 0 : -ENOMEM;
}

int ph_executor_create(
	struct ph_executor **out, const struct ph_executor_config *config)
{
	struct ph_executor *executor = calloc(1, sizeof(*executor));
	int error;

	if (!executor)
		return -ENOMEM;
	/* Jitter needs to differ between nodes, not to be secret. */
	executor->seed = (uint64_t)getpid() << 32 ^ (uint64_t)ph_clock_wall();
	error = copy_config(executor, config);
	if (!error)
		error = serve_all(executor);
	if (!error)
		error = ph_leash_create(&executor->leash, executor->config.loop,
			executor->config.worker, executor->node_key);
	if (!error)
		error = ph_ends_create(&executor->ends, executor->config.loop,
			executor->config.door, look, executor);
	if (error) {
		ph_leash_destroy(executor->leash);
		free(executor->directory);
		free(executor);
		return error;
	}
	if (executor->config.warden)
		ph_leash_life(executor->leash, executor->config.warden->life);
	ph_leash_on_done(executor->leash, leash_done, executor);
	/* An earlier life of this node may have been killed. */
	ph_leash_sweep(executor->leash);
	*out = executor;
	return 0;
}

void ph_executor_destroy(struct ph_executor *executor)
{
	if (!executor)
		return;
	while (executor->units) {
		struct ph_unit *unit = executor->units;

		remove_unit(executor, unit);
		ph_unit_destroy(unit);
	}
	ph_loop_cancel(executor->config.loop, &executor->task);
	ph_loop_cancel(executor->config.loop, &executor->groups);
	ph_timer_stop(executor->config.loop, &executor->last);
	ph_timer_stop(executor->config.loop, &executor->turn);
	ph_ends_destroy(executor->ends);
	ph_leash_destroy(executor->leash);
	free(executor->directory);
	free(executor);
}
