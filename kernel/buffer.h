#ifndef PH_KERNEL_BUFFER_H
#define PH_KERNEL_BUFFER_H

#include <stddef.h>
#include <stdint.h>

/*
 * Reference-counted bytes. Bytes below `used` never change once they were
 * shared; the one who fills a buffer may append behind them. A count belongs
 * to one thread: crossing threads copies.
 *
 * Two sizes are kept for reuse in a pool, because fresh 256 KiB from malloc
 * cost a page fault each 4 KiB.
 */
struct ph_pool;

struct ph_buffer {
	struct ph_pool *pool;
	struct ph_buffer *next; /* in the pool's list */
	uint32_t references;
	uint32_t capacity; /* bytes */
	uint32_t used;	   /* bytes filled so far */
	uint8_t data[];
};

#define PH_BUFFER_SMALL ((uint32_t)64 * 1024)
#define PH_BUFFER_LARGE ((uint32_t)256 * 1024 + 512)
/* Spare buffers a pool keeps of each size. */
#define PH_POOL_SPARE 8

int ph_pool_create(struct ph_pool **out);
/* Every buffer must have come back. */
void ph_pool_destroy(struct ph_pool *pool);
/* Frees the spares: what an idle node holds. */
void ph_pool_trim(struct ph_pool *pool);
/* Buffers handed out and not yet back. */
size_t ph_pool_live(const struct ph_pool *pool);

/* A buffer of at least `capacity` bytes, one reference, or NULL. */
struct ph_buffer *ph_buffer_get(struct ph_pool *pool, size_t capacity);
struct ph_buffer *ph_buffer_ref(struct ph_buffer *buffer);
/* NULL is harmless. */
void ph_buffer_unref(struct ph_buffer *buffer);

#endif
