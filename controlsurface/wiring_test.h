#ifndef PH_CONTROLSURFACE_WIRING_TEST_H
#define PH_CONTROLSURFACE_WIRING_TEST_H

#include "controlsurface/wiring.h"

/*
 * `tests:` of a wiring file. `reach` asks whether one terminal leads to
 * another, over the file's wires. `inject` and `expect` run the servers that
 * stand between the two, in a small wiring of their own: files are put in and
 * what comes out is a file again. Whoever runs it has a node to apply it on
 * (node/cli_test.c).
 */
struct ph_wiring_test;

/* What is put in, or must come out. */
struct ph_wiring_put {
	const char *at;	  /* as it is written in the file */
	const char *text; /* the bytes themselves, or NULL */
	const char *file; /* that holds them, or NULL */
	bool contains;	  /* among others */
};

/* The next one after `test`, or the first (NULL); NULL: no more. */
const struct ph_wiring_test *ph_wiring_test_next(
	const struct ph_wiring *wiring, const struct ph_wiring_test *test);
const char *ph_wiring_test_name(const struct ph_wiring_test *test);
/* Where it stands, from 1. */
unsigned ph_wiring_test_line(
	const struct ph_wiring *wiring, const struct ph_wiring_test *test);
/* ns */
int64_t ph_wiring_test_within(const struct ph_wiring_test *test);
size_t ph_wiring_test_injects(const struct ph_wiring_test *test);
size_t ph_wiring_test_expects(const struct ph_wiring_test *test);
struct ph_wiring_put ph_wiring_test_inject(
	const struct ph_wiring_test *test, size_t index);
struct ph_wiring_put ph_wiring_test_expect(
	const struct ph_wiring_test *test, size_t index);

/* NULL when `reach` holds, or is not there; else what is missing. Lives as
 * long as the wiring. */
const char *ph_wiring_test_reach(
	struct ph_wiring *wiring, const struct ph_wiring_test *test);

/*
 * Writes the small wiring as a map that is a wiring file (in JSON). Its
 * servers read DIRECTORY/in.0, in.1... (one for each inject) and write
 * DIRECTORY/out.0... (one for each expect).
 * NULL, or why there is nothing to run; lives as long as the wiring.
 */
const char *ph_wiring_test_rig(struct ph_wiring *wiring,
	const struct ph_wiring_test *test, const char *directory,
	struct ph_writer *writer);

#endif
