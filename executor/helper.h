#ifndef PH_EXECUTOR_HELPER_H
#define PH_EXECUTOR_HELPER_H

#include <sys/types.h>

/*
 * The node's own binary, run as a child that shares nothing with the node but
 * a line: a socket of whole messages, on its descriptor 0. In a session of its
 * own, without environment or any other descriptor.
 */
struct ph_helper {
	pid_t pid; /* 0: there is none */
	int line;
};

/* As BINARY VERB [WORD]. 0 or a negative errno; `helper` is zero then. */
int ph_helper_start(struct ph_helper *helper, const char *binary,
	const char *verb, const char *word);
void ph_helper_reap(struct ph_helper *helper);

#endif
