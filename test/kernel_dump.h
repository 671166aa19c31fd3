#ifndef PH_TEST_KERNEL_DUMP_H
#define PH_TEST_KERNEL_DUMP_H

#include <stdbool.h>

#include "kernel/kernel.h"

/* Every pipe of a kernel, out of its own tables. */
struct dumped {
	ph_handle source; /* the terminals that have it; 0: none of them */
	ph_handle sink;
	bool over;	    /* nothing more comes; what waits is still taken */
	uint64_t counts[4]; /* in: bytes, messages; out: bytes, messages */
};

/* How many there are, `most` at most. */
unsigned kernel_dump(
	struct ph_kernel *kernel, struct dumped *pipes, unsigned most);

#endif
