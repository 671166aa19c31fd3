#ifndef PH_NODE_CLI_TRIAL_H
#define PH_NODE_CLI_TRIAL_H

#include "controlsurface/wiring_test.h"
#include "node/cli_wiring.h"
#include "node/stage.h"

/* Tests of a wiring file: cli_test.c runs them, cli_trial.c looks at what came
 * out. */
#define PH_TRIAL_WHY 400

struct ph_trial {
	struct ph_cli *cli;
	const char *path; /* of the wiring file */
	struct ph_wiring *wiring;
	struct ph_stage stage;
	bool open;
	struct ph_writer *report; /* --json: an open list; or NULL */
	unsigned passed;
	unsigned failed;
};

struct ph_bytes {
	char *data;
	size_t length;
};

enum ph_verdict {
	PH_VERDICT_WAITS,
	PH_VERDICT_HOLDS,
	PH_VERDICT_BROKEN
};

/* What is put in, or expected. false: why not. Free the data. */
bool ph_trial_bytes(const struct ph_trial *trial, struct ph_wiring_put put,
	struct ph_bytes *out, char why[PH_TRIAL_WHY]);
/* At everything that the test expects. */
enum ph_verdict ph_trial_look(const struct ph_trial *trial,
	const struct ph_wiring_test *test, char why[PH_TRIAL_WHY]);

#endif
