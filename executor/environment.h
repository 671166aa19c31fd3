#ifndef PH_EXECUTOR_ENVIRONMENT_H
#define PH_EXECUTOR_ENVIRONMENT_H

#include "executor/spec.h"

/*
 * What a program sees of the node's environment: a short list that holds no
 * secret (PATH HOME USER LOGNAME SHELL LANG LC_* TZ TMPDIR), then the spec's
 * `env`, which wins, then POSTHOUSE_SERVER, POSTHOUSE_RUN, NOTIFY_SOCKET,
 * WATCHDOG_USEC. Never the node's own variables.
 */
/* `notify`: where it says how it is; "" nowhere. */
/* `mark`: of which run it is (executor/leash.h); "" none. */
char **ph_environment_create(
	const struct ph_spec *spec, const char *notify, const char *mark);
void ph_environment_free(char **environment);
/* As the program will see it; NULL when it will not. */
const char *ph_environment_get(const struct ph_spec *spec, const char *name);

#endif
