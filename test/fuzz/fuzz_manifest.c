/* Manifests: what is taken prints as what is taken again, and is the same;
 * what is refused has its place inside the text. */
#include <stdlib.h>
#include <string.h>

#include "proto/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static unsigned lines_of(const uint8_t *data, size_t size)
{
	unsigned lines = 1;

	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_manifest *manifest, *again;
	struct ph_manifest_place place;
	struct ph_error error = {.exit = PH_EXIT_OK};
	char *first, *second;

	if (ph_manifest_read(
		    &manifest, (const char *)data, size, &place, &error) < 0) {
		must(error.exit == PH_EXIT_WIRING ||
			error.exit == PH_EXIT_DENIED);
		must(*error.what && *error.next);
		must(place.line <= lines_of(data, size));
		must(place.column >= 1 && place.column <= size + 1);
		return 0;
	}
	first = ph_manifest_text(manifest);
	must(first && ph_manifest_read(&again, first, strlen(first), &place,
			      &error) == 0);
	second = ph_manifest_text(again);
	must(second && strcmp(first, second) == 0);
	must(manifest->terminal_count == again->terminal_count);
	free(first);
	free(second);
	ph_manifest_free(manifest);
	ph_manifest_free(again);
	return 0;
}
