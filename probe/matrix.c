#include "probe/matrix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "probe/matrix_inner.h"

/* A step of the average: a fourth of what is missing. */
#define AVERAGE_SHARE 4
#define SPREAD	      20 /* % */

int ph_matrix_create(struct ph_matrix **out,
	const uint8_t self[PH_NODE_ID_BYTES], uint64_t seed)
{
	struct ph_matrix *matrix = calloc(1, sizeof(*matrix));

	if (!matrix)
		return -ENOMEM;
	memcpy(matrix->self, self, PH_NODE_ID_BYTES);
	matrix->random = seed | 1;
	matrix->net_epoch = 1;
	matrix->swept = INT64_MIN;
	*out = matrix;
	return 0;
}

void ph_matrix_destroy(struct ph_matrix *matrix)
{
	struct target *target;
	struct target *next;

	if (!matrix)
		return;
	HASH_ITER(hh, matrix->targets, target, next)
	{
		matrix_target_drop(matrix, target);
	}
	free(matrix);
}

static bool is_result(const struct ph_reach_row *point)
{
	return point->verdict != PH_VERDICT_UNTRIED &&
	       point->verdict != PH_VERDICT_SKIPPED &&
	       point->verdict < PH_VERDICTS && point->address[0];
}

/* Foreign is neither: something answers, of which nothing is proven. */
static bool is_failure(const struct ph_reach_row *point)
{
	return point->verdict >= PH_VERDICT_REFUSED &&
	       point->verdict <= PH_VERDICT_DENIED;
}

static int64_t spread(struct ph_matrix *matrix, int64_t time)
{
	matrix->random ^= matrix->random << 13;
	matrix->random ^= matrix->random >> 7;
	matrix->random ^= matrix->random << 17;
	return time / 100 *
	       (100 - SPREAD +
		       (int64_t)((matrix->random >> 16) % (2 * SPREAD + 1)));
}

static int64_t fresh_for(
	struct ph_matrix *matrix, const struct ph_matrix_row *row)
{
	int64_t time = PH_MATRIX_FAILURE;

	if (!is_failure(&row->point))
		return PH_MATRIX_SUCCESS;
	for (unsigned i = 1; i < row->failures && time < PH_MATRIX_FAILURES;
		i++)
		time *= 2;
	if (time > PH_MATRIX_FAILURES)
		time = PH_MATRIX_FAILURES;
	return spread(matrix, time);
}

static void average_in(struct ph_matrix_row *row)
{
	if (row->point.verdict == PH_VERDICT_OPEN_VERIFIED)
		row->average =
			(uint8_t)(row->average +
				  (255 - row->average + AVERAGE_SHARE - 1) /
					  AVERAGE_SHARE);
	else if (is_failure(&row->point))
		row->average = (uint8_t)(row->average -
					 (row->average + AVERAGE_SHARE - 1) /
						 AVERAGE_SHARE);
}

static void set_point(
	struct ph_matrix_row *row, const struct ph_reach_row *point)
{
	uint32_t rtt_us = row->point.rtt_us;

	row->point = *point;
	if (!point->rtt_us)
		row->point.rtt_us = rtt_us;
}

bool ph_matrix_learn(struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	bool dialled)
{
	struct ph_matrix_row *row;
	uint8_t before;

	if (!is_result(point))
		return false;
	row = matrix_row_get(matrix, now, matrix->self, to, point);
	if (!row)
		return false;
	before = row->point.verdict;
	set_point(row, point);
	if (!is_failure(point))
		row->failures = 0;
	else if (row->failures < UINT8_MAX)
		row->failures++;
	average_in(row);
	matrix->revision++;
	row->dialled |= dialled;
	row->stale = false;
	row->net_epoch = matrix->net_epoch;
	row->checked = now;
	if (before != point->verdict)
		row->changed = now;
	row->until = now + fresh_for(matrix, row);
	return before != point->verdict;
}

void ph_matrix_recall(struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	uint8_t average, int64_t age)
{
	struct ph_matrix_row *row;

	if (!is_result(point) || age < 0)
		return;
	row = matrix_row_get(matrix, now, matrix->self, to, point);
	if (!row || row->point.verdict != PH_VERDICT_UNTRIED)
		return;
	set_point(row, point);
	matrix->revision++;
	row->average = average;
	row->dialled = true;
	row->stale = true;
	row->net_epoch = matrix->net_epoch;
	row->checked = now - age;
	row->until = now;
}

bool ph_matrix_hear(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	int64_t age, int64_t ttl)
{
	struct ph_matrix_row *row;
	uint8_t before;

	if (!is_result(point) || age < 0 || ttl <= 0 ||
		!memcmp(from, matrix->self, PH_NODE_ID_BYTES))
		return false;
	if (ttl > PH_MATRIX_HEARSAY)
		ttl = PH_MATRIX_HEARSAY;
	row = matrix_row_get(matrix, now, from, to, point);
	if (!row)
		return false;
	before = row->point.verdict;
	set_point(row, point);
	average_in(row);
	matrix->revision++;
	row->checked = now - age;
	row->until = now + ttl;
	return before != point->verdict;
}

void ph_matrix_moved(struct ph_matrix *matrix)
{
	matrix->net_epoch++;
	matrix->revision++;
}

uint32_t ph_matrix_net_epoch(const struct ph_matrix *matrix)
{
	return matrix->net_epoch;
}

void ph_matrix_forget(
	struct ph_matrix *matrix, const uint8_t node[PH_NODE_ID_BYTES])
{
	struct target *target;
	struct target *next;

	matrix->revision++;
	HASH_ITER(hh, matrix->targets, target, next)
	{
		if (!memcmp(target->id, node, PH_NODE_ID_BYTES)) {
			matrix_target_drop(matrix, target);
			continue;
		}
		for (unsigned i = target->count; i-- > 0;)
			if (!memcmp(target->rows[i].from, node,
				    PH_NODE_ID_BYTES))
				matrix_row_drop(matrix, target, i);
		if (!target->count)
			matrix_target_drop(matrix, target);
	}
}

bool ph_matrix_is_fresh(const struct ph_matrix *matrix,
	const struct ph_matrix_row *row, int64_t now)
{
	if (row->until <= now)
		return false;
	return !row->own ||
	       (!row->stale && row->net_epoch == matrix->net_epoch);
}

const struct ph_matrix_row *ph_matrix_find(const struct ph_matrix *matrix,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	struct target *target = matrix_target(matrix, to);

	return target ? matrix_row(target, matrix->self, point) : NULL;
}

void ph_matrix_each(const struct ph_matrix *matrix, const uint8_t *to,
	void (*each)(void *context, const uint8_t to[PH_NODE_ID_BYTES],
		const struct ph_matrix_row *row),
	void *context)
{
	struct target *target;

	for (target = matrix->targets; target; target = target->hh.next) {
		if (to && memcmp(target->id, to, PH_NODE_ID_BYTES) != 0)
			continue;
		for (unsigned i = 0; i < target->count; i++)
			each(context, target->id, &target->rows[i]);
	}
}

size_t ph_matrix_count(const struct ph_matrix *matrix)
{
	return matrix->count;
}

uint64_t ph_matrix_revision(const struct ph_matrix *matrix)
{
	return matrix->revision;
}
