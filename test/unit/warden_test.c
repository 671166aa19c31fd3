#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/warden.h"

/* The warden is this program, run again; what it guards are real groups. */

/* More words than its line holds. */
#define WORDS 3000u

static pid_t make_group(void)
{
	pid_t pid = fork();

	if (!pid) {
		setpgid(0, 0);
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	setpgid(pid, pid);
	return pid;
}

static bool lives(pid_t pid)
{
	return !waitpid(pid, NULL, WNOHANG);
}

/* The node dies: its line breaks, and nobody says that anything ends. */
static void die(struct ph_warden *warden)
{
	close(warden->helper.line);
	waitpid(warden->helper.pid, NULL, 0);
	warden->helper = (struct ph_helper){.line = -1};
	ph_warden_fini(warden);
}

static void assert_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void who_is_left_is_killed(void **state)
{
	struct ph_warden warden;
	pid_t left = make_group();
	pid_t stays = make_group();

	ph_warden_init(&warden, "/proc/self/exe");
	ph_warden_watch(&warden, stays);
	ph_warden_watch(&warden, left);
	ph_warden_leave(&warden, stays);
	die(&warden);
	assert_killed(left);
	assert_true(lives(stays));
	kill(stays, SIGKILL);
	assert_killed(stays);
}

/* Whoever takes nothing is neither replaced, which would kill whom he knows,
 * nor waited for; and is told all when he takes it again. */
static void a_stopped_one_is_told_later(void **state)
{
	struct ph_warden warden;
	pid_t before = make_group();
	pid_t meanwhile = make_group();
	pid_t gone = make_group();
	pid_t guard;

	ph_warden_init(&warden, "/proc/self/exe");
	ph_warden_watch(&warden, before);
	guard = warden.helper.pid;
	kill(guard, SIGSTOP);
	ph_warden_watch(&warden, gone);
	for (unsigned i = 0; i < WORDS; i++) {
		ph_warden_watch(&warden, meanwhile);
		ph_warden_leave(&warden, meanwhile);
	}
	ph_warden_watch(&warden, meanwhile);
	assert_int_equal(warden.helper.pid, guard);
	assert_true(warden.behind);
	assert_true(lives(before));
	kill(guard, SIGCONT);
	assert_int_equal(poll(&(struct pollfd){.fd = warden.helper.line,
				      .events = POLLOUT},
				 1, 30000),
		1);
	ph_warden_leave(&warden, gone);
	assert_false(warden.behind);
	die(&warden);
	assert_killed(before);
	assert_killed(meanwhile);
	assert_true(lives(gone));
	kill(gone, SIGKILL);
	assert_killed(gone);
}

static void a_new_one_knows_what_the_old_one_knew(void **state)
{
	struct ph_warden warden;
	pid_t before = make_group();
	pid_t after = make_group();
	pid_t guard;

	ph_warden_init(&warden, "/proc/self/exe");
	ph_warden_watch(&warden, before);
	guard = warden.helper.pid;
	kill(guard, SIGKILL);
	waitid(P_PID, (id_t)guard, &(siginfo_t){0}, WEXITED | WNOWAIT);
	ph_warden_watch(&warden, after);
	assert_int_not_equal(warden.helper.pid, guard);
	die(&warden);
	assert_killed(before);
	assert_killed(after);
}

static void an_orderly_end_kills_nobody(void **state)
{
	struct ph_warden warden;
	pid_t stays = make_group();

	ph_warden_init(&warden, "/proc/self/exe");
	ph_warden_watch(&warden, stays);
	kill(warden.helper.pid, SIGSTOP);
	ph_warden_leave(&warden, stays);
	ph_warden_fini(&warden);
	assert_true(lives(stays));
	kill(stays, SIGKILL);
	assert_killed(stays);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_left_is_killed),
		cmocka_unit_test(a_stopped_one_is_told_later),
		cmocka_unit_test(a_new_one_knows_what_the_old_one_knew),
		cmocka_unit_test(an_orderly_end_kills_nobody),
	};

	if (argc > 1 && !strcmp(argv[1], PH_WARDEN_VERB))
		return ph_warden_main(argc > 2 ? argv[2] : NULL);
	alarm(60);
	return cmocka_run_group_tests_name("warden", tests, NULL, NULL);
}
