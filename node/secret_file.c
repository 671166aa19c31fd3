#include "node/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIPE_PATIENCE 10000 /* ms between two pieces */

static int fail_errno(
	struct ph_error *error, const char *path, const char *what)
{
	return ph_fail(error, PH_EXIT_NEGATIVE, path,
		"check the directory, its rights and the room on the disk",
		"%s: %s", what, strerror(errno));
}

static int path_make(char *out, size_t size, const char *directory,
	const char *name, struct ph_error *error)
{
	int length = snprintf(out, size, "%s%s%s", directory ? directory : "",
		directory ? "/" : "", name);

	if (length < 0 || (size_t)length >= size) {
		errno = ENAMETOOLONG;
		return fail_errno(error, name, "cannot open the file");
	}
	return 0;
}

static int judge(const struct secret_file *file, struct ph_error *error)
{
	const struct stat *about = &file->about;

	if (S_ISFIFO(about->st_mode))
		return 0;
	if (!S_ISREG(about->st_mode))
		return ph_fail(error, PH_EXIT_DENIED, file->path,
			"name a file, or /dev/fd/N of a pipe",
			"a secret is read from a file or a pipe only");
	if (about->st_uid != geteuid() && about->st_uid != 0)
		return ph_fail(error, PH_EXIT_DENIED, file->path,
			"chown it to the user that runs posthouse",
			"the file belongs to another user (uid %u)",
			(unsigned)about->st_uid);
	if (about->st_mode & 077)
		return ph_fail(error, PH_EXIT_DENIED, file->path,
			"chmod 600 FILE (a container's secret: mode 0400)",
			"others than its owner may read or write the file "
			"(mode %04o)",
			(unsigned)about->st_mode & 07777);
	return 0;
}

int secret_file_open(struct secret_file *file, const char *directory,
	const char *name, struct ph_error *error)
{
	if (path_make(file->path, sizeof(file->path), directory, name, error))
		return -1;
	/* Not blocking: a named pipe without a writer must not hold us. */
	file->fd =
		open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (file->fd < 0 && (errno == EACCES || errno == EPERM))
		return ph_fail(error, PH_EXIT_DENIED, file->path,
			"chown it to the user that runs posthouse, chmod 600",
			"the file cannot be read: %s", strerror(errno));
	if (file->fd < 0)
		return fail_errno(error, file->path, "cannot open the file");
	if (fstat(file->fd, &file->about))
		fail_errno(error, file->path, "cannot look at the file");
	else if (judge(file, error) == 0)
		return 0;
	secret_file_close(file);
	return -1;
}

/* Bytes, 0 at the end, -1. */
static ssize_t piece_read(int fd, void *out, size_t size)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	for (;;) {
		ssize_t got = read(fd, out, size);

		if (got >= 0 || (errno != EAGAIN && errno != EINTR))
			return got;
		if (errno == EAGAIN && poll(&wait, 1, PIPE_PATIENCE) == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

int secret_file_read(struct secret_file *file, void *out, size_t size,
	struct ph_error *error)
{
	size_t used = 0;

	while (used < size) {
		ssize_t got = piece_read(
			file->fd, (uint8_t *)out + used, size - used);

		if (got < 0)
			return fail_errno(
				error, file->path, "cannot read the file");
		if (got == 0)
			break;
		used += (size_t)got;
	}
	return (int)used;
}

void secret_file_close(struct secret_file *file)
{
	close(file->fd);
	file->fd = -1;
}

static int all_write(int fd, const uint8_t *data, size_t length)
{
	while (length) {
		ssize_t put = write(fd, data, length);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -1;
		data += put;
		length -= (size_t)put;
	}
	return fsync(fd);
}

static int file_put(int directory, const char *name, const char *beside,
	const void *data, size_t length)
{
	int saved;
	int fd;

	/* What a crash left behind; only the node of this directory is here. */
	unlinkat(directory, beside, 0);
	fd = openat(directory, beside,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	/* A umask may have taken rights from the owner. */
	if (fchmod(fd, 0600) == 0 && all_write(fd, data, length) == 0 &&
		renameat(directory, beside, directory, name) == 0) {
		close(fd);
		return fsync(directory);
	}
	saved = errno;
	close(fd);
	unlinkat(directory, beside, 0);
	errno = saved;
	return -1;
}

int secret_file_write(const char *directory, const char *name, const void *data,
	size_t length, struct ph_error *error)
{
	char path[4096];
	char beside[64];
	int status;
	int fd;

	if (path_make(path, sizeof(path), directory, name, error))
		return -1;
	snprintf(beside, sizeof(beside), ".%s.new", name);
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return fail_errno(
			error, directory, "cannot open the directory");
	status = file_put(fd, name, beside, data, length);
	if (status)
		fail_errno(error, path, "cannot write the file");
	close(fd);
	return status;
}
