#include "node/candidates.h"

#include <stdio.h>
#include <string.h>

int ph_candidates_find(
	const struct ph_candidates *candidates, const char *address)
{
	for (unsigned i = 0; i < candidates->count; i++)
		if (!strcmp(candidates->list[i].address, address))
			return (int)i;
	return -1;
}

/* Which one is tried before the other. */
static bool is_better(
	const struct ph_candidate *a, const struct ph_candidate *b)
{
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
	return best || worst->failed ? (int)PH_CANDIDATES - 1 : -1;
}

bool ph_candidates_add(
	struct ph_candidates *candidates, const char *address, bool best)
{
	int index = ph_candidates_find(candidates, address);
	bool is_new = index < 0;

	if (is_new)
		index = make_place(candidates, best);
	if (index < 0)
		return false;
	if (is_new) {
		struct ph_candidate *added = &candidates->list[index];
		bool late = is_racing(candidates);

		memset(added, 0, sizeof(*added));
		snprintf(added->address, sizeof(added->address), "%s", address);
		added->state = late ? PH_CANDIDATE_WAITS : PH_CANDIDATE_IDLE;
	}
	if (best)
		ph_candidates_worked(candidates, index);
	return is_new;
}

void ph_candidates_begin(struct ph_candidates *candidates, int64_t now)
{
	ph_candidates_sort(candidates);
	for (unsigned i = 0; i < candidates->count; i++)
		candidates->list[i].state = PH_CANDIDATE_WAITS;
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

int ph_candidates_next(struct ph_candidates *candidates, int64_t now)
{
	int index = first_in(candidates, PH_CANDIDATE_WAITS);

	if (index < 0 || now < candidates->next)
		return -1;
	candidates->list[index].state = PH_CANDIDATE_RUNS;
	candidates->next = now + PH_CANDIDATES_STAGGER;
	return index;
}

int64_t ph_candidates_due(const struct ph_candidates *candidates)
{
	return first_in(candidates, PH_CANDIDATE_WAITS) < 0 ? INT64_MAX
							    : candidates->next;
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
