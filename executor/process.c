#include "executor/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define USUAL_PLACES                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/* Descriptors a child may be given. */
#define FDS_MOST 64
/* Of a child in a cell, until it is another program. */
#define CHILD_STACK 65536

static int check_executable(const char *path)
{
	struct stat status;

	if (stat(path, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EACCES;
	return access(path, X_OK) ? -errno : 0;
}

static int join(char *out, size_t size, const char *directory, size_t length,
	const char *name)
{
	int wrote = length ? snprintf(out, size, "%.*s/%s", (int)length,
				     directory, name)
			   : snprintf(out, size, "%s", name);

	return wrote < 0 || (size_t)wrote >= size ? -ENAMETOOLONG : 0;
}

static int search_path(
	char *out, size_t size, const char *name, const char *search)
{
	int result = -ENOENT;

	while (*search) {
		size_t length = strcspn(search, ":");
		/* An empty entry means the working directory, which is never
		 * searched. */
		int error = length ? join(out, size, search, length, name)
				   : -ENOENT;

		if (!error)
			error = check_executable(out);
		if (!error)
			return 0;
		if (error == -EACCES)
			result = error;
		search += length + (search[length] == ':');
	}
	return result;
}

int ph_process_find(char *out, size_t size, const char *name,
	const char *directory, const char *search)
{
	int error;

	if (!strchr(name, '/'))
		return search_path(
			out, size, name, search ? search : USUAL_PLACES);
	error = join(out, size, directory,
		name[0] == '/' ? 0 : strlen(directory), name);
	return error ? error : check_executable(out);
}

/* What failed, as the child writes it into a pipe that exec closes. `what` is
 * a constant of this program, at the same place in both. */
struct report {
	int error;
	const char *what;
};

struct child {
	const struct ph_process_order *order;
	const struct ph_cell *cell; /* NULL: none */
	pid_t pid;		    /* of who runs in the cell */
	int fds[FDS_MOST];
	pid_t parent;
	int report;
};

static void child_fail(struct child *child, const char *what)
{
	struct report report = {.error = errno, .what = what};

	if (write(child->report, &report, sizeof(report)) < 0)
		_exit(126);
	_exit(127);
}

/* Past the limit it is an argument that is not allowed, and means the same. */
static void child_fail_dup(struct child *child)
{
	if (errno == EINVAL)
		errno = EMFILE;
	child_fail(child, "the node's limit of open files (ulimit -n, "
			  "LimitNOFILE=) is too low, raise it to 256 or more");
}

static void child_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &action, NULL); /* refused for two: fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Sources are moved out of the way first: one may sit where another goes. */
static void child_fds(struct child *child)
{
	unsigned count = child->order->fd_count;
	int report = fcntl(child->report, F_DUPFD_CLOEXEC, FDS_MOST);

	if (report < 0)
		child_fail_dup(child);
	child->report = report;
	for (unsigned i = 0; i < count; i++) {
		if (child->order->fds[i] < 0) {
			child->fds[i] = -1;
			continue;
		}
		child->fds[i] =
			fcntl(child->order->fds[i], F_DUPFD_CLOEXEC, FDS_MOST);
		if (child->fds[i] < 0)
			child_fail_dup(child);
	}
	for (unsigned i = 0; i < count; i++) {
		if (child->fds[i] < 0)
			close((int)i);
		else if (dup2(child->fds[i], (int)i) < 0)
			child_fail(child, "dup2");
	}
	if (syscall(SYS_close_range, count, ~0u, CLOSE_RANGE_CLOEXEC))
		child_fail(child, "close_range");
}

static void child_check(struct child *child, const char *what)
{
	if (what)
		child_fail(child, what);
}

static __attribute__((noinline, noreturn)) void child_run(struct child *child)
{
	struct rlimit none = {0, 0};

	setsid();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		child_fail(child, "prctl");
	setrlimit(RLIMIT_CORE, &none);
	if (chdir(child->order->directory))
		child_fail(child, "chdir");
	if (child->order->confine)
		child_check(child, ph_confine_files(child->order->confine));
	child_fds(child);
	child_signals();
	if (child->order->confine)
		child_check(child, ph_confine_user(child->order->confine));
	/* Whoever changes his user forgets it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		child_fail(child, "prctl");
	/* The node died in between: nobody would end us. In a cell its keeper
	 * does, and nobody outside is seen. */
	if (!child->cell && getppid() != child->parent)
		_exit(127);
	if (child->order->confine)
		child_check(child, ph_confine_calls(child->order->confine));
	execve(child->order->path, child->order->argv,
		child->order->environment);
	child_fail(child, "exec");
	_exit(127);
}

static void process_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_process *process =
		(struct ph_process *)((char *)watch -
				      offsetof(struct ph_process, watch));
	siginfo_t info = {0};

	if (waitid(P_PIDFD, (id_t)process->pidfd, &info,
		    WEXITED | WNOWAIT | WNOHANG) ||
		!info.si_pid)
		return;
	ph_watch_stop(&process->watch);
	process->exited = true;
	if (info.si_code == CLD_EXITED)
		process->code = info.si_status;
	else
		process->signal = info.si_status;
	process->on_exit(process);
}

static int child_begin(void *argument)
{
	child_run(argument);
	return 127;
}

/* Joins the cell, where what it forks is, as the node's child, not its own. */
static __attribute__((noinline, noreturn)) void usher_run(struct child *child)
{
	_Alignas(16) char stack[CHILD_STACK];

	if (ph_cell_join(child->cell))
		child_fail(child, "setns");
	child->pid = clone(child_begin, stack + sizeof(stack),
		CLONE_PARENT | CLONE_VM | CLONE_VFORK | SIGCHLD, child);
	if (child->pid < 0) {
		child->pid = 0;
		child_fail(child, "clone");
	}
	_exit(0);
}

/* vfork: no page tables of a large node are copied. Signals wait meanwhile, so
 * that no handler of the node runs in the child. */
static pid_t fork_child(struct child *child)
{
	sigset_t all;
	sigset_t before;
	pid_t pid;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = vfork();
	if (!pid && child->cell)
		usher_run(child);
	else if (!pid)
		child_run(child);
	error = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (pid > 0 && child->cell) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		pid = child->pid;
	}
	errno = error;
	return pid;
}

/* The pid of a child in which exec succeeded, or a negative errno. */
static pid_t spawn_child(struct child *child, const char **what)
{
	struct report report = {0};
	int ends[2];
	ssize_t got;
	pid_t pid;

	*what = "fork";
	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	child->report = ends[1];
	pid = fork_child(child);
	if (pid < 0)
		report.error = errno;
	close(ends[1]);
	do
		got = pid >= 0 ? read(ends[0], &report, sizeof(report)) : 0;
	while (got < 0 && errno == EINTR);
	close(ends[0]);
	if (!report.error && !pid)
		report.error = ECHILD;
	if (!report.error)
		return pid;
	if (report.what)
		*what = report.what;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return -report.error;
}

int ph_process_spawn(struct ph_process *process, struct ph_loop *loop,
	const struct ph_process_order *order, const char **what)
{
	struct child child = {.order = order, .parent = getpid()};
	int error;

	if (order->confine && order->confine->cage->cell.pid)
		child.cell = &order->confine->cage->cell;
	assert(order->fd_count >= 3 && order->fd_count <= FDS_MOST);
	process->loop = loop;
	process->pid = spawn_child(&child, what);
	if (process->pid < 0) {
		error = process->pid;
		process->pid = 0;
		return error;
	}
	process->pidfd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	error = process->pidfd < 0 ? -errno : 0;
	process->watch.on_event = process_event;
	if (!error)
		error = ph_watch_start(
			loop, &process->watch, process->pidfd, EPOLLIN);
	if (error) {
		*what = "pidfd";
		ph_process_end(process);
	}
	return error;
}

void ph_process_signal(const struct ph_process *process, int signal)
{
	if (process->pid)
		kill(-process->pid, signal);
}

void ph_process_end(struct ph_process *process)
{
	if (!process->pid)
		return;
	kill(-process->pid, SIGKILL);
	kill(process->pid, SIGKILL);
	while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
		;
	ph_watch_stop(&process->watch);
	if (process->pidfd >= 0)
		close(process->pidfd);
	process->pidfd = -1;
	process->pid = 0;
}
