#ifndef PH_NODE_MONITOR_INNER_H
#define PH_NODE_MONITOR_INNER_H

#include "node/monitor_calls.h"
#include "node/monitors.h"

/*
 * What the files around node/monitors.h share: monitor_calls.c who watches,
 * monitor_ask.c the nodes that are asked, and the answers of both.
 */
struct monitor_call {
	uint64_t id;
	ph_handle ticket;
	int64_t until;
	int64_t since;	 /* wall ns */
	char caller[40]; /* "": this node, or its command line */
	char target[88];
	char label[40]; /* "": none */
	struct monitor_call *prev, *next;
};

struct asking;

struct ph_monitoring {
	struct ph_node *node;
	struct ph_monitors *monitors;
	struct monitor_call *calls;
	struct asking *questions; /* that are out */
	struct ph_timer timer;
	struct ph_task task;
	int64_t sweep; /* when it is looked whose watcher has gone away */
};

/* So much before its deadline a monitor is answered, to be gone on with. */
#define MONITOR_EARLY (500 * PH_MILLISECOND)
#define MONITOR_SWEEP (2 * PH_SECOND)

/* --- monitor_ask.c --- */

int64_t monitoring_now(const struct ph_monitoring *monitoring);
/* Something changed: asks, answers, at the end of the turn. */
void monitoring_stir(struct ph_monitoring *monitoring);
/* What becomes of both. */
void monitoring_on_task(struct ph_task *task);
void monitoring_on_due(struct ph_timer *timer);
/* Their answers are nobody's. */
void monitoring_forget_questions(struct ph_monitoring *monitoring);
void monitor_call_free(
	struct ph_monitoring *monitoring, struct monitor_call *call);

#endif
