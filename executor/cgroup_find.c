#include "executor/cgroup_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Enough of a list of processes: what is left is read again. */
#define FIND_TEXT 4096
/* Who forks faster than it is killed is stopped by the limit of pids. */
#define FIND_ROUNDS 64

int ph_cgroup_write(const char *directory, const char *file, const char *text)
{
	char path[PH_CGROUP_PATH + 32];
	ssize_t wrote;
	int error;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	wrote = write(fd, text, strlen(text));
	error = wrote < 0 ? -errno : 0;
	close(fd);
	return error;
}

int ph_cgroup_read(
	const char *directory, const char *file, char *out, size_t size)
{
	char path[PH_CGROUP_PATH + 32];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, out, size - 1);
	close(fd);
	if (got < 0)
		return -EIO;
	out[got] = 0;
	return (int)got;
}

bool ph_cgroup_has(const char *list, const char *word)
{
	size_t length = strlen(word);

	while (*list) {
		size_t part = strcspn(list, " ,\n");

		if (part == length && !strncmp(list, word, length))
			return true;
		list += part + (list[part] != 0);
	}
	return false;
}

/* "ID:CONTROLLERS:PATH" of /proc/self/cgroup; version 2 is "0::PATH". */
static int find_own(
	char *out, size_t size, const char *proc, const char *controller)
{
	char path[PH_CGROUP_PATH];
	char line[PH_CGROUP_PATH + 128];
	int error = -ENOENT;
	FILE *file;

	snprintf(path, sizeof(path), "%s/self/cgroup", proc);
	file = fopen(path, "re");
	while (error && file && fgets(line, sizeof(line), file)) {
		char *controllers = strchr(line, ':');
		char *own = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!own)
			continue;
		*own++ = 0;
		controllers++;
		own[strcspn(own, "\n")] = 0;
		if (controller ? !ph_cgroup_has(controllers, controller)
			       : strncmp(line, "0:", 2) != 0)
			continue;
		if (strlen(own) < size) {
			strncpy(out, own, size);
			error = 0;
		}
	}
	if (file)
		fclose(file);
	return error;
}

/* "... ROOT MOUNTPOINT ... - TYPE SOURCE OPTIONS" of /proc/self/mountinfo. */
static bool take_mount(
	char *line, const char *controller, char **root, char **point)
{
	char *rest = strstr(line, " - ");
	char *type;
	char *save = NULL;

	if (!rest)
		return false;
	*rest = 0;
	type = strtok_r(rest + 3, " \n", &save);
	if (!type || strcmp(type, controller ? "cgroup" : "cgroup2") != 0)
		return false;
	strtok_r(NULL, " \n", &save);
	rest = strtok_r(NULL, "\n", &save);
	if (controller && (!rest || !ph_cgroup_has(rest, controller)))
		return false;
	save = NULL;
	strtok_r(line, " ", &save);
	strtok_r(NULL, " ", &save);
	strtok_r(NULL, " ", &save);
	*root = strtok_r(NULL, " ", &save);
	*point = strtok_r(NULL, " ", &save);
	return *point != NULL;
}

int ph_cgroup_find(
	char *out, size_t size, const char *proc, const char *controller)
{
	char own[PH_CGROUP_PATH];
	char path[PH_CGROUP_PATH];
	char *line = NULL;
	size_t room = 0;
	int error = find_own(own, sizeof(own), proc, controller);
	FILE *file;

	if (error)
		return error;
	snprintf(path, sizeof(path), "%s/self/mountinfo", proc);
	file = fopen(path, "re");
	error = -ENOENT;
	while (error && file && getline(&line, &room, file) > 0) {
		char *root;
		char *point;
		size_t length;
		int wrote;

		if (!take_mount(line, controller, &root, &point))
			continue;
		/* What is mounted may begin below the root of all. */
		length = strcmp(root, "/") == 0 ? 0 : strlen(root);
		if (strncmp(own, root, length) != 0)
			length = strlen(own);
		wrote = snprintf(out, size, "%s%s", point,
			strcmp(own + length, "/") == 0 ? "" : own + length);
		error = wrote < 0 || (size_t)wrote >= size ? -ENAMETOOLONG : 0;
	}
	free(line);
	if (file)
		fclose(file);
	return error;
}

static bool kill_some(const char *directory)
{
	char text[FIND_TEXT];
	char *save = NULL;
	bool any = false;

	if (ph_cgroup_read(directory, "cgroup.procs", text, sizeof(text)) <= 0)
		return false;
	/* The last number may be cut. */
	if (strlen(text) == sizeof(text) - 1)
		*strrchr(text, '\n') = 0;
	for (char *word = strtok_r(text, "\n", &save); word;
		word = strtok_r(NULL, "\n", &save)) {
		int pid = atoi(word);

		any = (pid > 1 && !kill(pid, SIGKILL)) || any;
	}
	return any;
}

static void clear_below(const char *directory)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	while (stream && (entry = readdir(stream))) {
		char path[PH_CGROUP_PATH];
		int wrote;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		wrote = snprintf(
			path, sizeof(path), "%s/%s", directory, entry->d_name);
		if (wrote > 0 && (size_t)wrote < sizeof(path))
			ph_cgroup_clear(path);
	}
	if (stream)
		closedir(stream);
}

void ph_cgroup_clear(const char *directory)
{
	if (ph_cgroup_write(directory, "cgroup.kill", "1"))
		for (int i = 0; i < FIND_ROUNDS && kill_some(directory); i++)
			;
	clear_below(directory);
	rmdir(directory);
}
