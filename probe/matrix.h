#ifndef PH_PROBE_MATRIX_H
#define PH_PROBE_MATRIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/priority.h"
#include "proto/identity.h"
#include "proto/reach.h"

/*
 * The reach matrix: what is known of the ways from nodes to nodes, by (from,
 * to, transport, address, port). This node's own results and what
 * authenticated peers say of theirs stand side by side and are never mixed.
 *
 *   own success    fresh for 300 s, worth a check after 75 % of it
 *   own failure    fresh for 30 s, doubling to 600 s, spread by 20 %
 *   hearsay        for as long as its teller says, at most 150 s
 *
 * What is no longer fresh still orders those that nobody knows better. When
 * the addresses of this host change, a new network epoch begins: no own
 * result of an older one is fresh. The same holds of what was kept over a
 * restart ("stale").
 *
 * Pure: `now` is monotonic ns, randomness (of the spread) from a seed. Bounded:
 * when it is full, hearsay that expired goes first, then hearsay, and own
 * results never go for hearsay. Whoever tells has nodes of his own invention
 * in at most half of it.
 */
#define PH_MATRIX_ROWS	   8192u
#define PH_MATRIX_TARGETS  1024u
#define PH_MATRIX_TOLD	   512u	 /* targets that one teller brought up */
#define PH_MATRIX_PER_PAIR 64u	 /* hearsay of one node of one other */
#define PH_MATRIX_OWN	   512u	 /* own, of one other */
#define PH_MATRIX_PER_NODE 1024u /* of one node, whoever says it */

#define PH_MATRIX_S	   INT64_C(1000000000)
#define PH_MATRIX_SUCCESS  (300 * PH_MATRIX_S)
#define PH_MATRIX_FAILURE  (30 * PH_MATRIX_S)
#define PH_MATRIX_FAILURES (600 * PH_MATRIX_S)
#define PH_MATRIX_HEARSAY  (150 * PH_MATRIX_S)
#define PH_MATRIX_AGAIN	   75 /* % of the time after which it is checked */
#define PH_MATRIX_CHECKED  2  /* open points of an address that are */

struct ph_matrix_row {
	uint8_t from[PH_NODE_ID_BYTES];
	struct ph_reach_row point;
	uint8_t average;  /* of successes; 255: always */
	uint8_t failures; /* in a row */
	bool own;
	bool dialled; /* where the node itself listens: stays longest */
	bool stale;   /* from before the restart */
	uint32_t net_epoch;
	int64_t checked; /* monotonic ns; < 0: before the clock began */
	int64_t changed; /* since when the verdict is so */
	int64_t until;	 /* fresh */
};

struct ph_matrix;

int ph_matrix_create(struct ph_matrix **out,
	const uint8_t self[PH_NODE_ID_BYTES], uint64_t seed);
void ph_matrix_destroy(struct ph_matrix *matrix);

/* A result of this node's own, of now: of a dial, or of a probe. True: it is
 * another verdict than the one before. Skipped and untried points are not
 * kept. */
bool ph_matrix_learn(struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	bool dialled);
/* What a restart kept: its own, stale. `age` ns. */
void ph_matrix_recall(struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	uint8_t average, int64_t age);
/* What `from` says, `age` and `ttl` (from then on) as it says, ns. True: it is
 * news. */
bool ph_matrix_hear(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[PH_NODE_ID_BYTES],
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	int64_t age, int64_t ttl);
/* This host's addresses changed. */
void ph_matrix_moved(struct ph_matrix *matrix);
uint32_t ph_matrix_net_epoch(const struct ph_matrix *matrix);
/* All that it said and all ways to it. */
void ph_matrix_forget(
	struct ph_matrix *matrix, const uint8_t node[PH_NODE_ID_BYTES]);

bool ph_matrix_is_fresh(const struct ph_matrix *matrix,
	const struct ph_matrix_row *row, int64_t now);
/* Of one point, of this node's own; NULL. */
const struct ph_matrix_row *ph_matrix_find(const struct ph_matrix *matrix,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point);
/* All rows, or those to one node; `each` must not change the matrix. */
void ph_matrix_each(const struct ph_matrix *matrix,
	const uint8_t *to /* NULL: all */,
	void (*each)(void *context, const uint8_t to[PH_NODE_ID_BYTES],
		const struct ph_matrix_row *row),
	void *context);
size_t ph_matrix_count(const struct ph_matrix *matrix);
/* Grows with every result. */
uint64_t ph_matrix_revision(const struct ph_matrix *matrix);

/* Fills trust, average and rtt_us of one point, from all that is known: its
 * own row, what peers say of it, other ports of the same address. */
void ph_matrix_judge(const struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point,
	struct ph_priority *out);

/* Would a probe of the point tell anything new? Not when this node knows it
 * (up to 75 % of its time). Where peers say what the ports of an address are,
 * a few stand for all: the two lowest that are said to be open; where none is,
 * the lowest that is said to be silent. So a newcomer probes little of what its
 * peers know, and still sees with its own eyes. */
bool ph_matrix_needs_probe(const struct ph_matrix *matrix, int64_t now,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_reach_row *point);

#endif
