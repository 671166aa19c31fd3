#ifndef PH_CONTROLSURFACE_PACT_H
#define PH_CONTROLSURFACE_PACT_H

#include "controlsurface/control_inner.h"
#include "controlsurface/transaction.h"

/*
 * The shell of transaction.h: records on the disk, calls from and to the
 * others, the timer. pact.c carries out what the core wants, pact_ask.c asks
 * the others, pact_record.c writes and reads the records, pact_call.c serves
 * the calls, pact_doubt.c tells people what is in doubt.
 */

/* Who waits to be answered about a transaction. */
struct ph_pact_waiter {
	ph_handle ticket;
	enum ph_pact_question {
		PH_PACT_PREPARE,
		PH_PACT_COMMIT,
		PH_PACT_ABORT,
		PH_PACT_OUTCOME
	} question;
	struct ph_pact_waiter *next;
};

/* This node's side of a transaction, with its shell. */
struct ph_pact {
	struct ph_transaction core;
	struct ph_control *control;
	char scope[PH_NAME_MAX + 1];
	char by[PH_NAME_MAX + 1];
	struct ph_part *part; /* NULL: never prepared, or applied */
	uint8_t *bytes;	      /* the part as the store keeps it */
	size_t length;
	int64_t since;	 /* wall clock, ns */
	int64_t doubted; /* the same, when it came to be in doubt */
	struct ph_pact_waiter *waiters;
	struct ph_timer timer;
	uint64_t attempt;	  /* of the disk; older answers count no more */
	struct ph_error unstored; /* what it said, when it failed */
	UT_hash_handle hh;
};

#define PH_PACTS 1024u

/* pact_doubt.c: an alarm is raised, or cleared. */
void ph_doubt_note(struct ph_pact *pact, bool raised);

/* Which transaction holds this scope; NULL: none. */
const struct ph_pact *ph_pact_of_scope(
	const struct ph_control *control, const char *scope);
/* What holds the scope of this prepare or commit is just ending: its
 * coordinator is to ask again. */
bool ph_pact_is_passing(
	const struct ph_control *control, struct ph_value arguments);
struct ph_pact *ph_pact_find(struct ph_control *control, const char *id);
/* Who calls: a node. */
const char *ph_pact_caller(
	const struct ph_control *control, const struct ph_call *call);
/* False: loading, or stopping; then the caller was told to ask again. */
bool ph_pact_is_open(struct ph_control *control, ph_handle ticket);
/* Enters it; NULL: too many, or no memory. */
struct ph_pact *ph_pact_make(struct ph_control *control, const char *id);
/* Prepares it, and answers the ticket. Takes the part and the bytes. */
void ph_pact_begin(struct ph_pact *pact, ph_handle ticket);
/* Promises never to prepare it; answers the ticket then. */
void ph_pact_refuse(struct ph_pact *pact, ph_handle ticket);
/* May free it. */
void ph_pact_event(
	struct ph_pact *pact, const struct ph_transaction_event *event);
/* Notes that the ticket waits for an answer. -ENOMEM. */
int ph_pact_wait(
	struct ph_pact *pact, ph_handle ticket, enum ph_pact_question question);
void ph_pact_answer_outcome(
	struct ph_control *control, ph_handle ticket, enum ph_outcome outcome);
/* control.commit of a transaction: answers. */
void ph_pact_serve_commit(
	struct ph_control *control, struct ph_request *request);
/* What the coordinator, which is this node, knows of it. */
enum ph_outcome ph_pact_coordinator_outcome(
	struct ph_control *control, const char *id);
/* Reads a record of space "transactions" back, without going on. -ENOMEM. */
int ph_pact_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length);
/* What was read back goes on. */
void ph_pacts_resume(struct ph_control *control);
/* pact_ask.c: the coordinator alone, or everybody who takes part. May free it,
 * when the coordinator is this node. */
void ph_pact_look(struct ph_pact *pact);
void ph_pact_ask(struct ph_pact *pact);
/* Writes store.put of the record into control->writer. */
void ph_pact_write_record(struct ph_pact *pact);
/* No timer comes any more. */
void ph_pacts_stop(struct ph_control *control);
void ph_pacts_fini(struct ph_control *control);
/* Frees what is the pact's, not the pact. */
void ph_pact_drop_part(struct ph_pact *pact);

#endif
