#ifndef PH_KERNEL_HAL_H
#define PH_KERNEL_HAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The whole of the operating system that the os-free part of the kernel
 * (buffers, queues, pipes, terminals, handles, the call door) ever sees.
 * ph_loop provides the Linux one; tests provide their own.
 */

/* All times are nanoseconds on a monotonic clock. */
#define PH_MICROSECOND INT64_C(1000)
#define PH_MILLISECOND (1000 * PH_MICROSECOND)
#define PH_SECOND      (1000 * PH_MILLISECOND)

/* Work to do once, soon. Embed it; it may be deferred again after it ran. */
struct ph_task {
	void (*run)(struct ph_task *task);
	struct ph_task *next; /* owned by the queue it waits in */
	bool queued;
};

struct ph_hal {
	/* The time of the current turn; never a system call. */
	int64_t (*now)(void *context);
	/* Runs the task later on this thread; a queued task stays queued
	 * once. Never runs it before returning. */
	void (*defer)(void *context, struct ph_task *task);
	/* Takes a deferred task back; harmless when it is not queued. */
	void (*cancel)(void *context, struct ph_task *task);
	void *context;
};

#endif
