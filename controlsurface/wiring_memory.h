#ifndef PH_CONTROLSURFACE_WIRING_MEMORY_H
#define PH_CONTROLSURFACE_WIRING_MEMORY_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * What a wiring file is kept in. Everything read from one file lives and dies
 * together, so it comes from one arena; names are found through an index.
 *
 * Out of memory is remembered in `failed` and looked at once, at the end; each
 * call says NULL or false meanwhile.
 */
struct ph_arena_block;

struct ph_arena {
	struct ph_arena_block *blocks;
	bool failed;
};

/* Zeroed, aligned for anything; NULL when there is no memory. */
void *ph_arena_take(struct ph_arena *arena, size_t size);
/* A terminated copy. */
char *ph_arena_text(struct ph_arena *arena, const char *text, size_t length);
char *ph_arena_format(struct ph_arena *arena, const char *format, va_list list);
void ph_arena_clear(struct ph_arena *arena);

/* Text -> pointer. Keys are borrowed; entries come from the arena. */
struct ph_index_entry;

struct ph_index {
	struct ph_index_entry *head;
};

void *ph_index_find(const struct ph_index *index, const char *key);
/* Gives what stood there before (and leaves it), or NULL when put. */
void *ph_index_put(struct ph_index *index, struct ph_arena *arena,
	const char *key, void *value);
/* Before the arena is cleared. */
void ph_index_clear(struct ph_index *index);

#endif
