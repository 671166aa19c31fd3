#include "node/discover.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/caps.h"
#include "node/discover_inner.h"
#include "node/keys.h"
#include "node/lines.h"
#include "proto/secret.h"

#define LISTENS 8u

static const char *const l2_names[] = {"off", "listen", "emit"};

struct ph_ethernet *ph_discover_ethernet(const struct ph_options *options)
{
	struct ph_ethernet *ethernet = NULL;
	int error;

	if (!options->discovery)
		return NULL;
	error = ph_ethernet_open(&ethernet, options->l2);
	if (error)
		ph_log_warn("discovery",
			"l2.absent asked=%s because=\"%s\" next=\"setcap "
			"cap_net_raw+ep on the binary, or run it as root\"",
			l2_names[options->l2], strerror(-error));
	return ethernet;
}

/* Lines to those whom membership watches keep quiet, but for a while after
 * addresses changed on either side. */
#define CALM_EVERY (30 * PH_SECOND)
#define CALM_FIRST (5 * PH_SECOND)

static void calm_line(void *context, const struct ph_discovery_node *node)
{
	struct ph_discover *discover = context;

	if (!strcmp(node->state, "alive"))
		ph_lines_pace(discover->node->lines, node->id, true);
}

static void calm_due(struct ph_timer *timer)
{
	struct ph_discover *discover =
		(struct ph_discover *)((char *)timer -
				       offsetof(struct ph_discover, calm));

	ph_discovery_each(discover->discovery, calm_line, discover);
	ph_timer_start(discover->node->loop, timer,
		ph_loop_now(discover->node->loop) + CALM_EVERY);
}

static void say_caps(struct ph_discover *discover)
{
	const char *list[PH_CAPS];
	struct ph_caps caps;

	ph_caps_detect(&caps, &discover->node->options);
	for (unsigned i = 0; i < caps.count; i++)
		list[i] = caps.text[i];
	ph_discovery_set_caps(discover->discovery, list, caps.short_ones);
}

/* What others may dial: tcp first, it needs nobody's leave. */
static unsigned listeners(struct ph_address out[LISTENS],
	const char (*texts)[128], unsigned count)
{
	struct ph_address address;
	unsigned used = 0;

	for (int ws = 0; ws < 2; ws++)
		for (unsigned i = 0; i < count; i++)
			if (!ph_address_parse(&address, texts[i]) &&
				ph_scheme_is_ip(address.scheme) &&
				ws == (address.scheme != PH_ADDRESS_TCP))
				out[used++] = address;
	return used;
}

static int open_discovery(struct ph_discover *discover,
	struct ph_ethernet *ethernet, struct ph_error *error)
{
	struct ph_node *node = discover->node;
	char texts[LISTENS][128];
	struct ph_address listen[LISTENS];
	struct ph_discovery_config config = {.loop = node->loop,
		.worker = node->worker,
		.door = node->door,
		.name = node->name,
		.mesh = node->mesh,
		.signer = discover->signer,
		.epoch = node->epoch,
		.interfaces = node->options.interfaces,
		.listen = listen,
		.ethernet = ethernet,
		.events = discover_events(discover)};
	unsigned count = ph_gate_addresses(node->gate, texts, LISTENS);

	config.listens = listeners(listen, texts, count);
	return ph_discovery_create(&discover->discovery, &config, error);
}

int ph_discover_open(struct ph_discover **out, struct ph_node *node,
	struct ph_ethernet *ethernet, struct ph_error *error)
{
	struct ph_discover *discover;

	*out = NULL;
	if (!node->options.discovery)
		return 0;
	discover = calloc(1, sizeof(*discover));
	if (!discover)
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "discovery", "", "no memory");
	discover->node = node;
	discover->signer = ph_secret_alloc(sizeof(*discover->signer));
	if (!discover->signer) {
		ph_discover_close(discover);
		return ph_fail(
			error, PH_EXIT_NEGATIVE, "discovery", "", "no memory");
	}
	ph_signer_init(discover->signer, node->keys->seed);
	if (open_discovery(discover, ethernet, error)) {
		ph_discover_close(discover);
		return -1;
	}
	ph_options_absent_interfaces(&node->options);
	say_caps(discover);
	discover_listen(discover);
	*out = discover;
	return 0;
}

void ph_discover_start(struct ph_discover *discover)
{
	if (!discover)
		return;
	for (unsigned i = 0; i < discover->node->options.joins; i++)
		ph_discovery_seed(
			discover->discovery, &discover->node->options.join[i]);
	discover->calm.on_due = calm_due;
	ph_timer_start(discover->node->loop, &discover->calm,
		ph_loop_now(discover->node->loop) + CALM_FIRST);
	ph_discovery_start(discover->discovery);
}

void ph_discover_stop(struct ph_discover *discover,
	void (*stopped)(void *context), void *context)
{
	if (discover)
		ph_discovery_stop(discover->discovery, stopped, context);
	else
		stopped(context);
}

void ph_discover_set_epoch(struct ph_discover *discover, uint64_t epoch)
{
	if (discover)
		ph_discovery_set_epoch(discover->discovery, epoch);
}

void ph_discover_close(struct ph_discover *discover)
{
	if (!discover)
		return;
	ph_timer_stop(discover->node->loop, &discover->calm);
	ph_discovery_destroy(discover->discovery);
	if (discover->signer)
		ph_signer_fini(discover->signer);
	ph_secret_free(discover->signer);
	free(discover);
}

void ph_discover_report(const struct ph_node *node, struct ph_writer *writer)
{
	ph_caps_write(writer, &node->options);
	ph_put_text(writer, "discovery",
		!node->options.discovery   ? "off"
		: node->options.interfaces ? node->options.interfaces
					   : "on");
	ph_put_text(writer, "l2",
		node->options.l2 && !node->l2 ? "absent"
					      : l2_names[node->options.l2]);
}
