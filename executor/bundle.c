#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "executor/run.h"
#include "proto/server.h"

/* A bundled server on the node's loop: its table, given what it needs. */
struct bundle {
	struct ph_run run;
	struct ph_server server;
	struct ph_task task; /* tells `ended` and `gone` outside of its calls */
	struct ph_error error;
	enum ph_run_cause cause;
	bool lost; /* a consumer of an output of its */
	bool done;
	bool told;
	bool stopping;
	bool closed;
	struct ph_parameter parameters[PH_SPEC_WORDS];
};

static struct bundle *bundle_of(struct ph_run *run)
{
	return (struct bundle *)((char *)run - offsetof(struct bundle, run));
}

static void bundle_done(struct ph_server *server, const struct ph_error *error)
{
	struct bundle *bundle = server->host;

	if (bundle->done)
		return;
	bundle->done = true;
	bundle->cause = !error	       ? PH_RUN_SUCCEEDED
			: bundle->lost ? PH_RUN_LOST
				       : PH_RUN_BROKE;
	if (error)
		bundle->error = *error;
	ph_loop_defer(server->loop, &bundle->task);
}

static void bundle_closed(struct ph_server *server)
{
	struct bundle *bundle = server->host;

	bundle->closed = true;
	ph_loop_defer(server->loop, &bundle->task);
}

static void bundle_tell(struct ph_task *task)
{
	struct bundle *bundle =
		(struct bundle *)((char *)task - offsetof(struct bundle, task));
	const struct ph_run_config *config = &bundle->run.config;

	if (bundle->closed) {
		config->host->gone(config->context);
		free(bundle->server.state);
		free(bundle);
		return;
	}
	if (!bundle->done || bundle->told || bundle->stopping)
		return;
	bundle->told = true;
	config->host->ended(config->context, bundle->cause,
		bundle->cause == PH_RUN_SUCCEEDED ? NULL : &bundle->error);
}

static void bundle_connected(struct ph_run *run, unsigned terminal)
{
	struct ph_server *server = &bundle_of(run)->server;

	if (!bundle_of(run)->stopping && server->type->on_connected)
		server->type->on_connected(server, terminal);
}

static void bundle_room(struct ph_run *run, unsigned terminal)
{
	struct ph_server *server = &bundle_of(run)->server;

	if (!bundle_of(run)->stopping && server->type->on_room)
		server->type->on_room(server, terminal);
}

static void bundle_readable(struct ph_run *run, unsigned terminal)
{
	struct ph_server *server = &bundle_of(run)->server;

	if (!bundle_of(run)->stopping && server->type->on_readable)
		server->type->on_readable(server, terminal);
}

static void bundle_on_closed(struct ph_run *run, unsigned terminal, int reason)
{
	struct bundle *bundle = bundle_of(run);
	struct ph_server *server = &bundle->server;

	if (bundle->stopping)
		return;
	bundle->lost = bundle->lost || reason < 0;
	if (server->type->on_closed)
		server->type->on_closed(server, terminal, reason);
}

static void bundle_stop(struct ph_run *run, int64_t grace)
{
	struct bundle *bundle = bundle_of(run);

	if (bundle->stopping)
		return;
	bundle->stopping = true;
	bundle->server.type->close(&bundle->server);
}

static const struct ph_run_ops bundle_ops = {
	.on_connected = bundle_connected,
	.on_room = bundle_room,
	.on_readable = bundle_readable,
	.on_closed = bundle_on_closed,
	.stop = bundle_stop,
};

static void bundle_fill(
	struct bundle *bundle, const struct ph_run_config *config)
{
	const struct ph_spec *spec = config->spec;
	struct ph_server *server = &bundle->server;

	bundle->run.ops = &bundle_ops;
	bundle->run.config = *config;
	bundle->task.run = bundle_tell;
	for (unsigned i = 0; i < spec->with_count; i++) {
		bundle->parameters[i].name = spec->with[i].key;
		bundle->parameters[i].value = spec->with[i].value;
	}
	server->type = ph_bundled_find(spec->use);
	server->name = spec->name;
	server->loop = config->loop;
	server->worker = config->worker;
	server->kernel = config->kernel;
	server->terminals = config->terminals;
	server->parameters = bundle->parameters;
	server->parameter_count = spec->with_count;
	server->done = bundle_done;
	server->closed = bundle_closed;
	server->host = bundle;
}

int ph_bundle_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error)
{
	struct bundle *bundle = calloc(1, sizeof(*bundle));
	struct ph_server *server;

	if (!bundle)
		return ph_fail(error, PH_EXIT_NEGATIVE, config->spec->name,
			"free memory and start it again", "out of memory");
	bundle_fill(bundle, config);
	server = &bundle->server;
	server->state = calloc(1, server->type->state_size + 1);
	if (!server->state) {
		free(bundle);
		return ph_fail(error, PH_EXIT_NEGATIVE, config->spec->name,
			"free memory and start it again", "out of memory");
	}
	if (server->type->open(server, error)) {
		ph_loop_cancel(server->loop, &bundle->task);
		free(server->state);
		free(bundle);
		return -1;
	}
	*out = &bundle->run;
	return 0;
}
