/* Notes between a node and a server outside: what is taken is written as the
 * same bytes, and nothing behind them is touched. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[PH_RELAY_HEADER];
	struct ph_relay relay;

	if (ph_relay_read(&relay, data, size))
		return 0;
	ph_relay_write(&relay, out);
	if (memcmp(out, data, sizeof(out)) != 0 || relay.reason > 0 ||
		relay.body + relay.length != data + size)
		abort();
	return 0;
}
