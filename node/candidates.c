#include "node/candidates.h"

#include <stdio.h>
#include <string.h>

const char *ph_origin_name(enum ph_candidate_origin origin)
{
	static const char *const names[] = {
		"hearsay", "observed", "gathered", "configured"};

	return names[origin];
}

int ph_candidates_find(
	const struct ph_candidates *candidates, const char *address)
{
	for (unsigned i = 0; i < candidates->count; i++)
		if (!strcmp(candidates->list[i].address, address))
			return (int)i;
	return -1;
}

static bool is_among(
	const char (*addresses)[128], unsigned count, const char *address)
{
	for (unsigned i = 0; i < count; i++)
		if (!strcmp(addresses[i], address))
			return true;
	return false;
}

bool ph_candidates_announced(struct ph_candidates *candidates,
	const char (*addresses)[128], unsigned count)
{
	bool left = false;

	for (unsigned i = 0; i < candidates->count; i++) {
		struct ph_candidate *candidate = &candidates->list[i];
		bool named = is_among(addresses, count, candidate->address);

		left |= candidate->announced && !named && !candidate->withdrawn;
		candidate->withdrawn = candidate->announced && !named;
		candidate->announced |= named;
	}
	return left;
}

/* Which one is tried before the other. */
static bool is_better(
	const struct ph_candidate *a, const struct ph_candidate *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (!a->failed != !b->failed)
		return !a->failed;
	if (a->failed)
		return a->failed < b->failed;
	return a->worked > b->worked;
}

void ph_candidates_sort(struct ph_candidates *candidates)
{
	for (unsigned i = 1; i < candidates->count; i++) {
		struct ph_candidate moved = candidates->list[i];
		unsigned at = i;

		for (; at && is_better(&moved, &candidates->list[at - 1]); at--)
			candidates->list[at] = candidates->list[at - 1];
		candidates->list[at] = moved;
	}
}

static bool is_racing(const struct ph_candidates *candidates)
{
	for (unsigned i = 0; i < candidates->count; i++)
		if (candidates->list[i].state != PH_CANDIDATE_IDLE)
			return true;
	return false;
}

/* The place for one more, or -1. */
static int make_place(struct ph_candidates *candidates, bool best)
{
	struct ph_candidate *worst;

	if (candidates->count < PH_CANDIDATES)
		return (int)candidates->count++;
	if (is_racing(candidates))
		return -1;
	ph_candidates_sort(candidates);
	worst = &candidates->list[PH_CANDIDATES - 1];
	return best || worst->failed || worst->withdrawn ||
			       worst->origin == PH_ORIGIN_HEARSAY
		       ? (int)PH_CANDIDATES - 1
		       : -1;
}

bool ph_candidates_add(struct ph_candidates *candidates, const char *address,
	enum ph_candidate_origin origin, bool best)
{
	int index = ph_candidates_find(candidates, address);
	bool is_new = index < 0;

	if (is_new)
		index = make_place(candidates, best);
	if (index < 0)
		return false;
	if (!is_new && origin > candidates->list[index].origin)
		candidates->list[index].origin = origin;
	if (is_new) {
		struct ph_candidate *added = &candidates->list[index];
		bool late = is_racing(candidates);

		memset(added, 0, sizeof(*added));
		snprintf(added->address, sizeof(added->address), "%s", address);
		added->origin = origin;
		added->state = late ? PH_CANDIDATE_WAITS : PH_CANDIDATE_IDLE;
	}
	if (best)
		ph_candidates_worked(candidates, index);
	return is_new;
}

void ph_candidates_begin(struct ph_candidates *candidates, int64_t now)
{
	ph_candidates_sort(candidates);
	for (unsigned i = 0; i < candidates->count; i++) {
		candidates->list[i].state = PH_CANDIDATE_WAITS;
		candidates->list[i].yielded = false;
	}
	candidates->next = now;
}

static int first_in(
	const struct ph_candidates *candidates, enum ph_candidate_state state)
{
	for (unsigned i = 0; i < candidates->count; i++)
		if (candidates->list[i].state == state)
			return (int)i;
	return -1;
}

/* Who waits for its turn; after all others, who had one. */
static int first_waiting(const struct ph_candidates *candidates, bool again)
{
	for (unsigned i = 0; i < candidates->count; i++)
		if (candidates->list[i].state == PH_CANDIDATE_WAITS &&
			(again || !candidates->list[i].yielded))
			return (int)i;
	return -1;
}

static unsigned flying(const struct ph_candidates *candidates)
{
	unsigned count = 0;

	for (unsigned i = 0; i < candidates->count; i++)
		count += candidates->list[i].state == PH_CANDIDATE_RUNS;
	return count;
}

static int64_t stagger(const struct ph_candidate *candidate)
{
	int64_t time = 4 * (int64_t)candidate->rtt_us * 1000;

	if (!time)
		return candidate->near ? PH_CANDIDATES_LEAST
				       : PH_CANDIDATES_STAGGER;
	if (time < PH_CANDIDATES_LEAST)
		return PH_CANDIDATES_LEAST;
	return time < PH_CANDIDATES_MOST ? time : PH_CANDIDATES_MOST;
}

/* Another's word sends nobody anywhere often. */
static bool may_try(struct ph_candidates *candidates,
	const struct ph_candidate *candidate, int64_t now)
{
	if (candidate->origin != PH_ORIGIN_HEARSAY)
		return true;
	for (unsigned i = 0; i < PH_CANDIDATES_HEARSAY; i++) {
		int64_t *last = &candidates->hearsay[i];

		if (*last && now - *last < PH_CANDIDATES_MINUTE)
			continue;
		*last = now ? now : 1;
		return true;
	}
	return false;
}

/* The oldest of those that had no second turn yet, silent for its time. */
static int longest_silent(const struct ph_candidates *candidates, int64_t now)
{
	int oldest = -1;

	for (unsigned i = 0; i < candidates->count; i++) {
		const struct ph_candidate *candidate = &candidates->list[i];

		if (candidate->state != PH_CANDIDATE_RUNS ||
			candidate->yielded ||
			now - candidate->started < stagger(candidate))
			continue;
		if (oldest < 0 ||
			candidate->started < candidates->list[oldest].started)
			oldest = (int)i;
	}
	return oldest;
}

/* When the first of them has been silent for its time. */
static int64_t yields_at(const struct ph_candidates *candidates)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; i < candidates->count; i++) {
		const struct ph_candidate *candidate = &candidates->list[i];
		int64_t at = candidate->started + stagger(candidate);

		if (candidate->state == PH_CANDIDATE_RUNS &&
			!candidate->yielded && at < first)
			first = at;
	}
	return first;
}

int ph_candidates_yield(struct ph_candidates *candidates, int64_t now)
{
	int index;

	if (flying(candidates) < PH_CANDIDATES_FLYING ||
		now < candidates->next || first_waiting(candidates, false) < 0)
		return -1;
	index = longest_silent(candidates, now);
	if (index < 0)
		return -1;
	candidates->list[index].state = PH_CANDIDATE_WAITS;
	candidates->list[index].yielded = true;
	return index;
}

int ph_candidates_next(struct ph_candidates *candidates, int64_t now)
{
	struct ph_candidate *candidate;
	int index;

	if (now < candidates->next ||
		flying(candidates) >= PH_CANDIDATES_FLYING)
		return -1;
	for (;;) {
		index = first_waiting(candidates, false);
		if (index < 0)
			index = first_waiting(candidates, true);
		if (index < 0)
			return -1;
		candidate = &candidates->list[index];
		if (may_try(candidates, candidate, now))
			break;
		candidate->state = PH_CANDIDATE_LOST;
	}
	candidate->state = PH_CANDIDATE_RUNS;
	candidate->started = now;
	candidates->next = now + stagger(candidate);
	return index;
}

int64_t ph_candidates_due(const struct ph_candidates *candidates)
{
	int64_t at;

	if (first_waiting(candidates, true) < 0)
		return INT64_MAX;
	if (flying(candidates) < PH_CANDIDATES_FLYING)
		return candidates->next;
	if (first_waiting(candidates, false) < 0)
		return INT64_MAX;
	at = yields_at(candidates);
	return at > candidates->next ? at : candidates->next;
}

int64_t ph_candidates_patience(
	const struct ph_candidates *candidates, int index)
{
	unsigned failed = candidates->list[index].failed;

	return failed < 3 ? PH_CANDIDATES_TRY << failed : PH_CANDIDATES_LONG;
}

void ph_candidates_worked(struct ph_candidates *candidates, int index)
{
	candidates->list[index].worked = ++candidates->successes;
	candidates->list[index].failed = 0;
}

void ph_candidates_failed(struct ph_candidates *candidates, int index)
{
	struct ph_candidate *candidate = &candidates->list[index];

	if (candidate->failed < 1000)
		candidate->failed++;
	if (candidate->state != PH_CANDIDATE_RUNS)
		return;
	candidate->state = PH_CANDIDATE_LOST;
	if (first_in(candidates, PH_CANDIDATE_RUNS) < 0)
		candidates->next = INT64_MIN;
}

void ph_candidates_cancel(struct ph_candidates *candidates, int index)
{
	if (candidates->list[index].state == PH_CANDIDATE_RUNS)
		candidates->list[index].state = PH_CANDIDATE_WAITS;
}

bool ph_candidate_is_silent(const struct ph_candidate *candidate)
{
	return candidate->state == PH_CANDIDATE_RUNS ||
	       (candidate->state == PH_CANDIDATE_WAITS && candidate->yielded);
}

bool ph_candidates_over(const struct ph_candidates *candidates)
{
	return first_in(candidates, PH_CANDIDATE_WAITS) < 0 &&
	       first_in(candidates, PH_CANDIDATE_RUNS) < 0;
}

void ph_candidates_end(struct ph_candidates *candidates)
{
	for (unsigned i = 0; i < candidates->count; i++)
		candidates->list[i].state = PH_CANDIDATE_IDLE;
}
