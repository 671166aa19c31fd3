#include "probe/matrix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

/* A step of the average: a fourth of what is missing. */
#define AVERAGE_START 128
#define AVERAGE_SHARE 4
#define SPREAD	      20 /* % */

struct target {
	uint8_t id[PH_NODE_ID_BYTES];
	struct ph_matrix_row *rows;
	unsigned count;
	unsigned room;
	UT_hash_handle hh;
};

struct ph_matrix {
	uint8_t self[PH_NODE_ID_BYTES];
	struct target *targets;
	size_t count;
	uint32_t net_epoch;
	uint64_t revision;
	uint64_t random;
};

int ph_matrix_create(struct ph_matrix **out,
	const uint8_t self[PH_NODE_ID_BYTES], uint64_t seed)
{
	struct ph_matrix *matrix = calloc(1, sizeof(*matrix));

	if (!matrix)
		return -ENOMEM;
	memcpy(matrix->self, self, PH_NODE_ID_BYTES);
	matrix->random = seed | 1;
	matrix->net_epoch = 1;
	*out = matrix;
	return 0;
}

static struct target *target_find(
	const struct ph_matrix *matrix, const uint8_t to[PH_NODE_ID_BYTES])
{
	struct target *target;

	HASH_FIND(hh, matrix->targets, to, PH_NODE_ID_BYTES, target);
	return target;
}

static void target_drop(struct ph_matrix *matrix, struct target *target)
{
	matrix->count -= target->count;
	HASH_DEL(matrix->targets, target);
	free(target->rows);
	free(target);
}

void ph_matrix_destroy(struct ph_matrix *matrix)
{
	struct target *target;
	struct target *next;

	if (!matrix)
		return;
	HASH_ITER(hh, matrix->targets, target, next)
	{
		target_drop(matrix, target);
	}
	free(matrix);
}

static struct target *target_get(
	struct ph_matrix *matrix, const uint8_t to[PH_NODE_ID_BYTES])
{
	struct target *target = target_find(matrix, to);

	if (target || HASH_COUNT(matrix->targets) >= PH_MATRIX_TARGETS)
		return target;
	target = calloc(1, sizeof(*target));
	if (!target)
		return NULL;
	memcpy(target->id, to, PH_NODE_ID_BYTES);
	HASH_ADD(hh, matrix->targets, id, PH_NODE_ID_BYTES, target);
	return target;
}

static bool is_point(const struct ph_reach_row *a, const struct ph_reach_row *b)
{
	return a->port == b->port && a->transport == b->transport &&
	       !strcmp(a->address, b->address);
}

static struct ph_matrix_row *row_find(struct target *target,
	const uint8_t from[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	for (unsigned i = 0; i < target->count; i++)
		if (is_point(&target->rows[i].point, point) &&
			!memcmp(target->rows[i].from, from, PH_NODE_ID_BYTES))
			return &target->rows[i];
	return NULL;
}

static void row_drop(
	struct ph_matrix *matrix, struct target *target, unsigned index)
{
	target->rows[index] = target->rows[--target->count];
	matrix->count--;
}

/* Who has to go before the other. */
static bool goes_first(
	const struct ph_matrix_row *a, const struct ph_matrix_row *b)
{
	if (a->dialled != b->dialled)
		return b->dialled;
	return a->until < b->until;
}

/* Of those that may go, of `from` alone or hearsay; -1. */
static int worst(const struct target *target, const uint8_t *from)
{
	int found = -1;

	for (unsigned i = 0; i < target->count; i++) {
		const struct ph_matrix_row *row = &target->rows[i];

		if (from ? memcmp(row->from, from, PH_NODE_ID_BYTES) != 0
			 : row->own)
			continue;
		if (found < 0 || goes_first(row, &target->rows[found]))
			found = (int)i;
	}
	return found;
}

static unsigned rows_of(const struct target *target, const uint8_t *from)
{
	unsigned count = 0;

	for (unsigned i = 0; i < target->count; i++)
		count += !memcmp(target->rows[i].from, from, PH_NODE_ID_BYTES);
	return count;
}

/* Hearsay whose time is over, everywhere. */
static void sweep(struct ph_matrix *matrix, int64_t now)
{
	struct target *target;
	struct target *next;

	HASH_ITER(hh, matrix->targets, target, next)
	{
		for (unsigned i = target->count; i-- > 0;)
			if (!target->rows[i].own &&
				target->rows[i].until <= now)
				row_drop(matrix, target, i);
		if (!target->count)
			target_drop(matrix, target);
	}
}

/* Own results take the place of hearsay, wherever it is. */
static bool take_place(struct ph_matrix *matrix)
{
	struct target *target;

	for (target = matrix->targets; target; target = target->hh.next) {
		int index = worst(target, NULL);

		if (index < 0)
			continue;
		row_drop(matrix, target, (unsigned)index);
		return true;
	}
	return false;
}

/* Room for one more of `from` to `target`. */
static bool make_room(struct ph_matrix *matrix, struct target *target,
	const uint8_t from[PH_NODE_ID_BYTES], bool own)
{
	int index = -1;

	if (rows_of(target, from) >= (own ? PH_MATRIX_OWN : PH_MATRIX_PER_PAIR))
		index = worst(target, from);
	else if (target->count >= PH_MATRIX_PER_NODE)
		index = own ? worst(target, NULL) : worst(target, from);
	else if (matrix->count < PH_MATRIX_ROWS)
		return true;
	else
		return own && take_place(matrix);
	if (index < 0)
		return false;
	row_drop(matrix, target, (unsigned)index);
	return true;
}

static bool grow(struct target *target)
{
	unsigned room = target->room ? 2 * target->room : 4;
	struct ph_matrix_row *rows;

	if (target->count < target->room)
		return true;
	rows = realloc(target->rows, room * sizeof(*rows));
	if (!rows)
		return false;
	target->rows = rows;
	target->room = room;
	return true;
}

/* Found or made; a new one is untried. NULL: there is no room. */
static struct ph_matrix_row *row_get(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	bool own = !memcmp(from, matrix->self, PH_NODE_ID_BYTES);
	struct target *target;
	struct ph_matrix_row *row;

	if (matrix->count >= PH_MATRIX_ROWS)
		sweep(matrix, now);
	target = target_get(matrix, to);
	if (!target)
		return NULL;
	row = row_find(target, from, point);
	if (row)
		return row;
	if (!make_room(matrix, target, from, own) || !grow(target)) {
		if (!target->count)
			target_drop(matrix, target);
		return NULL;
	}
	row = &target->rows[target->count++];
	matrix->count++;
	*row = (struct ph_matrix_row){
		.own = own, .point = *point, .average = AVERAGE_START};
	row->point.verdict = PH_VERDICT_UNTRIED;
	memcpy(row->from, from, PH_NODE_ID_BYTES);
	return row;
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
	row = row_get(matrix, now, matrix->self, to, point);
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
	row = row_get(matrix, now, matrix->self, to, point);
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
	row = row_get(matrix, now, from, to, point);
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
			target_drop(matrix, target);
			continue;
		}
		for (unsigned i = target->count; i-- > 0;)
			if (!memcmp(target->rows[i].from, node,
				    PH_NODE_ID_BYTES))
				row_drop(matrix, target, i);
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
	struct target *target = target_find(matrix, to);

	return target ? row_find(target, matrix->self, point) : NULL;
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
