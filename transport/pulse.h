#ifndef PH_TRANSPORT_PULSE_H
#define PH_TRANSPORT_PULSE_H

#include "kernel/loop.h"

/*
 * Notices within 15 s that what a TCP carrier sent arrives nowhere. While the
 * socket holds unacknowledged bytes it looks at TCP's own state every 3 s; a
 * peer that answers window probes lives, however slow its consumer is. An
 * idle carrier costs no timer: keepalive, in the operating system, watches it.
 */
struct ph_pulse {
	struct ph_loop *loop;
	struct ph_timer timer;
	int fd;
	void (*on_dead)(struct ph_pulse *pulse);
};

/* `on_dead` is called from the timer, once. */
void ph_pulse_init(struct ph_pulse *pulse, struct ph_loop *loop, int fd,
	void (*on_dead)(struct ph_pulse *pulse));
/* Something was sent. Harmless on an uninitialised (zero) pulse. */
void ph_pulse_beat(struct ph_pulse *pulse);
void ph_pulse_stop(struct ph_pulse *pulse);

#endif
