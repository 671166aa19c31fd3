#ifndef PH_NODE_NOTIFY_H
#define PH_NODE_NOTIFY_H

#include "kernel/loop.h"

/* sd_notify(3): one datagram to $NOTIFY_SOCKET, when there is one. */
void ph_notify(const char *state);

/*
 * sd_watchdog_enabled(3): where a service manager asks for it, WATCHDOG=1
 * twice in its interval, from the loop: one that hangs is missed.
 */
struct ph_watchdog {
	struct ph_loop *loop; /* NULL: nobody asks */
	struct ph_timer timer;
	int64_t every; /* ns */
};

void ph_watchdog_start(struct ph_watchdog *watchdog, struct ph_loop *loop);
/* Harmless when it never started. */
void ph_watchdog_stop(struct ph_watchdog *watchdog);

#endif
