#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/error.h"

static int lock_name(char *out, size_t size, const char *path)
{
	const char *slash = strrchr(path, '/');
	int directory = slash ? (int)(slash - path) + 1 : 0;
	int length = snprintf(out, size, "%.*slock", directory, path);

	return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

static long lock_holder(int fd)
{
	char text[24];
	ssize_t length = pread(fd, text, sizeof(text) - 1, 0);

	if (length <= 0)
		return 0;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

static int lock_held(int fd, const char *name, struct ph_error *error)
{
	long holder = lock_holder(fd);

	if (holder <= 0)
		return ph_fail(error, PH_EXIT_CONFLICT, name,
			"stop it, or choose another directory with --state",
			"another posthouse uses this state directory");
	return ph_fail(error, PH_EXIT_CONFLICT, name,
		"stop it (posthouse down), or choose another directory with "
		"--state",
		"posthouse with pid %ld uses this state directory", holder);
}

static int lock_failed(const char *name, int reason, struct ph_error *error)
{
	return ph_fail(error, PH_EXIT_NEGATIVE, name,
		"check that the state directory exists and is yours",
		"cannot lock the state directory: %s", strerror(reason));
}

/* The pid is a courtesy: failing to write it (full disk) is no failure. */
static void lock_sign(int fd)
{
	char text[24];
	int length = snprintf(text, sizeof(text), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)length, 0) < 0)
		return;
}

int ph_lock_take(const char *path, struct ph_error *error)
{
	char name[PATH_MAX];
	int fd;

	if (lock_name(name, sizeof(name), path) < 0)
		return lock_failed(path, ENAMETOOLONG, error);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return lock_failed(name, errno, error);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			lock_held(fd, name, error);
		else
			lock_failed(name, errno, error);
		close(fd);
		return -1;
	}
	lock_sign(fd);
	return fd;
}

void ph_lock_drop(int lock)
{
	if (lock >= 0)
		close(lock);
}
