#ifndef PH_EXECUTOR_CGROUP_INNER_H
#define PH_EXECUTOR_CGROUP_INNER_H

#include "executor/cgroup.h"

/* Where the node's own group of one version (and, of version 1, controller)
 * is: cgroup_find.c. -ENOENT: there is none. */
int ph_cgroup_find(char *out, size_t size, const char *proc,
	const char *controller); /* NULL: version 2 */

/* Files of a group. 0 or a negative errno. */
int ph_cgroup_write(const char *directory, const char *file, const char *text);
/* The whole file, terminated; its length, or a negative errno. */
int ph_cgroup_read(
	const char *directory, const char *file, char *out, size_t size);
/* Does a list of words hold this one? */
bool ph_cgroup_has(const char *list, const char *word);
/* Kills every process in it, and removes it; below, too. */
void ph_cgroup_clear(const char *directory);

#endif
