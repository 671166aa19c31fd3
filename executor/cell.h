#ifndef PH_EXECUTOR_CELL_H
#define PH_EXECUTOR_CELL_H

#include <stdbool.h>
#include <sys/types.h>

#include "executor/helper.h"

/*
 * Namespaces of a program: of processes, mounts and System V IPC, without
 * `network` also one without any interface; and one of users, when the node
 * is not root. They live as long as their keeper (executor/keeper.h), which is
 * a child of the node.
 *
 * To make them takes milliseconds, so a keeper of each kind that was wanted
 * before stands by for the next program.
 */
struct ph_keepers {
	const char *binary;	    /* the node's; NULL: no namespaces */
	struct ph_helper spares[2]; /* who starts the keeper */
	int refused[2]; /* the host never lets one be: a negative errno */
};

void ph_keepers_init(struct ph_keepers *keepers, const char *binary);
void ph_keepers_fini(struct ph_keepers *keepers);

struct ph_cell {
	pid_t pid; /* its keeper; 0: there is none */
	int pidfd;
	int flags; /* of setns(2) */
};

/* 0, or a negative errno, and `*what` names what failed. Waits for the keeper.
 */
int ph_cell_open(struct ph_cell *cell, struct ph_keepers *keepers, bool network,
	const char *directory, const char **what);
/* The calling process, one of a single thread, joins; what it forks is inside.
 * Async-signal-safe. 0, or -1 with errno. */
int ph_cell_join(const struct ph_cell *cell);
/* Ends everything inside. False: it is not over yet; `pidfd` becomes readable
 * then, and this is to be called again. */
bool ph_cell_close(struct ph_cell *cell);

#endif
