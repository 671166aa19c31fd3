#include "executor/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* As the kernel has them since ABI 6; it takes shorter ones, too. */
struct ruleset {
	uint64_t files;
	uint64_t net;
	uint64_t scopes;
};

struct rule {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

#define RULE_PATH    1
#define WHAT_ABI     1u
#define ACCESS_READ  PH_CONFINE_READ_EXECUTE
#define ACCESS_WRITE UINT64_C(0x4006) /* a file's: read, write, truncate */

static const char *const readable[] = {"/usr", "/lib", "/lib64", "/bin",
	"/sbin", "/etc/ld.so.cache", "/etc/localtime", "/dev/zero",
	"/dev/random", "/dev/urandom", NULL};
static const char *const resolving[] = {"/etc/hosts", "/etc/host.conf",
	"/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/services",
	"/etc/gai.conf", "/etc/ssl/certs", NULL};

static uint32_t find_arch(void)
{
	struct utsname name;

	if (uname(&name) || sizeof(void *) != 8)
		return 0;
	if (!strcmp(name.machine, "x86_64"))
		return AUDIT_ARCH_X86_64;
	return strcmp(name.machine, "aarch64") ? 0 : AUDIT_ARCH_AARCH64;
}

struct ph_confine_host ph_confine_probe(void)
{
	struct ph_confine_host host = {.arch = find_arch()};
	uint32_t action = SECCOMP_RET_ERRNO;
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, WHAT_ABI);

	host.landlock = abi > 0 ? (int)abi : 0;
	host.seccomp =
		!syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
	return host;
}

/* What is not there needs no grant. */
static int grant(
	const struct ph_confine_kit *kit, const char *path, uint64_t rights)
{
	struct rule rule = {.rights = rights & kit->reached.plan.files};
	struct stat status;
	int error = 0;

	rule.fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fstat(rule.fd, &status))
		error = -errno;
	else if (!S_ISDIR(status.st_mode))
		rule.rights &= PH_CONFINE_FILE_RIGHTS;
	if (!error && syscall(SYS_landlock_add_rule, kit->ruleset, RULE_PATH,
			      &rule, 0))
		error = -errno;
	close(rule.fd);
	return error;
}

static int grant_all(const struct ph_confine_kit *kit, const char *directory,
	const char *path)
{
	int error = grant(kit, directory, UINT64_MAX);

	if (!error)
		error = grant(kit, path, ACCESS_READ);
	if (!error)
		error = grant(kit, "/dev/null", ACCESS_WRITE);
	for (size_t i = 0; !error && readable[i]; i++)
		error = grant(kit, readable[i], ACCESS_READ);
	for (size_t i = 0; !error && kit->reached.plan.sockets && resolving[i];
		i++)
		error = grant(kit, resolving[i], ACCESS_READ);
	return error;
}

static int open_ruleset(struct ph_confine_kit *kit)
{
	const struct ruleset ruleset = {kit->reached.plan.files,
		kit->reached.plan.net, kit->reached.plan.scopes};
	size_t size = kit->reached.plan.scopes ? 24
		      : kit->reached.plan.net  ? 16
					       : 8;

	kit->ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	return kit->ruleset < 0 ? -errno : 0;
}

static int prepare_files(
	struct ph_confine_kit *kit, const struct ph_confine_order *order)
{
	int error = open_ruleset(kit);

	return error ? error : grant_all(kit, order->directory, order->path);
}

static bool is_closed(enum ph_confine profile)
{
	return profile == PH_CONFINE_STRICT || profile == PH_CONFINE_NET;
}

/* Namespaces and a user of its own: what the host gives. */
static int prepare_place(
	struct ph_confine_kit *kit, const struct ph_confine_order *order)
{
	struct ph_confine_reached *reached = &kit->reached;
	int error;

	error = ph_owner_choose(&kit->owner, order->directory, order->server);
	if (error)
		return error;
	reached->uid = kit->owner.uid;
	reached->bare = !geteuid() && !reached->uid;
	if (!order->keepers || !order->keepers->binary)
		return 0;
	error = ph_cell_open(&kit->cage->cell, order->keepers,
		reached->plan.sockets, order->directory, &reached->refused);
	reached->namespaces = !error;
	if (!error)
		reached->refused = NULL;
	return 0;
}

/* Who is the only one of his users can be counted, which costs nothing; the
 * rest wants groups; memory may be bounded process by process instead. */
static void prepare_limits(
	struct ph_confine_kit *kit, const struct ph_confine_order *order)
{
	static const struct ph_cgroup_place place = {.proc = "/proc"};
	struct ph_cgroup_place here = place;
	struct ph_confine_reached *reached = &kit->reached;
	struct ph_cgroup *group = &kit->cage->group;
	struct ph_limits wanted = reached->limits;

	here.pid = getpid();
	if (wanted.most[PH_LIMIT_FILES])
		reached->means[PH_LIMIT_FILES] = PH_MEANS_RLIMIT;
	if (wanted.most[PH_LIMIT_PIDS] &&
		(ph_owner_is_own(&kit->owner) ||
			(reached->namespaces && geteuid()))) {
		reached->means[PH_LIMIT_PIDS] = PH_MEANS_RLIMIT;
		wanted.most[PH_LIMIT_PIDS] = 0;
	}
	ph_cgroup_open(group, &here, &wanted, order->server);
	for (int i = 0; i < PH_LIMITS; i++)
		if (group->version[i])
			reached->means[i] = group->version[i] == 2
						    ? PH_MEANS_CGROUP2
						    : PH_MEANS_CGROUP1;
	if (wanted.most[PH_LIMIT_MEMORY] && !group->version[PH_LIMIT_MEMORY])
		reached->means[PH_LIMIT_MEMORY] = PH_MEANS_RLIMIT;
}

static int prepare(struct ph_confine_kit *kit,
	const struct ph_confine_order *order, const char **what)
{
	struct ph_confine_reached *reached = &kit->reached;
	int error = 0;

	if (is_closed(order->profile)) {
		if (!reached->limits.most[PH_LIMIT_PIDS])
			reached->limits.most[PH_LIMIT_PIDS] = PH_CONFINE_PIDS;
		if (!reached->limits.most[PH_LIMIT_FILES])
			reached->limits.most[PH_LIMIT_FILES] = PH_CONFINE_FILES;
		*what = "Landlock";
		error = prepare_files(kit, order);
		if (!error) {
			*what = "its directory's owner";
			error = prepare_place(kit, order);
		}
	}
	if (error)
		return error;
	prepare_limits(kit, order);
	*what = ph_confine_lacks(reached, order->require);
	return *what ? -EOPNOTSUPP : 0;
}

int ph_confine_open(struct ph_confine_kit *kit, struct ph_confine_cage *cage,
	const struct ph_confine_order *order, const char **what)
{
	struct ph_confine_reached *reached = &kit->reached;
	int error;

	memset(cage, 0, sizeof(*cage));
	memset(kit, 0, sizeof(*kit));
	kit->ruleset = -1;
	kit->cage = cage;
	reached->host = ph_confine_probe();
	reached->limits = order->limits;
	reached->plan = ph_confine_plan(order->profile, &reached->host);
	kit->length = ph_confine_filter(kit->filter, &reached->plan, getpid());
	if (!ph_confine_may_start(&reached->plan)) {
		*what = reached->plan.missing;
		return -EOPNOTSUPP;
	}
	error = prepare(kit, order, what);
	ph_confine_level(cage->level, sizeof(cage->level), reached);
	if (error) {
		ph_confine_close(kit);
		ph_confine_finish(cage);
	}
	return error;
}

void ph_confine_close(struct ph_confine_kit *kit)
{
	if (kit->ruleset >= 0)
		close(kit->ruleset);
	kit->ruleset = -1;
	if (kit->cage)
		ph_cgroup_seal(&kit->cage->group);
}

bool ph_confine_end(struct ph_confine_cage *cage)
{
	if (!ph_cell_close(&cage->cell))
		return false;
	if (cage->group.count) {
		ph_cgroup_kill(&cage->group);
		ph_cgroup_close(&cage->group);
	}
	return true;
}

void ph_confine_finish(struct ph_confine_cage *cage)
{
	struct pollfd poller = {.events = POLLIN};

	while (!ph_confine_end(cage)) {
		poller.fd = cage->cell.pidfd;
		poll(&poller, 1, -1);
	}
}
