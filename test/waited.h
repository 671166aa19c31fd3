#ifndef PH_TEST_WAITED_H
#define PH_TEST_WAITED_H

#include <stdint.h>
#include <stdio.h>

/* How long this thread was ready to run while others ran, in ns so far: of a
 * time that is promised this is not ours. 0 where the kernel does not tell. */
static inline int64_t waited(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "r");
	long long ran, waited = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	fclose(file);
	return waited;
}

#endif
