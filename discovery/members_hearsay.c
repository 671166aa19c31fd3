/*
 * What others say: records, by order of epoch and incarnation first, because
 * that costs nothing, then by signature. What was news is told on.
 *
 * Nobody is dead for one accuser's word. Death for silence is believed of one
 * that two accuse and that has been suspect here for half the least time. Death
 * by refusal needs no time: our own ping was refused, too, or three declare it.
 * Else it is an accusation, and we look: who says so either knows what we
 * missed, or comes back from behind a broken network with what it thought of
 * all others, or lies.
 *
 * Who is convinced by its own ping declares it as well, until three have: so
 * those whom no host tells anything hear of three.
 */
#include "discovery/members_inner.h"

#include <string.h>

enum {
	LOOK_AFTER = 4 /* so many of N look after a suspect, or set right */
};

static bool is_signed(struct ph_members *members,
	const struct ph_swim_record *record, const struct member *accuser)
{
	const struct ph_members_seam *seam = &members->config.seam;

	return seam->verify(seam->context, record, accuser->handle);
}

/* The subject's own word. It may be known already, from the subject's
 * datagrams, but those convince nobody else: it is passed on all the same. */
static bool record_own(struct ph_members *members, int64_t now,
	struct member *member, const struct ph_swim_record *record)
{
	bool newer = record->epoch > member->epoch;

	if (record->epoch < member->epoch)
		return true;
	if (!newer && member->state == PH_MEMBER_LEFT)
		return true;
	if (record->state == PH_SWIM_ALIVE && !newer &&
		(record->incarnation < member->incarnation ||
			record->incarnation <= member->word))
		return true;
	if (!is_signed(members, record, member))
		return false;
	judge_alive(members, now, member, record->epoch, record->incarnation);
	member->word = record->incarnation;
	if (record->state == PH_SWIM_LEFT)
		judge_left(members, now, member);
	rumour_add(members, now, record);
	return true;
}

/* Others found it silent: whoever did, too, says so, and some look. */
static void look_after(
	struct ph_members *members, int64_t now, struct member *member)
{
	if (member->silent && now - member->silent < MEMBERS_SILENCE)
		judge_accuse(members, now, member);
	else if (members_random(members, members_size(members)) < LOOK_AFTER)
		probe_hint(members, now, member);
}

static void accused_by(struct ph_members *members, int64_t now,
	struct member *member, uint16_t accuser)
{
	bool first = member->state != PH_MEMBER_SUSPECT;

	if (first)
		judge_enter(members, now, member, PH_MEMBER_SUSPECT,
			PH_MEMBER_BY_ACCUSED, accuser);
	judge_accuser_add(member, accuser);
	if (first)
		look_after(members, now, member);
}

static bool record_suspect(struct ph_members *members, int64_t now,
	struct member *member, const struct member *accuser,
	const struct ph_swim_record *record)
{
	uint16_t slot = members_slot(members, accuser);

	if (member->state == PH_MEMBER_SUSPECT &&
		(member->accuser_count > MEMBERS_CONFIRM ||
			judge_has_accused(member, slot)))
		return true;
	if (!is_signed(members, record, accuser))
		return false;
	rumour_add(members, now, record);
	accused_by(members, now, member, slot);
	return true;
}

static bool silence_is_believed(const struct ph_members *members, int64_t now,
	const struct member *member, uint16_t accuser)
{
	unsigned accusers =
		member->accuser_count + !judge_has_accused(member, accuser);

	return member->state == PH_MEMBER_SUSPECT && accusers >= 2 &&
	       now - member->suspected >= judge_shortest(members) / 2;
}

static bool record_silent(struct ph_members *members, int64_t now,
	struct member *member, const struct member *accuser,
	const struct ph_swim_record *record)
{
	uint16_t slot = members_slot(members, accuser);

	if (!silence_is_believed(members, now, member, slot))
		return record_suspect(members, now, member, accuser, record);
	if (!is_signed(members, record, accuser))
		return false;
	rumour_add(members, now, record);
	judge_enter(members, now, member, PH_MEMBER_DEAD, PH_MEMBER_BY_REPORTED,
		slot);
	return true;
}

static bool has_declared(const struct member *member, uint16_t accuser)
{
	if (member->state != PH_MEMBER_SUSPECT)
		return false;
	for (unsigned i = 0; i < member->declarer_count; i++)
		if (member->declarers[i] == accuser)
			return true;
	return false;
}

static bool is_refused_here(const struct member *member, int64_t now)
{
	return member->refused_at && now - member->refused_at < MEMBERS_SILENCE;
}

bool hearsay_confirmed(
	struct ph_members *members, int64_t now, struct member *member)
{
	bool here = is_refused_here(member, now);
	unsigned others = member->declarer_count;

	if (member->state != PH_MEMBER_SUSPECT || !others ||
		(!here && others < MEMBERS_DECLARE))
		return false;
	member->refused |= here;
	judge_enter(members, now, member, PH_MEMBER_DEAD, PH_MEMBER_BY_REPORTED,
		member->declarers[0]);
	if (here && others < MEMBERS_DECLARE)
		judge_say(
			members, now, member, PH_SWIM_DEAD, PH_SWIM_BY_REFUSAL);
	return true;
}

static bool record_refused(struct ph_members *members, int64_t now,
	struct member *member, const struct member *accuser,
	const struct ph_swim_record *record)
{
	uint16_t slot = members_slot(members, accuser);

	if (has_declared(member, slot))
		return true;
	if (!is_signed(members, record, accuser))
		return false;
	rumour_add(members, now, record);
	if (member->state != PH_MEMBER_SUSPECT)
		judge_enter(members, now, member, PH_MEMBER_SUSPECT,
			PH_MEMBER_BY_ACCUSED, slot);
	judge_accuser_add(member, slot);
	member->declarers[member->declarer_count++] = slot;
	/* One ping, whose answer refutes and whose refusal confirms. */
	if (!hearsay_confirmed(members, now, member) &&
		member->declarer_count == 1)
		probe_begin(members, now, members_slot(members, member),
			PROBE_GREET);
	return true;
}

static bool record_dead(struct ph_members *members, int64_t now,
	struct member *member, const struct member *accuser,
	const struct ph_swim_record *record)
{
	bool refused = record->cause == PH_SWIM_BY_REFUSAL && !member->defies;

	return refused ? record_refused(members, now, member, accuser, record)
		       : record_silent(members, now, member, accuser, record);
}

/* Who came late suspects one that is dead for long: some say so. */
static void set_right(
	struct ph_members *members, int64_t now, const struct member *member)
{
	if (members_random(members, members_size(members)) < LOOK_AFTER &&
		!rumour_of(members, member->id, PH_SWIM_DEAD))
		judge_say(
			members, now, member, PH_SWIM_DEAD, PH_SWIM_BY_SILENCE);
}

static bool hearsay_of_gone(struct ph_members *members, int64_t now,
	const struct member *member, const struct member *accuser,
	const struct ph_swim_record *record)
{
	if (member->state != PH_MEMBER_DEAD || record->state != PH_SWIM_SUSPECT)
		return true;
	if (!is_signed(members, record, accuser))
		return false;
	set_right(members, now, member);
	return true;
}

bool hearsay(struct ph_members *members, int64_t now,
	const struct ph_swim_record *record)
{
	struct member *member, *accuser;

	if (!memcmp(record->subject, members->config.self, PH_NODE_ID_BYTES)) {
		if (record->epoch == members->config.epoch &&
			record->state != PH_SWIM_ALIVE)
			judge_told(members, now, record->incarnation,
				record->state == PH_SWIM_DEAD);
		return true;
	}
	member = members_find(members, record->subject);
	if (!member)
		return true;
	if (record->state == PH_SWIM_ALIVE || record->state == PH_SWIM_LEFT)
		return record_own(members, now, member, record);
	accuser = members_find(members, record->accuser);
	if (!accuser || record->epoch != member->epoch ||
		record->incarnation < member->incarnation)
		return true;
	if (!member_takes_part(member))
		return hearsay_of_gone(members, now, member, accuser, record);
	if (record->state == PH_SWIM_SUSPECT)
		return record_suspect(members, now, member, accuser, record);
	return record_dead(members, now, member, accuser, record);
}
