#include "executor/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor/cgroup_inner.h"

/* Of cpu: how often what is left of it is given out anew, in us. */
#define CGROUP_PERIOD 100000
/* Runs of one server that are there at once, the ending ones too. */
#define CGROUP_TWINS 16
#define CGROUP_BASE  "posthouse-"
/* Where a node moves to make room. */
#define CGROUP_ASIDE "/posthouse-node"

static const char *const controllers[] = {"memory", "cpu", "pids"};

static int join_path(char *out, const char *directory, const char *name)
{
	int wrote = snprintf(out, PH_CGROUP_PATH, "%s/%s", directory, name);

	return wrote < 0 || wrote >= PH_CGROUP_PATH ? -ENAMETOOLONG : 0;
}

/* Numbers of processes are those of a namespace: another one's mean nothing
 * here. 0: it cannot be seen. */
static uint64_t space_of(const struct ph_cgroup_place *place)
{
	char path[PH_CGROUP_PATH];
	struct stat status;

	snprintf(path, sizeof(path), "%s/self/ns/pid", place->proc);
	return stat(path, &status) ? 0 : (uint64_t)status.st_ino;
}

/* What nodes left that are no more: of this namespace, others may live. */
static void sweep(const char *own, uint64_t space)
{
	DIR *stream = opendir(own);
	struct dirent *entry;
	char path[PH_CGROUP_PATH];

	while (stream && (entry = readdir(stream))) {
		uint64_t its = 0;
		int pid = 0;

		if (sscanf(entry->d_name, CGROUP_BASE "%" SCNu64 "-%d", &its,
			    &pid) == 2 &&
			its == space && pid > 1 && kill(pid, 0) &&
			errno == ESRCH && !join_path(path, own, entry->d_name))
			ph_cgroup_clear(path);
	}
	if (stream)
		closedir(stream);
}

/* posthouse-NAMESPACE-PID below the node's own group. */
static int open_base(
	char *out, const char *own, const struct ph_cgroup_place *place)
{
	uint64_t space = space_of(place);
	char name[64];
	int error;

	snprintf(name, sizeof(name), CGROUP_BASE "%" PRIu64 "-%d", space,
		place->pid);
	error = join_path(out, own, name);
	if (error)
		return error;
	if (!mkdir(out, 0755)) {
		sweep(own, space);
		return 0;
	}
	return errno == EEXIST ? 0 : -errno;
}

/* A group of version 2 has processes or groups with limits, not both: the node
 * moves into one of its own, if nobody else is there. */
static int step_aside(const char *own, int pid)
{
	char path[PH_CGROUP_PATH];
	char text[256];
	char mine[24];

	snprintf(mine, sizeof(mine), "%d", pid);
	if (ph_cgroup_read(own, "cgroup.procs", text, sizeof(text)) <= 0 ||
		strncmp(text, mine, strlen(mine)) != 0 ||
		strcmp(text + strlen(mine), "\n") != 0)
		return -EBUSY;
	if (join_path(path, own, CGROUP_ASIDE + 1) ||
		(mkdir(path, 0755) && errno != EEXIST))
		return -errno;
	return ph_cgroup_write(path, "cgroup.procs", mine);
}

/* Version 2: may groups below `directory` be bounded by this? */
static int enable(const char *directory, const char *controller, int pid)
{
	char text[256];
	char word[16];
	int error;

	if (ph_cgroup_read(directory, "cgroup.subtree_control", text,
		    sizeof(text)) < 0)
		return -ENOENT;
	if (ph_cgroup_has(text, controller))
		return 0;
	snprintf(word, sizeof(word), "+%s", controller);
	error = ph_cgroup_write(directory, "cgroup.subtree_control", word);
	if (error != -EBUSY || !pid)
		return error;
	error = step_aside(directory, pid);
	return error ? error
		     : ph_cgroup_write(
			       directory, "cgroup.subtree_control", word);
}

/* The group itself, in the tree whose node's group is `own`. */
static int open_tree(
	struct ph_cgroup *group, const char *base, const char *name)
{
	struct ph_cgroup_tree *tree = &group->trees[group->count];
	char path[PH_CGROUP_PATH + 16];
	char twin[80];
	int error = -EEXIST;

	for (int i = 0; error == -EEXIST && i < CGROUP_TWINS; i++) {
		snprintf(twin, sizeof(twin), "%s.%d", name, i);
		error = join_path(tree->path, base, twin);
		if (!error && mkdir(tree->path, 0755))
			error = -errno;
		/* An old one that nobody is in any more. */
		if (error == -EEXIST && !rmdir(tree->path) &&
			!mkdir(tree->path, 0755))
			error = 0;
	}
	if (error)
		return error;
	snprintf(path, sizeof(path), "%s/cgroup.procs", tree->path);
	tree->procs = open(path, O_WRONLY | O_CLOEXEC);
	if (tree->procs < 0) {
		error = -errno;
		rmdir(tree->path);
		return error;
	}
	group->count++;
	return 0;
}

static int set_memory(const char *path, int version, uint64_t bytes)
{
	char text[24];
	int error;

	snprintf(text, sizeof(text), "%" PRIu64, bytes);
	if (version == 1) {
		error = ph_cgroup_write(path, "memory.limit_in_bytes", text);
		/* Where swap is counted, it counts. */
		if (!error)
			ph_cgroup_write(
				path, "memory.memsw.limit_in_bytes", text);
		return error;
	}
	error = ph_cgroup_write(path, "memory.max", text);
	if (!error) {
		ph_cgroup_write(path, "memory.swap.max", "0");
		ph_cgroup_write(path, "memory.oom.group", "1");
	}
	return error;
}

static int set_limit(
	const char *path, int version, enum ph_limit limit, uint64_t value)
{
	uint64_t quota = value * (CGROUP_PERIOD / 1000);
	char text[48];

	if (limit == PH_LIMIT_MEMORY)
		return set_memory(path, version, value);
	snprintf(text, sizeof(text), "%" PRIu64,
		limit == PH_LIMIT_CPU ? quota : value);
	if (limit == PH_LIMIT_PIDS)
		return ph_cgroup_write(path, "pids.max", text);
	if (version == 1)
		return ph_cgroup_write(path, "cpu.cfs_quota_us", text);
	snprintf(text, sizeof(text), "%" PRIu64 " %d", quota, CGROUP_PERIOD);
	return ph_cgroup_write(path, "cpu.max", text);
}

static void take(struct ph_cgroup *group, int tree, int version,
	enum ph_limit limit, uint64_t value)
{
	if (set_limit(group->trees[tree].path, version, limit, value))
		return;
	group->version[limit] = version;
	if (limit == PH_LIMIT_MEMORY)
		group->memory = tree;
}

/* The node's group of version 2, though it may have stepped aside. */
static int find_second(char *out, size_t size, const char *proc)
{
	size_t aside = strlen(CGROUP_ASIDE);
	int error = ph_cgroup_find(out, size, proc, NULL);
	size_t length = error ? 0 : strlen(out);

	if (length >= aside && !strcmp(out + length - aside, CGROUP_ASIDE))
		out[length - aside] = 0;
	return error;
}

/* One tree holds whichever of the limits its controllers can. */
static void open_second(struct ph_cgroup *group,
	const struct ph_cgroup_place *place, const struct ph_limits *limits,
	const char *name)
{
	char own[PH_CGROUP_PATH - 64];
	char base[PH_CGROUP_PATH];
	char text[256];
	bool can[3] = {false};
	bool any = false;

	if (find_second(own, sizeof(own), place->proc) ||
		ph_cgroup_read(own, "cgroup.controllers", text, sizeof(text)) <
			0)
		return;
	for (int i = 0; i < 3; i++)
		can[i] = limits->most[i] && ph_cgroup_has(text, controllers[i]);
	if (!(can[0] || can[1] || can[2]) || open_base(base, own, place))
		return;
	for (int i = 0; i < 3; i++) {
		can[i] = can[i] && !enable(own, controllers[i], place->pid) &&
			 !enable(base, controllers[i], 0);
		any = any || can[i];
	}
	if (!any || open_tree(group, base, name)) {
		rmdir(base);
		return;
	}
	for (int i = 0; i < 3; i++)
		if (can[i])
			take(group, 0, 2, (enum ph_limit)i, limits->most[i]);
}

static void open_first(struct ph_cgroup *group,
	const struct ph_cgroup_place *place, enum ph_limit limit,
	uint64_t value, const char *name)
{
	char own[PH_CGROUP_PATH - 64];
	char base[PH_CGROUP_PATH];

	if (group->count == PH_CGROUP_TREES ||
		ph_cgroup_find(
			own, sizeof(own), place->proc, controllers[limit]) ||
		open_base(base, own, place))
		return;
	if (open_tree(group, base, name)) {
		rmdir(base);
		return;
	}
	take(group, (int)group->count - 1, 1, limit, value);
}

void ph_cgroup_open(struct ph_cgroup *group,
	const struct ph_cgroup_place *place, const struct ph_limits *limits,
	const char *name)
{
	group->memory = -1;
	if (!limits->most[PH_LIMIT_MEMORY] && !limits->most[PH_LIMIT_CPU] &&
		!limits->most[PH_LIMIT_PIDS])
		return;
	open_second(group, place, limits, name);
	for (int i = 0; i < 3; i++)
		if (limits->most[i] && !group->version[i])
			open_first(group, place, (enum ph_limit)i,
				limits->most[i], name);
}

int ph_cgroup_join(const struct ph_cgroup *group)
{
	for (unsigned i = 0; i < group->count; i++)
		if (write(group->trees[i].procs, "0", 1) < 0)
			return -1;
	return 0;
}

void ph_cgroup_seal(struct ph_cgroup *group)
{
	for (unsigned i = 0; i < group->count; i++) {
		if (group->trees[i].procs >= 0)
			close(group->trees[i].procs);
		group->trees[i].procs = -1;
	}
}

bool ph_cgroup_starved(const struct ph_cgroup *group)
{
	bool second = group->version[PH_LIMIT_MEMORY] == 2;
	char text[512];
	const char *count;

	if (!group->count || !group->version[PH_LIMIT_MEMORY] ||
		ph_cgroup_read(group->trees[group->memory].path,
			second ? "memory.events" : "memory.oom_control", text,
			sizeof(text)) < 0)
		return false;
	count = strstr(text, "oom_kill ");
	return count && atoi(count + strlen("oom_kill ")) > 0;
}

void ph_cgroup_kill(const struct ph_cgroup *group)
{
	for (unsigned i = 0; i < group->count; i++)
		ph_cgroup_clear(group->trees[i].path);
}

void ph_cgroup_close(struct ph_cgroup *group)
{
	ph_cgroup_seal(group);
	for (unsigned i = 0; i < group->count; i++) {
		char *slash = strrchr(group->trees[i].path, '/');

		rmdir(group->trees[i].path);
		*slash = 0;
		rmdir(group->trees[i].path); /* when it was the last one */
	}
	group->count = 0;
}
