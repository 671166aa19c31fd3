#ifndef PH_KERNEL_CLOCK_H
#define PH_KERNEL_CLOCK_H

#include <stdint.h>

/*
 * Where time comes from. The real clock asks CLOCK_MONOTONIC; the virtual
 * one moves only when it is told to, or when a loop on it has nothing else to
 * do and jumps to its next timer.
 */
struct ph_clock {
	int64_t (*now)(struct ph_clock *clock); /* ns, monotonic */
	/* true: a loop on this clock never waits, it advances. */
	void (*advance_to)(struct ph_clock *clock, int64_t when);
};

/* The process's real clock; immutable, advance_to is NULL. */
extern struct ph_clock ph_clock_real;

struct ph_virtual_clock {
	struct ph_clock clock;
	int64_t time; /* ns */
};

/* Starts at `time` ns. */
void ph_virtual_clock_init(struct ph_virtual_clock *clock, int64_t time);

/* Wall clock, ns since 1970-01-01 UTC: for showing, never for deadlines. */
int64_t ph_clock_wall(void);

#endif
