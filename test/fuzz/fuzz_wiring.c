/* Wiring files: whatever comes is told with places that exist; what has no
 * error becomes parts that read back. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring.h"
#include "controlsurface/wiring_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds)
{
	if (!holds)
		abort();
}

static const char *variable(void *context, const char *name)
{
	return strcmp(name, "DIR") ? NULL : "/srv";
}

static const char *manifest(void *context, const char *path, size_t *length)
{
	static const char text[] = "manifest: 1\nclass: 2a\ncaps: a b=c\n"
				   "labels: k=v\nin raw: video/mjpeg\n"
				   "mux frames: any fd=4\n";

	*length = sizeof(text) - 1;
	return strcmp(path, "m") ? NULL : text;
}

static void part(const struct ph_wiring *wiring, const char *host)
{
	struct ph_writer *writer;
	struct ph_document *document;
	const uint8_t *bytes;
	size_t length;

	must(!ph_writer_create(&writer));
	ph_wiring_part(wiring, host, "alpha", writer);
	must(!ph_writer_finish(writer, &bytes, &length));
	must(!ph_document_read(&document, bytes, length, PH_SKIM_TABLE));
	must(ph_value_type(ph_document_root(document)) == PH_MAP);
	ph_document_free(document);
	ph_writer_free(writer);
}

static void findings(const struct ph_wiring *wiring)
{
	const struct ph_finding *all;
	size_t count = ph_wiring_findings(wiring, &all);
	unsigned errors = 0;

	for (size_t i = 0; i < count; i++) {
		char *text = ph_finding_text(&all[i], "f");

		must(text && !strchr(text, '\x1b') && all[i].message);
		must(!all[i].line || (all[i].column && all[i].width));
		errors += all[i].severity == PH_FINDING_ERROR;
		free(text);
	}
	must((errors > 0) == (ph_wiring_errors(wiring) > 0));
}

/* Every test says what it lacks, or is a map. */
static void tests(struct ph_wiring *wiring)
{
	const struct ph_wiring_test *test = NULL;

	while ((test = ph_wiring_test_next(wiring, test))) {
		struct ph_writer *writer;
		struct ph_document *document;
		const uint8_t *bytes;
		size_t length;

		ph_wiring_test_reach(wiring, test);
		must(!ph_writer_create(&writer));
		if (ph_wiring_test_expects(test) &&
			!ph_wiring_test_rig(wiring, test, "/tmp", writer)) {
			must(!ph_writer_finish(writer, &bytes, &length));
			must(!ph_document_read(
				&document, bytes, length, PH_SKIM_TABLE));
			ph_document_free(document);
		}
		ph_writer_free(writer);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + !size);
	struct ph_wiring *wiring;
	struct ph_wiring_input input = {
		.file = "f",
		.text = text,
		.length = size,
		.variable = variable,
		.manifest = manifest,
		.bundled = ph_bundled_servers,
		.here = "alpha",
	};

	must(text != NULL);
	memcpy(text, data, size);
	must(!ph_wiring_read(&wiring, &input));
	free(text);
	findings(wiring);
	for (size_t i = 0;
		!ph_wiring_errors(wiring) && i < ph_wiring_hosts(wiring); i++)
		part(wiring, ph_wiring_host(wiring, i));
	if (!ph_wiring_errors(wiring))
		tests(wiring);
	ph_wiring_free(wiring);
	return 0;
}
