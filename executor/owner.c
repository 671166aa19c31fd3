#include "executor/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int ph_owner_is_own(const struct ph_owner *owner)
{
	return owner->uid >= PH_OWNER_FIRST && owner->uid <= PH_OWNER_LAST;
}

/* The same directory of the same server has the same user on every host. */
static uid_t make_uid(const char *directory, const char *server)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *c = server; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	for (const char *c = directory; *c; c++)
		hash = (hash ^ (uint8_t)*c) * UINT64_C(0x100000001b3);
	return PH_OWNER_FIRST + (uid_t)((hash ^ hash >> 32) %
					(PH_OWNER_LAST - PH_OWNER_FIRST + 1));
}

static bool is_empty(int directory)
{
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *entry;
	bool empty = stream != NULL;

	while (empty && (entry = readdir(stream)))
		empty = !strcmp(entry->d_name, ".") ||
			!strcmp(entry->d_name, "..");
	if (stream)
		closedir(stream);
	else if (copy >= 0)
		close(copy);
	return empty;
}

int ph_owner_choose(
	struct ph_owner *owner, const char *directory, const char *server)
{
	struct stat status;
	int error = 0;
	int fd;

	*owner = (struct ph_owner){0, 0};
	if (geteuid())
		return 0;
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status)) {
		error = -errno;
	} else if (status.st_uid) {
		*owner = (struct ph_owner){status.st_uid, status.st_gid};
	} else if (is_empty(fd)) {
		uid_t uid = make_uid(directory, server);

		/* Refused where users of that range are not mapped. */
		if (!fchown(fd, uid, uid))
			*owner = (struct ph_owner){uid, uid};
	}
	if (fd >= 0)
		close(fd);
	return error;
}
