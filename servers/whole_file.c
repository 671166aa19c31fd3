#include "servers/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* FNV-1a: only to tell files of one directory apart. */
static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325u;

	for (; *text; text++)
		value = (value ^ (uint8_t)*text) * 0x100000001b3u;
	return value;
}

static size_t directory_length(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? (size_t)(slash - path) + 1 : 0;
}

static int name_temporary(struct ph_whole_file *file, const char *owner)
{
	size_t length = directory_length(file->target);
	int wrote = snprintf(file->temporary, sizeof(file->temporary),
		"%.*s.%s-%016llx.part", (int)length, file->target, owner,
		(unsigned long long)hash(file->target + length));

	return wrote < 0 || (size_t)wrote >= sizeof(file->temporary)
		       ? -ENAMETOOLONG
		       : 0;
}

static int check_directory(const struct ph_whole_file *file)
{
	char directory[PATH_MAX];
	size_t length = directory_length(file->target);

	snprintf(directory, sizeof(directory), "%.*s", length ? (int)length : 1,
		length ? file->target : ".");
	return access(directory, W_OK | X_OK) ? -errno : 0;
}

int ph_whole_file_look(
	struct ph_whole_file *file, const char *path, const char *owner)
{
	struct stat status;
	int error;

	file->fd = -1;
	if (!realpath(path, file->target)) {
		if (errno != ENOENT)
			return -errno;
		if (strlen(path) >= sizeof(file->target))
			return -ENAMETOOLONG;
		snprintf(file->target, sizeof(file->target), "%s", path);
	}
	error = name_temporary(file, owner);
	if (!error)
		error = check_directory(file);
	if (error)
		return error;
	if (stat(file->target, &status))
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	return S_ISREG(status.st_mode) ? 0 : -EINVAL;
}

int ph_whole_file_begin(
	struct ph_whole_file *file, const char *path, const char *owner)
{
	struct stat status;
	int error = ph_whole_file_look(file, path, owner);

	if (error)
		return error;
	/* Left over by a crash; a link put there is not followed. */
	unlink(file->temporary);
	file->fd = open(file->temporary,
		O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (file->fd < 0)
		return -errno;
	if (!stat(file->target, &status))
		fchmod(file->fd, status.st_mode & 07777);
	return 0;
}

int ph_whole_file_write(int fd, struct iovec *vectors, unsigned count)
{
	while (count) {
		ssize_t wrote = writev(fd, vectors, (int)count);
		size_t left;

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return wrote ? -errno : -ENOSPC;
		left = (size_t)wrote;
		while (count && left >= vectors->iov_len) {
			left -= vectors->iov_len;
			vectors++;
			count--;
		}
		if (count) {
			vectors->iov_base = (uint8_t *)vectors->iov_base + left;
			vectors->iov_len -= left;
		}
	}
	return 0;
}

static int sync_directory(const struct ph_whole_file *file)
{
	char directory[PATH_MAX];
	size_t length = directory_length(file->target);
	int error;
	int fd;

	snprintf(directory, sizeof(directory), "%.*s", length ? (int)length : 1,
		length ? file->target : ".");
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	error = fsync(fd) ? -errno : 0;
	close(fd);
	/* Some file systems cannot; their rename is as good as it gets. */
	return error == -EINVAL ? 0 : error;
}

int ph_whole_file_commit(struct ph_whole_file *file)
{
	int error = fsync(file->fd) ? -errno : 0;

	/* NFS and quotas tell at close what write did not. */
	if (close(file->fd) && !error)
		error = -errno;
	file->fd = -1;
	if (!error && rename(file->temporary, file->target))
		error = -errno;
	if (error) {
		unlink(file->temporary);
		return error;
	}
	return sync_directory(file);
}

void ph_whole_file_drop(struct ph_whole_file *file)
{
	if (file->fd < 0)
		return;
	close(file->fd);
	file->fd = -1;
	unlink(file->temporary);
}
