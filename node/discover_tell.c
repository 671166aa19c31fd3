#include <stdio.h>
#include <string.h>

#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/discover_inner.h"
#include "node/lines.h"
#include "node/monitor_calls.h"
#include "node/trust.h"
#include "proto/announcement.h"
#include "proto/calls.h"
#include "proto/secret.h"

/* Discovery and the lines know nothing of each other: what one asks or tells,
 * the other hears here. */

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

/* Its datagrams are where its tcp is, whatever lines go by. */
static int on_locate(void *context, const char *id, struct ph_address *out)
{
	struct ph_discover *discover = context;
	uint8_t key[PH_PUBLIC_KEY];

	return ph_lines_candidate(discover->node->lines, id, "tcp", out, key);
}

static bool on_lined(void *context, const char *id)
{
	struct ph_discover *discover = context;

	return ph_lines_is_up(discover->node->lines, id);
}

static bool on_carry(void *context, const char *id, bool dials,
	const uint8_t *data, size_t length)
{
	struct ph_discover *discover = context;

	return ph_lines_carry(discover->node->lines, id, dials, data, length);
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

	if (!move->to[0] || !strcmp(move->to, "heard") ||
		ph_writer_create(&writer))
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
	ph_monitoring_presence(
		discover->node->monitoring, move->id, presence_of(move->to));
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

static void on_located(void *context, const char *id)
{
	struct ph_discover *discover = context;

	ph_discovery_located(discover->discovery, id);
}

static void on_datagram(
	void *context, const uint8_t *bytes, size_t length, const char *teller)
{
	struct ph_discover *discover = context;

	ph_discovery_carried(discover->discovery, teller, bytes, length);
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

static enum ph_presence on_presence(
	void *context, const char *id, int64_t *since)
{
	struct ph_discover *discover = context;
	const char *state = ph_discovery_state(discover->discovery, id, since);

	return state ? presence_of(state) : PH_PRESENCE_UNKNOWN;
}

static const char *on_watched_by(void *context, const char *id)
{
	struct ph_discover *discover = context;

	return ph_discovery_watched_by(discover->discovery, id);
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

struct ph_discovery_events discover_events(struct ph_discover *discover)
{
	return (struct ph_discovery_events){on_trust, on_locate, on_lined,
		on_carry, on_heard, on_unheard, on_moved, on_announced,
		discover};
}

void discover_listen(struct ph_discover *discover)
{
	struct ph_lines_events events = {.on_line = on_line,
		.on_located = on_located,
		.on_datagram = on_datagram,
		.on_announcement = on_announcement,
		.announcement = on_wanted,
		.known_epoch = on_known_epoch,
		.has_left = on_has_left,
		.presence = on_presence,
		.watched_by = on_watched_by,
		.on_ring = on_ring,
		.on_member = on_member,
		.describe = describe,
		.context = discover};

	on_ring(discover);
	on_menu_changed(discover);
	ph_lines_watch(discover->node->lines, &events);
	ph_hostess_set_menu_changed(
		discover->node->hostess, on_menu_changed, discover);
}
