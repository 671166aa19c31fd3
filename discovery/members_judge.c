/*
 * States: who is accused, who refuted, whose time ran out. judge_enter is the
 * one door through which a member's state changes.
 *
 * Whose word counts: only the subject raises its own epoch and incarnation. An
 * accusation with a higher incarnation than known is taken as one of what is
 * known, so no liar can push a member's incarnation beyond its own reach.
 */
#include "discovery/members_inner.h"

#include <string.h>

enum {
	ACCUSE_FEWEST = 2, /* the storm brake: max(2, N / 20) a period */
	ACCUSE_SHARE = 20,
	EVENTS_SPARE = 16,
	LAST_LOOKS = 2
};

/* How long before the end of a suspicion its last word is asked for, and how
 * long each answer may take. */
#define LAST_WORD   (800 * PH_MILLISECOND)
#define LAST_ANSWER (300 * PH_MILLISECOND)

/* --- suspicion's time --- */

/* 2 * log10(N) periods. log2 as a line between powers of two is exact to
 * 0.09, which is less than 0.06 periods. */
int64_t judge_shortest(const struct ph_members *members)
{
	uint64_t n = members_size(members);
	unsigned whole = 63 - (unsigned)__builtin_clzll(n);
	uint64_t milli = whole * 1000u + ((n * 1000) >> whole) - 1000;
	int64_t time = members->config.timers.period *
		       (int64_t)(milli * 602 / 1000) / 1000;

	return members_most(time, members->config.timers.suspicion_least);
}

/* 1000 * log(confirmations + 1) / log(wanted + 1). */
static int64_t suspicion_share(unsigned confirmations, unsigned wanted)
{
	static const int16_t shares[MEMBERS_CONFIRM + 1][MEMBERS_CONFIRM] = {
		{1000, 1000, 1000},
		{0, 1000, 1000},
		{0, 631, 1000},
		{0, 500, 792},
	};

	return confirmations >= wanted ? 1000 : shares[wanted][confirmations];
}

int64_t judge_ends(
	const struct ph_members *members, const struct member *member)
{
	unsigned others = members_size(members) - 2;
	unsigned wanted = others < MEMBERS_CONFIRM ? others : MEMBERS_CONFIRM;
	unsigned confirmed =
		member->accuser_count ? member->accuser_count - 1u : 0;
	int64_t shortest = judge_shortest(members);
	int64_t longest = shortest * members->config.timers.suspicion_stretch;

	return member->suspected + longest -
	       (longest - shortest) / 1000 * suspicion_share(confirmed, wanted);
}

/* --- the door --- */

void judge_unsuspect(struct ph_members *members, struct member *member)
{
	uint16_t last;

	if (member->state != PH_MEMBER_SUSPECT)
		return;
	last = members->suspects[--members->suspect_count];
	members->suspects[member->suspect_at] = last;
	members->slots[last].suspect_at = member->suspect_at;
}

void judge_enter(struct ph_members *members, int64_t now, struct member *member,
	enum ph_member_state to, enum ph_member_reason because, uint16_t by)
{
	enum ph_member_state from = member->state;

	judge_unsuspect(members, member);
	members->in[from]--;
	members->in[to]++;
	member->state = to;
	member->since = now;
	if (to == PH_MEMBER_SUSPECT) {
		member->suspect_at = (uint16_t)members->suspect_count;
		members->suspects[members->suspect_count++] =
			members_slot(members, member);
		member->suspected = now;
		member->accuser_count = 0;
		member->declarer_count = 0;
		member->looks = 0;
	}
	if (!member_takes_part(member)) {
		probe_drop(members, members_slot(members, member));
		members_greet_later(members, member, 0);
	}
	members_event(members, member, now, from, because, by);
}

/* --- life --- */

/* One came back from the dead, or we did: others may have, too. */
static void revival(struct ph_members *members, int64_t now)
{
	if (now < members->revival_next)
		return;
	members->revival_next = now + MEMBERS_REVIVAL;
	for (uint32_t i = 0; i < members->count; i++) {
		struct member *member = &members->slots[members->ring[i]];

		if (member->state == PH_MEMBER_DEAD ||
			member->state == PH_MEMBER_SUSPECT)
			members_greet_later(members, member, 1);
	}
}

void judge_contact(struct ph_members *members, int64_t now,
	struct member *member, enum ph_member_reason because)
{
	member->heard = now;
	member->silent = 0;
	member->stale = false;
	if (member->state <= PH_MEMBER_ALIVE)
		members_greet_later(members, member, 0);
	if (member->state == PH_MEMBER_HEARD)
		judge_enter(members, now, member, PH_MEMBER_ALIVE, because,
			MEMBERS_NOBODY);
}

void judge_restart(struct ph_members *members, int64_t now,
	struct member *member, uint64_t epoch, enum ph_member_state to)
{
	probe_drop(members, members_slot(members, member));
	member->epoch = epoch;
	member->incarnation = 0;
	member->word = 0;
	member->sequence_known = false;
	member->refused_at = 0;
	member->met = false;
	member->refused = false;
	member->defies = false;
	member->stale = false;
	member->introduced = now;
	member->silent = 0;
	member->trip = 0;
	rumour_outdate(members, member->id, epoch, 0);
	judge_enter(members, now, member, to, PH_MEMBER_BY_RESTARTED,
		MEMBERS_NOBODY);
	members_greet_later(members, member,
		to == PH_MEMBER_HEARD ? MEMBERS_GREET_TRIES : 0);
}

void judge_alive(struct ph_members *members, int64_t now, struct member *member,
	uint64_t epoch, uint32_t incarnation)
{
	bool was_dead = member->state == PH_MEMBER_DEAD;

	if (epoch > member->epoch)
		judge_restart(members, now, member, epoch, PH_MEMBER_ALIVE);
	if (epoch < member->epoch || incarnation <= member->incarnation ||
		member->state == PH_MEMBER_LEFT)
		return;
	member->incarnation = incarnation;
	member->defies |= was_dead && member->refused;
	member->refused = false;
	member->refused_at = 0;
	member->stale = false;
	member->silent = 0;
	rumour_outdate(members, member->id, epoch, incarnation);
	if (member->state == PH_MEMBER_ALIVE)
		return;
	judge_enter(members, now, member, PH_MEMBER_ALIVE,
		member->state == PH_MEMBER_HEARD ? PH_MEMBER_BY_CONTACT
						 : PH_MEMBER_BY_REFUTED,
		MEMBERS_NOBODY);
	if (was_dead)
		revival(members, now);
}

void judge_left(struct ph_members *members, int64_t now, struct member *member)
{
	rumour_outdate(members, member->id, member->epoch, UINT32_MAX);
	judge_enter(members, now, member, PH_MEMBER_LEFT, PH_MEMBER_BY_GOODBYE,
		MEMBERS_NOBODY);
}

/* --- accusing --- */

bool judge_has_accused(const struct member *member, uint16_t accuser)
{
	for (unsigned i = 0; i < member->accuser_count; i++)
		if (member->accusers[i] == accuser)
			return true;
	return false;
}

/* false: he did before, or there are enough. */
bool judge_accuser_add(struct member *member, uint16_t accuser)
{
	if (member->accuser_count > MEMBERS_CONFIRM ||
		judge_has_accused(member, accuser))
		return false;
	member->accusers[member->accuser_count++] = accuser;
	return true;
}

void judge_say(struct ph_members *members, int64_t now,
	const struct member *member, enum ph_swim_state state,
	enum ph_swim_cause cause)
{
	const struct ph_members_seam *seam = &members->config.seam;
	struct ph_swim_record record = {
		.epoch = member->epoch,
		.incarnation = member->incarnation,
		.state = (uint8_t)state,
		.cause = (uint8_t)cause,
	};

	memcpy(record.subject, member->id, PH_NODE_ID_BYTES);
	memcpy(record.accuser, members->config.self, PH_NODE_ID_BYTES);
	seam->sign(seam->context, &record);
	rumour_add(members, now, &record);
}

static bool may_accuse(const struct ph_members *members)
{
	uint32_t most = members_size(members) / ACCUSE_SHARE;

	if (most < ACCUSE_FEWEST)
		most = ACCUSE_FEWEST;
	return members->lag <= members->config.timers.lag_most &&
	       members->accused < most;
}

void judge_accuse(
	struct ph_members *members, int64_t now, struct member *member)
{
	bool first = member->state != PH_MEMBER_SUSPECT;

	if (!may_accuse(members))
		return;
	if (first)
		judge_enter(members, now, member, PH_MEMBER_SUSPECT,
			PH_MEMBER_BY_UNANSWERED, MEMBERS_NOBODY);
	if (!judge_accuser_add(member, MEMBERS_SELF))
		return;
	members->accused++;
	judge_say(members, now, member, PH_SWIM_SUSPECT, PH_SWIM_BY_SILENCE);
	/* The suspect is the first who should know. */
	packet_send(members, PH_SWIM_NEWS, members_slot(members, member),
		packet_sequence(members, 0));
}

void judge_silence(
	struct ph_members *members, int64_t now, struct member *member)
{
	member->silent = now;
	if (!member_takes_part(member))
		return;
	if (!member->met && now - member->introduced < MEMBERS_GRACE)
		return;
	judge_accuse(members, now, member);
}

void judge_refused(
	struct ph_members *members, int64_t now, struct member *member)
{
	if (!member_takes_part(member))
		return;
	/* A firewall that rejects what comes in, and lets out. */
	if (member->defies) {
		judge_silence(members, now, member);
		return;
	}
	member->refused = true;
	judge_enter(members, now, member, PH_MEMBER_DEAD, PH_MEMBER_BY_REFUSED,
		MEMBERS_NOBODY);
	judge_say(members, now, member, PH_SWIM_DEAD, PH_SWIM_BY_REFUSAL);
}

/* true: it was heard since, though it did not refute: look again. */
static bool still_speaks(
	struct ph_members *members, int64_t now, struct member *member)
{
	if (!member->heard ||
		now - member->heard > 2 * members->config.timers.period)
		return false;
	member->suspected += members->config.timers.period;
	probe_hint(members, now, member);
	return true;
}

/*
 * The last word: before its time runs out the suspect is asked twice, by each
 * who would give it up. So nobody dies because one of us missed a refutation.
 * true: the time is over, and the questions had theirs.
 */
static bool last_word_is_over(
	struct ph_members *members, int64_t now, struct member *member)
{
	int64_t ends = judge_ends(members, member);

	if (now < ends - LAST_WORD)
		return false;
	if (member->looks && now - member->looked < LAST_ANSWER)
		return false;
	if (member->looks < LAST_LOOKS) {
		member->looks++;
		member->looked = now;
		probe_begin(members, now, members_slot(members, member),
			PROBE_GREET);
		return false;
	}
	return now >= ends;
}

void judge_round(struct ph_members *members, int64_t now)
{
	for (uint32_t i = members->suspect_count; i-- > 0;) {
		struct member *member = &members->slots[members->suspects[i]];

		if (!last_word_is_over(members, now, member) ||
			still_speaks(members, now, member))
			continue;
		if (members->event_count + EVENTS_SPARE > MEMBERS_EVENTS)
			return; /* the next round goes on */
		judge_enter(members, now, member, PH_MEMBER_DEAD,
			PH_MEMBER_BY_RAN_OUT, MEMBERS_NOBODY);
		if (!rumour_of(members, member->id, PH_SWIM_DEAD))
			judge_say(members, now, member, PH_SWIM_DEAD,
				PH_SWIM_BY_SILENCE);
	}
}

/* --- this node itself --- */

void judge_told(
	struct ph_members *members, int64_t now, uint32_t known, bool dead)
{
	if (known < members->incarnation || members->leaving)
		return;
	if (dead)
		revival(members, now);
	judge_refute(members, now);
}

void judge_refute(struct ph_members *members, int64_t now)
{
	const struct ph_members_seam *seam = &members->config.seam;
	struct ph_swim_record record = {
		.epoch = members->config.epoch,
		.state = PH_SWIM_ALIVE,
	};

	members->refute = now < members->refute_next;
	if (members->refute)
		return;
	members->refute_next = now + MEMBERS_REFUTE;
	record.incarnation = ++members->incarnation;
	memcpy(record.subject, members->config.self, PH_NODE_ID_BYTES);
	memcpy(record.accuser, members->config.self, PH_NODE_ID_BYTES);
	rumour_outdate(
		members, record.subject, record.epoch, record.incarnation);
	seam->sign(seam->context, &record);
	rumour_add(members, now, &record);
	probe_ill(members, 1);
}
