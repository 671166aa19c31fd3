#ifndef PH_KERNEL_COUNTERS_H
#define PH_KERNEL_COUNTERS_H

#include <stdint.h>

/* What passed one end of a pipe. Plain adds by the one thread that owns it. */
struct ph_counters {
	uint64_t bytes;	   /* payload */
	uint64_t messages; /* finished by FIN */
	uint64_t frames;   /* of any kind */
	uint64_t dropped_bytes;
	uint64_t dropped_messages;
	uint64_t blocked; /* ns the source was refused for want of room */
};

#endif
