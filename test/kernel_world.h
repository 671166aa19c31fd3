#ifndef PH_TEST_KERNEL_WORLD_H
#define PH_TEST_KERNEL_WORLD_H

#include <stdint.h>

#include "kernel/kernel.h"

/*
 * The kernel with an operating system of thirty lines: time stands still
 * until it is set, tasks run when asked, and a die that a seed decides.
 */
struct world {
	struct ph_kernel kernel;
	struct ph_task *first;
	struct ph_task **last;
	int64_t now;
	uint64_t random;
};

static inline uint32_t dice(struct world *world, uint32_t sides)
{
	world->random ^= world->random << 13;
	world->random ^= world->random >> 7;
	world->random ^= world->random << 17;
	return (uint32_t)((world->random >> 20) % sides);
}

static inline int64_t world_now(void *context)
{
	return ((struct world *)context)->now;
}

static inline void world_defer(void *context, struct ph_task *task)
{
	struct world *world = context;

	if (task->queued)
		return;
	task->queued = true;
	task->next = NULL;
	*world->last = task;
	world->last = &task->next;
}

static inline void world_cancel(void *context, struct ph_task *task)
{
	struct world *world = context;
	struct ph_task **link = &world->first;

	if (!task->queued)
		return;
	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	if (!*link)
		world->last = link;
	task->queued = false;
}

/* Until nothing is deferred any more. */
static inline void world_run(struct world *world)
{
	while (world->first) {
		struct ph_task *task = world->first;

		world->first = task->next;
		if (!world->first)
			world->last = &world->first;
		task->queued = false;
		task->run(task);
	}
}

static inline int world_open(struct world *world, uint64_t seed)
{
	struct ph_hal hal = {.now = world_now,
		.defer = world_defer,
		.cancel = world_cancel,
		.context = world};

	world->first = NULL;
	world->last = &world->first;
	world->now = 1;
	world->random = seed;
	return ph_kernel_init(&world->kernel, hal);
}

#endif
