#ifndef PH_TEST_UNIT_WIRING_FIXTURE_H
#define PH_TEST_UNIT_WIRING_FIXTURE_H

/* Wiring files for the tests: a small world of bundled servers, variables and
 * programs, and readers over it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring.h"

#define HEAD "wiring: 1\nname: t\n"
/* Two programs and two bundled servers to wire. */
/* One output for many. */
#define FAN                                                                    \
	"servers:\n  a: {exec: [x], out: {o: {kind: mux}}}\n  b: {exec: "      \
	"[y]}\n  c: {exec: [z]}\n"
#define PAIR HEAD "servers:\n  a: {exec: [one]}\n  b: {exec: [two]}\n"

static const struct ph_terminal_type one_out[] = {{"out", PH_OUT, ""}};
static const struct ph_terminal_type one_in[] = {{"in", PH_IN, ""}};
static const struct ph_terminal_type both[] = {
	{"in", PH_IN, "text/plain"}, {"out", PH_OUT, "text/plain"}};
static const struct ph_parameter_type path[] = {
	{"path", PH_PARAMETER_PATH, true, "the file"}};
static const struct ph_parameter_type timing[] = {
	{"every", PH_PARAMETER_DURATION, false, "the pause"},
	{"bytes", PH_PARAMETER_BYTES, false, "how many"}};
static const struct ph_server_type reader = {.name = "file.read",
	.terminals = one_out,
	.terminal_count = 1,
	.parameters = path,
	.parameter_count = 1};
static const struct ph_server_type sink = {
	.name = "null", .terminals = one_in, .terminal_count = 1};
static const struct ph_server_type lines = {
	.name = "lines", .terminals = both, .terminal_count = 2};
static const struct ph_server_type ticker = {.name = "clock",
	.terminals = one_out,
	.terminal_count = 1,
	.parameters = timing,
	.parameter_count = 2};
static const struct ph_server_type *const bundled[] = {
	&reader, &sink, &lines, &ticker, NULL};

static inline const char *variable(void *context, const char *name)
{
	if (!strcmp(name, "DIR"))
		return "/srv";
	return strcmp(name, "BAD") ? NULL : "\xff";
}

static inline bool program(void *context, const char *name)
{
	return strcmp(name, "missing") != 0;
}

/* From memory of its exact size, so that ASan sees a byte too far. */
static inline struct ph_wiring *read_bytes(const char *text, size_t length)
{
	struct ph_wiring *wiring = NULL;
	char *copy = malloc(length + (length == 0));

	assert_non_null(copy);
	memcpy(copy, text, length);
	struct ph_wiring_input input = {.file = "t.yaml",
		.text = copy,
		.length = length,
		.variable = variable,
		.program = program,
		.bundled = bundled,
		.here = "alpha"};
	assert_int_equal(ph_wiring_read(&wiring, &input), 0);
	free(copy);
	return wiring;
}

static inline struct ph_wiring *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* All findings as they are printed. */
static inline char *printed(const struct ph_wiring *wiring)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	char *all = NULL;
	size_t length;
	FILE *out = open_memstream(&all, &length);

	for (size_t i = 0; i < count; i++) {
		char *text = ph_finding_text(&findings[i], "t.yaml");

		fputs(text, out);
		free(text);
	}
	fclose(out);
	return all;
}

#endif
