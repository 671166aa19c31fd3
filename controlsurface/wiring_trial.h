#ifndef PH_CONTROLSURFACE_WIRING_TRIAL_H
#define PH_CONTROLSURFACE_WIRING_TRIAL_H

#include "controlsurface/wiring_model.h"

/* A test as wiring_test.c reads it and wiring_rig.c makes it run. */
#define PH_TRIAL_PUTS 8

struct ph_trial_put {
	struct ph_wiring_end at;
	const char *written; /* `at`, in the file */
	const char *text;
	const char *file;
	bool contains;
};

struct ph_wiring_test {
	const char *name; /* or NULL */
	struct ph_span span;
	int64_t within;
	struct ph_wiring_end *reach;
	unsigned reach_count;
	struct ph_trial_put injects[PH_TRIAL_PUTS];
	unsigned inject_count;
	struct ph_trial_put expects[PH_TRIAL_PUTS];
	unsigned expect_count;
	struct ph_wiring_test *next;
};

/* A sentence in the wiring's arena. */
const char *ph_trial_say(struct ph_wiring *wiring, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
