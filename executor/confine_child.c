#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "executor/confine.h"

/* Between fork and exec: system calls alone. The C library's functions that
 * change users would tell the node's threads, whose memory this still is. */

static int bound(int resource, uint64_t most)
{
	const struct rlimit limit = {most, most};
	struct rlimit now;

	/* One that is lower already stays. */
	if (getrlimit((__rlimit_resource_t)resource, &now))
		return -1;
	if (now.rlim_max != RLIM_INFINITY && now.rlim_max < most)
		return 0;
	return setrlimit((__rlimit_resource_t)resource, &limit);
}

static int bound_all(const struct ph_confine_reached *reached)
{
	const uint64_t *most = reached->limits.most;
	/* The keeper counts as one of the user's. */
	uint64_t pids = most[PH_LIMIT_PIDS] + reached->namespaces;

	if (reached->means[PH_LIMIT_FILES] == PH_MEANS_RLIMIT &&
		bound(RLIMIT_NOFILE, most[PH_LIMIT_FILES]))
		return -1;
	if (reached->means[PH_LIMIT_MEMORY] == PH_MEANS_RLIMIT &&
		bound(RLIMIT_AS, most[PH_LIMIT_MEMORY]))
		return -1;
	if (reached->means[PH_LIMIT_PIDS] == PH_MEANS_RLIMIT &&
		bound(RLIMIT_NPROC, pids))
		return -1;
	return 0;
}

const char *ph_confine_files(const struct ph_confine_kit *kit)
{
	if (ph_cgroup_join(&kit->cage->group))
		return "cgroup";
	if (kit->ruleset >= 0 &&
		syscall(SYS_landlock_restrict_self, kit->ruleset, 0))
		return "Landlock";
	return NULL;
}

/* For good: not even a program of root's gets one back. */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

	/* Refused to who has none: then there is none to be had, either. */
	for (int i = 0; i < 64; i++)
		prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return (int)syscall(SYS_capset, &header, none);
}

const char *ph_confine_user(const struct ph_confine_kit *kit)
{
	const struct ph_owner *owner = &kit->owner;

	if (bound_all(&kit->reached))
		return "setrlimit";
	if (!kit->reached.plan.guard)
		return NULL;
	if (owner->uid && (syscall(SYS_setgroups, 0, NULL) ||
				  syscall(SYS_setresgid, owner->gid, owner->gid,
					  owner->gid) ||
				  syscall(SYS_setresuid, owner->uid, owner->uid,
					  owner->uid)))
		return "setuid";
	return drop_capabilities() ? "capset" : NULL;
}

const char *ph_confine_calls(const struct ph_confine_kit *kit)
{
	const struct sock_fprog program = {.len = (unsigned short)kit->length,
		.filter = (struct sock_filter *)kit->filter};

	if (!kit->length)
		return NULL;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)
		       ? "seccomp"
		       : NULL;
}
