#include "node/probe.h"

#include <errno.h>
#include <stdlib.h>

#include "node/probe_inner.h"

uint32_t probe_deadline_ms(uint32_t points)
{
	/* All silent: 32 at once, 250 ms and, a second time, one second. */
	return PROBE_GRACE_MS +
	       points * (PROBE_TIMEOUT_MS + 1000) / PROBE_IN_FLIGHT;
}

int ph_probing_create(struct ph_probing **out, struct ph_node *node)
{
	struct ph_probing *probing = calloc(1, sizeof(*probing));

	if (!probing)
		return -ENOMEM;
	probing->node = node;
	answering_serve(probing);
	run_serve(probing);
	*out = probing;
	return 0;
}

void ph_probing_destroy(struct ph_probing *probing)
{
	if (!probing)
		return;
	answering_close(&probing->answering, NULL);
	run_close(&probing->run);
	/* The door still knows answers that did not come. */
	probing->gone = true;
	if (!probing->asked)
		free(probing);
}
