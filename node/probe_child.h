#ifndef PH_NODE_PROBE_CHILD_H
#define PH_NODE_PROBE_CHILD_H

#include "executor/process.h"
#include "proto/probe_fd.h"

/*
 * A probe or beacon process of this node: started by the executor's means, its
 * orders on one descriptor, its secrets on another. Embed it; zeroed is none.
 */
struct probe_child {
	struct ph_process process;
	struct ph_watch watch;
	struct ph_loop *loop;
	int fd; /* -1 once it said all */
	bool ended;
	uint8_t *in;
	size_t in_length;
	/* What it says, whole orders. It must not be stopped in here. */
	void (*on_order)(
		struct probe_child *child, const struct ph_order *order);
	/* It exited, and all it said was told. `code`: its exit code, or minus
	 * the signal. */
	void (*on_end)(struct probe_child *child, int code);
};

/* `verb`: PH_PROBE_VERB or PH_BEACON_VERB. Callbacks set. Negative errno. */
int probe_child_start(struct probe_child *child, struct ph_loop *loop,
	const char *verb, const uint8_t *order, size_t length,
	const struct ph_probe_secrets *secrets);
/* Kills it if it runs; on_end does not follow. Idempotent. */
void probe_child_stop(struct probe_child *child);
bool probe_child_runs(const struct probe_child *child);

#endif
