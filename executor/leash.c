#include "executor/leash.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/log.h"

#define LEASH_NAME "POSTHOUSE_RUN="
/* It is among the first of what the node gives. */
#define LEASH_LOOK 4096
/* Whoever forks while one looks is found the next time round; who forks
 * faster than he is killed is not chased for ever. */
#define LEASH_ROUNDS 8

struct ph_leash {
	struct ph_loop *loop;
	struct ph_worker *worker;
	char node[20];
	uint64_t life;
	uint64_t numbers;
	uint64_t *live; /* the runs that are not over */
	unsigned count;
	unsigned size;
	void (*done)(void *context);
	void *context;
	struct ph_task task;
	struct sweep *sweep; /* under way */
	bool wanted;
};

/* All that the worker's thread sees. */
struct sweep {
	struct ph_job job;
	struct ph_leash *leash; /* NULL: it has gone meanwhile */
	char node[20];
	uint64_t life;
	uint64_t numbers; /* later ones are none of ours */
	const char *all;  /* NODE.LIFE: all of these alone; NULL: as below */
	unsigned killed;
	unsigned count;
	uint64_t live[];
};

static bool is_over(const struct sweep *sweep, uint64_t number)
{
	if (number > sweep->numbers)
		return false;
	for (unsigned i = 0; i < sweep->count; i++)
		if (sweep->live[i] == number)
			return false;
	return true;
}

/* NODE.LIFE.NUMBER */
static bool is_stray(const struct sweep *sweep, const char *text)
{
	size_t length = strlen(sweep->node);
	uint64_t life;
	uint64_t number;

	if (sweep->all) {
		length = strlen(sweep->all);
		return !strncmp(text, sweep->all, length) &&
		       text[length] == '.';
	}
	if (strncmp(text, sweep->node, length) != 0 ||
		sscanf(text + length, ".%" SCNx64 ".%" SCNu64, &life,
			&number) != 2)
		return false;
	return life != sweep->life || is_over(sweep, number);
}

static bool environment_is_stray(const struct sweep *sweep, const char *pid)
{
	char path[64];
	char text[LEASH_LOOK + 1];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/environ", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, LEASH_LOOK);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = 0;
	for (const char *at = text; at < text + got; at += strlen(at) + 1)
		if (!strncmp(at, LEASH_NAME, strlen(LEASH_NAME)))
			return is_stray(sweep, at + strlen(LEASH_NAME));
	return false;
}

/* By its descriptor: the number may be another's by then. */
static bool kill_stray(const struct sweep *sweep, const char *name)
{
	pid_t pid = (pid_t)atoi(name);
	int fd;
	bool killed = false;

	if (pid <= 1 || pid == getpid() || !environment_is_stray(sweep, name))
		return false;
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return false;
	if (environment_is_stray(sweep, name))
		killed = !syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
	close(fd);
	return killed;
}

static unsigned sweep_once(const struct sweep *sweep)
{
	DIR *processes = opendir("/proc");
	const struct dirent *entry;
	unsigned killed = 0;

	while (processes && (entry = readdir(processes)))
		if (isdigit((unsigned char)entry->d_name[0]))
			killed += kill_stray(sweep, entry->d_name);
	if (processes)
		closedir(processes);
	return killed;
}

static void sweep_all(struct sweep *sweep)
{
	unsigned killed = 1;

	for (unsigned i = 0; killed && i < LEASH_ROUNDS; i++) {
		killed = sweep_once(sweep);
		sweep->killed += killed;
	}
}

static void sweep_work(struct ph_job *job)
{
	sweep_all((struct sweep *)((char *)job - offsetof(struct sweep, job)));
}

void ph_leash_end(const char *life)
{
	struct sweep sweep = {.all = life};

	sweep_all(&sweep);
}

void ph_leash_life(const struct ph_leash *leash, char out[PH_LEASH_TEXT])
{
	snprintf(out, PH_LEASH_TEXT, "%s.%" PRIx64, leash->node, leash->life);
}

static void sweep_done(struct ph_job *job)
{
	struct sweep *sweep =
		(struct sweep *)((char *)job - offsetof(struct sweep, job));
	struct ph_leash *leash = sweep->leash;

	if (sweep->killed)
		ph_log_info(
			"executor", "strays.killed count=%u", sweep->killed);
	free(sweep);
	if (!leash)
		return;
	leash->sweep = NULL;
	if (leash->wanted)
		ph_loop_defer(leash->loop, &leash->task);
	else if (leash->done)
		leash->done(leash->context);
}

static struct sweep *sweep_make(struct ph_leash *leash)
{
	size_t bytes = leash->count * sizeof(leash->live[0]);
	struct sweep *sweep = calloc(1, sizeof(*sweep) + bytes);

	if (!sweep)
		return NULL;
	sweep->job.work = sweep_work;
	sweep->job.done = sweep_done;
	sweep->leash = leash;
	snprintf(sweep->node, sizeof(sweep->node), "%s", leash->node);
	sweep->life = leash->life;
	sweep->numbers = leash->numbers;
	sweep->count = leash->count;
	if (bytes)
		memcpy(sweep->live, leash->live, bytes);
	return sweep;
}

static void leash_look(struct ph_task *task)
{
	struct ph_leash *leash =
		(struct ph_leash *)((char *)task -
				    offsetof(struct ph_leash, task));

	if (leash->sweep)
		return;
	leash->wanted = false;
	leash->sweep = sweep_make(leash);
	if (leash->sweep)
		ph_worker_submit(
			leash->worker, PH_LANE_FILE, &leash->sweep->job);
	else if (leash->done)
		leash->done(leash->context);
}

void ph_leash_sweep(struct ph_leash *leash)
{
	leash->wanted = true;
	ph_loop_defer(leash->loop, &leash->task);
}

bool ph_leash_is_busy(const struct ph_leash *leash)
{
	return leash->wanted || leash->sweep;
}

void ph_leash_on_done(
	struct ph_leash *leash, void (*done)(void *context), void *context)
{
	leash->done = done;
	leash->context = context;
}

static bool leash_grow(struct ph_leash *leash)
{
	unsigned size = leash->size ? 2 * leash->size : 16;
	uint64_t *live;

	if (leash->count < leash->size)
		return true;
	live = realloc(leash->live, size * sizeof(*live));
	if (!live)
		return false;
	leash->live = live;
	leash->size = size;
	return true;
}

uint64_t ph_leash_take(struct ph_leash *leash, char out[PH_LEASH_TEXT])
{
	out[0] = 0;
	if (!leash_grow(leash))
		return 0;
	leash->live[leash->count++] = ++leash->numbers;
	snprintf(out, PH_LEASH_TEXT, "%s.%" PRIx64 ".%" PRIu64, leash->node,
		leash->life, leash->numbers);
	return leash->numbers;
}

void ph_leash_drop(struct ph_leash *leash, uint64_t number)
{
	for (unsigned i = 0; number && i < leash->count; i++) {
		if (leash->live[i] != number)
			continue;
		leash->live[i] = leash->live[--leash->count];
		ph_leash_sweep(leash);
		return;
	}
}

int ph_leash_create(struct ph_leash **out, struct ph_loop *loop,
	struct ph_worker *worker, const uint8_t *node_key)
{
	struct ph_leash *leash = calloc(1, sizeof(*leash));

	if (!leash)
		return -ENOMEM;
	leash->loop = loop;
	leash->worker = worker;
	for (unsigned i = 0; i < 8; i++)
		snprintf(leash->node + 2 * i, 3, "%02x", node_key[i]);
	leash->life = (uint64_t)ph_clock_wall();
	leash->task.run = leash_look;
	*out = leash;
	return 0;
}

void ph_leash_destroy(struct ph_leash *leash)
{
	if (!leash)
		return;
	if (leash->sweep)
		leash->sweep->leash = NULL;
	ph_loop_cancel(leash->loop, &leash->task);
	free(leash->live);
	free(leash);
}
