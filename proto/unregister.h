#ifndef PH_PROTO_UNREGISTER_H
#define PH_PROTO_UNREGISTER_H

#include "kernel/door.h"
#include "kernel/loop.h"

/*
 * A server leaves the guest book of this node. A call that is refused (the door
 * is full, it lay there too long) says nothing of the server: it is made again
 * until the Hostess has let go of it. One that stays in her book would be found
 * by everybody, and nobody could have its name.
 */
struct ph_unregister {
	struct ph_loop *loop;
	struct ph_door *door;
	const char *server; /* borrowed */
	struct ph_timer timer;
	bool last; /* a refusal is taken for an answer, too */
	bool told; /* the log was */
	void (*done)(void *context);
	void *context;
};

/* Of a zeroed struct, once. `done` is called once it is out, never from within
 * this; borrows `server` until then. */
void ph_unregister_begin(struct ph_unregister *unregister, struct ph_loop *loop,
	struct ph_door *door, const char *server, void (*done)(void *context),
	void *context);
/* Before or after it has begun: no call is made again. For a node that goes,
 * and its guest book with it. */
void ph_unregister_last(struct ph_unregister *unregister);
/* Tells nobody any more, unless a call is under way. */
void ph_unregister_fini(struct ph_unregister *unregister);

#endif
