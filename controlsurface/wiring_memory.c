#include "controlsurface/wiring_memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Without memory an entry is not added, instead of ending the process. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define BLOCK_BYTES ((size_t)64 * 1024)

struct ph_arena_block {
	struct ph_arena_block *next;
	size_t size;
	size_t used;
	alignas(max_align_t) unsigned char bytes[];
};

static struct ph_arena_block *block_create(struct ph_arena *arena, size_t size)
{
	if (size < BLOCK_BYTES)
		size = BLOCK_BYTES;
	struct ph_arena_block *block = calloc(1, sizeof(*block) + size);
	if (block == NULL) {
		arena->failed = true;
		return NULL;
	}
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *ph_arena_take(struct ph_arena *arena, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct ph_arena_block *block = arena->blocks;

	size = (size + align - 1) / align * align;
	if (block == NULL || block->size - block->used < size)
		block = block_create(arena, size);
	if (block == NULL)
		return NULL;
	void *taken = block->bytes + block->used;
	block->used += size;
	return taken;
}

char *ph_arena_text(struct ph_arena *arena, const char *text, size_t length)
{
	char *copy = ph_arena_take(arena, length + 1);

	if (copy != NULL && length > 0)
		memcpy(copy, text, length);
	return copy;
}

char *ph_arena_format(struct ph_arena *arena, const char *format, va_list list)
{
	va_list again;

	va_copy(again, list);
	int length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (length < 0)
		return NULL;
	char *text = ph_arena_take(arena, (size_t)length + 1);
	if (text != NULL)
		vsnprintf(text, (size_t)length + 1, format, list);
	return text;
}

void ph_arena_clear(struct ph_arena *arena)
{
	while (arena->blocks != NULL) {
		struct ph_arena_block *block = arena->blocks;

		arena->blocks = block->next;
		free(block);
	}
}

struct ph_index_entry {
	const char *key;
	void *value;
	UT_hash_handle hh;
};

void *ph_index_find(const struct ph_index *index, const char *key)
{
	struct ph_index_entry *entry = NULL;

	HASH_FIND(hh, index->head, key, strlen(key), entry);
	return entry == NULL ? NULL : entry->value;
}

void *ph_index_put(struct ph_index *index, struct ph_arena *arena,
	const char *key, void *value)
{
	void *before = ph_index_find(index, key);

	if (before != NULL)
		return before;
	struct ph_index_entry *entry = ph_arena_take(arena, sizeof(*entry));
	if (entry == NULL)
		return NULL;
	entry->key = key;
	entry->value = value;
	HASH_ADD_KEYPTR(hh, index->head, key, strlen(key), entry);
	if (entry->hh.tbl == NULL)
		arena->failed = true;
	return NULL;
}

void ph_index_clear(struct ph_index *index)
{
	HASH_CLEAR(hh, index->head);
}
