#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/contestants.h"

/*
 * Whole programs: `bench source BYTES | X | bench sink FILE`, where X carries
 * the stream from one to the other. bench/stream.sh knows how each X is
 * called; the sink measures from the first byte to the end of the file and
 * leaves "bytes ns" in FILE; the script may add the CPU time of X, in ns.
 */
#define PIECE ((size_t)256 * 1024)

static int source_main(const char *bytes)
{
	size_t left = strtoull(bytes, NULL, 10);
	char *piece = calloc(1, PIECE);

	fcntl(1, F_SETPIPE_SZ, 1 << 20); /* when it is a pipe */
	while (left) {
		ssize_t sent = write(1, piece, left < PIECE ? left : PIECE);

		if (sent < 0)
			bench_die("source");
		left -= (size_t)sent;
	}
	return 0;
}

static int sink_main(const char *path)
{
	char *piece = malloc(PIECE);
	unsigned long long bytes = 0;
	int64_t began = 0;
	FILE *result;
	ssize_t got;
	char name[512];

	fcntl(0, F_SETPIPE_SZ, 1 << 20);
	while ((got = read(0, piece, PIECE)) > 0) {
		if (!bytes)
			began = bench_now();
		bytes += (unsigned long long)got;
	}
	/* The name appears when the file is whole. */
	snprintf(name, sizeof(name), "%s.part", path);
	result = fopen(name, "w");
	if (!result)
		bench_die(path);
	fprintf(result, "%llu %lld\n", bytes, (long long)(bench_now() - began));
	fclose(result);
	return rename(name, path) ? 1 : 0;
}

/* The shortest road there is between two pipes. */
static int splice_main(void)
{
	ssize_t moved;

	fcntl(0, F_SETPIPE_SZ, 1 << 20);
	fcntl(1, F_SETPIPE_SZ, 1 << 20);
	do
		moved = splice(0, NULL, 1, NULL, 1 << 20, 0);
	while (moved > 0);
	return moved < 0;
}

int bench_stream_main(int argc, char **argv)
{
	if (argc == 1 && strcmp(argv[0], "splice") == 0)
		return splice_main();
	if (argc != 2)
		return 2;
	return strcmp(argv[0], "sink") == 0 ? sink_main(argv[1])
					    : source_main(argv[1]);
}

/* The script says "bytes ns", or why it cannot. */
static int stream_run(
	struct bench_side *side, const char *how, const char **reason)
{
	static char line[256];
	unsigned long long bytes;
	long long ns, cpu = 0;
	char self[256], command[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *script;

	if (length < 0)
		bench_die("/proc/self/exe");
	self[length] = '\0';
	snprintf(command, sizeof(command), "bench/stream.sh %s %s %zu", how,
		self, side->load.size);
	script = popen(command, "re");
	line[0] = '\0';
	*reason = "bench/stream.sh said nothing";
	if (!script)
		return -1;
	if (fgets(line, sizeof(line), script)) {
		line[strcspn(line, "\n\"\\")] = '\0';
		*reason = line;
	}
	pclose(script);
	if (sscanf(line, "%llu %lld %lld", &bytes, &ns, &cpu) < 2)
		return -1;
	*reason = "the stream came short";
	side->result.bytes = bytes;
	side->result.messages = 1;
	side->result.ns = ns;
	side->result.p50 = cpu;
	return bytes == side->load.size ? 0 : -1;
}

static int ours_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "posthouse", reason);
}

static int here_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "posthouse-here", reason);
}

static int splice_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "splice", reason);
}

static int socat_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "socat", reason);
}

static int socat_tls_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "socat-tls", reason);
}

static int ssh_run(struct bench_side *side, const char **reason)
{
	return stream_run(side, "ssh", reason);
}

const struct bench_contestant bench_stream_ours = {
	"posthouse", NULL, NULL, ours_run};
const struct bench_contestant bench_stream_here = {
	"posthouse", NULL, NULL, here_run};
const struct bench_contestant bench_stream_splice = {
	"splice", NULL, NULL, splice_run};
const struct bench_contestant bench_stream_socat = {
	"socat", NULL, NULL, socat_run};
const struct bench_contestant bench_stream_socat_tls = {
	"socat TLS", NULL, NULL, socat_tls_run};
const struct bench_contestant bench_stream_ssh = {"ssh", NULL, NULL, ssh_run};
