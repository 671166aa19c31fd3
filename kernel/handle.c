#include "kernel/handle.h"

#include <errno.h>
#include <stdlib.h>

#define HANDLES_FIRST_SIZE 64u
#define HANDLES_NONE	   UINT32_MAX

struct handle_slot {
	void *object; /* NULL: free */
	uint32_t generation;
	uint32_t next; /* the next free slot */
	uint16_t kind;
};

struct ph_handles {
	struct handle_slot *slots;
	uint32_t size;
	uint32_t used; /* slots that were ever given out */
	uint32_t free; /* the first free slot below `used` */
	size_t count;
};

int ph_handles_create(struct ph_handles **out)
{
	struct ph_handles *handles = calloc(1, sizeof(*handles));

	if (!handles)
		return -ENOMEM;
	handles->free = HANDLES_NONE;
	*out = handles;
	return 0;
}

void ph_handles_destroy(struct ph_handles *handles)
{
	if (!handles)
		return;
	free(handles->slots);
	free(handles);
}

static int handles_grow(struct ph_handles *handles)
{
	uint32_t size = handles->size ? handles->size * 2 : HANDLES_FIRST_SIZE;
	struct handle_slot *slots;

	if (size <= handles->size)
		return -ENOMEM;
	slots = realloc(handles->slots, size * sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	handles->slots = slots;
	handles->size = size;
	return 0;
}

/* A slot with its generation set, or NULL. */
static struct handle_slot *handles_take(struct ph_handles *handles)
{
	struct handle_slot *slot;

	if (handles->free != HANDLES_NONE) {
		slot = &handles->slots[handles->free];
		handles->free = slot->next;
		return slot;
	}
	if (handles->used == handles->size && handles_grow(handles) < 0)
		return NULL;
	slot = &handles->slots[handles->used++];
	slot->generation = 1; /* so that 0 is never a handle */
	return slot;
}

int ph_handle_open(
	struct ph_handles *handles, uint16_t kind, void *object, ph_handle *out)
{
	struct handle_slot *slot;
	uint64_t index;

	if (!kind || !object)
		return -EINVAL;
	slot = handles_take(handles);
	if (!slot)
		return -ENOMEM;
	slot->kind = kind;
	slot->object = object;
	index = (uint64_t)(slot - handles->slots);
	handles->count++;
	*out = (uint64_t)slot->generation << 32 | index;
	return 0;
}

static struct handle_slot *handles_find(
	const struct ph_handles *handles, ph_handle handle)
{
	uint32_t index = (uint32_t)handle;
	struct handle_slot *slot;

	if (index >= handles->used)
		return NULL;
	slot = &handles->slots[index];
	if (!slot->object || slot->generation != handle >> 32)
		return NULL;
	return slot;
}

void *ph_handle_find(
	const struct ph_handles *handles, uint16_t kind, ph_handle handle)
{
	struct handle_slot *slot = handles_find(handles, handle);

	return slot && slot->kind == kind ? slot->object : NULL;
}

int ph_handle_close(struct ph_handles *handles, ph_handle handle)
{
	struct handle_slot *slot = handles_find(handles, handle);

	if (!slot)
		return -ESTALE;
	slot->object = NULL;
	handles->count--;
	/* A slot whose generations are used up is never given out again: an
	 * old handle must not come to life by wrapping around. */
	if (slot->generation == UINT32_MAX)
		return 0;
	slot->generation++;
	slot->next = handles->free;
	handles->free = (uint32_t)handle;
	return 0;
}

ph_handle ph_handle_next(
	const struct ph_handles *handles, uint16_t kind, ph_handle after)
{
	uint32_t index = after ? (uint32_t)after + 1 : 0;

	for (; index < handles->used; index++) {
		const struct handle_slot *slot = &handles->slots[index];

		if (slot->object && slot->kind == kind)
			return (uint64_t)slot->generation << 32 | index;
	}
	return 0;
}

size_t ph_handles_count(const struct ph_handles *handles)
{
	return handles->count;
}
