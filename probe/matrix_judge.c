#include <string.h>

#include "probe/matrix.h"

/*
 * What follows from the rows: for the order of dials, and for what a probe
 * need not ask. A scan of the rows to one node, of which there are few.
 */
struct seen {
	const struct ph_matrix *matrix;
	const struct ph_reach_row *point;
	int64_t now;
	const struct ph_matrix_row *own;
	const struct ph_matrix_row *told; /* the best of what peers say */
	bool told_failed;
	bool told_silent;
	/* Of other ports of the address, own and fresh. */
	const struct ph_matrix_row *beside;
	unsigned silent_beside;
	/* Told, fresh: ports of the address, and those that are lower. */
	unsigned open_told;
	unsigned open_lower;
	unsigned silent_told;
	unsigned silent_lower;
};

static bool is_silent(const struct ph_matrix_row *row)
{
	return row->point.verdict == PH_VERDICT_TIMEOUT ||
	       row->point.verdict == PH_VERDICT_UNREACHABLE;
}

static bool is_open(const struct ph_matrix_row *row)
{
	return row->point.verdict == PH_VERDICT_OPEN_VERIFIED;
}

static bool is_failed(const struct ph_matrix_row *row)
{
	return row->point.verdict >= PH_VERDICT_REFUSED &&
	       row->point.verdict <= PH_VERDICT_DENIED;
}

static void see_told(struct seen *seen, const struct ph_matrix_row *row)
{
	if (is_open(row) &&
		(!seen->told || row->point.rtt_us < seen->told->point.rtt_us))
		seen->told = row;
	seen->told_failed |= is_failed(row);
	seen->told_silent |= is_silent(row);
}

static void see_beside(struct seen *seen, const struct ph_matrix_row *row)
{
	bool lower = row->point.port < seen->point->port;

	if (row->own) {
		if (is_open(row) && !seen->beside)
			seen->beside = row;
		seen->silent_beside += is_silent(row);
		return;
	}
	if (row->point.transport != seen->point->transport)
		return;
	seen->open_told += is_open(row);
	seen->open_lower += is_open(row) && lower;
	seen->silent_told += is_silent(row);
	seen->silent_lower += is_silent(row) && lower;
}

static void see(void *context, const uint8_t to[PH_NODE_ID_BYTES],
	const struct ph_matrix_row *row)
{
	struct seen *seen = context;
	bool fresh = ph_matrix_is_fresh(seen->matrix, row, seen->now);

	if (strcmp(row->point.address, seen->point->address) != 0)
		return;
	if (row->point.port != seen->point->port ||
		row->point.transport != seen->point->transport) {
		if (fresh)
			see_beside(seen, row);
	} else if (row->own) {
		seen->own = row;
	} else if (fresh) {
		see_told(seen, row);
	}
}

static struct seen look(const struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	struct seen seen = {.matrix = matrix, .point = point, .now = now};

	ph_matrix_each(matrix, to, see, &seen);
	return seen;
}

/* Of what nobody here tried: what others say; then whether the address
 * answered at all. */
static enum ph_reach_trust of_untried(const struct seen *seen)
{
	if (seen->told || seen->beside)
		return PH_REACH_TOLD;
	if (seen->told_failed || seen->silent_beside)
		return PH_REACH_FAILED;
	return PH_REACH_UNVERIFIED;
}

static enum ph_reach_trust trust_of(const struct seen *seen)
{
	if (!seen->own)
		return of_untried(seen);
	if (!ph_matrix_is_fresh(seen->matrix, seen->own, seen->now))
		return seen->told ? PH_REACH_TOLD : PH_REACH_UNVERIFIED;
	if (is_open(seen->own))
		return PH_REACH_SEEN;
	return is_failed(seen->own) ? PH_REACH_FAILED : PH_REACH_UNVERIFIED;
}

void ph_matrix_judge(const struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	struct ph_priority *out)
{
	struct seen seen = look(matrix, now, to, point);
	const struct ph_matrix_row *row = seen.own    ? seen.own
					  : seen.told ? seen.told
						      : seen.beside;

	out->trust = trust_of(&seen);
	out->average = row ? row->average : 128;
	out->rtt_us = row ? row->point.rtt_us : 0;
}

static bool is_known(const struct seen *seen)
{
	int64_t time;

	if (!seen->own ||
		!ph_matrix_is_fresh(seen->matrix, seen->own, seen->now))
		return false;
	time = seen->own->until - seen->own->checked;
	return seen->now < seen->own->checked + time / 100 * PH_MATRIX_AGAIN;
}

bool ph_matrix_needs_probe(const struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point)
{
	struct seen seen = look(matrix, now, to, point);

	if (is_known(&seen))
		return false;
	if (seen.told)
		return seen.open_lower < PH_MATRIX_CHECKED;
	if (seen.open_told)
		return false;
	if (seen.told_failed)
		return seen.told_silent && !seen.silent_lower;
	return seen.silent_told < PH_MATRIX_CHECKED;
}
