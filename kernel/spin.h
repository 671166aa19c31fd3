#ifndef PH_KERNEL_SPIN_H
#define PH_KERNEL_SPIN_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Is it worth asking again for a moment before going to sleep? To be woken
 * across CPUs costs more than any copy, so where answers come that
 * fast, looking out for them is cheaper than sleeping; where they do not, it
 * only takes the CPU from somebody else. So it is tried after PH_SPIN_TRUST
 * short waits in a row, and one that was not short ends it: an idle node never
 * spins, a busy one loses at most one spin in PH_SPIN_TRUST waits. Short is
 * longer than a spin, because a sleep has the waking in it that a spin saves.
 * Pure: waits are told, nothing is measured here.
 */
struct ph_spin {
	unsigned trust; /* short waits in a row, up to PH_SPIN_TRUST */
	bool alone;	/* one CPU: who spins keeps the other from answering */
};

#define PH_SPIN_MOST  ((int64_t)25 * 1000) /* ns */
#define PH_SPIN_SHORT ((int64_t)50 * 1000) /* ns */
#define PH_SPIN_TRUST 8

/* ns to spin before the next wait, or 0. */
int64_t ph_spin_wanted(const struct ph_spin *spin);
/* A wait, spun or slept, ended after `waited` ns; `found`: by an event. */
void ph_spin_saw(struct ph_spin *spin, int64_t waited, bool found);

#endif
