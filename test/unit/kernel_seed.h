#ifndef PH_TEST_KERNEL_SEED_H
#define PH_TEST_KERNEL_SEED_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

/* What the operations on a model follow from: PH_SEED, or always the same. */
static inline uint64_t seed_of(void)
{
	const char *text = getenv("PH_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : 0x9e3779b97f4a7c15;

	print_message("seed %#llx\n", (unsigned long long)seed);
	return seed;
}

#endif
