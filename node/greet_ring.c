#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"
#include "proto/secret.h"

/* The mesh's keyring and its revoked keys, as greetings and news carry them. */
#define GREET_REVOKED 256u

void greet_write_ring(struct ph_writer *writer, struct ph_node *node)
{
	struct ph_ring_key ring[PH_TRUST_RING];
	size_t count = ph_trust_ring(node->trust, ring);

	if (ph_trust_ring_is_own(node->trust))
		count = 0;
	ph_put_list(writer, "keys");
	for (size_t i = 0; i < count; i++) {
		ph_write_map(writer);
		ph_put_u64(writer, "id", ring[i].id);
		ph_put_bytes(writer, "key", ring[i].key, PH_RING_KEY);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_wipe(ring, sizeof(ring));
}

/* A revocation must reach everybody; the newest matter most. */
void greet_write_revoked(struct ph_writer *writer, struct ph_node *node)
{
	struct ph_revoked revoked;
	size_t count = 0;

	while (ph_trust_revoked_at(node->trust, count, &revoked))
		count++;
	ph_put_list(writer, "revoked");
	for (size_t i = count > GREET_REVOKED ? count - GREET_REVOKED : 0;
		ph_trust_revoked_at(node->trust, i, &revoked); i++)
		ph_write_bytes(writer, revoked.key, PH_PUBLIC_KEY);
	ph_write_end(writer);
}

static void ring_changed(struct ph_lines *lines)
{
	news_of_ring(lines);
	lines_save_trust(lines);
	if (lines->events.on_ring)
		lines->events.on_ring(lines->events.context);
}

/* Nobody has one to give: this node's own is the mesh's from now on. */
static void give_own_ring(struct ph_lines *lines)
{
	if (!ph_trust_ring_is_own(lines->node->trust))
		return;
	ph_trust_ring_give(lines->node->trust);
	news_of_ring(lines);
	lines_save_trust(lines);
}

void greet_hear_no_ring(struct peer *teller)
{
	struct ph_lines *lines = teller->dialling.lines;

	if (strcmp(lines->node->id, teller->id) < 0)
		give_own_ring(lines);
}

void greet_hear_ring(struct peer *teller, struct ph_value list)
{
	struct ph_lines *lines = teller->dialling.lines;
	bool changed = false;

	if (!teller->line)
		return;
	/* The lowest id is current: who may say one chooses the mesh's key. */
	if (ph_line_caller(teller->line)->role < PH_ROLE_EXEC) {
		/* Then it may take ours. */
		if (ph_value_count(list))
			give_own_ring(lines);
		return;
	}
	for (size_t i = 0; i < ph_value_count(list) && i < 8; i++) {
		struct ph_value entry = ph_value_at(list, i);
		struct ph_ring_key key = {.id = ph_get_u64(entry, "id")};
		size_t length;
		const uint8_t *bytes =
			ph_value_bytes(ph_value_get(entry, "key"), &length);

		if (length != PH_RING_KEY)
			continue;
		memcpy(key.key, bytes, PH_RING_KEY);
		changed |= ph_trust_ring_merge(lines->node->trust, &key);
		ph_wipe(&key, sizeof(key));
	}
	if (changed)
		ring_changed(lines);
}

/* Only who may run programs here anyway is believed about others' keys. */
void greet_hear_revoked(struct peer *peer, struct ph_value list)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct ph_error error;
	char text[2 * PH_PUBLIC_KEY + 1];

	if (!peer->line || ph_line_caller(peer->line)->role < PH_ROLE_EXEC)
		return;
	for (size_t i = 0; i < ph_value_count(list) && i < GREET_REVOKED; i++) {
		size_t length;
		const uint8_t *key =
			ph_value_bytes(ph_value_at(list, i), &length);

		if (length != PH_PUBLIC_KEY ||
			ph_trust_is_revoked(lines->node->trust, key))
			continue;
		for (size_t k = 0; k < length; k++)
			snprintf(text + 2 * k, 3, "%02x", key[k]);
		if (mesh_revoke(lines, text, &error))
			ph_log_warn("mesh", "revoke.unheard because=\"%s\"",
				error.what);
	}
}
