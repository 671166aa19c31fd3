#include "node/discover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/discovery.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/caps.h"
#include "node/keys.h"
#include "node/lines.h"
#include "node/trust.h"
#include "proto/announcement.h"
#include "proto/calls.h"
#include "proto/seal.h"
#include "proto/secret.h"

#define LISTENS 8u

struct ph_discover {
	struct ph_node *node;
	struct ph_discovery *discovery;
	struct ph_signer *signer; /* locked memory */
	struct ph_timer calm;
};

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

/*
 * What discovery asks and tells.
 */
static enum ph_key_verdict on_trust(
	void *context, const uint8_t key[PH_PUBLIC_KEY])
{
	struct ph_discover *discover = context;
	const struct ph_trust *trust = discover->node->trust;

	if (ph_trust_is_revoked(trust, key))
		return PH_KEY_REVOKED;
	return ph_trust_find(trust, key) ? PH_KEY_TRUSTED : PH_KEY_UNKNOWN;
}

static int on_locate(void *context, const char *id, struct ph_address *out)
{
	struct ph_discover *discover = context;
	uint8_t key[PH_PUBLIC_KEY];

	return ph_lines_candidate(discover->node->lines, id, out, key);
}

/* Requests that this node cannot fill go where menus show room. */
static void hear_menu(struct ph_discover *discover,
	const struct ph_discovery_node *node, const struct ph_digest *menu)
{
	struct ph_menu_version version = {
		.epoch = node->epoch,
		.version = menu->version,
		.count = menu->count,
	};

	memcpy(version.digest, menu->hash, sizeof(version.digest));
	ph_hostess_menu_heard(discover->node->hostess, node->name, &version);
}

static void on_heard(void *context, const struct ph_discovery_node *node)
{
	struct ph_discover *discover = context;
	char addresses[PH_DISCOVERY_ADDRESSES][128];
	struct ph_lines_word word = {.key = node->key,
		.name = node->name,
		.addresses = (const char(*)[128])addresses,
		.address_count = node->address_count,
		.epoch = node->epoch,
		.content = node->content,
		.repeated = node->repeated,
		.heard_by = node->via};
	const struct ph_digest *menu = &node->said->menu;
	int error;

	for (unsigned i = 0; i < node->address_count; i++)
		ph_address_format(&node->addresses[i], addresses[i],
			sizeof(addresses[i]));
	ph_lines_pace(discover->node->lines, node->id, false);
	error = ph_lines_hear(discover->node->lines, &word);
	if (error)
		ph_log_debug("discovery", "word.refused node=%s because=\"%s\"",
			node->name, strerror(-error));
	if (node->member && menu->version)
		hear_menu(discover, node, menu);
}

static void on_unheard(void *context, const char *id)
{
	struct ph_discover *discover = context;

	ph_lines_unheard(discover->node->lines, id);
}

static enum ph_presence presence_of(const char *state)
{
	static const struct {
		const char *name;
		enum ph_presence presence;
	} names[] = {
		{"heard", PH_PRESENCE_HEARD},
		{"alive", PH_PRESENCE_ALIVE},
		{"suspect", PH_PRESENCE_SUSPECT},
		{"dead", PH_PRESENCE_DEAD},
		{"left", PH_PRESENCE_LEFT},
	};

	for (unsigned i = 0; i < 5; i++)
		if (!strcmp(names[i].name, state))
			return names[i].presence;
	return PH_PRESENCE_UNKNOWN;
}

static void unheard(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("discovery", "note.unkept status=%d", status);
}

/* The journal: actor, what, why. To be heard of is no change of a state. */
static void note(
	struct ph_discover *discover, const struct ph_discovery_move *move)
{
	struct ph_node *node = discover->node;
	struct ph_writer *writer;
	char what[128];

	if (!strcmp(move->to, "heard") || ph_writer_create(&writer))
		return;
	snprintf(what, sizeof(what), "node %s is %s%s%s", move->name, move->to,
		move->from[0] ? ", was " : "", move->from);
	ph_write_map(writer);
	ph_put_text(writer, "actor", move->by[0] ? move->by : node->name);
	ph_put_text(writer, "what", what);
	ph_put_text(writer, "why", move->because);
	ph_write_end(writer);
	ph_call_send(node->door, &ph_node_self, "", PH_STORE_NOTE, writer,
		ph_loop_now(node->loop), 10 * PH_SECOND, unheard, NULL);
	ph_writer_free(writer);
}

static void on_moved(void *context, const struct ph_discovery_move *move)
{
	struct ph_discover *discover = context;

	ph_lines_presence(discover->node->lines, move->id,
		presence_of(move->to), move->since);
	note(discover, move);
}

static void on_announced(void *context, uint32_t content)
{
	struct ph_discover *discover = context;

	ph_lines_pace(discover->node->lines, NULL, false);
	ph_lines_announced(discover->node->lines, content);
}

/*
 * What the lines tell and ask.
 */
static void on_line(void *context, const char *id,
	const uint8_t key[PH_PUBLIC_KEY], bool up)
{
	struct ph_discover *discover = context;

	ph_discovery_line(discover->discovery, id, up);
}

static void on_announcement(
	void *context, const uint8_t *bytes, size_t length, const char *teller)
{
	struct ph_discover *discover = context;
	enum ph_hearing hearing =
		ph_discovery_hear(discover->discovery, bytes, length, teller);

	ph_log_debug("discovery", "relayed by=%.8s length=%zu hearing=%s",
		teller, length, ph_hearing_name(hearing));
}

static const uint8_t *on_wanted(void *context, const char *id, size_t *length)
{
	struct ph_discover *discover = context;

	return ph_discovery_announcement(discover->discovery, id, length);
}

static uint64_t on_known_epoch(void *context, const char *id)
{
	struct ph_discover *discover = context;

	return ph_discovery_epoch(discover->discovery, id);
}

static bool on_has_left(void *context, const char *id)
{
	struct ph_discover *discover = context;

	return ph_discovery_has_left(discover->discovery, id);
}

static void on_ring(void *context)
{
	struct ph_discover *discover = context;
	struct ph_ring_key ring[PH_TRUST_RING];
	struct ph_discovery_key keys[PH_TRUST_RING];
	size_t count = ph_trust_ring(discover->node->trust, ring);

	for (size_t i = 0; i < count; i++)
		keys[i] = (struct ph_discovery_key){ring[i].id, ring[i].key};
	ph_discovery_set_ring(discover->discovery, keys, count);
	ph_wipe(ring, sizeof(ring));
}

static void on_member(void *context, const char *id,
	const uint8_t key[PH_PUBLIC_KEY], bool member)
{
	struct ph_discover *discover = context;

	if (member) {
		ph_discovery_review(discover->discovery);
		return;
	}
	ph_discovery_forget(discover->discovery, id);
}

/* All that it can comes with its menu, the short list in announcements. */
static void describe(void *context, const char *id, const char *name,
	struct ph_writer *writer)
{
	struct ph_discover *discover = context;
	const struct ph_hostess *hostess = discover->node->hostess;

	if (!ph_hostess_menu_write_caps(hostess, name, writer))
		ph_discovery_write_caps(discover->discovery, id, writer);
	ph_discovery_describe(discover->discovery, id, writer);
	ph_hostess_menu_describe(hostess, name, writer);
}

static void on_menu_changed(void *context)
{
	struct ph_discover *discover = context;
	struct ph_menu_version menu;

	ph_hostess_menu_version(discover->node->hostess, &menu);
	ph_discovery_set_menu(
		discover->discovery, menu.version, menu.count, menu.digest);
}

/*
 * Life.
 */
static void listen_to_lines(struct ph_discover *discover)
{
	struct ph_lines_events events = {.on_line = on_line,
		.on_announcement = on_announcement,
		.announcement = on_wanted,
		.known_epoch = on_known_epoch,
		.has_left = on_has_left,
		.on_ring = on_ring,
		.on_member = on_member,
		.describe = describe,
		.context = discover};

	ph_lines_watch(discover->node->lines, &events);
	ph_hostess_set_menu_changed(
		discover->node->hostess, on_menu_changed, discover);
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
		.events = {on_trust, on_locate, on_heard, on_unheard, on_moved,
			on_announced, discover}};
	unsigned count = ph_gate_addresses(node->gate, texts, LISTENS);

	for (unsigned i = 0; i < count; i++)
		if (!ph_address_parse(&listen[config.listens], texts[i]) &&
			listen[config.listens].scheme == PH_ADDRESS_TCP)
			config.listens++;
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
	say_caps(discover);
	on_ring(discover);
	on_menu_changed(discover);
	listen_to_lines(discover);
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
