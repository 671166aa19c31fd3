/* Formatting: what is given reads back, says the same and stays as it is when
 * it is formatted again. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/yaml_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + !size);
	char *once = NULL;
	char *twice = NULL;

	must(text != NULL);
	memcpy(text, data, size);
	int failed = ph_yaml_format(&once, text, size);
	must(!failed || failed == -EINVAL || failed == -ENOTSUP);
	free(text);
	if (!failed) {
		must(!ph_yaml_format(&twice, once, strlen(once)));
		must(!strcmp(once, twice));
	}
	free(once);
	free(twice);
	return 0;
}
