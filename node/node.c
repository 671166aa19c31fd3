#include "node/node.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "controlsurface/control.h"
#include "executor/executor.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/bell.h"
#include "node/boot.h"
#include "node/discover.h"
#include "node/gate.h"
#include "node/keys.h"
#include "node/limits.h"
#include "node/lines.h"
#include "node/monitor_calls.h"
#include "node/probe.h"
#include "node/reach.h"
#include "node/notify.h"
#include "node/trust.h"
#include "node/web.h"
#include "node/wires.h"
#include "placement/placement.h"
#include "store/store.h"

/* SIGTERM to gone: servers have their own time to finish what they have taken,
 * 2.5 s where nobody said otherwise, and who is cut then has the grace; what
 * they said last, the wires'. All of it is less than TimeoutStopSec of our unit
 * (30 s). */
#define STOP_DRAIN    (20 * PH_SECOND)
#define STOP_GRACE    (1500 * PH_MILLISECOND)
#define STOP_WIRES    (3 * PH_SECOND)
#define STOP_FAREWELL (500 * PH_MILLISECOND)

const struct ph_caller ph_node_self = {.role = PH_ROLE_EXEC};

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
static void wires_left(void *context)
{
	struct ph_node *node = context;

	ph_lines_leave(node->lines);
	ph_discover_stop(node->discover, said_goodbye, node);
}

static void servers_stopped(void *context)
{
	struct ph_node *node = context;

	ph_wires_leave(node->wires, STOP_WIRES, wires_left, node);
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
	ph_wires_quiesce(node->wires);
	ph_executor_stop(
		node->executor, STOP_DRAIN, STOP_GRACE, servers_stopped, node);
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
	ph_bell_destroy(node->bell);
	ph_monitoring_destroy(node->monitoring);
	ph_probing_destroy(node->probing);
	ph_control_destroy(node->control);
	ph_executor_destroy(node->executor);
	ph_keepers_fini(&node->keepers);
	ph_warden_fini(&node->warden);
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
		return ph_fail(error, PH_EXIT_NEGATIVE, "the node", "", "%s",
			strerror(ENOMEM));
	node->options = *options;
	node->started = ph_clock_wall();
	snprintf(node->name, sizeof(node->name), "%s", options->name);
	if (ph_boot_rooms(node, error))
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
