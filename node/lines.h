#ifndef PH_NODE_LINES_H
#define PH_NODE_LINES_H

#include "node/gate.h"

/*
 * The telephone exchange: keeps a line to every peer it knows how to reach,
 * redials with backoff what broke, and is the road of calls that go to another
 * node. Serves mesh.greet, mesh.peers, mesh.forget, mesh.revoke and
 * mesh.rotate.
 */
struct ph_lines;

int ph_lines_create(struct ph_lines **out, struct ph_node *node);
/* What was known before a restart: the map of space "peers" entry by entry. */
void ph_lines_remember(struct ph_lines *lines, struct ph_value entry);
/* Dials the seeds and the remembered peers. */
void ph_lines_start(struct ph_lines *lines);
/* Hangs up everywhere and dials no more. */
void ph_lines_close(struct ph_lines *lines);
void ph_lines_destroy(struct ph_lines *lines);

/* An address where a node of the mesh may be found. */
void ph_lines_seed(struct ph_lines *lines, const struct ph_address *address);
/* Where a node can be dialled best now, and the key it must prove. -ENOENT,
 * -EHOSTUNREACH. */
int ph_lines_candidate(struct ph_lines *lines, const char *node,
	struct ph_address *address, uint8_t key[PH_PUBLIC_KEY]);
unsigned ph_lines_up(const struct ph_lines *lines);

/* For the gate. */
void ph_lines_on_line(void *context, struct ph_session *session);
void ph_lines_on_gone(void *context, struct ph_session *session, void *target,
	int reason, const char *why);

#endif
