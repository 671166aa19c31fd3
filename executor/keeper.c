#include "executor/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/mount.h>

static int keeper_tell(int error, int pid)
{
	const struct ph_keeper_word word = {.error = error, .pid = pid};

	return send(0, &word, sizeof(word), MSG_NOSIGNAL) == sizeof(word) ? 0
									  : -1;
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int error = fd < 0 || write(fd, text, strlen(text)) < 0;

	if (fd >= 0)
		close(fd);
	return error ? -1 : 0;
}

/* Everybody stays who he is. */
static int write_maps(uid_t uid, gid_t gid)
{
	char text[48];

	snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
	if (write_file("/proc/self/setgroups", "deny") ||
		write_file("/proc/self/uid_map", text))
		return -1;
	snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
	return write_file("/proc/self/gid_map", text);
}

/* All that is mounted becomes read-only, but the program's directory. */
static int seal_mounts(const char *directory)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID};
	int tree;

	if (mount("", "/", "", MS_REC | MS_PRIVATE, NULL))
		return -1;
	tree = (int)syscall(SYS_open_tree, AT_FDCWD, directory,
		OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 ||
		syscall(SYS_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr,
			sizeof(attr)) ||
		syscall(SYS_move_mount, tree, "", AT_FDCWD, directory,
			MOVE_MOUNT_F_EMPTY_PATH))
		return -1;
	close(tree);
	/* Where the host's is covered in parts, it may not be mounted anew; no
	 * program that has namespaces can read it anyhow. */
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC,
		       NULL) && errno != EPERM
		       ? -1
		       : 0;
}

static __attribute__((noreturn)) void keep(void)
{
	char directory[PATH_MAX];
	ssize_t got;

	/* The node that died before this is missed on the line. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		_exit(1);
	signal(SIGCHLD, SIG_IGN);
	got = recv(0, directory, sizeof(directory), 0);
	if (got <= 0 || directory[got - 1])
		_exit(1);
	if (seal_mounts(directory)) {
		keeper_tell(errno, 0);
		_exit(1);
	}
	if (keeper_tell(0, 0))
		_exit(1);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	for (;;)
		pause();
}

int ph_keeper_main(int argc, char **argv)
{
	unsigned long flags = argc == 3 ? strtoul(argv[2], NULL, 16) : 0;
	uid_t uid = getuid();
	gid_t gid = getgid();
	long pid;

	if (!flags)
		return 2;
	prctl(PR_SET_NAME, "ph-keeper");
	if (unshare((int)flags) ||
		((flags & CLONE_NEWUSER) && write_maps(uid, gid))) {
		keeper_tell(errno, 0);
		return 1;
	}
	/* As the node's own child, that may die with it and be reaped by it. */
	pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
	if (!pid)
		keep();
	keeper_tell(pid < 0 ? errno : 0, (int)pid);
	return pid < 0;
}
