#include "node/boot.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "controlsurface/control.h"
#include "executor/executor.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/bell.h"
#include "node/caps.h"
#include "node/discover.h"
#include "node/gate.h"
#include "node/keys.h"
#include "node/limits.h"
#include "node/lines.h"
#include "node/monitor_calls.h"
#include "node/offer.h"
#include "node/probe.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/web.h"
#include "node/wires.h"
#include "placement/placement.h"
#include "proto/calls.h"
#include "store/store.h"

/* The rooms of a node, made one after another and shown to each other. */

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
	return ph_boot_secret(node, error);
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
		code = ph_monitoring_create(&node->monitoring, node);
	if (!code)
		code = ph_bell_create(&node->bell, node->loop, node->door);
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

	if (ph_address_parse(&address, text))
		return;
	ph_lines_seed(node->lines, &address);
	ph_lines_seed_of(node->lines, name, &address);
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
		.node = node->name,
		.directory = directory,
		.node_key = node->key,
		.keepers = &node->keepers,
		.warden = &node->warden,
		.outside = ph_placement_open};
	int code;

	ph_keepers_init(&node->keepers, "/proc/self/exe");
	ph_warden_init(&node->warden, "/proc/self/exe");
	code = ph_placement_create(
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

int ph_boot_rooms(struct ph_node *node, struct ph_error *error)
{
	/* Its privilege goes before there are threads. */
	struct ph_ethernet *ethernet =
		has_wire(&node->options) ? ph_discover_ethernet(&node->options)
					 : NULL;

	node->l2 = ethernet != NULL;
	if (ph_boot_phrase(node, error) || ph_boot_directory(node, error) ||
		lay_floor(node, error) || open_store(node, error) ||
		ph_keys_open(&node->keys, node->options.state, error) ||
		open_trust(node, error) || open_exchange(node, error) ||
		open_servers(node, error) || ph_boot_load(node, error) ||
		ph_boot_member(node, error))
		return -1;
	if (ph_boot_listen(node, error) || ph_web_listen(node->web, error))
		return -1;
	if (ph_discover_open(&node->discover, node, ethernet, error))
		return -1;
	return ph_boot_keep_phrase(node, error);
}
