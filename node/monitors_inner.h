#ifndef PH_NODE_MONITORS_INNER_H
#define PH_NODE_MONITORS_INNER_H

#include "node/monitors.h"

/*
 * The core from within: monitors.c who watches whom, monitors_hear.c what is
 * asked of the nodes and what they say.
 */

/*
 * A monitor is in the list of its node, or among those to be noticed, never in
 * both: what moves it there is what makes its notice the only one.
 */
struct monitor {
	uint64_t id;
	uint64_t life; /* of the node; 0: not known yet */
	struct ph_run_end end;
	struct monitor *prev, *next;
};

struct watched {
	char node[40];
	struct monitor *monitors;
	unsigned count;
	uint64_t number; /* of the last question */
	bool asking;
	bool changed; /* the question that is out lacks something */
	bool unsure;  /* an answer is wanted at once */
	int64_t again;
	int64_t wait;
	int64_t lost; /* since when it does not answer; 0: it does */
	struct watched *prev, *next;
};

struct ph_monitors {
	struct watched *nodes;
	struct monitor *noticed;
	unsigned count;
	uint64_t last_id;
	uint64_t last_number;
};

/* NULL: nobody there is watched. */
struct watched *monitors_node(
	const struct ph_monitors *monitors, const char *node);
/* It goes when nobody watches it: an answer that still comes finds nobody. */
void monitors_settle(struct ph_monitors *monitors, struct watched *watched);
/* Its run and its node's life are known. */
bool monitor_stands(const struct monitor *monitor);

#endif
