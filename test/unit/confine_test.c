#include <errno.h>
#include <fcntl.h>
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
	char text[PH_CONFINE_TEXT];

	for (size_t i = 0; i < 3; i++) {
		struct ph_confine_plan plan =
			ph_confine_plan(PH_CONFINE_STRICT, &hosts[i]);

		assert_false(ph_confine_may_start(&plan));
		assert_non_null(strstr(
			ph_confine_level(text, sizeof(text), &plan, &hosts[i]),
			"nothing"));
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
		ph_confine_files(kit) || ph_confine_calls(kit))
		return 100;
	for (int i = 0; trials[i].name; i++)
		if (!trials[i].holds())
			return i + 1;
	return 0;
}

static void run(enum ph_confine profile, const struct trial *trials)
{
	struct ph_confine_kit kit;
	const char *what = "";
	int status;
	pid_t pid;

	if (ph_confine_open(&kit, profile, directory, "/bin/true", &what)) {
		print_message("this host has no %s\n", what);
		skip();
	}
	pid = fork();
	if (!pid)
		_exit(try_all(&kit, trials));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	ph_confine_close(&kit);
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

static int64_t now(void)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

/* A spawn may cost 2 ms more; the best of some, as others share the machine. */
static void test_cost(void **state)
{
	int64_t best = INT64_MAX;
	struct ph_confine_kit kit;
	const char *what;

	for (int i = 0; i < 20; i++) {
		int64_t begin = now();

		if (ph_confine_open(&kit, PH_CONFINE_STRICT, directory,
			    "/bin/true", &what))
			skip();
		pid_t pid = fork();
		if (!pid)
			_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
				ph_confine_files(&kit) ||
				ph_confine_calls(&kit));
		waitpid(pid, NULL, 0);
		ph_confine_close(&kit);
		if (now() - begin < best)
			best = now() - begin;
	}
	print_message("prepared, forked and confined in %lld us\n",
		(long long)best / 1000);
	assert_true(best < 2000000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plans),
		cmocka_unit_test(test_fails_closed),
		cmocka_unit_test(test_filter_fits),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_basic),
		cmocka_unit_test(test_cost),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
