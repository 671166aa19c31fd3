#include "placement/proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "executor/environment.h"
#include "proto/value.h"

/* Orders, and a carrier for each terminal. */
#define START_LINKS (1 + PH_SPEC_TERMINALS)
/* In the process: 0 and 1 nothing, 2 the log, then the links. */
#define START_FIRST 3

struct links {
	int ours[START_LINKS];
	int theirs[START_LINKS];
	unsigned count;
};

/* Sockets, whatever the carriers put over them. */
static int link_open(int ends[2])
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, ends)
		       ? -errno
		       : 0;
}

static void close_all(int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static int links_open(struct links *links, unsigned count)
{
	int error = 0;
	int ends[2];

	memset(links->ours, -1, sizeof(links->ours));
	memset(links->theirs, -1, sizeof(links->theirs));
	links->count = count;
	for (unsigned i = 0; !error && i < count; i++) {
		error = link_open(ends);
		if (error)
			break;
		links->ours[i] = ends[0];
		links->theirs[i] = ends[1];
	}
	return error;
}

static int take_links(struct proxy *proxy, struct links *links)
{
	int error = 0;

	for (unsigned i = 0; !error && i < links->count; i++) {
		struct channel *channel =
			i ? &proxy->ports[i - 1].channel : &proxy->orders;

		error = channel_open(channel, proxy->placement->host,
			links->ours[i],
			i ? placement_scheme(proxy->kind) : "unix", true);
		if (!error)
			links->ours[i] = -1;
	}
	return error;
}

static int start_thread(struct links *links)
{
	int error = annex_thread(links->theirs, links->count);

	if (!error)
		memset(links->theirs, -1, sizeof(links->theirs));
	return error;
}

static void process_exited(struct ph_process *process)
{
	proxy_look((struct proxy *)((char *)process -
				    offsetof(struct proxy, process)));
}

/* The read end of the process's stderr is ours. */
static int open_log(struct proxy *proxy, int *theirs)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	*theirs = ends[1];
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	return ph_stdio_output_open(&proxy->log, ends[0]);
}

static int spawn(struct proxy *proxy, const int *fds, unsigned count,
	char *const *environment)
{
	char number[12];
	char verb[] = PH_ANNEX_VERB;
	char *argv[] = {proxy->placement->binary, verb, number, NULL};
	const struct ph_run_config *config = &proxy->run.config;
	struct ph_process_order order = {.path = proxy->placement->binary,
		.argv = argv,
		.environment = environment,
		.directory = ".", /* where it would be on the loop */
		.fds = fds,
		.fd_count = START_FIRST + count};
	const char *what = "";

	snprintf(number, sizeof(number), "%u", count);
	proxy->process.on_exit = process_exited;
	return ph_process_spawn(&proxy->process, config->loop, &order, &what);
}

static int start_process(struct proxy *proxy, struct links *links)
{
	int fds[START_FIRST + START_LINKS];
	char **environment =
		ph_environment_create(proxy->run.config.spec, "", "");
	int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
	int error = environment && nothing >= 0 ? 0 : -ENOMEM;

	fds[0] = fds[1] = nothing;
	fds[2] = -1;
	memcpy(fds + START_FIRST, links->theirs,
		links->count * sizeof(*links->theirs));
	if (!error)
		error = open_log(proxy, &fds[2]);
	if (!error)
		error = spawn(proxy, fds, links->count, environment);
	proxy->run.pid = proxy->process.pid;
	if (nothing >= 0)
		close(nothing);
	if (fds[2] >= 0)
		close(fds[2]);
	ph_environment_free(environment);
	return error;
}

static void write_order(struct ph_writer *writer, const struct ph_spec *spec)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", spec->name);
	ph_put_text(writer, "scope", spec->scope);
	ph_put_text(writer, "use", spec->use);
	ph_put_map(writer, "with");
	for (unsigned i = 0; i < spec->with_count; i++)
		ph_put_text(writer, spec->with[i].key, spec->with[i].value);
	ph_write_end(writer);
	ph_put_list(writer, "out");
	for (unsigned i = 0; i < spec->terminal_count; i++) {
		if (spec->terminals[i].direction != PH_MUX)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "name", spec->terminals[i].name);
		ph_put_text(writer, "kind", "mux");
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
}

/* The part of the specification that is the server's business. */
static int make_order(
	struct proxy *proxy, struct ph_writer *writer, struct ph_relay *order)
{
	int error;

	*order = (struct ph_relay){.op = PH_RELAY_START};
	write_order(writer, proxy->run.config.spec);
	error = ph_writer_finish(writer, &order->body, &order->length);
	if (!error && order->length > PH_FRAME_MAX - PH_RELAY_HEADER)
		error = -E2BIG;
	return error;
}

/* The channels come last: once one is open it calls back, and what fails then
 * is the end of a run. */
static int start_it(struct proxy *proxy, const struct ph_relay *order)
{
	struct links links;
	int error = links_open(&links, 1 + proxy->count);

	if (!error && proxy->kind == PH_PLACEMENT_PROCESS)
		error = start_process(proxy, &links);
	else if (!error)
		error = start_thread(&links);
	if (!error && take_links(proxy, &links))
		proxy_break(proxy, "free memory", "out of memory");
	else if (!error)
		channel_tell(&proxy->orders, order);
	close_all(links.ours, START_LINKS);
	close_all(links.theirs, START_LINKS);
	return error;
}

int proxy_start(struct proxy *proxy, struct ph_error *error)
{
	bool process = proxy->kind == PH_PLACEMENT_PROCESS;
	struct ph_relay order;
	struct ph_writer *writer;
	int code = ph_writer_create(&writer);

	if (!code) {
		code = make_order(proxy, writer, &order);
		if (!code)
			code = start_it(proxy, &order);
		ph_writer_free(writer);
	}
	if (!code)
		return 0;
	return ph_fail(error, PH_EXIT_NEGATIVE, proxy->run.config.spec->name,
		"look at the node's limits (ulimit -a)",
		"cannot start a %s: %s", process ? "process" : "thread",
		strerror(-code));
}
