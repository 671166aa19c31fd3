#ifndef PH_BENCH_FAN_H
#define PH_BENCH_FAN_H

#include <stddef.h>

#include "bench/contestants.h"

/*
 * What bench/fan.c (ours) and bench/fan_raw.c (bare) share: one sending
 * process, one receiving, `width` connections between them.
 */
#define FAN_BATCH ((size_t)64 * 1024)

/* More descriptors than a shell gives. */
void fan_limits(void);

#endif
