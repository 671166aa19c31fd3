/*
 * Asking. A probe is a slot of a table of 64; its number is in the low bits of
 * the sequence, so an answer finds it without a search.
 *
 *   periodic   ping --timeout--> ping again, ask three --all reported or the
 *              period is over--> silence
 *   hint       begins with the second step
 *   greet      ping; no answer means nothing
 *   favour     ping, half a timeout, ping, half a timeout: report
 */
#include "discovery/members_inner.h"

enum {
	ALONE_REFUSALS = 2
};

void probe_ill(struct ph_members *members, int by)
{
	int ill = members->ill + by;

	ill = ill < 0 ? 0 : ill;
	members->ill = (uint8_t)(ill > MEMBERS_ILL ? MEMBERS_ILL : ill);
	if (by < 0)
		members->period_next = members_least(members->period_next,
			members->period_begun + members->config.timers.period *
							(members->ill + 1));
}

/* --- time --- */

static int64_t timeout_of(
	const struct ph_members *members, const struct member *member)
{
	const struct ph_members_timers *timers = &members->config.timers;
	int64_t time = timers->timeout_most;

	if (member->trip)
		time = (member->trip + INT64_C(4) * member->swing) *
		       PH_MICROSECOND;
	else if (members->trip)
		time = (members->trip + INT64_C(4) * members->swing) *
		       PH_MICROSECOND;
	time = members_most(time, timers->timeout_least);
	time = members_least(time, timers->timeout_most);
	return time * (members->ill + 1) +
	       members_least(members->lag, timers->timeout_most);
}

/* RFC 6298, 2. */
static void trip_learn(uint32_t *trip, uint32_t *swing, uint32_t sample)
{
	uint32_t off = sample > *trip ? sample - *trip : *trip - sample;

	if (!*trip) {
		*trip = sample;
		*swing = sample / 2;
		return;
	}
	*swing += off / 4;
	*swing -= *swing / 4;
	*trip += sample / 8;
	*trip -= *trip / 8;
}

static void trip_sample(
	struct ph_members *members, struct member *member, int64_t time)
{
	uint32_t sample = (uint32_t)(members_least(time, 10 * PH_SECOND) /
				     PH_MICROSECOND) +
			  1;

	trip_learn(&member->trip, &member->swing, sample);
	trip_learn(&members->trip, &members->swing, sample);
}

/* --- slots --- */

static void probe_end(struct ph_members *members, struct probe *probe)
{
	members->probing &= ~(UINT64_C(1) << (probe - members->probes));
	if (probe->kind == PROBE_FAVOUR)
		members->favours--;
}

static bool is_own(const struct probe *probe)
{
	return probe->kind == PROBE_PERIODIC || probe->kind == PROBE_HINT;
}

/* The next used one from `at` on. */
static struct probe *probe_from(struct ph_members *members, unsigned at)
{
	uint64_t rest = at < MEMBERS_PROBES ? members->probing >> at << at : 0;

	return rest ? &members->probes[__builtin_ctzll(rest)] : NULL;
}

static struct probe *probe_next(
	struct ph_members *members, const struct probe *probe)
{
	return probe_from(members, (unsigned)(probe - members->probes) + 1);
}

struct probe *probe_own(struct ph_members *members, uint16_t target)
{
	struct probe *probe = probe_from(members, 0);

	while (probe && !(probe->target == target && is_own(probe)))
		probe = probe_next(members, probe);
	return probe;
}

static void probe_ping(
	struct ph_members *members, int64_t now, struct probe *probe)
{
	probe->again = probe->pinged != 0;
	probe->pinged = now;
	packet_send(members, PH_SWIM_PING, probe->target, probe->sequence);
}

/* NULL: as many as can be are under way. */
struct probe *probe_begin(struct ph_members *members, int64_t now,
	uint16_t target, enum probe_kind kind)
{
	uint64_t free = ~members->probing;
	unsigned slot;
	struct probe *probe;

	if (!free)
		return NULL;
	slot = (unsigned)__builtin_ctzll(free);
	probe = &members->probes[slot];
	*probe = (struct probe){
		.begun = now,
		.target = target,
		.kind = (uint8_t)kind,
		.sequence = packet_sequence(members, slot),
	};
	members->probing |= UINT64_C(1) << slot;
	probe_ping(members, now, probe);
	probe->deadline = now + timeout_of(members, &members->slots[target]);
	return probe;
}

void probe_drop(struct ph_members *members, uint16_t slot)
{
	for (struct probe *probe = probe_from(members, 0); probe;
		probe = probe_next(members, probe))
		if (probe->target == slot ||
			(probe->kind == PROBE_FAVOUR && probe->favour == slot))
			probe_end(members, probe);
}

void probe_drop_all(struct ph_members *members)
{
	members->probing = 0;
	members->favours = 0;
}

int64_t probe_due(const struct ph_members *members)
{
	int64_t due = INT64_MAX;

	for (uint64_t rest = members->probing; rest; rest &= rest - 1)
		due = members_least(
			due, members->probes[__builtin_ctzll(rest)].deadline);
	return due;
}

/* --- steps --- */

static void probe_escalate(
	struct ph_members *members, int64_t now, struct probe *probe)
{
	const struct ph_members_timers *timers = &members->config.timers;
	struct member *member = &members->slots[probe->target];

	probe->escalated = true;
	if (probe->pinged != now)
		probe_ping(members, now, probe);
	probe->asked = (uint8_t)members_pick(members, probe->relays,
		MEMBERS_RELAYS, probe->target, PH_MEMBER_ALIVE);
	for (unsigned i = 0; i < probe->asked; i++)
		packet_send_about(members, PH_SWIM_ASK, probe->relays[i],
			probe->sequence, probe->target, 0);
	probe->deadline =
		members_most(probe->begun + timers->period * (members->ill + 1),
			now + 2 * timeout_of(members, member));
}

void probe_hint(struct ph_members *members, int64_t now, struct member *member)
{
	uint16_t slot = members_slot(members, member);
	struct probe *probe = probe_own(members, slot);

	if (!probe)
		probe = probe_begin(members, now, slot, PROBE_HINT);
	if (probe && !probe->escalated)
		probe_escalate(members, now, probe);
}

void probe_for(struct ph_members *members, int64_t now, struct member *member,
	uint16_t favour, uint32_t favour_sequence)
{
	struct probe *probe;

	if (members->favours == MEMBERS_FAVOURS)
		return;
	probe = probe_begin(
		members, now, members_slot(members, member), PROBE_FAVOUR);
	if (!probe)
		return;
	members->favours++;
	probe->favour = favour;
	probe->favour_sequence = favour_sequence;
	probe->deadline = now + (probe->deadline - now) / 2;
}

static void favour_report(struct ph_members *members, struct probe *probe,
	enum ph_swim_finding finding)
{
	packet_send_about(members, PH_SWIM_REPORT, probe->favour,
		probe->favour_sequence, probe->target, (uint8_t)finding);
	probe_end(members, probe);
}

/* Nobody got an answer. Missing reports are our own network's fault. */
static void probe_failed(
	struct ph_members *members, int64_t now, struct probe *probe)
{
	struct member *member = &members->slots[probe->target];
	int missing = probe->asked - probe->answered;

	probe_end(members, probe);
	probe_ill(members, probe->asked ? missing : 1);
	judge_silence(members, now, member);
}

static void probe_expired(
	struct ph_members *members, int64_t now, struct probe *probe)
{
	struct member *member = &members->slots[probe->target];

	switch (probe->kind) {
	case PROBE_GREET:
		probe_end(members, probe);
		return;
	case PROBE_FAVOUR:
		if (!probe->again) {
			probe_ping(members, now, probe);
			probe->deadline = now + (now - probe->begun);
			return;
		}
		member->silent = now;
		favour_report(members, probe, PH_SWIM_SILENT);
		return;
	default:
		if (probe->escalated)
			probe_failed(members, now, probe);
		else
			probe_escalate(members, now, probe);
	}
}

void probe_deadlines(struct ph_members *members, int64_t now)
{
	for (struct probe *probe = probe_from(members, 0); probe;
		probe = probe_next(members, probe))
		if (now >= probe->deadline)
			probe_expired(members, now, probe);
}

/* --- answers --- */

bool probe_acked(struct ph_members *members, int64_t now, struct member *member,
	uint32_t sequence)
{
	unsigned slot = sequence % MEMBERS_PROBES;
	struct probe *probe = &members->probes[slot];

	if (!sequence || probe->sequence != sequence ||
		probe->target != members_slot(members, member))
		return false;
	probe->sequence = 0; /* the same ack a second time proves nothing */
	if (!probe->again)
		trip_sample(members, member, now - probe->pinged);
	if (members->probing >> slot & 1) {
		if (probe->kind == PROBE_FAVOUR) {
			favour_report(members, probe, PH_SWIM_ANSWERED);
		} else {
			probe_ill(members, -1);
			probe_end(members, probe);
		}
	}
	judge_contact(members, now, member, PH_MEMBER_BY_CONTACT);
	return true;
}

/* Whether enough agree that its host refuses it. A lone witness asks twice. */
static void refusals_judge(
	struct ph_members *members, int64_t now, struct probe *probe)
{
	uint32_t witnesses = members_size(members) - 1;
	uint32_t agree = probe->refusals + (probe->refused ? 1u : 0u);

	if (witnesses == 1 ? probe->refused < ALONE_REFUSALS
			   : agree < members_least(witnesses, 3))
		return;
	probe_end(members, probe);
	judge_refused(members, now, &members->slots[probe->target]);
}

static int report_index(const struct probe *probe, uint16_t relay)
{
	for (int i = 0; i < probe->asked; i++)
		if (probe->relays[i] == relay && !(probe->reported >> i & 1))
			return i;
	return -1;
}

bool probe_reported(struct ph_members *members, int64_t now, uint16_t relay,
	struct member *member, const struct ph_swim *swim)
{
	unsigned slot = swim->sequence % MEMBERS_PROBES;
	struct probe *probe = &members->probes[slot];
	int index;

	if (!(members->probing >> slot & 1) || !is_own(probe) ||
		probe->sequence != swim->sequence ||
		probe->target != members_slot(members, member))
		return false;
	index = report_index(probe, relay);
	if (index < 0)
		return false;
	probe->reported |= (uint8_t)(1 << index);
	probe->answered++;
	if (swim->finding == PH_SWIM_ANSWERED) {
		probe_ill(members, -1);
		probe_end(members, probe);
		judge_contact(members, now, member, PH_MEMBER_BY_CONTACT);
		return true;
	}
	if (probe->answered == probe->asked)
		probe->deadline = members_least(probe->deadline,
			probe->pinged + timeout_of(members, member));
	if (swim->finding == PH_SWIM_REFUSED) {
		probe->refusals++;
		refusals_judge(members, now, probe);
	}
	return true;
}

/* Those that are for others, or only greet, are over; our own goes on. */
static void refused_end(
	struct ph_members *members, int64_t now, struct member *member)
{
	uint16_t slot = members_slot(members, member);

	for (struct probe *probe = probe_from(members, 0); probe;
		probe = probe_next(members, probe)) {
		if (probe->target != slot)
			continue;
		/* Each ping is refused once: what comes more often was made
		 * up. */
		if (!is_own(probe) || !probe->refused ||
			probe->pinged > probe->refused_at)
			member->refused_at = now;
		if (is_own(probe))
			continue;
		if (probe->kind == PROBE_FAVOUR)
			favour_report(members, probe, PH_SWIM_REFUSED);
		else
			probe_end(members, probe);
	}
}

void probe_refused(
	struct ph_members *members, int64_t now, struct member *member)
{
	uint16_t slot = members_slot(members, member);
	struct probe *own;

	refused_end(members, now, member);
	if (!member_takes_part(member) ||
		hearsay_confirmed(members, now, member))
		return;
	own = probe_own(members, slot);
	if (!own) {
		probe_hint(members, now, member);
		own = probe_own(members, slot);
	}
	if (!own)
		return;
	if (own->refused && own->pinged <= own->refused_at)
		return;
	own->refused++;
	own->refused_at = now;
	if (members_size(members) == 2 && own->refused < ALONE_REFUSALS) {
		own->escalated = false;
		own->deadline = now + MEMBERS_ROUND;
	} else if (!own->escalated) {
		probe_escalate(members, now, own);
	}
	refusals_judge(members, now, own);
}
