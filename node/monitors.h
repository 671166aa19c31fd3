#ifndef PH_NODE_MONITORS_H
#define PH_NODE_MONITORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/hal.h"
#include "proto/run_end.h"

/*
 * Who watches whom. A monitor is of a run of a server or of a life of a node,
 * here or on a peer, and ends in exactly one notice, unless it is dropped.
 *
 *   add -> asked -> watching -> noticed   (its run ended, its node is lost)
 *            `-> noticed                  (no such server, or it does not run)
 *
 * Each node that is watched has one question out that names all that is
 * watched there (executor.await); it is answered when one of them has ended, at
 * once when that is asked for, and after a while in any case. Runs have numbers
 * and nodes' lives too, so what ended between two questions is told by the next
 * one, and what began since is not taken for it. Answers to a question that a
 * newer one has replaced are not looked at.
 *
 * A node is lost when membership says so, when it is heard of in another life,
 * or when it has not answered for PH_MONITORS_PATIENCE since the line to it
 * broke; then all its monitors are noticed, and none is left to be noticed
 * again when it is back.
 *
 * Pure: time is an argument, questions and notices are fetched.
 */
#define PH_MONITORS_MOST     1024u
#define PH_MONITORS_OF_NODE  256u /* that are watched there */
#define PH_MONITORS_PATIENCE (15 * PH_SECOND)

struct ph_monitor_notice {
	uint64_t id;
	struct ph_run_end end;
};

struct ph_monitors_question {
	char node[40];
	uint64_t number;
	bool fresh; /* to be answered at once */
};

struct ph_monitors;

/* -ENOMEM. */
int ph_monitors_create(struct ph_monitors **out);
void ph_monitors_destroy(struct ph_monitors *monitors);

/* `node`: an id, "" for this one; `server` "": the node itself. `run` and
 * `life` as an earlier answer had them, 0: the present ones. -ENOSPC, -ENOMEM.
 */
int ph_monitors_add(struct ph_monitors *monitors, const char *node,
	const char *server, uint64_t run, uint64_t life, uint64_t *id);
/* False: there is none (any more). No notice follows. */
bool ph_monitors_drop(struct ph_monitors *monitors, uint64_t id);
/* Of one that watches: what to go on with; false while that is not known. */
bool ph_monitors_stand(const struct ph_monitors *monitors, uint64_t id,
	uint64_t *run, uint64_t *life);
unsigned ph_monitors_count(const struct ph_monitors *monitors);

/* The next question that is due; false: none. */
bool ph_monitors_ask(struct ph_monitors *monitors, int64_t now,
	struct ph_monitors_question *out);
/* What it is about: each server and run once. Nothing of a node alone. */
void ph_monitors_subjects(const struct ph_monitors *monitors, const char *node,
	void (*subject)(void *context, const char *server, uint64_t run),
	void *context);
/* When to ask again, or to give a node up; INT64_MAX. */
int64_t ph_monitors_due(const struct ph_monitors *monitors);
void ph_monitors_tick(struct ph_monitors *monitors, int64_t now);

/* The answer of the node in that life: what runs (cause NONE), what ended. */
void ph_monitors_answered(struct ph_monitors *monitors, int64_t now,
	const char *node, uint64_t number, uint64_t life,
	const struct ph_run_end *ends, size_t count);
/* None came. */
void ph_monitors_failed(struct ph_monitors *monitors, int64_t now,
	const char *node, uint64_t number);
/* All of that node's are noticed so. */
void ph_monitors_lose(struct ph_monitors *monitors, const char *node,
	enum ph_end_cause cause, const char *reason);

/* The next notice; its monitor is gone. False: none. */
bool ph_monitors_notice(
	struct ph_monitors *monitors, struct ph_monitor_notice *out);

#endif
