#ifndef PH_KERNEL_MEMORY_H
#define PH_KERNEL_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/hal.h"

/*
 * The Linux side of rings: memory in a sealed file without a name, mapped
 * twice in a row, and sleeping on a futex.
 */

/* Bytes of the page in front of a ring's data. */
#define PH_MEMORY_CONTROL ((uint64_t)4096)

/* Bytes that one ring takes in a file. */
static inline uint64_t ph_memory_length(uint64_t size)
{
	return PH_MEMORY_CONTROL + size;
}

/* A file of exactly `length` bytes that can neither shrink nor grow: who maps
 * it can never be hit by SIGBUS. The descriptor, or -errno. */
int ph_memory_create(uint64_t length);
/* Whether somebody else's file is such a one: 0, else -EPERM (a seal is
 * missing) or -EINVAL (another length, or no such file at all). */
int ph_memory_check(int fd, uint64_t length);

/* Maps the ring that begins at `offset`. Without `writable` its data (not its
 * indices) can only be read. -EINVAL: size no power of two of pages; -errno
 * of mmap(2). */
int ph_memory_map(int fd, uint64_t offset, uint64_t size, bool writable,
	struct ph_ring_memory *out);
void ph_memory_unmap(struct ph_ring_memory *memory);

struct ph_ring_hal ph_ring_hal_linux(void);

#endif
