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

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

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
	if (contact_send(membership, contact, send->swim.type, bytes, length))
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

	move.since = ph_clock_wall() - (membership_now(membership) - event->at);
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
		membership->members, membership_now(membership), &send))
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
	int64_t now = membership_now(membership);

	ph_members_tick(membership->members, now, now - timer->due);
	membership_settle(membership);
}

/* Whom membership cannot ask, but who has a line. */
static void keep_lined(struct membership *membership)
{
	struct ph_discovery *discovery = membership->discovery;
	const struct ph_neighbour *neighbour = NULL;
	char id[PH_NODE_ID_TEXT];

	if (!discovery->events.lined)
		return;
	while ((neighbour =
			ph_neighbours_walk(discovery->neighbours, neighbour)))
		if (neighbour->standing == PH_MEMBER &&
			!contact_find(membership, neighbour->id) &&
			discovery->events.lined(discovery->events.context,
				id_text(id, neighbour->id)))
			ph_neighbours_keep(discovery->neighbours, neighbour->id,
				membership_now(membership) + KEEP_ALIVE_FOR);
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
				view.id,
				membership_now(membership) + KEEP_ALIVE_FOR);
	}
	keep_lined(membership);
	membership_age_out(membership);
	ph_timer_start(membership->discovery->loop, timer,
		membership_now(membership) + KEEP_ALIVE_EVERY);
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
		membership_now(membership) + KEEP_ALIVE_EVERY);
	membership_settle(membership);
}

void membership_epoch(struct ph_discovery *discovery, uint64_t epoch)
{
	ph_members_set_epoch(discovery->membership->members, epoch);
}

void membership_leave(struct ph_discovery *discovery)
{
	struct membership *membership = discovery->membership;

	if (membership->leaving)
		return;
	membership->leaving = true;
	keep_now(membership);
	ph_members_leave(membership->members, membership_now(membership));
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
