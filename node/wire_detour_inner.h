#ifndef PH_NODE_WIRE_DETOUR_INNER_H
#define PH_NODE_WIRE_DETOUR_INNER_H

#include "kernel/detour.h"
#include "node/wire_detour.h"

/*
 * A filter that is wished for in a connection. Shared by wire_detour.c (keeps
 * the wish through new streams) and wire_detour_calls.c (the calls and views).
 */
struct wire_detour {
	struct ph_wires *wires;
	struct ph_detour *detour; /* NULL: no stream, or it flows directly */
	char server[40];
	char reason[320];
	bool bypass;
	bool bypassed; /* it broke, and stays out */
	bool leaving;
	bool parts;  /* and then its wire */
	bool asking; /* the Hostess where the filter is */
	bool orphan; /* forgotten: only her answer is awaited */
	struct ph_gap lost;
	ph_handle ticket; /* who waits for it to be in, or out */
	struct ph_timer patience;
	struct ph_timer again;
	UT_hash_handle hh;
	char connection[96];
};

/* wire_detour.c */
struct wire_detour *detour_find(struct ph_wires *wires, const char *connection);
/* The wire that it is in; NULL. */
struct wire *detour_wire(struct ph_wires *wires, const char *connection);
/* Who waits is answered. */
void detour_answer(struct wire_detour *one, const struct ph_error *error);
/* The wish is gone, or to be gone. */
void detour_forget(struct wire_detour *one, const struct ph_error *error);
/* What `code` of ph_detour_enter means; -1. */
int detour_fail_enter(
	struct wire_detour *one, int code, struct ph_error *error);
void detour_again_due(struct ph_timer *timer);
extern const struct ph_detour_events detour_events;

#endif
