#include "executor/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "executor/keeper.h"

/* A keeper that says nothing so long, in ms, is given up. */
#define CELL_PATIENCE 2000

static int flags_of(bool network)
{
	return CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC |
	       (network ? 0 : CLONE_NEWNET) | (geteuid() ? CLONE_NEWUSER : 0);
}

static int keeper_start(
	struct ph_helper *spare, const char *binary, bool network)
{
	char text[24];

	snprintf(text, sizeof(text), "%x", (unsigned)flags_of(network));
	return ph_helper_start(spare, binary, PH_KEEPER_VERB, text);
}

static int keeper_hear(int line, struct ph_keeper_word *word)
{
	struct pollfd poller = {.fd = line, .events = POLLIN};
	int ready;

	do
		ready = poll(&poller, 1, CELL_PATIENCE);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return -ETIMEDOUT;
	if (recv(line, word, sizeof(*word), 0) != sizeof(*word))
		return -ENOEXEC;
	return -word->error;
}

/* It tells who it is, is told the directory, and tells that it is ready. */
static int keeper_agree(struct ph_cell *cell, int line, const char *directory)
{
	struct ph_keeper_word word = {.pid = 0};
	int error = keeper_hear(line, &word);

	if (error)
		return error;
	cell->pid = word.pid;
	if (send(line, directory, strlen(directory) + 1, MSG_NOSIGNAL) < 0)
		return -errno;
	error = keeper_hear(line, &word);
	if (error)
		return error;
	cell->pidfd = (int)syscall(SYS_pidfd_open, cell->pid, 0);
	return cell->pidfd < 0 ? -errno : 0;
}

static void reap(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

/* The keeper itself goes when nobody is on its line, but is our child. */
static void spare_end(struct ph_helper *spare)
{
	struct ph_keeper_word word = {.pid = 0};

	if (!spare->pid)
		return;
	if (!keeper_hear(spare->line, &word) && word.pid > 0) {
		kill(word.pid, SIGKILL);
		reap(word.pid);
	}
	kill(spare->pid, SIGKILL);
	ph_helper_reap(spare);
}

void ph_keepers_init(struct ph_keepers *keepers, const char *binary)
{
	*keepers = (struct ph_keepers){.binary = binary};
}

void ph_keepers_fini(struct ph_keepers *keepers)
{
	spare_end(&keepers->spares[0]);
	spare_end(&keepers->spares[1]);
}

int ph_cell_open(struct ph_cell *cell, struct ph_keepers *keepers, bool network,
	const char *directory, const char **what)
{
	struct ph_helper *spare = &keepers->spares[network];
	int error = 0;

	*cell = (struct ph_cell){.pidfd = -1, .flags = flags_of(network)};
	*what = "no keeper";
	if (keepers->refused[network]) {
		*what = strerrordesc_np(-keepers->refused[network]);
		return keepers->refused[network];
	}
	if (!spare->pid)
		error = keeper_start(spare, keepers->binary, network);
	if (error)
		return error;
	error = keeper_agree(cell, spare->line, directory);
	/* It has ended by itself, or never will. */
	if (error)
		kill(spare->pid, SIGKILL);
	ph_helper_reap(spare);
	if (!error) {
		keeper_start(spare, keepers->binary, network);
		return 0;
	}
	*what = strerrordesc_np(-error);
	if (error == -EPERM || error == -ENOSYS)
		keepers->refused[network] = error;
	if (cell->pid) {
		kill(cell->pid, SIGKILL);
		reap(cell->pid);
	}
	cell->pid = 0;
	return error;
}

int ph_cell_join(const struct ph_cell *cell)
{
	return setns(cell->pidfd, cell->flags);
}

bool ph_cell_close(struct ph_cell *cell)
{
	pid_t got;

	if (!cell->pid)
		return true;
	kill(cell->pid, SIGKILL);
	do
		got = waitpid(cell->pid, NULL, WNOHANG);
	while (got < 0 && errno == EINTR);
	if (!got)
		return false;
	close(cell->pidfd);
	cell->pid = 0;
	return true;
}
