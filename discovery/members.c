/*
 * Who lives? SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar, Phillips,
 * Currey 2018), and what we learned where those two fall short.
 *
 * Asking. Once a period each node pings one member. No answer within a timeout
 * that follows the round trips: it pings again and asks three others to ping
 * for it. Whoever is asked reports in any case, so that the asker can tell a
 * silent member from a silent network. If nobody got an answer, the member is
 * accused. Load on a node does not depend on how many there are.
 *
 * Whom. Every other probe goes to the member that follows in the ring of ids,
 * the others to all in turn, in an order shuffled anew each round. By chance
 * alone (as SWIM has it) one member in nine waits longer than two
 * periods for its first probe; the ring gives that a bound, chance sees what
 * only some can see.
 *
 * Suspicion. An accusation is signed and told to all. Each node lets it run
 * out on its own: six times the least time when one accuses alone, the least
 * when three others found the same themselves. Those that were asked for an
 * indirect ping did, a few others look after it at once. So one node with a
 * broken network convinces nobody quickly, not even itself. The suspect
 * hears of it, in every datagram, and refutes with a higher incarnation, its
 * own signed word. Before it is given up, each asks it twice more.
 *
 * Death is a signed word as well, never believed of one accuser alone. For
 * silence, there must have been suspicion for a while, by two. If he says that
 * the host refused it, then the process is gone and no time is to be lost: each
 * pings it once, and is refused too, or waits for two more who say the same.
 *
 * Own health (Lifeguard): missing reports, having to refute and a slow loop
 * make a node ill, which slows its probes and stretches its patience. A slow
 * loop accuses nobody at all; nobody begins more suspicions in a period than a
 * twentieth of the members (the storm brake). A process that was stopped
 * notices on waking, by what it missed, and puts off whatever would run out.
 *
 * News rides on every datagram; while there is any, datagrams of their own go
 * out each tenth of a second, and what is told often enough is told no more.
 *
 * The dead are remembered and pinged now and then; the first to come back makes
 * a node ask all others it holds dead, for partitions heal at once.
 */
#include "discovery/members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/members_inner.h"

const char *ph_member_state_name(enum ph_member_state state)
{
	static const char *const names[] = {
#define X(ident, name) [PH_MEMBER_##ident] = name,
		PH_MEMBER_STATES(X)
#undef X
	};

	return names[state];
}

const char *ph_member_reason_text(enum ph_member_reason reason)
{
	static const char *const texts[] = {
#define X(ident, text) [PH_MEMBER_BY_##ident] = text,
		PH_MEMBER_REASONS(X)
#undef X
	};

	return texts[reason];
}

struct ph_members_timers ph_members_timers_default(void)
{
	return (struct ph_members_timers){
		.period = PH_SECOND,
		.timeout_least = 100 * PH_MILLISECOND,
		.timeout_most = 500 * PH_MILLISECOND,
		.suspicion_least = 4 * PH_SECOND,
		.news_every = 100 * PH_MILLISECOND,
		.lag_most = 200 * PH_MILLISECOND,
		.suspicion_stretch = 6,
	};
}

/* splitmix64: good enough to choose by, and the same everywhere. */
static uint64_t random_next(struct ph_members *members)
{
	uint64_t z = members->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint32_t members_random(struct ph_members *members, uint32_t below)
{
	return (uint32_t)((random_next(members) >> 32) * below >> 32);
}

uint32_t members_size(const struct ph_members *members)
{
	return 1 + members->in[PH_MEMBER_HEARD] + members->in[PH_MEMBER_ALIVE] +
	       members->in[PH_MEMBER_SUSPECT];
}

int ph_members_create(struct ph_members **out,
	const struct ph_members_config *config, int64_t now)
{
	struct ph_members *members = calloc(1, sizeof(*members));
	int64_t phase;

	if (!members)
		return -ENOMEM;
	members->config = *config;
	members->random = config->seed;
	members->free = MEMBERS_NOBODY;
	members->sequence = (uint32_t)random_next(members);
	phase = config->timers.period / 1000 * members_random(members, 1000);
	members->period_begun = now;
	members->period_next = now + phase;
	members->round_next = now + phase % MEMBERS_ROUND;
	members->news_next = INT64_MAX;
	members->refute_next = now;
	members->revival_next = now;
	*out = members;
	return 0;
}

void ph_members_destroy(struct ph_members *members)
{
	if (!members)
		return;
	free(members->slots);
	free(members->ring);
	free(members->order);
	free(members->suspects);
	free(members->buckets);
	free(members->rumours);
	free(members);
}

/* --- time --- */

static bool round_needed(const struct ph_members *members)
{
	return members->suspect_count || members->greet_count ||
	       members->refute;
}

int64_t ph_members_due(const struct ph_members *members)
{
	int64_t due = members->news_next;

	if (members->leaving)
		return due;
	due = members_least(due, members->period_next);
	due = members_least(due, probe_due(members));
	if (round_needed(members))
		due = members_least(due, members->round_next);
	return due;
}

/* We were stopped for `gap`: in that time nobody could have refuted, and no
 * answer could have been read. */
static void pause_make_good(
	struct ph_members *members, int64_t now, int64_t gap)
{
	for (uint32_t i = 0; i < members->suspect_count; i++) {
		members->slots[members->suspects[i]].suspected += gap;
		members->slots[members->suspects[i]].looks = 0;
	}
	probe_drop_all(members);
	probe_ill(members, 1);
	members->period_begun = now;
	members->period_next = now + members->config.timers.period;
	members->round_next = now + MEMBERS_ROUND;
	if (members->news_next != INT64_MAX)
		members->news_next = now;
}

void members_enter(struct ph_members *members, int64_t now)
{
	int64_t due;

	/* A time that nobody waited for is not one that was missed. */
	if (!round_needed(members))
		members->round_next = members_most(members->round_next, now);
	due = ph_members_due(members);
	if (!members->leaving && now - due > members->config.timers.lag_most)
		pause_make_good(members, now, now - due);
}

static void period_tick(struct ph_members *members, int64_t now)
{
	int64_t period = members->config.timers.period;

	members->accused = 0;
	members->periods++;
	if (members->lag > members->config.timers.lag_most)
		probe_ill(members, 1);
	turn_period(members, now);
	members->period_begun = now;
	members->period_next = members_most(now + period / 2,
		members->period_next + period * (members->ill + 1));
}

static void round_tick(struct ph_members *members, int64_t now)
{
	if (members->refute)
		judge_refute(members, now);
	judge_round(members, now);
	turn_greet(members, now);
	members->round_next = now + MEMBERS_ROUND;
}

void ph_members_tick(struct ph_members *members, int64_t now, int64_t lag)
{
	members_enter(members, now);
	members->lag = lag;
	if (!members->leaving) {
		probe_deadlines(members, now);
		if (now >= members->period_next)
			period_tick(members, now);
		if (now >= members->round_next && round_needed(members))
			round_tick(members, now);
	}
	if (now >= members->news_next)
		rumour_round(members, now);
}

void ph_members_set_epoch(struct ph_members *members, uint64_t epoch)
{
	members->config.epoch = epoch;
	members->incarnation = 0;
	members->refute = false;
	rumour_outdate(members, members->config.self, epoch, 0);
}

void ph_members_leave(struct ph_members *members, int64_t now)
{
	struct ph_swim_record record = {
		.epoch = members->config.epoch,
		.incarnation = members->incarnation,
		.state = PH_SWIM_LEFT,
	};
	const struct ph_members_seam *seam = &members->config.seam;

	if (members->leaving)
		return;
	members->leaving = true;
	probe_drop_all(members);
	memcpy(record.subject, members->config.self, PH_NODE_ID_BYTES);
	memcpy(record.accuser, members->config.self, PH_NODE_ID_BYTES);
	seam->sign(seam->context, &record);
	rumour_outdate(members, record.subject, record.epoch, UINT32_MAX);
	rumour_add(members, now, &record);
	rumour_round(members, now);
}
