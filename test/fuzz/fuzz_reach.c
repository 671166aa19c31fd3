/* REACH adverts: what is taken is written as the same bytes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/reach_advert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ph_reach_told rows[PH_REACH_ROWS];
	static uint8_t out[PH_REACH_MAX];
	struct ph_reach_head head;
	size_t count;
	size_t length;

	if (ph_reach_read(&head, rows, &count, data, size)) {
		must(count <= PH_REACH_ROWS);
		return 0;
	}
	length = ph_reach_write(&head, rows, count, out, sizeof(out));
	must(length + PH_SEAL_SIGNATURE == size);
	must(!memcmp(out, data, length));
	return 0;
}
