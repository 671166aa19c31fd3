#include "probe/matrix_inner.h"

#include <stdlib.h>
#include <string.h>

/* Where rows are kept, and who goes for whom when there is no room. */

struct target *matrix_target(
	const struct ph_matrix *matrix, const uint8_t to[PH_NODE_ID_BYTES])
{
	struct target *target;

	HASH_FIND(hh, matrix->targets, to, PH_NODE_ID_BYTES, target);
	return target;
}

void matrix_target_drop(struct ph_matrix *matrix, struct target *target)
{
	matrix->count -= target->count;
	HASH_DEL(matrix->targets, target);
	free(target->rows);
	free(target);
}

static bool is_point(const struct ph_reach_row *a, const struct ph_reach_row *b)
{
	return a->port == b->port && a->transport == b->transport &&
	       !strcmp(a->address, b->address);
}

struct ph_matrix_row *matrix_row(struct target *target,
	const uint8_t from[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	for (unsigned i = 0; i < target->count; i++)
		if (is_point(&target->rows[i].point, point) &&
			!memcmp(target->rows[i].from, from, PH_NODE_ID_BYTES))
			return &target->rows[i];
	return NULL;
}

void matrix_row_drop(
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

/* Hearsay whose time is over, everywhere; once at a time. */
static void sweep(struct ph_matrix *matrix, int64_t now)
{
	struct target *target;
	struct target *next;

	if (matrix->swept == now)
		return;
	matrix->swept = now;
	HASH_ITER(hh, matrix->targets, target, next)
	{
		for (unsigned i = target->count; i-- > 0;)
			if (!target->rows[i].own &&
				target->rows[i].until <= now)
				matrix_row_drop(matrix, target, i);
		if (!target->count)
			matrix_target_drop(matrix, target);
	}
}

/* Of one more target. A node that nobody but tellers speaks of goes for one of
 * this node's own. */
static bool make_target_room(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES], bool own)
{
	struct target *target;
	unsigned told = 0;

	if (HASH_COUNT(matrix->targets) >= PH_MATRIX_TOLD)
		sweep(matrix, now);
	if (HASH_COUNT(matrix->targets) < PH_MATRIX_TOLD)
		return true;
	if (own && HASH_COUNT(matrix->targets) < PH_MATRIX_TARGETS)
		return true;
	for (target = matrix->targets; target; target = target->hh.next) {
		if (own && rows_of(target, matrix->self) == 0) {
			matrix_target_drop(matrix, target);
			return true;
		}
		told += !memcmp(target->maker, from, PH_NODE_ID_BYTES);
	}
	return !own && told < PH_MATRIX_TOLD &&
	       HASH_COUNT(matrix->targets) < PH_MATRIX_TARGETS;
}

static struct target *target_get(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], bool own)
{
	struct target *target = matrix_target(matrix, to);

	if (target || !make_target_room(matrix, now, from, own))
		return target;
	target = calloc(1, sizeof(*target));
	if (!target)
		return NULL;
	memcpy(target->id, to, PH_NODE_ID_BYTES);
	memcpy(target->maker, from, PH_NODE_ID_BYTES);
	HASH_ADD(hh, matrix->targets, id, PH_NODE_ID_BYTES, target);
	return target;
}

/* Own results take the place of hearsay, wherever it is. */
static bool take_place(struct ph_matrix *matrix)
{
	struct target *target;

	for (target = matrix->targets; target; target = target->hh.next) {
		int index = worst(target, NULL);

		if (index < 0)
			continue;
		matrix_row_drop(matrix, target, (unsigned)index);
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
	matrix_row_drop(matrix, target, (unsigned)index);
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
struct ph_matrix_row *matrix_row_get(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	bool own = !memcmp(from, matrix->self, PH_NODE_ID_BYTES);
	struct target *target;
	struct ph_matrix_row *row;

	if (matrix->count >= PH_MATRIX_ROWS)
		sweep(matrix, now);
	target = target_get(matrix, now, from, to, own);
	if (!target)
		return NULL;
	row = matrix_row(target, from, point);
	if (row)
		return row;
	if (!make_room(matrix, target, from, own) || !grow(target)) {
		if (!target->count)
			matrix_target_drop(matrix, target);
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
