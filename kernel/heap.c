#include "kernel/heap.h"

#include <errno.h>
#include <stdlib.h>

#define HEAP_FIRST_SIZE 16

void ph_heap_init(struct ph_heap *heap)
{
	heap->items = NULL;
	heap->count = 0;
	heap->size = 0;
}

void ph_heap_fini(struct ph_heap *heap)
{
	free(heap->items);
	ph_heap_init(heap);
}

static void heap_set(struct ph_heap *heap, size_t index, struct ph_timer *timer)
{
	heap->items[index] = timer;
	timer->slot = index + 1;
}

/* Finds the place of `timer` from `index` towards the root. */
static size_t heap_rise(
	struct ph_heap *heap, size_t index, const struct ph_timer *timer)
{
	while (index > 0) {
		size_t parent = (index - 1) / 2;

		if (heap->items[parent]->due <= timer->due)
			break;
		heap_set(heap, index, heap->items[parent]);
		index = parent;
	}
	return index;
}

/* The same towards the leaves. */
static size_t heap_sink(
	struct ph_heap *heap, size_t index, const struct ph_timer *timer)
{
	for (;;) {
		size_t child = index * 2 + 1;

		if (child >= heap->count)
			return index;
		if (child + 1 < heap->count &&
			heap->items[child + 1]->due < heap->items[child]->due)
			child++;
		if (timer->due <= heap->items[child]->due)
			return index;
		heap_set(heap, index, heap->items[child]);
		index = child;
	}
}

static void heap_place(
	struct ph_heap *heap, size_t index, struct ph_timer *timer)
{
	index = heap_rise(heap, index, timer);
	index = heap_sink(heap, index, timer);
	heap_set(heap, index, timer);
}

static int heap_grow(struct ph_heap *heap)
{
	size_t size = heap->size ? heap->size * 2 : HEAP_FIRST_SIZE;
	struct ph_timer **items;

	items = realloc(heap->items, size * sizeof(*items));
	if (!items)
		return -ENOMEM;
	heap->items = items;
	heap->size = size;
	return 0;
}

int ph_heap_put(struct ph_heap *heap, struct ph_timer *timer, int64_t due)
{
	if (!timer->slot) {
		if (heap->count == heap->size && heap_grow(heap) < 0)
			return -ENOMEM;
		timer->due = due;
		heap_set(heap, heap->count++, timer);
	}
	timer->due = due;
	heap_place(heap, timer->slot - 1, timer);
	return 0;
}

void ph_heap_take(struct ph_heap *heap, struct ph_timer *timer)
{
	size_t index = timer->slot - 1;
	struct ph_timer *last;

	if (!timer->slot)
		return;
	timer->slot = 0;
	last = heap->items[--heap->count];
	if (last != timer)
		heap_place(heap, index, last);
}

struct ph_timer *ph_heap_first(const struct ph_heap *heap)
{
	return heap->count ? heap->items[0] : NULL;
}
