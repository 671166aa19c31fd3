#include "executor/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((noinline, noreturn)) void helper_run(
	const char *binary, char *const *argv, int line)
{
	char *const environment[] = {NULL};
	sigset_t none;

	setsid();
	if (dup2(line, 0) < 0 || syscall(SYS_close_range, 1, ~0u, 0))
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(binary, argv, environment);
	_exit(1);
}

int ph_helper_start(struct ph_helper *helper, const char *binary,
	const char *verb, const char *word)
{
	char *const argv[] = {
		(char *)"posthouse", (char *)verb, (char *)word, NULL};
	sigset_t all;
	sigset_t before;
	int ends[2];
	int error;

	*helper = (struct ph_helper){.line = -1};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	helper->pid = vfork();
	if (!helper->pid)
		helper_run(binary, argv, ends[1]);
	error = helper->pid < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	helper->line = ends[0];
	if (error) {
		close(ends[0]);
		*helper = (struct ph_helper){.line = -1};
	}
	return error;
}

void ph_helper_reap(struct ph_helper *helper)
{
	if (!helper->pid)
		return;
	close(helper->line);
	while (waitpid(helper->pid, NULL, 0) < 0 && errno == EINTR)
		;
	*helper = (struct ph_helper){.line = -1};
}
