#ifndef PH_KERNEL_HANDLE_H
#define PH_KERNEL_HANDLE_H

#include <stddef.h>
#include <stdint.h>

/*
 * 64-bit names for kernel objects: 32 bits of generation over 32 of slot. A
 * slot's generation grows when its object leaves, so a stale handle is always
 * refused. 0 is never a handle.
 */
typedef uint64_t ph_handle;

struct ph_handles;

int ph_handles_create(struct ph_handles **out);
void ph_handles_destroy(struct ph_handles *handles);

/* `kind` (non-zero) must be given again to get the object. -ENOMEM. */
int ph_handle_open(struct ph_handles *handles, uint16_t kind, void *object,
	ph_handle *out);
/* NULL when stale, unknown, or of another kind. */
void *ph_handle_find(
	const struct ph_handles *handles, uint16_t kind, ph_handle handle);
/* Returns 0, or -ESTALE. */
int ph_handle_close(struct ph_handles *handles, ph_handle handle);
/* All of a kind, in no order that means anything: `after` 0, then what came
 * last; 0: no more. For who counts what is there. */
ph_handle ph_handle_next(
	const struct ph_handles *handles, uint16_t kind, ph_handle after);
size_t ph_handles_count(const struct ph_handles *handles);

#endif
