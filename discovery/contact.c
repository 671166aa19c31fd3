#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/membership.h"
#include "kernel/bytes.h"
#include "proto/secret.h"

/* So many datagrams without a word from it: it may be somewhere else now. */
#define UNANSWERED_MOST 2u
/* Questions without an answer by a datagram, though others may come: something
 * between lets them, or the answers, not through. Already the second question
 * of a probe goes along the line, too, so that nobody is suspected for it. */
#define UNCARRIED_MOST 1u
/* Who never answered by a datagram is worth a line of its own after so many. */
#define UNLINED_MOST 4u
/* As long its answers go by the line, after a question that came so. */
#define LINE_FOR (5 * PH_SECOND)

struct contact *contact_find(
	struct membership *membership, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct contact *contact;

	HASH_FIND(hh, membership->contacts, id, PH_NODE_ID_BYTES, contact);
	return contact;
}

struct contact *contact_of(struct membership *membership, uint32_t handle)
{
	return handle < membership->table_size ? membership->table[handle]
					       : NULL;
}

/* A free place in the table, which grows to what the core may hold. */
static int take_handle(struct membership *membership, uint32_t *handle)
{
	uint32_t size = membership->table_size;
	struct contact **table;

	for (uint32_t i = 0; i < size; i++) {
		if (!membership->table[i]) {
			*handle = i;
			return 0;
		}
	}
	if (size >= PH_MEMBERS_MAX)
		return -ENOSPC;
	table = realloc(membership->table, (size + 32) * sizeof(*table));
	if (!table)
		return -ENOMEM;
	memset(table + size, 0, 32 * sizeof(*table));
	membership->table = table;
	membership->table_size = size + 32;
	*handle = size;
	return 0;
}

struct contact *contact_get(
	struct membership *membership, const struct ph_neighbour *neighbour)
{
	struct contact *contact = contact_find(membership, neighbour->id);
	uint32_t handle;

	if (contact) {
		memcpy(contact->name, neighbour->name, sizeof(contact->name));
		return contact;
	}
	if (take_handle(membership, &handle))
		return NULL;
	contact = calloc(1, sizeof(*contact));
	if (!contact)
		return NULL;
	contact->handle = handle;
	contact->since = ph_clock_wall();
	memcpy(contact->id, neighbour->id, sizeof(contact->id));
	memcpy(contact->key, neighbour->key, sizeof(contact->key));
	memcpy(contact->name, neighbour->name, sizeof(contact->name));
	membership->table[handle] = contact;
	HASH_ADD(hh, membership->contacts, id, PH_NODE_ID_BYTES, contact);
	return contact;
}

void contact_drop(struct membership *membership, struct contact *contact)
{
	HASH_DEL(membership->contacts, contact);
	membership->table[contact->handle] = NULL;
	ph_wipe(contact, sizeof(*contact));
	free(contact);
}

static void add_end(struct contact *contact, const struct ph_address *address)
{
	struct ph_udp_end end;

	if (contact->end_count == ENDS || ph_udp_parse(&end, address))
		return;
	for (unsigned i = 0; i < contact->end_count; i++)
		if (ph_udp_same(&contact->ends[i], &end))
			return;
	contact->ends[contact->end_count++] = end;
}

void contact_locate(struct membership *membership, struct contact *contact,
	const struct ph_discovery_node *node)
{
	struct ph_discovery *discovery = membership->discovery;
	struct ph_address address;
	char id[PH_NODE_ID_TEXT];

	contact->end_count = 0;
	contact->refused = 0;
	for (unsigned i = 0; node && i < node->address_count; i++)
		if (contact->end_count < ENDS - 1)
			add_end(contact, &node->addresses[i]);
	if (!discovery->events.locate(discovery->events.context,
		    id_text(id, contact->id), &address))
		add_end(contact, &address);
}

/* To wherever else it may be. */
static bool send_around(struct membership *membership, struct contact *contact,
	const uint8_t *data, size_t length)
{
	bool sent = false;

	if (!contact->end_count)
		contact_locate(membership, contact, NULL);
	for (unsigned i = 0; i < contact->end_count; i++)
		if (!contact->is_proven ||
			!ph_udp_same(&contact->ends[i], &contact->proven))
			sent |= !ph_datagrams_send(
				membership->discovery->datagrams,
				&contact->ends[i], false, data, length);
	return sent;
}

/* Where datagrams do not get through, those along the line do: a firewall is
 * no death. */
static bool carry(struct membership *membership, const struct contact *contact,
	const uint8_t *data, size_t length)
{
	const struct ph_discovery_events *events =
		&membership->discovery->events;
	bool dials = !contact->is_proven && contact->asked > UNLINED_MOST;
	char id[PH_NODE_ID_TEXT];

	return events->carry &&
	       events->carry(events->context, id_text(id, contact->id), dials,
		       data, length);
}

/* Answers go as the question came; all else as questions do. */
static bool takes_line(const struct membership *membership,
	const struct contact *contact, uint8_t type)
{
	return ph_swim_is_answer(type)
		       ? membership_now(membership) < contact->line_until
		       : contact->asked > UNCARRIED_MOST;
}

bool contact_send(struct membership *membership, struct contact *contact,
	uint8_t type, const uint8_t *data, size_t length)
{
	struct ph_datagrams *datagrams = membership->discovery->datagrams;
	const struct ph_udp_end *best = contact->is_proven ? &contact->proven
					: contact->direct && contact->end_count
						? &contact->ends[0]
						: NULL;
	unsigned most = contact->is_proven ? UNANSWERED_MOST : 1;
	bool fresh = contact->is_proven && !contact->unanswered;
	bool sent = best &&
		    !ph_datagrams_send(datagrams, best, fresh, data, length);

	contact->unanswered += ph_swim_is_question(type);
	contact->asked += ph_swim_is_question(type);
	if (takes_line(membership, contact, type) &&
		carry(membership, contact, data, length)) {
		sent = true;
		/* Who asks along a line does not have us answer elsewhere. */
		if (ph_swim_is_answer(type))
			return true;
	}
	if (sent && contact->unanswered <= most)
		return true;
	return send_around(membership, contact, data, length) || sent;
}

/* Where its datagrams come from; as long as there was none, at all places where
 * it may be. */
bool contact_refuses(struct contact *contact, const struct ph_udp_end *end)
{
	if (contact->is_proven)
		return ph_udp_same(&contact->proven, end);
	for (unsigned i = 0; i < contact->end_count; i++)
		if (ph_udp_same(&contact->ends[i], end))
			contact->refused |= 1u << i;
	if (!contact->end_count ||
		contact->refused != (1u << contact->end_count) - 1)
		return false;
	contact->refused = 0;
	return true;
}

/* While it answers where it is, a datagram from elsewhere (it may have been
 * taken and sent on by somebody) moves nothing. */
void contact_heard(
	struct contact *contact, const struct ph_udp_end *from, uint8_t type)
{
	if (!contact->is_proven || contact->unanswered > UNANSWERED_MOST) {
		contact->proven = *from;
		contact->is_proven = true;
	}
	contact->unanswered = 0;
	if (!ph_swim_is_answer(type))
		return;
	contact->asked = 0;
	contact->by_line = false;
}

void contact_carried(struct membership *membership, struct contact *contact,
	const struct ph_swim *swim, bool fresh)
{
	if (fresh) {
		contact->line_sequence = swim->sequence;
		contact->by_line |= ph_swim_is_answer(swim->type);
	}
	if (ph_swim_is_question(swim->type))
		contact->line_until = membership_now(membership) + LINE_FOR;
}

bool contact_overtaken(struct contact *contact, const struct ph_swim *swim,
	const struct ph_udp_end *from)
{
	bool known = contact->is_proven && ph_udp_same(&contact->proven, from);

	if (!contact->line_sequence || swim->sequence != contact->line_sequence)
		return false;
	for (unsigned i = 0; i < contact->end_count; i++)
		known |= ph_udp_same(&contact->ends[i], from);
	if (known)
		contact->line_sequence = 0;
	return known;
}

/* The key of datagrams between us. */
static int link_key(struct membership *membership, struct contact *contact,
	uint32_t ring, uint8_t link[PH_SEAL_KEY])
{
	struct ph_discovery *discovery = membership->discovery;

	if (!contact->paired &&
		ph_seal_pair(contact->pair, discovery->signer, contact->key))
		return -EKEYREJECTED;
	contact->paired = true;
	for (size_t i = 0; i < discovery->ring_count; i++) {
		if ((uint32_t)discovery->ring[i].id != ring)
			continue;
		ph_seal_link(link, contact->pair, discovery->ring[i].key);
		return 0;
	}
	return -ENOKEY;
}

/* The MAC is of the datagram and, in the MAC's place, of the epoch of whom it
 * is for: another start of his is somebody else. */
static void place_epoch(uint8_t *bytes, size_t length, uint64_t epoch)
{
	uint8_t *place = bytes + length - PH_SWIM_MAC;

	memset(place, 0, PH_SWIM_MAC);
	ph_store64(place, epoch);
}

int contact_seal(struct membership *membership, struct contact *contact,
	uint64_t epoch, uint32_t ring, uint8_t *bytes, size_t length)
{
	uint8_t link[PH_SEAL_KEY];
	uint8_t mac[PH_SWIM_MAC];
	int error = link_key(membership, contact, ring, link);

	if (error)
		return error;
	place_epoch(bytes, length, epoch);
	ph_seal_mac(mac, link, PH_SEAL_MEMBERSHIP, bytes, length);
	memcpy(bytes + length - PH_SWIM_MAC, mac, sizeof(mac));
	ph_wipe(link, sizeof(link));
	return 0;
}

int contact_check(struct membership *membership, struct contact *contact,
	uint32_t ring, const uint8_t *data, size_t length)
{
	uint8_t bytes[PH_SWIM_MAX];
	uint8_t link[PH_SEAL_KEY];
	int error = length > sizeof(bytes)
			    ? -EBADMSG
			    : link_key(membership, contact, ring, link);

	if (error)
		return error;
	memcpy(bytes, data, length);
	place_epoch(bytes, length, membership->discovery->own.epoch);
	if (!ph_seal_mac_check(data + length - PH_SWIM_MAC, link,
		    PH_SEAL_MEMBERSHIP, bytes, length))
		error = -EBADMSG;
	ph_wipe(link, sizeof(link));
	return error;
}
