#ifndef PH_EXECUTOR_CONFINE_H
#define PH_EXECUTOR_CONFINE_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What a program may do to its host. Every child has no way to gain
 * privileges, no descriptor but its own and no core dump; the profiles add:
 *
 *   basic    seccomp refuses what no pipeline needs: tracing others, mounts,
 *            namespaces, modules, keys, bpf, io_uring, sockets that are raw or
 *            of odd families
 *   net      and Landlock lets it write in its directory alone, and read the
 *            system's programs and libraries besides; no signal to the node
 *   strict   and no socket at all
 *   none     nothing
 *
 * `net` and `strict` fail closed: on a host that cannot give them, the program
 * does not start. `basic` takes what there is, and the level that was reached
 * is told. The plan is pure; the rest happens in confine_apply.c.
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
#define PH_CONFINE_TEXT	       64u

/* Landlock's rights (linux/landlock.h; older headers lack some). */
#define PH_CONFINE_READ_EXECUTE UINT64_C(0xd)	 /* and list directories */
#define PH_CONFINE_FILE_RIGHTS	UINT64_C(0xc007) /* those a file has */

struct ph_confine_plan ph_confine_plan(
	enum ph_confine profile, const struct ph_confine_host *host);
/* False: the program must not start. */
bool ph_confine_may_start(const struct ph_confine_plan *plan);
/* The level reached: "strict (seccomp, landlock 7)", "basic (nothing: ...)". */
const char *ph_confine_level(char *out, size_t size,
	const struct ph_confine_plan *plan, const struct ph_confine_host *host);
/* The seccomp program of a plan; `node` is the process to be guarded. Returns
 * its length; 0 when the plan has none, or for a processor unknown here. */
unsigned ph_confine_filter(struct sock_filter out[PH_CONFINE_FILTER_MOST],
	const struct ph_confine_plan *plan, pid_t node);
const char *ph_confine_name(enum ph_confine profile);

/* What is done between fork and exec, prepared before. */
struct ph_confine_kit {
	struct ph_confine_plan plan;
	struct sock_filter filter[PH_CONFINE_FILTER_MOST];
	unsigned length;
	int ruleset; /* -1: none */
};

/* Asks the kernel: three calls. */
struct ph_confine_host ph_confine_probe(void);
/* 0, or a negative errno and `*what` names what failed. `directory` is where
 * the program works, `path` itself. Close the kit after the fork. */
int ph_confine_open(struct ph_confine_kit *kit, enum ph_confine profile,
	const char *directory, const char *path, const char **what);
void ph_confine_close(struct ph_confine_kit *kit);
/* In the child, which has set no_new_privs; NULL, or what failed, with errno.
 * Async-signal-safe. Files first, as descriptors are still where they were;
 * the filter last, right before exec. */
const char *ph_confine_files(const struct ph_confine_kit *kit);
const char *ph_confine_calls(const struct ph_confine_kit *kit);

#endif
