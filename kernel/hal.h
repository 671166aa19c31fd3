#ifndef PH_KERNEL_HAL_H
#define PH_KERNEL_HAL_H

#include <stdatomic.h>
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

/* A ring's memory: a page to share indices in, and `size` bytes that follow
 * themselves: data[i] and data[i + size] are one byte. */
struct ph_ring_memory {
	uint8_t *control;
	uint8_t *data;
	uint64_t size;
};

/*
 * What rings ask of the operating system: memory, and how a bare thread
 * sleeps. (Ends on a loop are woken by an eventfd that their owner keeps.)
 */
struct ph_ring_hal {
	/* Zeroed. -EINVAL: no power of two of pages; -ENOMEM. */
	int (*map)(void *context, uint64_t size, struct ph_ring_memory *out);
	void (*unmap)(void *context, struct ph_ring_memory *memory);
	/* Wakes who sleeps on the bell. */
	void (*wake)(void *context, _Atomic uint32_t *bell);
	/* Until the bell is not `seen` any more or the time is `until` (0: no
	 * end); may return for no reason. False: it is `until`. */
	bool (*sleep)(void *context, _Atomic uint32_t *bell, uint32_t seen,
		int64_t until);
	uint32_t spin; /* most looks before sleeping; 0 on a single CPU */
	void *context;
};

/* Tells the CPU that this thread only waits. */
static inline void ph_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

#endif
