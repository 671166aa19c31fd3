#ifndef PH_KERNEL_KERNEL_H
#define PH_KERNEL_KERNEL_H

#include "kernel/buffer.h"
#include "kernel/hal.h"
#include "kernel/handle.h"

/*
 * What pipes and terminals of one thread share: the way out to the operating
 * system, the handles, the buffers. It knows no names, no policy, no wire
 * format of calls, no configuration.
 */
struct ph_kernel {
	struct ph_hal hal;
	struct ph_handles *handles;
	struct ph_pool *pool;
};

/* Kinds of objects behind handles. */
enum ph_kind {
	PH_KIND_PIPE = 1,
	PH_KIND_TERMINAL,
	PH_KIND_CALL
};

int ph_kernel_init(struct ph_kernel *kernel, struct ph_hal hal);
/* Every pipe and terminal must be gone: asserts that no handle leaked. */
void ph_kernel_fini(struct ph_kernel *kernel);

#endif
