#include "executor/confine.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* Numbers from here up are x32's: the same calls by other names. */
#define FILTER_X32 0x40000000u
/* CLONE_NEW*: every namespace that clone(2) makes. */
#define FILTER_NAMESPACES 0x7e020000u
#define FILTER_TIOCSTI	  0x5412u

static const char *const names[] = {"basic", "strict", "net", "none"};

const char *ph_confine_name(enum ph_confine profile)
{
	return names[profile];
}

/* Landlock's file rights grow with its ABI. */
static uint64_t file_rights(int abi)
{
	uint64_t rights = 0x1fff;

	if (abi >= 2)
		rights |= 0x2000; /* links across directories */
	if (abi >= 3)
		rights |= 0x4000; /* truncate */
	if (abi >= 5)
		rights |= 0x8000; /* ioctl of devices */
	return rights;
}

struct ph_confine_plan ph_confine_plan(
	enum ph_confine profile, const struct ph_confine_host *host)
{
	struct ph_confine_plan plan = {.profile = profile, .sockets = true};

	if (profile == PH_CONFINE_NONE)
		return plan;
	plan.arch = host->arch;
	plan.filter = host->seccomp && host->arch;
	if (!plan.filter)
		plan.missing = "seccomp";
	if (profile == PH_CONFINE_BASIC)
		return plan;
	plan.guard = true;
	plan.sockets = profile == PH_CONFINE_NET;
	if (host->landlock < 1)
		plan.missing = "Landlock";
	else
		plan.files = file_rights(host->landlock);
	if (host->landlock >= 4 && !plan.sockets)
		plan.net = 0x3;
	if (host->landlock >= 6)
		plan.scopes = 0x3;
	return plan;
}

bool ph_confine_may_start(const struct ph_confine_plan *plan)
{
	return !plan->missing || plan->profile == PH_CONFINE_BASIC;
}

/* The filter. */

static const unsigned refused[] = {SYS_ptrace, SYS_process_vm_readv,
	SYS_process_vm_writev, SYS_kcmp, SYS_pidfd_getfd, SYS_mount,
	SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_unshare, SYS_setns,
	SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_io_uring_setup,
	SYS_io_uring_enter, SYS_io_uring_register, SYS_add_key, SYS_request_key,
	SYS_keyctl, SYS_init_module, SYS_finit_module, SYS_delete_module,
	SYS_kexec_load, SYS_reboot, SYS_swapon, SYS_swapoff, SYS_acct,
	SYS_quotactl, SYS_syslog, SYS_settimeofday, SYS_clock_settime,
	SYS_clock_adjtime, SYS_adjtimex, SYS_sethostname, SYS_setdomainname,
	SYS_open_by_handle_at, SYS_open_tree, SYS_move_mount, SYS_fsopen,
	SYS_fsconfig, SYS_fsmount, SYS_fspick, SYS_mount_setattr,
	SYS_kexec_file_load, SYS_vhangup};

struct filter {
	struct sock_filter *code;
	unsigned length;
};

static void put(struct filter *filter, uint16_t code, uint32_t value,
	unsigned yes, unsigned no)
{
	filter->code[filter->length++] = (struct sock_filter){.code = code,
		.jt = (uint8_t)yes,
		.jf = (uint8_t)no,
		.k = value};
}

static void put_load(struct filter *filter, size_t where)
{
	put(filter, BPF_LD | BPF_W | BPF_ABS, (uint32_t)where, 0, 0);
}

/* The low half: these arguments are ints, or flags below 2^32. */
static void put_argument(struct filter *filter, unsigned index)
{
	put_load(filter, offsetof(struct seccomp_data, args) + index * 8);
}

static void put_return(struct filter *filter, uint32_t value)
{
	put(filter, BPF_RET | BPF_K, value, 0, 0);
}

static void put_refuse(struct filter *filter, int error)
{
	put_return(filter, SECCOMP_RET_ERRNO | (uint32_t)error);
}

/* Refused when what was loaded is `value`. */
static void refuse_equal(struct filter *filter, uint32_t value, int error)
{
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
	put_refuse(filter, error);
}

/* The rules of one call, which `begin_call` opens and `end_call` ends with
 * leave to go on; other calls jump over them. */
static unsigned begin_call(struct filter *filter, unsigned number)
{
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 0);
	return filter->length;
}

static void end_call(struct filter *filter, unsigned begin)
{
	put_return(filter, SECCOMP_RET_ALLOW);
	filter->code[begin - 1].jf = (uint8_t)(filter->length - begin);
}

/* `node`: no signal to it, to its group, or to everybody. */
static void guard_node(struct filter *filter, pid_t node)
{
	static const unsigned calls[] = {SYS_kill, SYS_tgkill,
		SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_open};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		unsigned begin = begin_call(filter, calls[i]);

		put_argument(filter, 0);
		refuse_equal(filter, (uint32_t)node, EPERM);
		refuse_equal(filter, (uint32_t)-node, EPERM);
		refuse_equal(filter, (uint32_t)-1, EPERM);
		end_call(filter, begin);
	}
	/* A thread's number tells nothing of whose it is. */
	refuse_equal(filter, SYS_tkill, EPERM);
}

/* Local, IP and netlink (by which programs learn addresses); nothing raw. */
static void limit_sockets(struct filter *filter)
{
	unsigned begin = begin_call(filter, SYS_socket);

	put_argument(filter, 0);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 6, 0);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, AF_NETLINK, 5, 0);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 1, 0);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 4);
	put_argument(filter, 1);
	put(filter, BPF_ALU | BPF_AND | BPF_K, 0xf, 0, 0);
	put(filter, BPF_JMP | BPF_JEQ | BPF_K, SOCK_RAW, 1, 0);
	put_return(filter, SECCOMP_RET_ALLOW);
	put_refuse(filter, EPERM);
	end_call(filter, begin);
}

static void limit_calls(struct filter *filter)
{
	unsigned begin = begin_call(filter, SYS_clone);

	put_argument(filter, 0);
	put(filter, BPF_JMP | BPF_JSET | BPF_K, FILTER_NAMESPACES, 0, 1);
	put_refuse(filter, EPERM);
	end_call(filter, begin);
	begin = begin_call(filter, SYS_ioctl);
	put_argument(filter, 1);
	refuse_equal(filter, FILTER_TIOCSTI, EPERM);
	end_call(filter, begin);
	/* Its flags lie in memory: C libraries then take clone. */
	refuse_equal(filter, SYS_clone3, ENOSYS);
}

unsigned ph_confine_filter(struct sock_filter out[PH_CONFINE_FILTER_MOST],
	const struct ph_confine_plan *plan, pid_t node)
{
	struct filter filter = {out, 0};

	if (!plan->filter)
		return 0;
	put_load(&filter, offsetof(struct seccomp_data, arch));
	put(&filter, BPF_JMP | BPF_JEQ | BPF_K, plan->arch, 1, 0);
	put_refuse(&filter, EPERM);
	put_load(&filter, offsetof(struct seccomp_data, nr));
	put(&filter, BPF_JMP | BPF_JGE | BPF_K, FILTER_X32, 0, 1);
	put_refuse(&filter, EPERM);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		refuse_equal(&filter, refused[i], EPERM);
	limit_calls(&filter);
	if (plan->sockets)
		limit_sockets(&filter);
	else
		refuse_equal(&filter, SYS_socket, EPERM);
	if (plan->guard)
		guard_node(&filter, node);
	put_return(&filter, SECCOMP_RET_ALLOW);
	return filter.length;
}
