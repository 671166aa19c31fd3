#include "kernel/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct spare_list {
	struct ph_buffer *first;
	unsigned count;
	uint32_t capacity;
};

struct ph_pool {
	struct spare_list small;
	struct spare_list large;
	size_t live;
};

int ph_pool_create(struct ph_pool **out)
{
	struct ph_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->small.capacity = PH_BUFFER_SMALL;
	pool->large.capacity = PH_BUFFER_LARGE;
	*out = pool;
	return 0;
}

static void spare_trim(struct spare_list *list)
{
	struct ph_buffer *buffer;

	while ((buffer = list->first)) {
		list->first = buffer->next;
		free(buffer);
	}
	list->count = 0;
}

void ph_pool_trim(struct ph_pool *pool)
{
	spare_trim(&pool->small);
	spare_trim(&pool->large);
}

void ph_pool_destroy(struct ph_pool *pool)
{
	if (!pool)
		return;
	assert(pool->live == 0);
	ph_pool_trim(pool);
	free(pool);
}

size_t ph_pool_live(const struct ph_pool *pool)
{
	return pool->live;
}

/* The list that serves this capacity, or NULL for odd sizes. */
static struct spare_list *spare_for(struct ph_pool *pool, size_t capacity)
{
	if (capacity == pool->small.capacity)
		return &pool->small;
	if (capacity == pool->large.capacity)
		return &pool->large;
	return NULL;
}

struct ph_buffer *ph_buffer_get(struct ph_pool *pool, size_t capacity)
{
	struct spare_list *list = spare_for(pool, capacity);
	struct ph_buffer *buffer;

	if (list && list->first) {
		buffer = list->first;
		list->first = buffer->next;
		list->count--;
	} else {
		if (capacity > UINT32_MAX)
			return NULL;
		buffer = malloc(sizeof(*buffer) + capacity);
		if (!buffer)
			return NULL;
		buffer->pool = pool;
		buffer->capacity = (uint32_t)capacity;
	}
	buffer->next = NULL;
	buffer->references = 1;
	buffer->used = 0;
	pool->live++;
	return buffer;
}

struct ph_buffer *ph_buffer_ref(struct ph_buffer *buffer)
{
	assert(buffer->references > 0);
	buffer->references++;
	return buffer;
}

static void buffer_release(struct ph_buffer *buffer)
{
	struct ph_pool *pool = buffer->pool;
	struct spare_list *list = spare_for(pool, buffer->capacity);

	pool->live--;
	if (!list || list->count >= PH_POOL_SPARE) {
		free(buffer);
		return;
	}
	buffer->next = list->first;
	list->first = buffer;
	list->count++;
}

void ph_buffer_unref(struct ph_buffer *buffer)
{
	if (!buffer)
		return;
	assert(buffer->references > 0);
	if (--buffer->references == 0)
		buffer_release(buffer);
}
