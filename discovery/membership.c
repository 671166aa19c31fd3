#include "discovery/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/secret.h"

/* How often those who live are kept from ageing out of the table of
 * neighbours, and for how long: announcements of a crowd come rarely. */
#define KEEP_ALIVE_EVERY (10 * PH_SECOND)
#define KEEP_ALIVE_FOR	 (60 * PH_SECOND)
/* As long as what it said last is remembered, so that it is not heard again. */
#define GONE_FOR (24 * 3600 * PH_SECOND)

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

static int64_t now_of(const struct membership *membership)
{
	return ph_loop_now(membership->discovery->loop);
}

/*
 * The seam: signatures.
 */
static bool verify(
	void *context, const struct ph_swim_record *record, uint32_t handle)
{
	struct contact *accuser = contact_of(context, handle);
	uint8_t text[PH_SWIM_SIGNED];

	ph_swim_record_text(record, text);
	return accuser && ph_seal_verify(record->signature, accuser->key,
				  PH_SEAL_MEMBERSHIP, text, sizeof(text));
}

static void sign(void *context, struct ph_swim_record *record)
{
	struct membership *membership = context;
	uint8_t text[PH_SWIM_SIGNED];

	ph_swim_record_text(record, text);
	ph_seal_sign(record->signature, membership->discovery->signer,
		PH_SEAL_MEMBERSHIP, text, sizeof(text));
}

/*
 * Out.
 */
static void send_one(
	struct membership *membership, struct ph_members_send *send)
{
	struct ph_discovery *discovery = membership->discovery;
	struct contact *contact = contact_of(membership, send->handle);
	uint8_t bytes[PH_SWIM_MAX];
	size_t length;

	if (!contact || !discovery->ring_count)
		return;
	send->swim.ring = (uint32_t)discovery->ring[0].id;
	length = ph_swim_write(&send->swim, bytes);
	if (contact_seal(membership, contact, send->epoch, send->swim.ring,
		    bytes, length))
		return;
	if (contact_send(membership, contact,
		    send->swim.type == PH_SWIM_PING ||
			    send->swim.type == PH_SWIM_ASK,
		    bytes, length))
		membership->counted.sent++;
	else
		membership->counted.unsent++;
}

static const char *name_of(
	struct membership *membership, const uint8_t id[PH_NODE_ID_BYTES])
{
	static const uint8_t nobody[PH_NODE_ID_BYTES];
	struct contact *contact;

	if (!memcmp(id, nobody, sizeof(nobody)))
		return "";
	if (!memcmp(id, membership->discovery->self, PH_NODE_ID_BYTES))
		return membership->discovery->name;
	contact = contact_find(membership, id);
	return contact ? contact->name : "";
}

static void tell_event(
	struct membership *membership, const struct ph_member_event *event)
{
	struct ph_discovery *discovery = membership->discovery;
	struct contact *contact = contact_of(membership, event->handle);
	char id[PH_NODE_ID_TEXT];
	struct ph_discovery_move move = {.id = id_text(id, event->id),
		.name = contact ? contact->name : "",
		.epoch = event->epoch,
		.from = event->from == event->to
				? ""
				: ph_member_state_name(event->from),
		.to = ph_member_state_name(event->to),
		.because = ph_member_reason_text(event->because),
		.by = name_of(membership, event->by)};

	move.since = ph_clock_wall() - (now_of(membership) - event->at);
	if (contact) {
		contact->since = move.since;
		keep_soon(membership, contact);
	}
	ph_log_info("discovery",
		"member.state node=%s id=%.8s from=%s to=%s because=\"%s\"%s%s",
		move.name, id, move.from[0] ? move.from : "-", move.to,
		move.because, move.by[0] ? " by=" : "", move.by);
	discovery->events.moved(discovery->events.context, &move);
}

void membership_settle(struct membership *membership)
{
	struct ph_members_send send;
	struct ph_member_event event;
	int64_t due;

	while (ph_members_take_send(
		membership->members, now_of(membership), &send))
		send_one(membership, &send);
	while (ph_members_take_event(membership->members, &event))
		tell_event(membership, &event);
	due = ph_members_due(membership->members);
	if (due == INT64_MAX)
		ph_timer_stop(membership->discovery->loop, &membership->tick);
	else
		ph_timer_start(
			membership->discovery->loop, &membership->tick, due);
}

/* How late the timer came is how far behind the loop is: other servers' work,
 * or a host that has no time for us. */
static void tick_due(struct ph_timer *timer)
{
	struct membership *membership = MEMBER(timer, struct membership, tick);
	int64_t now = now_of(membership);

	ph_members_tick(membership->members, now, now - timer->due);
	membership_settle(membership);
}

static void keep_alive_due(struct ph_timer *timer)
{
	struct membership *membership =
		MEMBER(timer, struct membership, keep_alive);
	unsigned count = ph_members_count(membership->members);
	struct ph_member_view view;

	for (unsigned i = 0; i < count; i++) {
		ph_members_view(membership->members, i, &view);
		if (view.state == PH_MEMBER_ALIVE ||
			view.state == PH_MEMBER_SUSPECT)
			ph_neighbours_keep(membership->discovery->neighbours,
				view.id, now_of(membership) + KEEP_ALIVE_FOR);
	}
	membership_age_out(membership);
	ph_timer_start(membership->discovery->loop, timer,
		now_of(membership) + KEEP_ALIVE_EVERY);
}

/*
 * In.
 */
static int introduce(struct membership *membership, struct contact *contact,
	const struct ph_neighbour *neighbour)
{
	struct ph_member_introduction introduction = {.epoch = neighbour->epoch,
		.handle = contact->handle,
		.direct = neighbour->via.carrier != PH_HEARD_LINE};

	memcpy(introduction.id, neighbour->id, sizeof(introduction.id));
	return ph_members_introduce(
		membership->members, now_of(membership), &introduction);
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

static void neighbour_there(
	struct membership *membership, const struct ph_neighbour *neighbour)
{
	struct contact *contact = contact_room(membership, neighbour);
	struct ph_discovery_node node;
	struct view view;
	int error;

	if (!contact || view_of(membership->discovery, neighbour, &view, &node))
		return;
	contact_locate(membership, contact, &node);
	contact->direct = is_direct(neighbour);
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
		ph_members_goodbye(membership->members, now_of(membership),
			neighbour->id, neighbour->epoch);
	membership_settle(membership);
}

bool membership_hear(
	struct ph_discovery *discovery, const struct ph_udp_datagram *datagram)
{
	struct membership *membership = discovery->membership;
	uint8_t sender[PH_NODE_ID_BYTES];
	struct contact *contact;
	struct ph_swim swim;
	uint32_t ring;
	size_t length = datagram->length;
	int error = -ENOKEY;

	if (ph_swim_peek(sender, &ring, datagram->data, length))
		return false;
	membership->counted.received++;
	contact = contact_find(membership, sender);
	if (contact)
		error = contact_check(
			membership, contact, ring, datagram->data, length);
	if (error && error != -EBADMSG) {
		membership->counted.unknown++;
		return true;
	}
	if (error || ph_swim_read(&swim, datagram->data, length)) {
		membership->counted.forged++;
		return true;
	}
	if (ph_members_receive(membership->members, now_of(membership), &swim))
		contact_heard(contact, &datagram->from);
	else
		membership->counted.stale++;
	membership_settle(membership);
	return true;
}

void membership_refused(
	struct ph_discovery *discovery, const struct ph_udp_end *end)
{
	struct membership *membership = discovery->membership;

	for (struct contact *contact = membership->contacts; contact;
		contact = contact->hh.next)
		if (contact_refuses(contact, end))
			ph_members_hint(membership->members, now_of(membership),
				contact->id, PH_MEMBER_REFUSED);
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
			membership->members, now_of(membership), bytes);
	else if (contact)
		ph_members_hint(membership->members, now_of(membership), bytes,
			PH_MEMBER_LINE_BROKEN);
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

void membership_epoch(struct ph_discovery *discovery, uint64_t epoch)
{
	ph_members_set_epoch(discovery->membership->members, epoch);
}

uint64_t membership_epoch_of(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], bool *left)
{
	struct ph_member_view view;

	if (ph_members_find(discovery->membership->members, id, &view))
		return 0;
	*left = view.state == PH_MEMBER_LEFT;
	return view.epoch;
}

const char *membership_state(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, int64_t *since)
{
	struct membership *membership = discovery->membership;
	struct contact *contact = contact_find(membership, neighbour->id);
	struct ph_member_view view;

	if (contact &&
		!ph_members_find(membership->members, neighbour->id, &view)) {
		*since = contact->since;
		return ph_member_state_name(view.state);
	}
	*since = ph_clock_wall() -
		 (ph_loop_now(discovery->loop) - neighbour->since);
	return ph_member_state_name(PH_MEMBER_HEARD);
}

void membership_report(struct ph_discovery *discovery, struct ph_writer *writer)
{
	struct membership *membership = discovery->membership;

	ph_put_map(writer, "membership");
	for (unsigned i = PH_MEMBER_HEARD; i <= PH_MEMBER_LEFT; i++)
		ph_put_u64(writer,
			ph_member_state_name((enum ph_member_state)i),
			ph_members_in(
				membership->members, (enum ph_member_state)i));
	ph_put_u64(writer, "incarnation",
		ph_members_incarnation(membership->members));
	ph_put_u64(writer, "ill", ph_members_ill(membership->members));
	ph_put_u64(writer, "received", membership->counted.received);
	ph_put_u64(writer, "sent", membership->counted.sent);
	ph_put_u64(writer, "forged", membership->counted.forged);
	ph_put_u64(writer, "stale", membership->counted.stale);
	ph_put_u64(writer, "unknown", membership->counted.unknown);
	ph_put_u64(writer, "unsent", membership->counted.unsent);
	ph_write_end(writer);
}

void membership_describe(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], struct ph_writer *writer)
{
	struct membership *membership = discovery->membership;
	struct ph_member_view view;

	if (ph_members_find(membership->members, id, &view))
		return;
	ph_put_bool(writer, "stale", view.stale);
	ph_put_int(writer, "rtt_us", view.round_trip / PH_MICROSECOND);
	ph_put_u64(writer, "accusers", view.accusers);
}

/*
 * Life.
 */
int membership_open(struct ph_discovery *discovery)
{
	struct membership *membership = calloc(1, sizeof(*membership));
	struct ph_members_config config = {.epoch = discovery->own.epoch,
		.timers = ph_members_timers_default(),
		.seam = {membership, verify, sign}};
	int error;

	if (!membership)
		return -ENOMEM;
	memcpy(config.self, discovery->self, sizeof(config.self));
	ph_random(&config.seed, sizeof(config.seed));
	membership->discovery = discovery;
	membership->tick.on_due = tick_due;
	membership->keep_alive.on_due = keep_alive_due;
	error = ph_members_create(
		&membership->members, &config, ph_loop_now(discovery->loop));
	if (error) {
		free(membership);
		return error;
	}
	discovery->membership = membership;
	return 0;
}

void membership_start(struct ph_discovery *discovery)
{
	struct membership *membership = discovery->membership;

	keep_load(membership);
	ph_timer_start(discovery->loop, &membership->keep_alive,
		now_of(membership) + KEEP_ALIVE_EVERY);
	membership_settle(membership);
}

void membership_leave(struct ph_discovery *discovery)
{
	struct membership *membership = discovery->membership;

	if (membership->leaving)
		return;
	membership->leaving = true;
	keep_now(membership);
	ph_members_leave(membership->members, now_of(membership));
	membership_settle(membership);
}

void membership_close(struct ph_discovery *discovery)
{
	struct membership *membership = discovery->membership;
	struct contact *contact;
	struct contact *next;

	if (!membership)
		return;
	ph_timer_stop(discovery->loop, &membership->tick);
	ph_timer_stop(discovery->loop, &membership->keep_alive);
	keep_close(membership);
	HASH_ITER(hh, membership->contacts, contact, next)
	{
		contact_drop(membership, contact);
	}
	ph_members_destroy(membership->members);
	free(membership->table);
	free(membership);
}

unsigned ph_discovery_members(const struct ph_discovery *discovery)
{
	const struct ph_members *members = discovery->membership->members;

	return 1 + ph_members_in(members, PH_MEMBER_ALIVE) +
	       ph_members_in(members, PH_MEMBER_SUSPECT);
}
