#include "placement/proxy.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/calls.h"

/* However it is hurried: its orders must reach it. */
#define PROXY_GRACE_LEAST (500 * PH_MILLISECOND)

static struct proxy *proxy_of(struct ph_run *run)
{
	return (struct proxy *)((char *)run - offsetof(struct proxy, run));
}

void proxy_look(struct proxy *proxy)
{
	ph_loop_defer(proxy->run.config.loop, &proxy->task);
}

void proxy_tear(struct proxy *proxy)
{
	proxy->torn = true;
	/* One that died already tells its own end; one that lives is none of
	 * ours any more. */
	if (!proxy->stopping && !proxy->process.exited)
		ph_process_signal(&proxy->process, SIGKILL);
	proxy_look(proxy);
}

void proxy_break(struct proxy *proxy, const char *next, const char *what, ...)
{
	char text[256];
	va_list list;

	if (proxy->broken)
		return;
	va_start(list, what);
	vsnprintf(text, sizeof(text), what, list);
	va_end(list);
	proxy->broken = true;
	ph_fail(&proxy->error, PH_EXIT_NEGATIVE, proxy->run.config.spec->name,
		next, "%s", text);
	proxy_look(proxy);
}

static bool is_guest(const struct proxy *proxy)
{
	return proxy->kind == PH_PLACEMENT_GUEST;
}

/* Nothing of it is there any more. */
static bool is_gone(const struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->count; i++)
		if (proxy->ports[i].channel.carrier)
			return false;
	return !proxy->orders.carrier &&
	       (!proxy->process.pid || proxy->process.exited);
}

static void proxy_free(struct proxy *proxy)
{
	const struct ph_run_config *config = &proxy->run.config;

	proxy_forget_guest(proxy);
	ph_timer_stop(config->loop, &proxy->doom);
	ph_loop_cancel(config->loop, &proxy->task);
	ph_stdio_output_close(&proxy->log);
	ph_process_end(&proxy->process);
	channel_fini(&proxy->orders);
	for (unsigned i = 0; i < proxy->count; i++)
		channel_fini(&proxy->ports[i].channel);
	free(proxy);
}

static void proxy_close(struct proxy *proxy)
{
	const struct ph_run_host *host = proxy->run.config.host;
	void *context = proxy->run.config.context;

	ph_stdio_output_drain(&proxy->log);
	proxy_free(proxy);
	host->gone(context);
}

/* A success is one when everything that was said before it has arrived. */
static bool is_through(const struct proxy *proxy)
{
	for (unsigned i = 0; i < proxy->count; i++)
		if (!proxy->ports[i].done && proxy->ports[i].channel.carrier)
			return false;
	return true;
}

static void proxy_tell(struct proxy *proxy, enum ph_run_cause cause)
{
	const struct ph_run_config *config = &proxy->run.config;

	proxy->told = true;
	config->host->ended(config->context, cause,
		cause == PH_RUN_SUCCEEDED ? NULL : &proxy->error);
}

static void describe_exit(struct proxy *proxy)
{
	if (proxy->process.signal)
		proxy_break(proxy, "see `posthouse logs`",
			"its process was ended by signal %d (%s)",
			proxy->process.signal,
			strsignal(proxy->process.signal));
	else
		proxy_break(proxy, "see `posthouse logs`",
			"its process exited with %d", proxy->process.code);
}

/* Did its end come without a word? */
static void look_for_death(struct proxy *proxy)
{
	if (proxy->finished || proxy->broken)
		return;
	if (proxy->process.exited)
		describe_exit(proxy);
	else if (proxy->torn && !proxy->process.pid)
		proxy_break(proxy, is_guest(proxy) ? "start it again" : "",
			is_guest(proxy) ? "the program left"
					: "its thread ended");
}

static void proxy_run(struct ph_task *task)
{
	struct proxy *proxy =
		(struct proxy *)((char *)task - offsetof(struct proxy, task));

	if (proxy->stopping) {
		if (is_gone(proxy))
			proxy_close(proxy);
		return;
	}
	look_for_death(proxy);
	if (proxy->told)
		return;
	if (proxy->broken)
		proxy_tell(proxy, proxy->lost ? PH_RUN_LOST : PH_RUN_BROKE);
	else if (proxy->finished && (is_through(proxy) || proxy->torn))
		proxy_tell(proxy, PH_RUN_SUCCEEDED);
}

/* Orders: what the server says of itself. */

static void take_done(struct proxy *proxy, const struct ph_relay *relay)
{
	struct ph_error error;

	if (!relay->reason) {
		proxy->finished = true;
	} else if (!proxy->broken) {
		ph_error_read(
			&error, PH_CALL_FAILED, relay->body, relay->length);
		proxy->broken = true;
		proxy->error = error;
	}
	proxy_look(proxy);
}

static bool orders_frame(struct channel *channel, const struct ph_frame *frame,
	const struct ph_relay *relay)
{
	struct proxy *proxy = (struct proxy *)((char *)channel -
					       offsetof(struct proxy, orders));
	const struct ph_run_config *config = &proxy->run.config;

	if (!relay || proxy->stopping)
		return true;
	if (relay->op == PH_RELAY_DONE) {
		take_done(proxy, relay);
	} else if (relay->op == PH_RELAY_OPENED && !proxy->opened) {
		proxy->opened = true;
		config->host->opened(config->context);
	}
	return true;
}

static void orders_room(struct channel *channel)
{
}

static void orders_closed(struct channel *channel, int reason)
{
	struct proxy *proxy = (struct proxy *)((char *)channel -
					       offsetof(struct proxy, orders));

	proxy_tear(proxy);
}

const struct channel_ops proxy_orders_ops = {
	.on_frame = orders_frame,
	.on_room = orders_room,
	.on_closed = orders_closed,
};

/* The run. */

static void run_connected(struct ph_run *run, unsigned terminal)
{
	proxy_port_connected(&proxy_of(run)->ports[terminal]);
}

static void run_room(struct ph_run *run, unsigned terminal)
{
	proxy_port_room(&proxy_of(run)->ports[terminal]);
}

static void run_readable(struct ph_run *run, unsigned terminal)
{
	proxy_port_readable(&proxy_of(run)->ports[terminal]);
}

static void run_closed(struct ph_run *run, unsigned terminal, int reason)
{
	proxy_port_closed(&proxy_of(run)->ports[terminal], reason);
}

/* The time is over: a process is killed; a thread cannot be, it is left alone
 * with what it holds; a guest is hung up on. */
static void proxy_doom(struct ph_timer *timer)
{
	struct proxy *proxy =
		(struct proxy *)((char *)timer - offsetof(struct proxy, doom));

	if (!proxy->stopping) {
		proxy_break(proxy, "start it again",
			"the program did not claim its terminals");
		return;
	}
	if (proxy->process.pid) {
		ph_process_signal(&proxy->process, SIGKILL);
		return;
	}
	if (!is_guest(proxy))
		ph_log_error("placement", "thread.abandoned server=%s",
			proxy->run.config.spec->name);
	channel_close(&proxy->orders);
}

static void run_stop(struct ph_run *run, int64_t grace)
{
	struct proxy *proxy = proxy_of(run);
	struct ph_loop *loop = run->config.loop;
	int64_t due = ph_loop_now(loop) +
		      (grace < PROXY_GRACE_LEAST ? PROXY_GRACE_LEAST : grace);

	if (proxy->stopping && (!proxy->doom.slot || proxy->doom.due <= due))
		return;
	ph_timer_start(loop, &proxy->doom, due);
	if (proxy->stopping)
		return;
	proxy->stopping = true;
	/* Streams are over: the terminals were cut. */
	channel_say(&proxy->orders, PH_RELAY_STOP, 0, 0);
	for (unsigned i = 0; i < proxy->count; i++)
		channel_close(&proxy->ports[i].channel);
	if (is_guest(proxy))
		channel_close(&proxy->orders);
	proxy_look(proxy);
}

static const struct ph_run_ops proxy_ops = {
	.on_connected = run_connected,
	.on_room = run_room,
	.on_readable = run_readable,
	.on_closed = run_closed,
	.stop = run_stop,
};

static void write_log(void *context, const void *data, size_t length)
{
	struct proxy *proxy = context;
	const struct ph_run_config *config = &proxy->run.config;

	ph_logs_write(config->logs, data, length, ph_loop_now(config->loop),
		ph_clock_wall());
}

static void log_changed(void *context)
{
}

static void proxy_fill(struct proxy *proxy, const struct ph_run_config *config)
{
	const struct ph_spec *spec = config->spec;

	proxy->run.ops = &proxy_ops;
	proxy->run.config = *config;
	proxy->kind = spec->placement;
	proxy->task.run = proxy_run;
	proxy->doom.on_due = proxy_doom;
	proxy->orders.ops = &proxy_orders_ops;
	proxy->count = spec->terminal_count;
	proxy->log = (struct ph_stdio_output){.loop = config->loop,
		.pool = config->kernel->pool,
		.framing = PH_FRAMING_LINES,
		.log = write_log,
		.on_change = log_changed,
		.context = proxy,
		.fd = -1};
	for (unsigned i = 0; i < proxy->count; i++) {
		struct proxy_port *port = &proxy->ports[i];
		enum ph_direction direction = spec->terminals[i].direction;

		port->proxy = proxy;
		port->index = i;
		port->channel.ops = &proxy_port_ops;
		port->terminal = config->terminals[i];
		port->is_output = direction == PH_OUT || direction == PH_MUX;
	}
}

int ph_placement_open(void *context, struct ph_run **out,
	const struct ph_run_config *config, struct ph_error *error)
{
	struct ph_placement *placement = context;
	struct proxy *proxy =
		calloc(1, sizeof(*proxy) + config->spec->terminal_count *
						   sizeof(struct proxy_port));

	if (!proxy)
		return ph_fail(error, PH_EXIT_NEGATIVE, config->spec->name,
			"free memory and start it again", "out of memory");
	proxy->placement = placement;
	proxy_fill(proxy, config);
	if (is_guest(proxy)) {
		proxy_await_guest(proxy);
	} else if (proxy_start(proxy, error)) {
		proxy_free(proxy);
		return -1;
	} else {
		proxy->run.opening = true;
	}
	*out = &proxy->run;
	return 0;
}

int ph_placement_create(struct ph_placement **out,
	struct ph_transport_host *host, const char *binary)
{
	struct ph_placement *placement = calloc(1, sizeof(*placement));

	if (!placement)
		return -ENOMEM;
	placement->host = host;
	placement->binary = strdup(binary);
	if (!placement->binary) {
		free(placement);
		return -ENOMEM;
	}
	*out = placement;
	return 0;
}

void ph_placement_destroy(struct ph_placement *placement)
{
	if (!placement)
		return;
	free(placement->binary);
	free(placement);
}
