#ifndef PH_PROBE_MATRIX_INNER_H
#define PH_PROBE_MATRIX_INNER_H

#include <uthash.h>

#include "probe/matrix.h"

/* The reach matrix from within: matrix.c (what is learnt and told),
 * matrix_room.c (where it is kept, and its bounds). */
/* Of successes, before anything is known. */
#define AVERAGE_START 128

struct target {
	uint8_t id[PH_NODE_ID_BYTES];
	uint8_t maker[PH_NODE_ID_BYTES]; /* who spoke of it first */
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
	int64_t swept; /* when the last sweep was; INT64_MIN: never */
};

/* NULL: nothing is known of it. */
struct target *matrix_target(
	const struct ph_matrix *matrix, const uint8_t to[PH_NODE_ID_BYTES]);
void matrix_target_drop(struct ph_matrix *matrix, struct target *target);
/* What `from` says of the point; NULL: nothing. */
struct ph_matrix_row *matrix_row(struct target *target,
	const uint8_t from[PH_NODE_ID_BYTES], const struct ph_reach_row *point);
/* The last row takes the place of `index`. */
void matrix_row_drop(
	struct ph_matrix *matrix, struct target *target, unsigned index);
/* Found or made; a new one is untried. NULL: there is no room. It stands until
 * the next one is made or dropped. */
struct ph_matrix_row *matrix_row_get(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point);

#endif
