#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "executor/confine.h"
#include "executor/keeper.h"
#include "executor/process.h"

#define NAMESPACE_OF_USERS 0x10000000

/* The plan: what follows from what the host offers. */

static void test_plans(void **state)
{
	static const struct ph_confine_host all = {true, 1, 7};
	static const struct ph_confine_host old = {true, 1, 2};
	static const struct ph_confine_host bare = {false, 1, 0};
	struct ph_confine_plan plan = ph_confine_plan(PH_CONFINE_STRICT, &all);

	assert_true(plan.filter && plan.guard && !plan.sockets);
	assert_int_equal(plan.files, 0xffff);
	assert_int_equal(plan.net, 3);
	assert_int_equal(plan.scopes, 3);
	plan = ph_confine_plan(PH_CONFINE_NET, &all);
	assert_true(plan.sockets && plan.files && !plan.net);
	plan = ph_confine_plan(PH_CONFINE_STRICT, &old);
	assert_true(ph_confine_may_start(&plan));
	assert_int_equal(plan.files, 0x3fff);
	assert_true(!plan.net && !plan.scopes);
	plan = ph_confine_plan(PH_CONFINE_NONE, &all);
	assert_false(plan.filter || plan.files);
	plan = ph_confine_plan(PH_CONFINE_BASIC, &bare);
	assert_true(ph_confine_may_start(&plan) && plan.missing);
}

/* On a host that cannot give it, nothing starts. */
static void test_fails_closed(void **state)
{
	static const struct ph_confine_host hosts[] = {
		{false, 1, 0}, {true, 1, 0}, {true, 0, 7}};

	for (size_t i = 0; i < 3; i++) {
		struct ph_confine_plan plan =
			ph_confine_plan(PH_CONFINE_STRICT, &hosts[i]);

		assert_false(ph_confine_may_start(&plan));
		plan = ph_confine_plan(PH_CONFINE_NET, &hosts[i]);
		assert_false(ph_confine_may_start(&plan));
	}
}

static void test_filter_fits(void **state)
{
	static const struct ph_confine_host all = {true, 1, 7};
	struct sock_filter code[PH_CONFINE_FILTER_MOST];

	for (int profile = 0; profile < PH_CONFINE_NONE; profile++) {
		struct ph_confine_plan plan =
			ph_confine_plan((enum ph_confine)profile, &all);
		unsigned length = ph_confine_filter(code, &plan, 1);

		assert_in_range(length, 50, PH_CONFINE_FILTER_MOST);
	}
}

/* What a confined child can do: each trial says whether it was refused. */

static char directory[64];

static bool no_open(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 &&
	       open("/tmp/outside", O_CREAT | O_WRONLY, 0600) < 0 &&
	       open("/proc/1/environ", O_RDONLY) < 0;
}

static bool own_directory(void)
{
	int fd = open("inside", O_CREAT | O_RDWR | O_TRUNC, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 && !unlink("inside") &&
	       open("/usr/bin/env", O_RDONLY) >= 0;
}

static bool no_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 &&
	       socket(AF_INET, SOCK_DGRAM, 0) < 0 &&
	       socket(AF_UNIX, SOCK_STREAM, 0) < 0;
}

static bool some_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 &&
	       socket(AF_UNIX, SOCK_DGRAM, 0) >= 0 &&
	       socket(AF_NETLINK, SOCK_RAW, 0) >= 0;
}

static bool no_raw_socket(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, 1) < 0 &&
	       socket(AF_INET6, SOCK_RAW, 58) < 0 &&
	       socket(AF_PACKET, SOCK_DGRAM, 0) < 0;
}

static bool no_trace(void)
{
	return ptrace(PTRACE_SEIZE, getppid(), 0, 0) < 0 && errno == EPERM &&
	       ptrace(PTRACE_TRACEME, 0, 0, 0) < 0;
}

static bool no_namespace(void)
{
	return syscall(SYS_unshare, NAMESPACE_OF_USERS) < 0 &&
	       syscall(SYS_clone, NAMESPACE_OF_USERS | SIGCHLD, 0, 0, 0, 0) <
		       0 &&
	       syscall(SYS_clone3, 0, 0) < 0 && errno == ENOSYS;
}

static bool no_signal(void)
{
	pid_t parent = getppid();

	return kill(parent, 0) < 0 && errno == EPERM && kill(-1, 0) < 0 &&
	       kill(-parent, 0) < 0 && syscall(SYS_tkill, parent, 0) < 0 &&
	       syscall(SYS_pidfd_open, parent, 0) < 0 && !kill(getpid(), 0);
}

static bool still_forks(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

struct trial {
	const char *name;
	bool (*holds)(void);
};

static int try_all(const struct ph_confine_kit *kit, const struct trial *trials)
{
	if (chdir(directory) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		ph_confine_files(kit) || ph_confine_user(kit) ||
		ph_confine_calls(kit))
		return 100;
	for (int i = 0; trials[i].name; i++)
		if (!trials[i].holds())
			return i + 1;
	return 0;
}

static struct ph_confine_order order_of(
	enum ph_confine profile, struct ph_keepers *keepers)
{
	return (struct ph_confine_order){.profile = profile,
		.server = "test",
		.directory = directory,
		.path = "/bin/true",
		.keepers = keepers};
}

static void run(enum ph_confine profile, const struct trial *trials)
{
	const struct ph_confine_order order = order_of(profile, NULL);
	struct ph_confine_cage cage;
	struct ph_confine_kit kit;
	const char *what = "";
	int status;
	pid_t pid;

	if (ph_confine_open(&kit, &cage, &order, &what)) {
		print_message("this host has no %s\n", what);
		skip();
	}
	pid = fork();
	if (!pid)
		_exit(try_all(&kit, trials));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ph_confine_close(&kit);
	ph_confine_finish(&cage);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 100)
		fail_msg("not confined");
	if (WEXITSTATUS(status))
		fail_msg("broken: %s", trials[WEXITSTATUS(status) - 1].name);
}

static void test_strict(void **state)
{
	static const struct trial trials[] = {{"open outside", no_open},
		{"own directory", own_directory}, {"sockets", no_socket},
		{"raw sockets", no_raw_socket}, {"ptrace", no_trace},
		{"namespaces", no_namespace}, {"signals", no_signal},
		{"fork", still_forks}, {NULL, NULL}};

	run(PH_CONFINE_STRICT, trials);
}

static void test_net(void **state)
{
	static const struct trial trials[] = {{"open outside", no_open},
		{"sockets", some_socket}, {"raw sockets", no_raw_socket},
		{"signals", no_signal}, {NULL, NULL}};

	run(PH_CONFINE_NET, trials);
}

static bool opens(void)
{
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static void test_basic(void **state)
{
	static const struct trial trials[] = {{"open", opens},
		{"sockets", some_socket}, {"raw sockets", no_raw_socket},
		{"ptrace", no_trace}, {"namespaces", no_namespace},
		{"fork", still_forks}, {NULL, NULL}};

	run(PH_CONFINE_BASIC, trials);
}

/* The level: what was reached is told, and what is lacking. */

static struct ph_confine_reached reached_of(enum ph_confine profile)
{
	struct ph_confine_reached reached = {
		.host = {true, 1, 7},
		.limits = {{64 << 20, 1500, 256, 32}},
	};

	reached.plan = ph_confine_plan(profile, &reached.host);
	return reached;
}

static void test_level(void **state)
{
	struct ph_confine_reached reached = reached_of(PH_CONFINE_STRICT);
	char text[PH_CONFINE_TEXT];

	reached.refused = "unshare";
	reached.bare = true;
	reached.means[PH_LIMIT_FILES] = PH_MEANS_RLIMIT;
	reached.means[PH_LIMIT_MEMORY] = PH_MEANS_RLIMIT;
	assert_string_equal(ph_confine_level(text, sizeof(text), &reached),
		"strict (seccomp, landlock 7, root without capabilities, "
		"memory 64MiB each, files 32; no namespaces: unshare, "
		"no limit of cpu, no limit of pids)");
	reached.refused = NULL;
	reached.namespaces = true;
	reached.uid = 70000;
	reached.means[PH_LIMIT_CPU] = PH_MEANS_CGROUP2;
	reached.means[PH_LIMIT_MEMORY] = PH_MEANS_CGROUP1;
	reached.means[PH_LIMIT_PIDS] = PH_MEANS_RLIMIT;
	assert_string_equal(ph_confine_level(text, sizeof(text), &reached),
		"strict (seccomp, landlock 7, namespaces, uid 70000, memory "
		"64MiB by cgroup 1, cpu 150% by cgroup 2, pids 256, files 32)");
	reached = reached_of(PH_CONFINE_NONE);
	memset(&reached.limits, 0, sizeof(reached.limits));
	assert_string_equal(
		ph_confine_level(text, sizeof(text), &reached), "none");
	/* However little room there is, it ends. */
	reached = reached_of(PH_CONFINE_NET);
	for (size_t size = 1; size < sizeof(text); size++)
		assert_true(
			strlen(ph_confine_level(text, size, &reached)) < size);
}

static void test_needs(void **state)
{
	struct ph_confine_reached reached = reached_of(PH_CONFINE_NET);
	unsigned all = (1u << PH_NEEDS) - 1;

	assert_null(ph_confine_lacks(&reached, 0));
	assert_null(ph_confine_lacks(
		&reached, 1u << PH_NEED_SECCOMP | 1u << PH_NEED_LANDLOCK));
	assert_string_equal(ph_confine_lacks(&reached, all), "namespaces");
	reached.namespaces = true;
	assert_string_equal(ph_confine_lacks(&reached, all), "uid");
	reached.uid = 70000;
	reached.means[PH_LIMIT_MEMORY] = PH_MEANS_RLIMIT;
	assert_string_equal(ph_confine_lacks(&reached, all), "memory");
	reached.means[PH_LIMIT_MEMORY] = PH_MEANS_CGROUP2;
	assert_string_equal(ph_confine_lacks(&reached, all), "cpu");
	reached.means[PH_LIMIT_CPU] = PH_MEANS_CGROUP2;
	assert_string_equal(ph_confine_lacks(&reached, all), "pids");
	reached.means[PH_LIMIT_PIDS] = PH_MEANS_RLIMIT;
	assert_null(ph_confine_lacks(&reached, all));
}

/* What it costs: spawns with and without, by turns. */

static int64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

static void exited(struct ph_process *process)
{
}

#define COST_MOST 2000000

/* A keeper stands by for the next program, as it does when a node has started
 * one before. */
static void await_spare(const struct ph_keepers *keepers)
{
	struct pollfd poller = {
		.fd = keepers->spares[0].line, .events = POLLIN};

	if (keepers->spares[0].pid)
		poll(&poller, 1, 5000);
}

/* Until the program runs, in ns; -1: this host does not do it. */
static int64_t spawn_time(struct ph_loop *loop, struct ph_keepers *keepers,
	enum ph_confine profile)
{
	const struct ph_confine_order wanted = order_of(profile, keepers);
	char name[] = "/bin/true";
	char *const argv[] = {name, NULL};
	char *const environment[] = {NULL};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	const int fds[] = {null, null, null};
	struct ph_process process = {.on_exit = exited};
	struct ph_confine_cage cage;
	struct ph_confine_kit kit;
	struct ph_process_order order = {.path = name,
		.argv = argv,
		.environment = environment,
		.directory = directory,
		.fds = fds,
		.fd_count = 3,
		.confine = &kit};
	const char *what = "";
	int64_t begin = now();
	int64_t took = -1;

	if (!ph_confine_open(&kit, &cage, &wanted, &what)) {
		assert_int_equal(
			ph_process_spawn(&process, loop, &order, &what), 0);
		took = now() - begin;
		ph_confine_close(&kit);
		ph_process_end(&process);
		ph_confine_finish(&cage);
	}
	close(null);
	return took;
}

/* Where a spawn itself is slow, because others take most of the machine, four
 * of them. */
static int64_t cost_most(int64_t spawn)
{
	return 4 * spawn > COST_MOST ? 4 * spawn : COST_MOST;
}

/* The least of some, as others share the machine; of more, when they take
 * most of it. */
static void test_cost(void **state)
{
	int64_t with = INT64_MAX;
	int64_t without = INT64_MAX;
	struct ph_keepers keepers;
	struct ph_loop *loop;

	ph_keepers_init(&keepers, "/proc/self/exe");
	assert_int_equal(ph_loop_create(&loop, &ph_clock_real), 0);
	for (int i = 0;
		i < 30 || (i < 400 && with - without >= cost_most(without));
		i++) {
		await_spare(&keepers);
		int64_t plain = spawn_time(loop, &keepers, PH_CONFINE_NONE);
		int64_t confined =
			spawn_time(loop, &keepers, PH_CONFINE_STRICT);

		if (confined < 0)
			skip();
		without = plain < without ? plain : without;
		with = confined < with ? confined : with;
	}
	ph_loop_destroy(loop);
	ph_keepers_fini(&keepers);
	print_message("none %lld us, strict %lld us\n",
		(long long)without / 1000, (long long)with / 1000);
	assert_true(with - without < cost_most(without));
}

static int begin(void **state)
{
	snprintf(directory, sizeof(directory), "/tmp/confine-XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static int end(void **state)
{
	return rmdir(directory);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_fails_closed),
		cmocka_unit_test(test_filter_fits),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_level),
		cmocka_unit_test(test_needs),
		cmocka_unit_test(test_cost),
	};

	if (argc > 1 && !strcmp(argv[1], PH_KEEPER_VERB))
		return ph_keeper_main(argc, argv);
	return cmocka_run_group_tests(tests, begin, end);
}
