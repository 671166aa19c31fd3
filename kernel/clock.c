#include "kernel/clock.h"

#include <stddef.h>
#include <time.h>

static int64_t clock_read(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return (int64_t)time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t real_now(struct ph_clock *clock)
{
	return clock_read(CLOCK_MONOTONIC);
}

struct ph_clock ph_clock_real = {.now = real_now, .advance_to = NULL};

static int64_t virtual_now(struct ph_clock *clock)
{
	return ((struct ph_virtual_clock *)clock)->time;
}

/* Time never runs backwards: several loops may share one virtual clock. */
static void virtual_advance_to(struct ph_clock *clock, int64_t when)
{
	struct ph_virtual_clock *self = (struct ph_virtual_clock *)clock;

	if (when > self->time)
		self->time = when;
}

void ph_virtual_clock_init(struct ph_virtual_clock *clock, int64_t time)
{
	clock->clock.now = virtual_now;
	clock->clock.advance_to = virtual_advance_to;
	clock->time = time;
}

int64_t ph_clock_wall(void)
{
	return clock_read(CLOCK_REALTIME);
}
