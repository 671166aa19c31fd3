/* Membership datagrams: what is taken is written as the same bytes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/swim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[PH_SWIM_MAX], sender[PH_NODE_ID_BYTES];
	uint32_t ring;
	struct ph_swim swim;
	bool peeked = !ph_swim_peek(sender, &ring, data, size);

	if (ph_swim_read(&swim, data, size))
		return 0;
	must(peeked && ring == swim.ring);
	must(!memcmp(sender, swim.sender, sizeof(sender)));
	must(swim.count <= PH_SWIM_RECORDS);
	must(ph_swim_write(&swim, out) == size);
	must(!memcmp(out, data, size - PH_SWIM_MAC));
	return 0;
}
