#ifndef PH_NODE_SECRET_FILE_H
#define PH_NODE_SECRET_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "proto/error.h"

/*
 * Files that hold secrets. Opening judges: a regular file must belong to this
 * user or root and give nobody else any right; a pipe is taken as it is;
 * nothing else is. All calls block.
 */
struct secret_file {
	int fd;
	struct stat about;
	char path[4096];
};

/* `directory` NULL: `name` is a path. -ENOENT without filling `error`, or -1
 * with it (exit 6: rights; 1: the rest). `error` may be NULL. */
int secret_file_open(struct secret_file *file, const char *directory,
	const char *name, struct ph_error *error);
/* Up to `size` bytes, to the end; a pipe's writer has 10 s. The length, or
 * -1. */
int secret_file_read(struct secret_file *file, void *out, size_t size,
	struct ph_error *error);
void secret_file_close(struct secret_file *file);

/* Beside its name, 0600, fsync, rename, fsync of the directory: afterwards
 * there is either the old file or the whole new one. */
int secret_file_write(const char *directory, const char *name, const void *data,
	size_t length, struct ph_error *error);

#endif
