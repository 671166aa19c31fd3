#ifndef PH_EXECUTOR_CONFINE_H
#define PH_EXECUTOR_CONFINE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "executor/cell.h"
#include "executor/cgroup.h"
#include "executor/owner.h"
#include "proto/limits.h"

/*
 * What a program may do to its host. Every child has no way to gain
 * privileges, no descriptor but its own and no core dump; the profiles add:
 *
 *   basic    seccomp refuses what no pipeline needs: tracing others, mounts,
 *            namespaces, modules, keys, bpf, io_uring, sockets that are raw or
 *            of odd families
 *   net      and Landlock lets it write in its directory alone, and read the
 *            system's programs and libraries besides; no signal to the node;
 *            namespaces of processes, mounts and IPC; a user of its own, when
 *            the node is root; no capability; 256 processes
 *   strict   and no socket at all, and no network interface
 *   none     nothing
 *
 * `net` and `strict` fail closed: on a host that has no seccomp or Landlock,
 * the program does not start. Of the rest, and of `limits`, what the host gives
 * is taken, the level that was reached is told, and `require` says what else
 * must be among it. The plan and the level are pure; confine_apply.c does.
 */
enum ph_confine {
	PH_CONFINE_BASIC,
	PH_CONFINE_STRICT,
	PH_CONFINE_NET,
	PH_CONFINE_NONE
};

struct ph_confine_host {
	bool seccomp;
	uint32_t arch; /* AUDIT_ARCH_*; 0: one that is not known here */
	int landlock;  /* ABI; 0: none */
};

struct ph_confine_plan {
	enum ph_confine profile;
	bool filter;	     /* seccomp */
	uint32_t arch;	     /* whose numbers it compares */
	bool sockets;	     /* it may have some */
	bool guard;	     /* the node gets no signals from it */
	uint64_t files;	     /* Landlock: what is refused unless granted */
	uint64_t net;	     /* Landlock: of TCP */
	uint64_t scopes;     /* Landlock: signals, abstract sockets */
	const char *missing; /* what the host lacks, or NULL */
};

#define PH_CONFINE_FILTER_MOST 192u
#define PH_CONFINE_TEXT	       256u
/* Of net and strict, when `limits` says nothing. */
#define PH_CONFINE_PIDS	 256u
#define PH_CONFINE_FILES 256u

/* Landlock's rights (linux/landlock.h; older headers lack some). */
#define PH_CONFINE_READ_EXECUTE UINT64_C(0xd)	 /* and list directories */
#define PH_CONFINE_FILE_RIGHTS	UINT64_C(0xc007) /* those a file has */

struct ph_confine_plan ph_confine_plan(
	enum ph_confine profile, const struct ph_confine_host *host);
/* False: the program must not start. */
bool ph_confine_may_start(const struct ph_confine_plan *plan);
/* The seccomp program of a plan; `node` is the process to be guarded. Returns
 * its length; 0 when the plan has none, or for a processor unknown here. */
unsigned ph_confine_filter(struct sock_filter out[PH_CONFINE_FILTER_MOST],
	const struct ph_confine_plan *plan, pid_t node);
const char *ph_confine_name(enum ph_confine profile);

/* By what a limit is kept. */
enum ph_confine_means {
	PH_MEANS_NONE, /* nobody asked for one, or the host has no way */
	PH_MEANS_RLIMIT,
	PH_MEANS_CGROUP1,
	PH_MEANS_CGROUP2
};

/* What a program has got. */
struct ph_confine_reached {
	struct ph_confine_plan plan;
	struct ph_confine_host host;
	struct ph_limits limits;
	enum ph_confine_means means[PH_LIMITS];
	bool namespaces;
	const char *refused; /* namespaces: what failed, or NULL */
	uid_t uid;	     /* of its own; 0: the node's */
	bool bare;	     /* root, without capabilities */
};

/* The first of the needs (a bit each) that was not reached; NULL. */
const char *ph_confine_lacks(
	const struct ph_confine_reached *reached, unsigned needs);
/* "strict (seccomp, landlock 7, namespaces, uid 70000, pids 256)", with what
 * was asked for and is not there behind a semicolon. */
const char *ph_confine_level(
	char *out, size_t size, const struct ph_confine_reached *reached);

/* What is asked for a program. */
struct ph_confine_order {
	enum ph_confine profile;
	struct ph_limits limits;
	unsigned require;	    /* 1 << enum ph_need */
	const char *server;	    /* its name */
	const char *directory;	    /* where it works */
	const char *path;	    /* itself */
	struct ph_keepers *keepers; /* NULL: no namespaces */
};

/* What lasts as long as the program. */
struct ph_confine_cage {
	struct ph_cell cell;
	struct ph_cgroup group;
	char level[PH_CONFINE_TEXT];
};

/* What is done between fork and exec, prepared before. */
struct ph_confine_kit {
	struct ph_confine_reached reached;
	struct ph_confine_cage *cage;
	struct ph_owner owner;
	struct sock_filter filter[PH_CONFINE_FILTER_MOST];
	unsigned length;
	int ruleset; /* -1: none */
};

/* Asks the kernel: three calls. */
struct ph_confine_host ph_confine_probe(void);
/* 0, or a negative errno and `*what` names what failed or lacks. Close the kit
 * after the fork, the cage after the program. */
int ph_confine_open(struct ph_confine_kit *kit, struct ph_confine_cage *cage,
	const struct ph_confine_order *order, const char **what);
void ph_confine_close(struct ph_confine_kit *kit);
/* Ends all that is left. False: it takes a moment; the cell's descriptor tells
 * when to say it again. */
bool ph_confine_end(struct ph_confine_cage *cage);
/* The same, waiting that moment: for a cage that nobody ran in. */
void ph_confine_finish(struct ph_confine_cage *cage);

/* In the child, which has set no_new_privs; NULL, or what failed, with errno.
 * Async-signal-safe. Limits and files first, as descriptors are still where
 * they were; then who it is; the filter last, right before exec. */
const char *ph_confine_files(const struct ph_confine_kit *kit);
const char *ph_confine_user(const struct ph_confine_kit *kit);
const char *ph_confine_calls(const struct ph_confine_kit *kit);

#endif
