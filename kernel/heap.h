#ifndef PH_KERNEL_HEAP_H
#define PH_KERNEL_HEAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Timers by their due time: a binary heap of pointers, so that the earliest is
 * at hand and any can be taken out by its slot. It knows no clock.
 */

/* Runs once at its time. Embed it; `on_due` may start it again. */
struct ph_timer {
	void (*on_due)(struct ph_timer *timer);
	int64_t due; /* ns, absolute */
	size_t slot; /* position in the heap plus 1; 0: not started */
};

struct ph_heap {
	struct ph_timer **items;
	size_t count;
	size_t size;
};

void ph_heap_init(struct ph_heap *heap);
/* The timers are forgotten, not stopped. */
void ph_heap_fini(struct ph_heap *heap);

/* Puts it in, or moves it, to `due`. -ENOMEM (only when it was not in). */
int ph_heap_put(struct ph_heap *heap, struct ph_timer *timer, int64_t due);
/* Harmless when it is not in. */
void ph_heap_take(struct ph_heap *heap, struct ph_timer *timer);
/* The earliest, or NULL. */
struct ph_timer *ph_heap_first(const struct ph_heap *heap);

#endif
