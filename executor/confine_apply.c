#include "executor/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Descriptors of a program that sees its directory alone. */
#define CONFINE_FDS 256

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
	struct rule rule = {.rights = rights & kit->plan.files};
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
	for (size_t i = 0; !error && kit->plan.sockets && resolving[i]; i++)
		error = grant(kit, resolving[i], ACCESS_READ);
	return error;
}

static int open_ruleset(struct ph_confine_kit *kit)
{
	const struct ruleset ruleset = {
		kit->plan.files, kit->plan.net, kit->plan.scopes};
	size_t size = kit->plan.scopes ? 24 : kit->plan.net ? 16 : 8;

	kit->ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
	return kit->ruleset < 0 ? -errno : 0;
}

int ph_confine_open(struct ph_confine_kit *kit, enum ph_confine profile,
	const char *directory, const char *path, const char **what)
{
	const struct ph_confine_host host = ph_confine_probe();
	int error;

	kit->ruleset = -1;
	kit->plan = ph_confine_plan(profile, &host);
	kit->length = ph_confine_filter(kit->filter, &kit->plan, getpid());
	if (!ph_confine_may_start(&kit->plan)) {
		*what = kit->plan.missing;
		return -EOPNOTSUPP;
	}
	if (!kit->plan.files)
		return 0;
	*what = "Landlock";
	error = open_ruleset(kit);
	if (!error)
		error = grant_all(kit, directory, path);
	if (error)
		ph_confine_close(kit);
	return error;
}

void ph_confine_close(struct ph_confine_kit *kit)
{
	if (kit->ruleset >= 0)
		close(kit->ruleset);
	kit->ruleset = -1;
}

const char *ph_confine_files(const struct ph_confine_kit *kit)
{
	const struct rlimit fds = {CONFINE_FDS, CONFINE_FDS};

	if (kit->ruleset < 0)
		return NULL;
	if (syscall(SYS_landlock_restrict_self, kit->ruleset, 0))
		return "Landlock";
	return setrlimit(RLIMIT_NOFILE, &fds) ? "setrlimit" : NULL;
}

const char *ph_confine_calls(const struct ph_confine_kit *kit)
{
	const struct sock_fprog program = {
		(unsigned short)kit->length, (struct sock_filter *)kit->filter};

	if (!kit->length)
		return NULL;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)
		       ? "seccomp"
		       : NULL;
}
