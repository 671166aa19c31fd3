#include "placement/annex.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "placement/proxy.h"
#include "proto/calls.h"

/* After its orders are closed, what is still on the way out may take this
 * long. */
#define ANNEX_FAREWELL (3 * PH_SECOND)
/* In a process, the first of its carriers. */
#define ANNEX_FIRST_FD 3

static const struct ph_caller nobody = {.role = PH_ROLE_VIEW};

static void say_done(struct annex *annex, const struct ph_error *error)
{
	struct ph_relay relay = {.op = PH_RELAY_DONE};
	struct ph_writer *writer;

	if (!error) {
		for (unsigned i = 0; i < annex->count; i++)
			channel_say(
				&annex->ports[i].channel, PH_RELAY_DONE, 0, 0);
		channel_tell(&annex->orders, &relay);
		return;
	}
	relay.reason = -ECANCELED;
	if (ph_writer_create(&writer)) {
		channel_tell(&annex->orders, &relay);
		return;
	}
	ph_error_write(writer, error);
	if (ph_writer_finish(writer, &relay.body, &relay.length))
		relay.length = 0;
	channel_tell(&annex->orders, &relay);
	ph_writer_free(writer);
}

static void run_ended(
	void *context, enum ph_run_cause cause, const struct ph_error *error)
{
	say_done(context, error);
}

static void run_gone(void *context)
{
	struct annex *annex = context;

	annex->run = NULL;
	annex->over = true;
}

static void run_opened(void *context)
{
}

static const struct ph_run_host run_host = {
	.ended = run_ended, .gone = run_gone, .opened = run_opened};

/* As the executor would: the streams are cut, then the server is told. */
static void annex_stop(struct annex *annex)
{
	if (annex->stopping)
		return;
	annex->stopping = true;
	for (unsigned i = 0; i < annex->count; i++)
		annex_port_cut(&annex->ports[i]);
	if (annex->run)
		annex->run->ops->stop(annex->run, 0);
	else
		annex->over = true;
}

static int open_terminals(struct annex *annex)
{
	int error = 0;

	for (unsigned i = 0; !error && i < annex->count; i++) {
		struct annex_port *port = &annex->ports[i];

		port->annex = annex;
		port->index = i;
		error = annex_port_open(
			port, annex->spec->terminals[i].direction);
		annex->terminals[i] = port->terminal;
	}
	return error;
}

static int open_run(struct annex *annex, struct ph_error *error)
{
	struct ph_run_config config = {.loop = annex->loop,
		.worker = annex->worker,
		.kernel = &annex->kernel,
		.spec = annex->spec,
		.terminals = annex->terminals,
		.directory = ".",
		.host = &run_host,
		.context = annex};

	return ph_bundle_open(&annex->run, &config, error);
}

/* Streams are let in only now: until then they wait in the carriers. */
static void open_server(struct annex *annex, struct ph_error *error)
{
	if (annex->spec->terminal_count != annex->count ||
		!annex->spec->use[0] || open_terminals(annex)) {
		ph_fail(error, PH_EXIT_NEGATIVE, annex->spec->name, "",
			"the order does not fit the carriers, or no memory");
		say_done(annex, error);
		return;
	}
	if (open_run(annex, error)) {
		say_done(annex, error);
		return;
	}
	channel_say(&annex->orders, PH_RELAY_OPENED, 0, 0);
	for (unsigned i = 0; i < annex->count; i++)
		if (channel_open(&annex->ports[i].channel, &annex->host,
			    annex->ports[i].fd, placement_scheme(annex->kind),
			    false))
			annex_stop(annex);
		else
			annex->ports[i].fd = -1;
}

static void take_start(struct annex *annex, const struct ph_relay *relay)
{
	struct ph_document *document;
	struct ph_error error = {0};

	if (annex->spec || annex->stopping)
		return;
	if (ph_document_read(&document, relay->body, relay->length,
		    ph_call_limits(&nobody))) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "", "", "malformed order");
		say_done(annex, &error);
		return;
	}
	if (ph_spec_read(&annex->spec, ph_document_root(document), &error))
		say_done(annex, &error);
	else
		open_server(annex, &error);
	ph_document_free(document);
}

static struct annex *annex_of(struct channel *orders)
{
	return (struct annex *)((char *)orders -
				offsetof(struct annex, orders));
}

static bool orders_frame(struct channel *channel, const struct ph_frame *frame,
	const struct ph_relay *relay)
{
	struct annex *annex = annex_of(channel);

	if (relay && relay->op == PH_RELAY_START)
		take_start(annex, relay);
	else if (relay && relay->op == PH_RELAY_STOP)
		annex_stop(annex);
	return true;
}

static void orders_room(struct channel *channel)
{
}

/* Without its node it has no business. */
static void orders_closed(struct channel *channel, int reason)
{
	annex_stop(annex_of(channel));
}

static const struct channel_ops orders_ops = {
	.on_frame = orders_frame,
	.on_room = orders_room,
	.on_closed = orders_closed,
};

/* Life. */

static void lay_floor(struct annex *annex)
{
	int error = ph_loop_create(&annex->loop, &ph_clock_real);

	if (!error)
		error = ph_kernel_init(
			&annex->kernel, ph_loop_hal(annex->loop));
	if (!error)
		error = ph_worker_create(&annex->worker, annex->loop);
	annex->host.loop = annex->loop;
	annex->host.pool = annex->kernel.pool;
	annex->orders.ops = &orders_ops;
	if (!error)
		error = channel_open(&annex->orders, &annex->host,
			annex->orders_fd, "unix", false);
	/* Nothing was promised to anybody yet: its node sees it end. */
	if (error)
		abort();
	annex->orders_fd = -1;
}

static bool is_closed(const struct annex *annex)
{
	for (unsigned i = 0; i < annex->count; i++)
		if (annex->ports[i].channel.carrier)
			return false;
	return !annex->orders.carrier;
}

static void say_farewell(struct annex *annex)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + ANNEX_FAREWELL;

	for (unsigned i = 0; i < annex->count; i++)
		channel_close(&annex->ports[i].channel);
	channel_close(&annex->orders);
	while (!is_closed(annex) && ph_clock_real.now(&ph_clock_real) < until)
		ph_loop_turn(annex->loop, 100 * PH_MILLISECOND);
}

static void clear_floor(struct annex *annex)
{
	ph_worker_destroy(annex->worker);
	for (unsigned i = 0; i < annex->count; i++)
		annex_port_close(&annex->ports[i]);
	ph_loop_turn(annex->loop, 0);
	for (unsigned i = 0; i < annex->count; i++) {
		ph_terminal_destroy(annex->ports[i].terminal);
		channel_fini(&annex->ports[i].channel);
	}
	ph_loop_turn(annex->loop, 0);
	channel_fini(&annex->orders);
	ph_spec_free(annex->spec);
	ph_kernel_fini(&annex->kernel);
	ph_loop_destroy(annex->loop);
}

static void annex_run(struct annex *annex)
{
	lay_floor(annex);
	while (!annex->over)
		ph_loop_turn(annex->loop, -1);
	say_farewell(annex);
	clear_floor(annex);
}

/* Takes the descriptors on success. */
static struct annex *annex_create(
	enum ph_placement_kind kind, const int *fds, unsigned count)
{
	struct annex *annex;

	if (!count || count > 1 + PH_SPEC_TERMINALS)
		return NULL;
	annex = calloc(1, sizeof(*annex));
	if (!annex)
		return NULL;
	annex->kind = kind;
	annex->count = count - 1;
	annex->orders_fd = fds[0];
	for (unsigned i = 0; i < annex->count; i++)
		annex->ports[i].fd = fds[i + 1];
	return annex;
}

static void *thread_main(void *context)
{
	annex_run(context);
	free(context);
	return NULL;
}

/* Nobody waits for the thread: its node sees its orders close. */
int annex_thread(const int *fds, unsigned count)
{
	struct annex *annex = annex_create(PH_PLACEMENT_THREAD, fds, count);
	pthread_attr_t detached;
	pthread_t thread;
	int error;

	if (!annex)
		return -ENOMEM;
	error = pthread_attr_init(&detached);
	if (!error) {
		pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
		error = pthread_create(&thread, &detached, thread_main, annex);
		pthread_attr_destroy(&detached);
	}
	if (error)
		free(annex);
	return -error;
}

int ph_annex_main(int argc, char **argv)
{
	int fds[1 + PH_SPEC_TERMINALS];
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct annex *annex;

	if (!count || count > 1 + PH_SPEC_TERMINALS ||
		fcntl(ANNEX_FIRST_FD, F_GETFL) < 0) {
		fprintf(stderr,
			"posthouse: %s is a node's own business\n"
			"  next: posthouse help\n",
			PH_ANNEX_VERB);
		return PH_EXIT_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	ph_log_open(NULL, NULL, PH_LOG_WARN);
	for (unsigned i = 0; i < count; i++) {
		fds[i] = ANNEX_FIRST_FD + (int)i;
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	}
	annex = annex_create(PH_PLACEMENT_PROCESS, fds, (unsigned)count);
	if (!annex)
		return PH_EXIT_NEGATIVE;
	annex_run(annex);
	free(annex);
	return 0;
}
