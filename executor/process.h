#ifndef PH_EXECUTOR_PROCESS_H
#define PH_EXECUTOR_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "executor/confine.h"
#include "kernel/loop.h"

/*
 * One child process, leader of its own session and group, seen by its pidfd.
 *
 * It inherits exactly the descriptors it is given, default signal handlers, a
 * clean signal mask, no way to gain privileges, and the order to die with the
 * node: else the closing of its stdin at the node's death would look like a
 * finished stream.
 *
 * After it exited it stays a zombie until ph_process_end, so that its group's
 * number cannot belong to somebody else when the rest of the group is ended.
 */
struct ph_process {
	struct ph_loop *loop;
	struct ph_watch watch; /* of the pidfd */
	pid_t pid;	       /* 0: none */
	int pidfd;
	bool exited;
	int code;   /* exit status, when signal is 0 */
	int signal; /* that ended it */
	void (*on_exit)(struct ph_process *process);
};

struct ph_process_order {
	const char *path; /* of the program, as ph_process_find gave it */
	char *const *argv;
	char *const *environment;
	const char *directory;
	const int *fds; /* fds[i] becomes i in the child; -1: closed */
	unsigned fd_count;
	const struct ph_confine_kit *confine; /* NULL: nothing more */
};

/* Where the program is: a name with a slash is taken from `directory`, any
 * other is searched in `search` (colon-separated; NULL: the usual places).
 * -ENOENT, -EACCES: there, but not executable, -ENAMETOOLONG. */
int ph_process_find(char *out, size_t size, const char *name,
	const char *directory, const char *search);

/* `process` zeroed, `on_exit` set. 0 when the program runs; else the negative
 * errno of what failed, and `*what` names it ("chdir", "exec"...). */
int ph_process_spawn(struct ph_process *process, struct ph_loop *loop,
	const struct ph_process_order *order, const char **what);
/* To the whole group. Harmless when there is none. */
void ph_process_signal(const struct ph_process *process, int signal);
/* Kills what is left of the group and reaps the leader, which has exited. */
void ph_process_end(struct ph_process *process);

#endif
