#include "kernel/kernel.h"

#include <assert.h>

int ph_kernel_init(struct ph_kernel *kernel, struct ph_hal hal)
{
	struct ph_handles *handles;
	struct ph_pool *pool;
	int error;

	error = ph_handles_create(&handles);
	if (error < 0)
		return error;
	error = ph_pool_create(&pool);
	if (error < 0)
		goto fail;
	kernel->hal = hal;
	kernel->handles = handles;
	kernel->pool = pool;
	return 0;
fail:
	ph_handles_destroy(handles);
	return error;
}

void ph_kernel_fini(struct ph_kernel *kernel)
{
	assert(ph_handles_count(kernel->handles) == 0);
	ph_handles_destroy(kernel->handles);
	ph_pool_destroy(kernel->pool);
	kernel->handles = NULL;
	kernel->pool = NULL;
}
