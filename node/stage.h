#ifndef PH_NODE_STAGE_H
#define PH_NODE_STAGE_H

#include <sys/types.h>

#include "node/client.h"

/*
 * A node of one's own, for as long as a test runs: this binary once more, with
 * a directory that is gone afterwards, no neighbours and no network. Whatever
 * node runs on this machine is not touched.
 */
struct ph_stage {
	char directory[64];
	pid_t pid; /* -1: not started */
	int pidfd;
	struct ph_client *client;
};

/* -1 with the error told. Close it in either case. SIGINT and SIGTERM should
 * be blocked by the caller: see ph_stage_nap. */
int ph_stage_open(struct ph_stage *stage, struct ph_error *error);
/* Makes the node's scope "test" equal to the map that `writer` holds. */
int ph_stage_apply(
	struct ph_stage *stage, struct ph_writer *map, struct ph_error *error);
/* Whether a server of the test broke; why, as "enc: exit status 1". */
bool ph_stage_broken(struct ph_stage *stage, char *why, size_t size);
/* Nothing runs there any more. */
void ph_stage_clear(struct ph_stage *stage);
/* Waits a little; false: the node has gone, or somebody wants us to stop. */
bool ph_stage_nap(struct ph_stage *stage);
/* Ends the node and takes the directory away. */
void ph_stage_close(struct ph_stage *stage);

#endif
