#include "discovery/membership.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"

/* What comes in to the core of membership: announcements, datagrams, and what
 * lines and the system say of who is where. */

/* As long as what it said last is remembered, so that it is not heard again. */
#define GONE_FOR (24 * 3600 * PH_SECOND)

static int introduce(struct membership *membership, struct contact *contact,
	const struct ph_neighbour *neighbour)
{
	struct ph_member_introduction introduction = {.epoch = neighbour->epoch,
		.handle = contact->handle,
		.direct = neighbour->via.carrier != PH_HEARD_LINE};

	memcpy(introduction.id, neighbour->id, sizeof(introduction.id));
	return ph_members_introduce(
		membership->members, membership_now(membership), &introduction);
}

static void forget(struct membership *membership, struct contact *contact)
{
	ph_members_forget(membership->members, contact->id);
	keep_drop(membership, contact);
	contact_drop(membership, contact);
}

/* Room for somebody new: who is gone for the longest is forgotten; those that
 * are there never. */
static bool make_room(struct membership *membership)
{
	uint8_t id[PH_NODE_ID_BYTES];
	struct contact *contact;

	if (ph_members_gone(membership->members, id))
		return false;
	contact = contact_find(membership, id);
	if (contact)
		forget(membership, contact);
	else
		ph_members_forget(membership->members, id);
	return true;
}

/* Found or made, with room made for it. */
static struct contact *contact_room(
	struct membership *membership, const struct ph_neighbour *neighbour)
{
	struct contact *contact = contact_get(membership, neighbour);

	if (!contact && make_room(membership))
		contact = contact_get(membership, neighbour);
	return contact;
}

void membership_age_out(struct membership *membership)
{
	int64_t now = ph_clock_wall();
	struct contact *contact, *next;
	struct ph_member_view view;

	HASH_ITER(hh, membership->contacts, contact, next)
	{
		if (now - contact->since > GONE_FOR &&
			!ph_members_find(
				membership->members, contact->id, &view) &&
			(view.state == PH_MEMBER_DEAD ||
				view.state == PH_MEMBER_LEFT))
			forget(membership, contact);
	}
}

/* Whence it came is where it is, and the first of its addresses. */
static bool is_direct(const struct ph_neighbour *neighbour)
{
	return neighbour->via.carrier == PH_HEARD_IPV4 ||
	       neighbour->via.carrier == PH_HEARD_UNICAST;
}

/* Who is reached by ws alone, or reaches others so, has no place for datagrams:
 * nobody asks it, its line tells whether it lives. */
static bool takes_part(
	const struct membership *membership, const struct contact *contact)
{
	return contact->end_count &&
	       ph_datagrams_are_bound(membership->discovery->datagrams);
}

/* Whom membership cannot ask leaves, too ("left"), and is back (""): then its
 * line tells. */
static void unasked_moved(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, const char *to)
{
	char id[PH_NODE_ID_TEXT];
	struct ph_discovery_move move = {.id = id_text(id, neighbour->id),
		.name = neighbour->name,
		.epoch = neighbour->epoch,
		.from = "",
		.to = to,
		.because = ph_member_reason_text(PH_MEMBER_BY_GOODBYE),
		.by = "",
		.since = ph_clock_wall()};

	discovery->events.moved(discovery->events.context, &move);
}

static void neighbour_there(
	struct membership *membership, const struct ph_neighbour *neighbour)
{
	struct contact *contact = contact_room(membership, neighbour);
	struct ph_discovery_node node;
	struct ph_member_view known;
	struct view view;
	int error;

	if (!contact || view_of(membership->discovery, neighbour, &view, &node))
		return;
	contact_locate(membership, contact, &node);
	contact->direct = is_direct(neighbour);
	if (!takes_part(membership, contact)) {
		if (!ph_members_find(membership->members, contact->id, &known))
			forget(membership, contact);
		else
			contact_drop(membership, contact);
		unasked_moved(membership->discovery, neighbour, "");
		return;
	}
	error = introduce(membership, contact, neighbour);
	if (error) {
		ph_log_warn("discovery",
			"member.refused node=%s because=\"%s\"", contact->name,
			strerror(-error));
		contact_drop(membership, contact);
	} else {
		keep_soon(membership, contact);
	}
}

static void neighbour_left(
	struct membership *membership, const struct ph_neighbour *neighbour)
{
	if (contact_find(membership, neighbour->id))
		ph_members_goodbye(membership->members,
			membership_now(membership), neighbour->id,
			neighbour->epoch);
	else
		unasked_moved(membership->discovery, neighbour,
			ph_member_state_name(PH_MEMBER_LEFT));
}

void membership_neighbour(
	struct ph_discovery *discovery, const struct ph_neighbour_event *event)
{
	struct membership *membership = discovery->membership;
	const struct ph_neighbour *neighbour = event->neighbour;

	if (neighbour->standing != PH_MEMBER)
		return;
	if (event->kind == PH_NEIGHBOUR_NEW ||
		event->kind == PH_NEIGHBOUR_CHANGED)
		neighbour_there(membership, neighbour);
	else if (event->kind == PH_NEIGHBOUR_GONE &&
		 event->reason == PH_GONE_GOODBYE)
		neighbour_left(membership, neighbour);
	membership_settle(membership);
}

/* Whom it is of, and what it says; NULL: nobody's. */
static struct contact *datagram_open(struct membership *membership,
	struct ph_swim *swim, const uint8_t sender[PH_NODE_ID_BYTES],
	uint32_t ring, const uint8_t *data, size_t length)
{
	struct contact *contact = contact_find(membership, sender);
	int error = -ENOKEY;

	membership->counted.received++;
	if (contact)
		error = contact_check(membership, contact, ring, data, length);
	if (error && error != -EBADMSG) {
		membership->counted.unknown++;
		return NULL;
	}
	if (error || ph_swim_read(swim, data, length)) {
		membership->counted.forged++;
		return NULL;
	}
	return contact;
}

bool membership_hear(
	struct ph_discovery *discovery, const struct ph_udp_datagram *datagram)
{
	struct membership *membership = discovery->membership;
	uint8_t sender[PH_NODE_ID_BYTES];
	struct contact *contact;
	struct ph_swim swim;
	uint32_t ring;

	if (ph_swim_peek(sender, &ring, datagram->data, datagram->length))
		return false;
	contact = datagram_open(membership, &swim, sender, ring, datagram->data,
		datagram->length);
	if (!contact)
		return true;
	/* What overtook it along the line says nothing against the way. */
	if (ph_members_receive(
		    membership->members, membership_now(membership), &swim) ||
		contact_overtaken(contact, &swim, &datagram->from))
		contact_heard(contact, &datagram->from, swim.type);
	else
		membership->counted.stale++;
	membership_settle(membership);
	return true;
}

void ph_discovery_carried(struct ph_discovery *discovery, const char *teller,
	const uint8_t *data, size_t length)
{
	struct membership *membership = discovery->membership;
	uint8_t sender[PH_NODE_ID_BYTES], id[PH_NODE_ID_BYTES];
	struct contact *contact;
	struct ph_swim swim;
	uint32_t ring;
	bool fresh;

	if (id_read(id, teller) || ph_swim_peek(sender, &ring, data, length) ||
		memcmp(id, sender, sizeof(id)) != 0)
		return;
	contact = datagram_open(membership, &swim, sender, ring, data, length);
	if (!contact)
		return;
	fresh = ph_members_receive_carried(
		membership->members, membership_now(membership), &swim);
	membership->counted.stale += !fresh;
	contact_carried(membership, contact, &swim, fresh);
	membership_settle(membership);
}

static bool is_lined(
	const struct membership *membership, const struct contact *contact)
{
	const struct ph_discovery_events *events =
		&membership->discovery->events;
	char id[PH_NODE_ID_TEXT];

	return events->lined &&
	       events->lined(events->context, id_text(id, contact->id));
}

void membership_refused(
	struct ph_discovery *discovery, const struct ph_udp_end *end)
{
	struct membership *membership = discovery->membership;

	for (struct contact *contact = membership->contacts; contact;
		contact = contact->hh.next)
		/* Whose line stands lives: a firewall refuses for it. */
		if (contact_refuses(contact, end) &&
			!is_lined(membership, contact))
			ph_members_hint(membership->members,
				membership_now(membership), contact->id,
				PH_MEMBER_REFUSED);
	membership_settle(membership);
}

void ph_discovery_line(struct ph_discovery *discovery, const char *id, bool up)
{
	struct membership *membership = discovery->membership;
	const struct ph_neighbour *neighbour;
	struct contact *contact;
	uint8_t bytes[PH_NODE_ID_BYTES];

	if (id_read(bytes, id))
		return;
	contact = contact_find(membership, bytes);
	neighbour = ph_neighbours_find(discovery->neighbours, bytes);
	if (contact && neighbour && up)
		neighbour_there(membership, neighbour);
	if (contact && up)
		ph_members_heard(
			membership->members, membership_now(membership), bytes);
	else if (contact)
		ph_members_hint(membership->members, membership_now(membership),
			bytes, PH_MEMBER_LINE_BROKEN);
	membership_settle(membership);
}

void ph_discovery_located(struct ph_discovery *discovery, const char *id)
{
	struct membership *membership = discovery->membership;
	const struct ph_neighbour *neighbour;
	uint8_t bytes[PH_NODE_ID_BYTES];

	if (id_read(bytes, id) || contact_find(membership, bytes))
		return;
	neighbour = ph_neighbours_find(discovery->neighbours, bytes);
	if (!neighbour || neighbour->standing != PH_MEMBER)
		return;
	neighbour_there(membership, neighbour);
	membership_settle(membership);
}

void membership_forget(
	struct ph_discovery *discovery, const uint8_t id[PH_NODE_ID_BYTES])
{
	struct membership *membership = discovery->membership;
	struct contact *contact = contact_find(membership, id);

	ph_members_forget(membership->members, id);
	if (!contact)
		return;
	keep_drop(membership, contact);
	contact_drop(membership, contact);
	membership_settle(membership);
}
