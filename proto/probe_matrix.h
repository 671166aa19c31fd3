#ifndef PH_PROTO_PROBE_MATRIX_H
#define PH_PROTO_PROBE_MATRIX_H

#include "proto/probe_message.h"

/*
 * The matrix of a probe: its rows as they travel, in the order in which they
 * are reported, and what is known of them all. Both ends build one; equal
 * digests mean equal matrices.
 */
struct ph_probe_matrix {
	uint8_t *rows; /* PH_PROBE_ROW each */
	uint32_t count;
	uint32_t room;
	uint32_t counts[PH_VERDICTS];
};

/* Points of one scan; two rows for each, tcp and tls. */
#define PH_PROBE_POINTS 65536u
#define PH_PROBE_ROWS	(2u * PH_PROBE_POINTS)

/* Zeroed is empty. */
void ph_probe_matrix_fini(struct ph_probe_matrix *matrix);
/* -ENOMEM; -ENOSPC past PH_PROBE_ROWS. */
int ph_probe_matrix_add(
	struct ph_probe_matrix *matrix, const struct ph_probe_row *row);
/* index < count. */
void ph_probe_matrix_at(const struct ph_probe_matrix *matrix, uint32_t index,
	struct ph_probe_row *out);
void ph_probe_matrix_digest(
	const struct ph_probe_matrix *matrix, uint8_t digest[PH_PROBE_DIGEST]);

/* A report that comes in. 0; -EBADMSG: out of turn, a row that is none, more
 * or fewer than were told, another digest. -ENOMEM. */
struct ph_probe_intake {
	struct ph_probe_matrix matrix;
	uint32_t told;
	bool begun;
	bool ended;
};

int ph_probe_intake_take(
	struct ph_probe_intake *intake, const uint8_t *body, size_t length);
/* A report that goes out, part by part: `*at` from 0; the body's length, or 0
 * when all of it was given. */
size_t ph_probe_matrix_part(const struct ph_probe_matrix *matrix, uint32_t *at,
	uint8_t out[PH_PROBE_BODY]);

#endif
