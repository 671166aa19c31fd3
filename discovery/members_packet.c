/*
 * Datagrams: what comes in, and what goes out. What is to be sent waits as an
 * intent of a few bytes; the datagram is written when it is taken, so that it
 * carries the newest.
 */
#include "discovery/members_inner.h"

#include <string.h>

enum {
	WINDOW = 64 /* bits of a member's `seen` */
};

/* --- out --- */

uint32_t packet_sequence(struct ph_members *members, unsigned slot)
{
	do
		members->sequence += MEMBERS_PROBES;
	while (members->sequence < MEMBERS_PROBES);
	members->sequence -= members->sequence % MEMBERS_PROBES;
	return members->sequence | slot;
}

void packet_send_about(struct ph_members *members, uint8_t type, uint16_t to,
	uint32_t sequence, uint16_t target, uint8_t finding)
{
	uint32_t at =
		(members->send_first + members->send_count) % MEMBERS_SENDS;

	if (members->send_count == MEMBERS_SENDS)
		return; /* as if the network had lost it */
	members->send_count++;
	members->sends[at] = (struct intent){
		.sequence = sequence,
		.to = to,
		.target = target,
		.type = type,
		.finding = finding,
	};
}

void packet_send(struct ph_members *members, uint8_t type, uint16_t to,
	uint32_t sequence)
{
	packet_send_about(members, type, to, sequence, MEMBERS_NOBODY, 0);
}

void packet_drop(struct ph_members *members, uint16_t slot)
{
	for (uint32_t i = 0; i < members->send_count; i++) {
		struct intent *intent =
			&members->sends[(members->send_first + i) %
					MEMBERS_SENDS];

		if (intent->to == slot || intent->target == slot)
			intent->to = MEMBERS_NOBODY;
	}
}

static uint8_t held_as(const struct member *member)
{
	switch (member->state) {
	case PH_MEMBER_SUSPECT:
		return PH_SWIM_SUSPECT;
	case PH_MEMBER_DEAD:
		return PH_SWIM_DEAD;
	case PH_MEMBER_LEFT:
		return PH_SWIM_LEFT;
	default:
		return PH_SWIM_ALIVE;
	}
}

/* false: it has nothing to say. */
static bool packet_write(struct ph_members *members, int64_t now,
	const struct intent *intent, struct ph_members_send *out)
{
	const struct member *to = &members->slots[intent->to];
	struct ph_swim *swim = &out->swim;

	memcpy(out->to, to->id, PH_NODE_ID_BYTES);
	out->handle = to->handle;
	out->epoch = to->epoch;
	/* Not the records: only `count` of them are looked at. */
	memset(swim, 0, offsetof(struct ph_swim, records));
	swim->type = intent->type;
	swim->held = held_as(to);
	memcpy(swim->sender, members->config.self, PH_NODE_ID_BYTES);
	swim->epoch = members->config.epoch;
	swim->incarnation = members->incarnation;
	swim->sequence = intent->sequence;
	swim->known = to->incarnation;
	swim->finding = intent->finding;
	if (intent->target != MEMBERS_NOBODY)
		memcpy(swim->target, members->slots[intent->target].id,
			PH_NODE_ID_BYTES);
	rumour_pick(members, now, swim);
	/* News of nothing, unless it tells its receiver what is thought of it.
	 */
	return swim->type != PH_SWIM_NEWS || swim->count ||
	       swim->held != PH_SWIM_ALIVE;
}

bool ph_members_take_send(
	struct ph_members *members, int64_t now, struct ph_members_send *out)
{
	while (members->send_count) {
		const struct intent *intent =
			&members->sends[members->send_first];

		members->send_first = (members->send_first + 1) % MEMBERS_SENDS;
		members->send_count--;
		if (intent->to == MEMBERS_NOBODY ||
			(members->leaving && intent->type != PH_SWIM_NEWS))
			continue;
		if (packet_write(members, now, intent, out))
			return true;
	}
	return false;
}

/* --- in --- */

enum freshness {
	REPLAYED, /* not to be looked at */
	LATE,	  /* another overtook it, or it is asked again */
	FRESH
};

/*
 * Sequences of one sender in one epoch only grow, by 64 with each datagram. A
 * window remembers which of the newest came: who asks again repeats his ping
 * once, so it is answered twice and no more.
 */
static enum freshness freshness_of(
	struct member *member, const struct ph_swim *swim)
{
	uint32_t slots = MEMBERS_PROBES - 1;
	int32_t ahead = (int32_t)((swim->sequence & ~slots) -
				  (member->sequence & ~slots)) /
			MEMBERS_PROBES;
	uint64_t bit;

	if (!member->sequence_known || ahead > 0) {
		bool near = member->sequence_known && ahead < WINDOW;

		member->seen = near ? member->seen << ahead : 0;
		member->twice = near ? member->twice << ahead : 0;
		member->seen |= 1;
		member->sequence = swim->sequence;
		member->sequence_known = true;
		return FRESH;
	}
	if (ahead <= -WINDOW)
		return REPLAYED;
	bit = UINT64_C(1) << -ahead;
	if (member->seen & bit &&
		(swim->type != PH_SWIM_PING || member->twice & bit))
		return REPLAYED;
	member->twice |= member->seen & bit;
	member->seen |= bit;
	return LATE;
}

static void receive_ask(struct ph_members *members, int64_t now,
	struct member *sender, const struct ph_swim *swim)
{
	struct member *target = members_find(members, swim->target);

	if (target && target != sender)
		probe_for(members, now, target, members_slot(members, sender),
			swim->sequence);
}

static bool receive_report(struct ph_members *members, int64_t now,
	struct member *sender, const struct ph_swim *swim)
{
	struct member *target = members_find(members, swim->target);

	return target && probe_reported(members, now,
				 members_slot(members, sender), target, swim);
}

/* true: it answers what we asked. */
static bool receive_type(struct ph_members *members, int64_t now,
	struct member *sender, const struct ph_swim *swim)
{
	switch (swim->type) {
	case PH_SWIM_PING:
		packet_send(members, PH_SWIM_ACK, members_slot(members, sender),
			swim->sequence);
		return false;
	case PH_SWIM_ACK:
		return probe_acked(members, now, sender, swim->sequence);
	case PH_SWIM_ASK:
		receive_ask(members, now, sender, swim);
		return false;
	case PH_SWIM_REPORT:
		return receive_report(members, now, sender, swim);
	default:
		return false;
	}
}

/* What it says of itself, and of us. */
static void receive_header(struct ph_members *members, int64_t now,
	struct member *sender, const struct ph_swim *swim, bool fresh)
{
	judge_alive(members, now, sender, swim->epoch, swim->incarnation);
	sender->met = true;
	if (fresh) {
		judge_contact(members, now, sender, PH_MEMBER_BY_CONTACT);
		/* It speaks, so it can refute, if only it knew. */
		if (sender->state > PH_MEMBER_ALIVE &&
			swim->type != PH_SWIM_PING)
			packet_send(members, PH_SWIM_NEWS,
				members_slot(members, sender),
				packet_sequence(members, 0));
	}
	if (swim->held == PH_SWIM_SUSPECT || swim->held == PH_SWIM_DEAD)
		judge_told(
			members, now, swim->known, swim->held == PH_SWIM_DEAD);
}

static bool is_heeded(const struct ph_members *members,
	const struct member *sender, const struct ph_swim *swim)
{
	if (!sender || members->leaving || swim->epoch < sender->epoch)
		return false;
	return sender->state != PH_MEMBER_LEFT || swim->epoch > sender->epoch;
}

static bool receive(struct ph_members *members, int64_t now,
	const struct ph_swim *swim, bool carried)
{
	struct member *sender;
	enum freshness freshness;
	bool fresh;

	members_enter(members, now);
	sender = members_find(members, swim->sender);
	if (!is_heeded(members, sender, swim))
		return false;
	if (swim->epoch > sender->epoch)
		judge_alive(members, now, sender, swim->epoch, 0);
	/* Answers prove themselves by what they answer. */
	freshness = ph_swim_is_answer(swim->type) ? LATE
						  : freshness_of(sender, swim);
	if (freshness == REPLAYED) {
		if (carried && swim->type == PH_SWIM_PING)
			packet_send(members, PH_SWIM_ACK,
				members_slot(members, sender), swim->sequence);
		return false;
	}
	receive_header(members, now, sender, swim, freshness == FRESH);
	fresh = receive_type(members, now, sender, swim);
	/* Who sends one wrong signature is not worth checking another. */
	for (unsigned i = 0; i < swim->count; i++)
		if (!hearsay(members, now, &swim->records[i]))
			break;
	return fresh || freshness == FRESH;
}

bool ph_members_receive(
	struct ph_members *members, int64_t now, const struct ph_swim *swim)
{
	return receive(members, now, swim, false);
}

bool ph_members_receive_carried(
	struct ph_members *members, int64_t now, const struct ph_swim *swim)
{
	return receive(members, now, swim, true);
}

/* --- what the shell knows otherwise --- */

void ph_members_hint(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES], enum ph_member_hint hint)
{
	struct member *member = members_find(members, id);

	members_enter(members, now);
	if (!member || members->leaving)
		return;
	if (hint == PH_MEMBER_REFUSED)
		probe_refused(members, now, member);
	else if (member_takes_part(member))
		probe_hint(members, now, member);
}

void ph_members_heard(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES])
{
	struct member *member = members_find(members, id);

	members_enter(members, now);
	if (member && member->state != PH_MEMBER_LEFT)
		judge_contact(members, now, member, PH_MEMBER_BY_CONTACT);
}

void ph_members_goodbye(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES], uint64_t epoch)
{
	struct member *member = members_find(members, id);

	members_enter(members, now);
	if (member && member->epoch == epoch && member->state != PH_MEMBER_LEFT)
		judge_left(members, now, member);
}

/* --- events --- */

void members_event(struct ph_members *members, const struct member *member,
	int64_t now, enum ph_member_state from, enum ph_member_reason because,
	uint16_t by)
{
	struct ph_member_event *event;

	/* The oldest goes: who does not take them has the view. */
	if (members->event_count == MEMBERS_EVENTS) {
		members->event_first =
			(members->event_first + 1) % MEMBERS_EVENTS;
		members->event_count--;
	}
	event = &members->events[(members->event_first +
					 members->event_count++) %
				 MEMBERS_EVENTS];
	*event = (struct ph_member_event){
		.epoch = member->epoch,
		.at = now,
		.from = from,
		.to = member->state,
		.because = because,
		.handle = member->handle,
	};
	memcpy(event->id, member->id, PH_NODE_ID_BYTES);
	if (by < MEMBERS_SELF)
		memcpy(event->by, members->slots[by].id, PH_NODE_ID_BYTES);
}

bool ph_members_take_event(
	struct ph_members *members, struct ph_member_event *out)
{
	if (!members->event_count)
		return false;
	*out = members->events[members->event_first];
	members->event_first = (members->event_first + 1) % MEMBERS_EVENTS;
	members->event_count--;
	return true;
}
