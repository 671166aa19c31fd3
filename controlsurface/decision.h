#ifndef PH_CONTROLSURFACE_DECISION_H
#define PH_CONTROLSURFACE_DECISION_H

#include "controlsurface/control_inner.h"
#include "controlsurface/transaction.h"

/*
 * What a coordinator has decided: to commit. (That nothing was decided means
 * abort, so only commits are kept.) It is durable before anybody is told, and
 * kept until everybody has it; then all are told that nothing is left to ask,
 * and it goes. Decisions outlive the apply that made them, and the process.
 *
 * One whose record cannot be read (damaged, or of a newer version) was made all
 * the same: who asks hears so. It stays until a person lets go of it.
 */

struct ph_decision_node {
	char name[PH_NAME_MAX + 1];
	bool has; /* it has committed */
	bool asked;
	struct ph_error refusal; /* exit 0: none */
};

/* Told once the decision is durable (0) or could not be made so (-1), and
 * whenever a node has committed or refused. The decision stands until it
 * returns. */
typedef void ph_decision_fn(struct ph_control *control, void *context,
	struct ph_decision *decision, int status);

struct ph_decision {
	struct ph_control *control;
	char id[PH_TRANSACTION_ID];
	char scope[PH_NAME_MAX + 1];
	char by[PH_NAME_MAX + 1];
	struct ph_decision_node *nodes;
	unsigned node_count;
	unsigned rounds;
	bool durable;
	bool unreadable;  /* who has to hear of it is not known */
	int64_t since;	  /* then: wall clock, ns */
	ph_handle ticket; /* of who let go of it by hand */
	bool closing;
	bool undoing; /* given up; the disk is still to hear it */
	struct ph_timer timer;
	ph_decision_fn *told; /* NULL: nobody listens any more */
	void *context;
	struct ph_decision *prev;
	struct ph_decision *next;
};

/* Makes the decision to commit durable, then sees to it that every node hears
 * of it, over restarts. NULL: no memory. */
struct ph_decision *ph_decision_make(struct ph_control *control, const char *id,
	const char *scope, const char *by, const char (*nodes)[PH_NAME_MAX + 1],
	unsigned node_count, ph_decision_fn *told, void *context);
struct ph_decision *ph_decision_find(
	const struct ph_control *control, const char *id);
/* Enters it; NULL: no memory. */
struct ph_decision *ph_decision_new(
	struct ph_control *control, const char *id, unsigned node_count);
/* A person says that nobody has to hear of an unreadable one any more; answered
 * when its record is gone. */
void ph_decision_let_go(struct ph_decision *decision, ph_handle ticket);
/* Nodes that have not committed yet. */
unsigned ph_decision_missing(const struct ph_decision *decision);
bool ph_decision_is_made(const struct ph_control *control, const char *id);
/* It is on its way to the disk. */
bool ph_decision_is_pending(const struct ph_control *control, const char *id);
/* decision_record.c: the record as a map. */
void ph_decision_write_record(
	struct ph_writer *writer, const struct ph_decision *decision);
/* Reads it back without going on. -ENOMEM. */
int ph_decision_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length);
void ph_decisions_resume(struct ph_control *control);
/* No timer comes any more. */
void ph_decisions_stop(struct ph_control *control);
void ph_decisions_fini(struct ph_control *control);

#endif
