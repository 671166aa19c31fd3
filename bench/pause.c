#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/contestants.h"

/*
 * What a stream's reader sees of a filter being put in or taken out at full
 * rate: `bench fill | X | bench edges FILE COUNT`, where X puts `bench flip` in
 * and out again. fill writes `a` for ever, flip makes `b` of it: where the one
 * follows the other the filter came or went, and from the last read before to
 * the first read behind is the pause. edges leaves "p50 p99" in ns, of COUNT.
 */
#define PIECE ((size_t)256 * 1024)

static int fill_main(void)
{
	char *piece = malloc(PIECE);

	fcntl(1, F_SETPIPE_SZ, 1 << 20);
	memset(piece, 'a', PIECE);
	while (write(1, piece, PIECE) > 0)
		;
	return 0;
}

static int flip_main(void)
{
	char *piece = malloc(PIECE);
	ssize_t got;

	fcntl(0, F_SETPIPE_SZ, 1 << 20);
	fcntl(1, F_SETPIPE_SZ, 1 << 20);
	while ((got = read(0, piece, PIECE)) > 0) {
		memset(piece, 'b', (size_t)got);
		for (ssize_t at = 0; at < got;) {
			ssize_t put = write(1, piece + at, (size_t)(got - at));

			if (put < 0)
				return 1;
			at += put;
		}
	}
	return 0;
}

static void tell(const char *path, struct bench_trips *trips)
{
	struct bench_side side = {0};
	char name[512];
	FILE *result;

	bench_trips_end(trips, &side);
	/* The name appears when the file is whole. */
	snprintf(name, sizeof(name), "%s.part", path);
	result = fopen(name, "w");
	if (!result)
		bench_die(path);
	fprintf(result, "%lld %lld\n", (long long)side.result.p50,
		(long long)side.result.p99);
	fclose(result);
	if (rename(name, path))
		bench_die(path);
}

static int edges_main(const char *path, unsigned count)
{
	struct bench_trips *trips = bench_trips_begin();
	char *piece = malloc(PIECE);
	int64_t before = bench_now();
	char last = 'a';
	ssize_t got;

	fcntl(0, F_SETPIPE_SZ, 1 << 20);
	while ((got = read(0, piece, PIECE)) > 0) {
		int64_t now = bench_now();

		/* Both in one read: the edge is in it. */
		if ((piece[0] != last || piece[got - 1] != last) &&
			trips->count < count)
			trips->ns[trips->count++] = now - before;
		last = piece[got - 1];
		before = now;
		if (trips->count == count)
			break;
	}
	if (trips->count < count)
		bench_die("the stream ended");
	tell(path, trips);
	while (read(0, piece, PIECE) > 0)
		;
	return 0;
}

int bench_pause_main(int argc, char **argv)
{
	if (!strcmp(argv[0], "fill"))
		return fill_main();
	if (!strcmp(argv[0], "flip"))
		return flip_main();
	return argc == 3 ? edges_main(argv[1], (unsigned)atoi(argv[2])) : 2;
}

static int pause_run(struct bench_side *side, const char **reason)
{
	static char line[256];
	long long p50, p99;
	char self[256], command[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *script;

	if (length < 0)
		bench_die("/proc/self/exe");
	self[length] = '\0';
	snprintf(command, sizeof(command), "bench/pause.sh %s %zu", self,
		side->load.size);
	script = popen(command, "re");
	*reason = "bench/pause.sh said nothing";
	if (!script)
		return -1;
	if (fgets(line, sizeof(line), script)) {
		line[strcspn(line, "\n\"\\")] = '\0';
		*reason = line;
	}
	pclose(script);
	if (sscanf(line, "%lld %lld", &p50, &p99) != 2)
		return -1;
	side->result.p50 = p50;
	side->result.p99 = p99;
	return 0;
}

const struct bench_contestant bench_pause = {
	"posthouse", NULL, NULL, pause_run};
