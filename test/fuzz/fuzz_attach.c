/* ATTACH, ATTACHED and ACK: what is taken is written as the same bytes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/attach.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void same(
	const uint8_t *out, size_t length, const uint8_t *data, size_t size)
{
	must(length == size && !memcmp(out, data, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[PH_ATTACH_MAX];
	struct ph_attach attach;
	struct ph_attached attached;
	struct ph_ack ack;

	if (!ph_attach_read(&attach, data, size))
		same(out, ph_attach_write(&attach, out), data, size);
	if (!ph_attached_read(&attached, data, size))
		same(out, ph_attached_write(&attached, out), data, size);
	if (!ph_ack_read(&ack, data, size))
		same(out, ph_ack_write(&ack, out), data, size);
	return 0;
}
