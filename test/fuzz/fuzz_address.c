/* Addresses, places and connection ids: what is taken prints in a form that
 * reads as the same. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "proto/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void address(const char *text)
{
	struct ph_address read;
	struct ph_address again;
	char out[160];

	if (ph_address_parse(&read, text))
		return;
	ph_address_is_local(&read);
	ph_address_format(&read, out, sizeof(out));
	must(!ph_address_parse(&again, out));
	must(read.scheme == again.scheme && read.port == again.port &&
		!strcmp(read.host, again.host));
}

static void place(const char *text)
{
	struct ph_place read;
	char out[160];

	if (ph_place_parse(&read, text))
		return;
	must(!strcmp(ph_place_format(&read, out, sizeof(out)), text));
}

static void connection(const char *text)
{
	struct ph_connection_id read;
	char out[160];

	if (ph_connection_id_parse(&read, text))
		return;
	must(!strcmp(ph_connection_id_format(&read, out, sizeof(out)), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	address(text);
	place(text);
	connection(text);
	free(text);
	return 0;
}
