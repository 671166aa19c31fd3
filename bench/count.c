#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/contestants.h"

/*
 * Instructions in user space for one message, sent and received, as callgrind
 * counts them: two runs of `bench quota`, and the difference is the messages'.
 */
#define FEW	UINT64_C(20000)
#define MANY	UINT64_C(120000)
#define COUNTER "valgrind --tool=callgrind --callgrind-out-file=/dev/null"
/* Of the data thread alone. */
#define LOOP " --collect-atstart=no --toggle-collect=ph_loop_run"

/* What the last line of a run says, or 0. */
static uint64_t count_once(const char *how, size_t size, uint64_t messages)
{
	char self[256], command[512], line[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	unsigned long long count = 0;
	FILE *counter;

	if (length < 0)
		return 0;
	self[length] = '\0';
	snprintf(command, sizeof(command),
		COUNTER LOOP " %s %s %zu %" PRIu64 " 2>&1", self, how, size,
		messages);
	counter = popen(command, "re");
	if (!counter)
		return 0;
	while (fgets(line, sizeof(line), counter)) {
		const char *at = strstr(line, "Collected :");

		if (at)
			sscanf(at, "Collected : %llu", &count);
	}
	pclose(counter);
	return count;
}

static int count_how(
	struct bench_side *side, const char *how, const char **reason)
{
	uint64_t few = count_once(how, side->load.size, FEW);
	uint64_t many = count_once(how, side->load.size, MANY);

	*reason = "valgrind is not installed";
	if (!few || many <= few)
		return -1;
	side->result.p50 = (int64_t)((many - few) / (MANY - FEW));
	return 0;
}

static int count_run(struct bench_side *side, const char **reason)
{
	return count_how(side, "quota", reason);
}

static int count_web(struct bench_side *side, const char **reason)
{
	return count_how(side, "beside", reason);
}

/* No contestant but a figure: a limit, or what was noted the last time. It
 * stands where others have the time to send, a second one where they have the
 * number of connections. */
static int figure_run(struct bench_side *side, const char **reason)
{
	side->result.p50 = side->load.ns;
	side->result.p99 = side->load.width ? side->load.width : side->load.ns;
	side->result.bytes = 1000000000; /* CPU time is told per GB */
	return 0;
}

const struct bench_contestant bench_instructions = {
	"posthouse", NULL, NULL, count_run};
const struct bench_contestant bench_instructions_web = {
	"posthouse", NULL, NULL, count_web};
const struct bench_contestant bench_noted = {
	"the figure noted", NULL, NULL, figure_run};
const struct bench_contestant bench_limit = {
	"the limit", NULL, NULL, figure_run};
