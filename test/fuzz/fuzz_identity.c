/* Identities: what is taken prints as it was. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_identity identity;
	char out[PH_IDENTITY_MAX + 1];

	if (ph_identity_parse(&identity, (const char *)data, size))
		return 0;
	must(ph_identity_format(&identity, out, sizeof(out)) == (int)size);
	must(!memcmp(out, data, size));
	return 0;
}
