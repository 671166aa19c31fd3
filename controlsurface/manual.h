#ifndef PH_CONTROLSURFACE_MANUAL_H
#define PH_CONTROLSURFACE_MANUAL_H

#include "controlsurface/control_inner.h"

/*
 * What somebody changed by hand: the column `override`. It never touches what
 * is declared. A change is durable before it is answered, may end by itself
 * (`until`), and is dropped by control.revert.
 *
 *   connect      one more wire than is declared
 *   disconnect   a declared wire is not there
 *   move         a declared wire ends at another input
 *
 * Wires by hand have the scope "". A change whose declared wire has left the
 * wiring file goes with it.
 */
#define PH_MANUALS_MOST 1024u
#define PH_MANUAL_ID	32u
#define PH_MANUAL_STORE (20 * PH_SECOND) /* until a store's answer */

#define PH_MANUAL_VERBS(X)                                                     \
	X(CONNECT, "connect")                                                  \
	X(DISCONNECT, "disconnect")                                            \
	X(MOVE, "move")

enum ph_manual_verb {
#define X(ident, name) PH_MANUAL_##ident,
	PH_MANUAL_VERBS(X)
#undef X
};

struct ph_manual {
	struct ph_control *control;
	char id[PH_MANUAL_ID]; /* o-epoch.number */
	enum ph_manual_verb verb;
	struct ph_wire cut;  /* declared, and not there: disconnect, move */
	struct ph_wire wire; /* there by hand: connect, move */
	char by[PH_NAME_MAX + 1];
	char why[160];
	int64_t since;	       /* wall clock, ns */
	int64_t until;	       /* wall clock, ns; 0: until it is reverted */
	char reservation[128]; /* a hold that the wire uses; "" */
	struct ph_timer timer;
	struct ph_manual *prev;
	struct ph_manual *next;
};

bool ph_manual_has_cut(const struct ph_manual *manual);
bool ph_manual_has_wire(const struct ph_manual *manual);
/* By id; by the wire it laid; NULL. */
struct ph_manual *ph_manual_find(
	const struct ph_control *control, const char *id);
struct ph_manual *ph_manual_of_wire(
	const struct ph_control *control, const struct ph_wire *wire);
/* Is this declared wire taken away by hand? NULL: no. */
const struct ph_manual *ph_manual_cutting(
	const struct ph_control *control, const struct ph_wire *wire);

/* An empty one with an id of its own, not in the table. NULL: no memory. */
struct ph_manual *ph_manual_new(struct ph_control *control, const char *by);
/* Enters it, and lets it end in time. */
void ph_manual_enter(struct ph_manual *manual);
/* Takes it out and frees it. */
void ph_manual_drop(struct ph_manual *manual);
/* Writes store.put of its record into control->writer. */
void ph_manual_write_record(const struct ph_manual *manual);
/* Reads one back. -EBADMSG, -ENOMEM. */
int ph_manual_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length);
/* What was read back is brought about; also after each change. */
void ph_manuals_bring_about(struct ph_control *control);
/* Those whose declared wire is not declared any more go. */
void ph_manuals_prune(struct ph_control *control);
void ph_manuals_stop(struct ph_control *control);
void ph_manuals_fini(struct ph_control *control);

/* --- manual_read.c: fill in `manual`; -1 with the error told --- */

int ph_manual_read_connect(struct ph_control *control, struct ph_manual *manual,
	struct ph_value arguments, struct ph_error *error);
/* Of a wire by hand, `manual` becomes what laid it, changed. */
int ph_manual_read_move(struct ph_control *control, struct ph_manual *manual,
	struct ph_value arguments, struct ph_error *error);
int ph_manual_read_disconnect(struct ph_control *control,
	struct ph_manual *manual, struct ph_value arguments,
	struct ph_error *error);
/* `for` and `why`. */
int ph_manual_read_time(struct ph_manual *manual, struct ph_value arguments,
	struct ph_error *error);

/* --- manual_revert.c --- */

/* Drops what was changed by hand, durably, and answers. */
void ph_manual_revert(struct ph_control *control, ph_handle ticket,
	const struct ph_manual *manual, const char *by);

/* Who changes it by this call. */
static inline const char *ph_manual_caller(
	const struct ph_control *control, const struct ph_call *call)
{
	return *call->caller->node ? call->caller->node : control->node;
}

/* The connection that its output feeds, and would still feed; NULL: none. */
const struct ph_edge *ph_manual_output_feeds(
	struct ph_control *control, const struct ph_manual *manual);

/* The map `override` of a view. */
void ph_manual_write(struct ph_writer *writer, const struct ph_manual *manual);
const char *ph_manual_verb_name(enum ph_manual_verb verb);

#endif
