#ifndef PH_SERVERS_WHOLE_FILE_H
#define PH_SERVERS_WHOLE_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * The blocking half of file.write, for the worker thread: a file that becomes
 * visible only whole. It is written under a temporary name in the directory of
 * its target and renamed when it is complete and on the disk.
 */
struct ph_whole_file {
	char target[PATH_MAX];
	char temporary[PATH_MAX];
	int fd; /* -1: not begun */
};

/* Names: symbolic links are followed; `owner` tells temporary names of several
 * writers apart. -ENOENT, -EACCES: of the directory; -EISDIR; -EINVAL: the
 * target is no plain file; -ENAMETOOLONG. */
int ph_whole_file_look(
	struct ph_whole_file *file, const char *path, const char *owner);
/* Looks, then creates the temporary file with the target's mode. */
int ph_whole_file_begin(
	struct ph_whole_file *file, const char *path, const char *owner);
/* All of the bytes, or negative errno. Changes the vectors. */
int ph_whole_file_write(int fd, struct iovec *vectors, unsigned count);
/* fsync, rename, fsync of the directory. After an error the target is as it
 * was, unless only the last fsync failed. */
int ph_whole_file_commit(struct ph_whole_file *file);
/* Takes the temporary file away. Idempotent. */
void ph_whole_file_drop(struct ph_whole_file *file);

#endif
