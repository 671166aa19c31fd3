#include "kernel/spin.h"

int64_t ph_spin_wanted(const struct ph_spin *spin)
{
	return !spin->alone && spin->trust == PH_SPIN_TRUST ? PH_SPIN_MOST : 0;
}

void ph_spin_saw(struct ph_spin *spin, int64_t waited, bool found)
{
	if (!found || waited > PH_SPIN_SHORT)
		spin->trust = 0;
	else if (spin->trust < PH_SPIN_TRUST)
		spin->trust++;
}
