#include "node/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlsurface/control.h"
#include "executor/executor.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/caps.h"
#include "node/boot.h"
#include "node/discover.h"
#include "node/gate.h"
#include "node/keys.h"
#include "node/limits.h"
#include "node/lines.h"
#include "node/probe.h"
#include "node/reach.h"
#include "node/notify.h"
#include "node/offer.h"
#include "node/trust.h"
#include "node/web.h"
#include "node/wires.h"
#include "placement/placement.h"
#include "proto/calls.h"
#include "store/store.h"

/* SIGTERM to gone within 5 s: servers get most of it. */
#define STOP_GRACE    (3 * PH_SECOND)
#define STOP_FAREWELL (500 * PH_MILLISECOND)

const struct ph_caller ph_node_self = {.role = PH_ROLE_EXEC};

/* Who may call what: the role of the pin against the table's. */
static int guard_role(void *context, const struct ph_call *call)
{
	const struct ph_call_type *type;

	if (call->method >= PH_METHODS)
		return PH_CALL_UNKNOWN;
	type = ph_call_type(call->method);
	if (type->reach == PH_REACH_HERE && call->caller->node[0])
		return PH_CALL_DENIED;
	if (call->caller->role < type->role) {
		ph_log_warn("door",
			"call.denied peer=%s call=%s role=%s needs=%s",
			call->caller->node, type->name,
			ph_role_name(call->caller->role),
			ph_role_name(type->role));
		return PH_CALL_DENIED;
	}
	return 0;
}

static void door_due(struct ph_timer *timer)
{
	struct ph_node *node =
		(struct ph_node *)((char *)timer -
				   offsetof(struct ph_node, door_timer));
	int64_t next = ph_door_expire(node->door, ph_loop_now(node->loop));

	if (next != INT64_MAX)
		ph_timer_start(node->loop, &node->door_timer, next);
}

static void door_alarm(void *context, int64_t when)
{
	struct ph_node *node = context;

	ph_timer_start(node->loop, &node->door_timer, when);
}

static int no_memory(struct ph_error *error, const char *where, int code)
{
	return ph_fail(
		error, PH_EXIT_NEGATIVE, where, "", "%s", strerror(-code));
}

/* Loop, kernel, worker and door: what every room stands on. */
static int lay_floor(struct ph_node *node, struct ph_error *error)
{
	int code = ph_loop_create(&node->loop, &ph_clock_real);

	if (!code)
		code = ph_kernel_init(&node->kernel, ph_loop_hal(node->loop));
	if (!code)
		code = ph_worker_create(&node->worker, node->loop);
	if (!code)
		code = ph_door_create(&node->door, &node->kernel);
	if (code)
		return no_memory(error, "the loop", code);
	node->door_timer.on_due = door_due;
	ph_door_set_alarm(node->door, door_alarm, node);
	ph_door_guard(node->door, guard_role, node);
	return 0;
}

static int open_store(struct ph_node *node, struct ph_error *error)
{
	char path[256];
	struct ph_store_config config = {.loop = node->loop,
		.worker = node->worker,
		.door = node->door,
		.path = path};

	snprintf(path, sizeof(path), "%s/posthouse.db", node->options.state);
	return ph_store_create(&node->store, &config, &node->epoch, error);
}

static int open_trust(struct ph_node *node, struct ph_error *error)
{
	int code;

	memcpy(node->key, node->keys->key, sizeof(node->key));
	memcpy(node->id, node->keys->id, sizeof(node->id));
	code = ph_trust_create(&node->trust, node->key, node->name);
	if (!code)
		code = ph_limits_create(&node->limits);
	if (!code)
		code = ph_tls_create(&node->tls, node->keys->seed);
	if (code)
		return no_memory(error, "the identity", code);
	node->host = (struct ph_transport_host){.loop = node->loop,
		.worker = node->worker,
		.pool = node->kernel.pool,
		.tls = node->tls};
	return ph_boot_passphrase(node, error);
}

static int open_exchange(struct ph_node *node, struct ph_error *error)
{
	struct ph_gate_events events = {
		ph_lines_on_open, ph_lines_on_line, ph_lines_on_gone, NULL};
	int code = ph_reach_create(&node->reach, node);

	if (!code)
		code = ph_lines_create(&node->lines, node);
	events.context = node->lines;
	if (!code)
		code = ph_gate_create(&node->gate, node, events);
	if (!code)
		code = ph_wires_create(&node->wires, node);
	if (!code)
		code = ph_web_create(&node->web, node);
	if (!code)
		ph_offer_serve(node);
	return code ? no_memory(error, "the exchange", code) : 0;
}

static void evict(void *context, const char *connection)
{
	struct ph_node *node = context;

	ph_wires_evict(node->wires, connection);
}

static void seed(void *context, const char *name, const char *text)
{
	struct ph_node *node = context;
	struct ph_address address;

	if (!ph_address_parse(&address, text))
		ph_lines_seed(node->lines, &address);
}

static int open_executor(struct ph_node *node, struct ph_error *error)
{
	char fqdn[254] = "";
	char directory[256];
	struct ph_executor_config config = {.loop = node->loop,
		.worker = node->worker,
		.kernel = &node->kernel,
		.door = node->door,
		.fqdn = fqdn,
		.directory = directory,
		.node_key = node->key,
		.outside = ph_placement_open};
	int code = ph_placement_create(
		&node->placement, &node->host, "/proc/self/exe");

	ph_boot_fqdn(fqdn, sizeof(fqdn), node->name);
	snprintf(directory, sizeof(directory), "%s/servers",
		node->options.state);
	mkdir(directory, 0700);
	config.outside_context = node->placement;
	if (!code)
		code = ph_executor_create(&node->executor, &config);
	return code ? no_memory(error, "the executor", code) : 0;
}

static const char *teller(void *context, const char *peer, unsigned attempt)
{
	struct ph_node *node = context;

	return ph_lines_teller(node->lines, peer, attempt);
}

static int open_hostess(struct ph_node *node, struct ph_error *error)
{
	const char *words[PH_CAPS];
	struct ph_caps caps;
	struct ph_hostess_config config = {.loop = node->loop,
		.door = node->door,
		.node = node->name,
		.epoch = node->epoch,
		.caps = words};
	int code;

	ph_caps_detect(&caps, &node->options);
	for (config.cap_count = 0; config.cap_count < caps.count;
		config.cap_count++)
		words[config.cap_count] = caps.text[config.cap_count];
	code = ph_hostess_create(&node->hostess, &config);
	if (code)
		return no_memory(error, "the Hostess", code);
	ph_hostess_set_evict(node->hostess, evict, node);
	ph_hostess_set_teller(node->hostess, teller, node);
	return 0;
}

static int open_servers(struct ph_node *node, struct ph_error *error)
{
	struct ph_control_config config = {.loop = node->loop,
		.worker = node->worker,
		.kernel = &node->kernel,
		.door = node->door,
		.node = node->name,
		.epoch = node->epoch,
		.bundled = ph_bundled_servers,
		.seed = seed,
		.context = node};
	int code;

	if (open_hostess(node, error))
		return -1;
	if (open_executor(node, error))
		return -1;
	code = ph_control_create(&node->control, &config);
	if (code)
		return no_memory(error, "the control surface", code);
	code = ph_probing_create(&node->probing, node);
	if (code)
		return no_memory(error, "the probe", code);
	return ph_node_serve(node);
}

/* Nodes on the loopback alone have no wire to speak on. */
static bool has_wire(const struct ph_options *options)
{
	for (unsigned i = 0; i < options->listens; i++)
		if (!ph_address_is_local(&options->listen[i]))
			return true;
	return false;
}

static int open_node(struct ph_node *node, struct ph_error *error)
{
	/* Its privilege goes before there are threads. */
	struct ph_ethernet *ethernet =
		has_wire(&node->options) ? ph_discover_ethernet(&node->options)
					 : NULL;

	node->l2 = ethernet != NULL;
	if (ph_boot_directory(node, error) || lay_floor(node, error) ||
		open_store(node, error) ||
		ph_keys_open(&node->keys, node->options.state, error) ||
		open_trust(node, error) || open_exchange(node, error) ||
		open_servers(node, error) || ph_boot_load(node, error))
		return -1;
	if (ph_boot_listen(node, error) || ph_web_listen(node->web, error))
		return -1;
	return ph_discover_open(&node->discover, node, ethernet, error);
}

struct signals {
	struct ph_watch watch;
	struct ph_node *node;
};

static void on_signal(struct ph_watch *watch, uint32_t events)
{
	struct ph_node *node = ((struct signals *)watch)->node;
	struct signalfd_siginfo info;

	while (read(watch->fd, &info, sizeof(info)) == sizeof(info))
		ph_node_stop(
			node, info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
}

static void said_goodbye(void *context)
{
	struct ph_node *node = context;

	node->stopped = true;
}

/* Until now the others could still be served. */
static void servers_stopped(void *context)
{
	struct ph_node *node = context;

	ph_discover_stop(node->discover, said_goodbye, node);
}

void ph_node_stop(struct ph_node *node, const char *because)
{
	if (node->stopping)
		return;
	node->stopping = true;
	ph_log_info("node", "stopping because=%s", because);
	ph_notify("STOPPING=1");
	ph_control_quiesce(node->control);
	ph_hostess_quiesce(node->hostess);
	ph_executor_stop(node->executor, STOP_GRACE, servers_stopped, node);
}

/* Turns until `done` or the time is over. */
static void turn_until(struct ph_node *node, const bool *done, int64_t most)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + most;

	while (!(done && *done) && ph_clock_real.now(&ph_clock_real) < until)
		ph_loop_turn(node->loop, 20 * PH_MILLISECOND);
}

/* Carriers say goodbye, the disk finishes, then the rooms are cleared. */
static void close_node(struct ph_node *node)
{
	ph_slim_stop(&node->slim);
	ph_watchdog_stop(&node->watchdog);
	if (node->wires)
		ph_wires_close(node->wires);
	if (node->reach)
		ph_reach_close(node->reach);
	if (node->lines)
		ph_lines_close(node->lines);
	if (node->gate)
		ph_gate_close(node->gate);
	if (node->loop)
		turn_until(node, NULL, STOP_FAREWELL);
	ph_worker_destroy(node->worker);
}

static void destroy_node(struct ph_node *node)
{
	ph_web_destroy(node->web);
	ph_discover_close(node->discover);
	ph_probing_destroy(node->probing);
	ph_control_destroy(node->control);
	ph_executor_destroy(node->executor);
	ph_placement_destroy(node->placement);
	ph_hostess_destroy(node->hostess);
	ph_wires_destroy(node->wires);
	ph_lines_destroy(node->lines);
	ph_reach_destroy(node->reach);
	ph_gate_destroy(node->gate);
	ph_store_destroy(node->store);
	ph_tls_destroy(node->tls);
	ph_limits_destroy(node->limits);
	ph_trust_destroy(node->trust);
	ph_keys_close(node->keys);
}

static int run_node(struct ph_node *node)
{
	struct signals signals = {{.on_event = on_signal}, node};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		ph_watch_start(node->loop, &signals.watch, fd, EPOLLIN);
	ph_boot_open(node);
	while (!node->stopped)
		ph_loop_turn(node->loop, -1);
	ph_watch_stop(&signals.watch);
	if (fd >= 0)
		close(fd);
	return node->exit;
}

int ph_node_create(struct ph_node **out, const struct ph_options *options,
	struct ph_error *error)
{
	struct ph_node *node = calloc(1, sizeof(*node));

	if (!node)
		return no_memory(error, "the node", -ENOMEM);
	node->options = *options;
	node->started = ph_clock_wall();
	snprintf(node->name, sizeof(node->name), "%s", options->name);
	if (open_node(node, error))
		return -1;
	*out = node;
	return 0;
}

void ph_node_destroy(struct ph_node *node)
{
	close_node(node);
	destroy_node(node);
	free(node);
}

int ph_node_run(const struct ph_options *options)
{
	struct ph_error error = {0};
	struct ph_node *node;
	int code;

	ph_boot_process();
	if (ph_secrets_harden(&error) ||
		ph_node_create(&node, options, &error)) {
		ph_boot_fail(&error);
		return (int)error.exit;
	}
	code = run_node(node);
	ph_node_destroy(node);
	ph_log_info("node", "stopped");
	return code;
}
