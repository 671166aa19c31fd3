#ifndef PH_EXECUTOR_WARDEN_H
#define PH_EXECUTOR_WARDEN_H

#include <stdbool.h>

#include "executor/helper.h"

/*
 * Ends programs that have no namespaces when the node dies of SIGKILL: the
 * kernel ends their first processes then, but not what these have forked. One
 * small process of the node's binary is told the groups that there are; when
 * its line breaks it kills them, and then whoever has left them by setsid(2):
 * it has the mark of this life of the node in its environment
 * (executor/leash.h).
 */
#define PH_WARDEN_VERB "_warden"

struct ph_warden {
	const char *binary; /* the node's; NULL: there is none */
	char life[64];	    /* of the marks; "" not known */
	struct ph_helper helper;
	int *groups; /* that there are, behind a zero */
	unsigned count;
	unsigned size;
	bool behind; /* it could not be told of all of them */
};

void ph_warden_init(struct ph_warden *warden, const char *binary);
/* No group is left. */
void ph_warden_fini(struct ph_warden *warden);
/* `pid` leads a group of its own, and is not reaped before `leave`. NULL and 0
 * are taken, and mean nothing. */
void ph_warden_watch(struct ph_warden *warden, pid_t pid);
void ph_warden_leave(struct ph_warden *warden, pid_t pid);

/* posthouse _warden [LIFE] */
int ph_warden_main(const char *life);

#endif
