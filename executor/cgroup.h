#ifndef PH_EXECUTOR_CGROUP_H
#define PH_EXECUTOR_CGROUP_H

#include <stdbool.h>
#include <stddef.h>

#include "proto/limits.h"

/*
 * Groups of the kernel (cgroups) bound what all processes of a program use
 * together. They are made below the node's own group, as
 * posthouse-NAMESPACE-PID/SERVER.N, in version 2 where its controllers can be
 * had there, else in version 1, one tree for each controller. A node that may
 * make none has none: what was reached stands in `version`.
 *
 * What a killed node left is ended and removed by the next one of the same
 * namespace of processes: of another's nobody can say whether it lives. Whose
 * namespace has ended has nobody left in its groups.
 */
#define PH_CGROUP_TREES 3
#define PH_CGROUP_PATH	320

struct ph_cgroup_tree {
	char path[PH_CGROUP_PATH];
	int procs; /* who writes 0 here joins; -1 */
};

struct ph_cgroup {
	struct ph_cgroup_tree trees[PH_CGROUP_TREES];
	unsigned count;
	int version[PH_LIMITS]; /* 0: not bounded */
	int memory;		/* the tree that has it, or -1 */
};

/* Where groups are: /proc and the node's process, but in tests. */
struct ph_cgroup_place {
	const char *proc; /* has self/mountinfo, self/cgroup, self/ns/pid */
	int pid;
};

/* Zero `group` first. Takes what it can have of memory, cpu and pids. Blocks
 * for some system calls. */
void ph_cgroup_open(struct ph_cgroup *group,
	const struct ph_cgroup_place *place, const struct ph_limits *limits,
	const char *name);
/* The calling process joins; async-signal-safe. 0, or -1 with errno. */
int ph_cgroup_join(const struct ph_cgroup *group);
/* No more will join. */
void ph_cgroup_seal(struct ph_cgroup *group);
/* Was one of its processes killed for want of memory? */
bool ph_cgroup_starved(const struct ph_cgroup *group);
/* Kills who is left. */
void ph_cgroup_kill(const struct ph_cgroup *group);
/* Removes the group when nobody is in it; else the next node does. */
void ph_cgroup_close(struct ph_cgroup *group);

#endif
