/*
 * Numbered messages and who counts them, for lossy.sh; attached programs.
 *
 *   lossy flood NAME COUNT SIZE PER_MS   a mux: sends, then finishes
 *   lossy count NAME                     an input: one line for each stream
 *
 * A consumer looks at each number: it is exactly what came and what was said to
 * be lost before it, or the consumer says so and ends.
 */
#include <poll.h>
#include <posthouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ph_guest *attach(
	const char *name, const char *port, enum ph_port_kind kind)
{
	struct ph_port ports[] = {{port, kind, NULL}};
	struct ph_manifest manifest = {PH_API_VERSION, name, ports, 1, 0, NULL};
	struct ph_guest *guest;
	int error = ph_attach(&guest, NULL, &manifest);

	if (error) {
		printf("attach=%s\n", strerror(-error));
		exit(2);
	}
	puts("attached");
	fflush(stdout);
	return guest;
}

static int flood(struct ph_guest *guest, char **argv)
{
	static char message[PH_SEND_MOST];
	unsigned long count = strtoul(argv[3], NULL, 10);
	unsigned long size = strtoul(argv[4], NULL, 10);
	unsigned long per_ms = strtoul(argv[5], NULL, 10);
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		return 3;
	for (uint32_t n = 0; n < count; n++) {
		/* Sizes differ, so that bytes are worth counting. */
		size_t length = sizeof(n) + (n * 7919ul) % size;

		memcpy(message, &n, sizeof(n));
		if (ph_send(guest, 0, message, length, PH_FULL_WAIT))
			return 4;
		if (n % (10 * per_ms) == 0)
			poll(NULL, 0, 10);
	}
	printf("finish=%d\n", ph_finish(guest, 0, -1));
	return 0;
}

struct tally {
	unsigned long came, came_bytes;
	unsigned long lost, lost_bytes;
	unsigned gaps;
	long first; /* number of the first that came; a late one joins later */
};

static void tell(const struct tally *tally, const char *last)
{
	printf("came=%lu bytes=%lu lost=%lu lost_bytes=%lu gaps=%u first=%ld "
	       "last=%s\n",
		tally->came, tally->came_bytes, tally->lost, tally->lost_bytes,
		tally->gaps, tally->first, last);
	fflush(stdout);
}

static int take(struct tally *tally, const char *data, long got, int begun)
{
	uint32_t n;

	tally->came_bytes += (unsigned long)got;
	if (begun)
		return 0;
	memcpy(&n, data, sizeof(n));
	if (tally->first < 0)
		tally->first = (long)(n - tally->lost);
	if (n != (unsigned long)tally->first + tally->came + tally->lost) {
		printf("wrong: %u after %lu came, %lu lost, from %ld\n", n,
			tally->came, tally->lost, tally->first);
		return 1;
	}
	return 0;
}

static int count(struct ph_guest *guest)
{
	static char message[PH_SEND_MOST];
	struct tally tally = {.first = -1};
	struct ph_note note = {.event = PH_BEGIN};
	int begun = 0;

	for (;;) {
		long got = ph_receive(
			guest, 0, message, sizeof(message), &note, -1);

		if (got < 0)
			return 0;
		if (note.event == PH_BEGIN)
			tally = (struct tally){.first = -1};
		if (note.event == PH_CUT)
			tell(&tally, "cut");
		if (note.event == PH_GAP) {
			tally.lost += note.lost_messages;
			tally.lost_bytes += note.lost_bytes;
			tally.gaps++;
		}
		if (note.event == PH_END) {
			tell(&tally, "end");
			ph_accept(guest, 0);
		}
		if (note.event != PH_DATA)
			continue;
		if (take(&tally, message, got, begun))
			return 1;
		begun = note.more;
		tally.came += !note.more;
	}
}

int main(int argc, char **argv)
{
	struct ph_guest *guest;
	int code;

	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "flood") && argc == 6) {
		guest = attach(argv[2], "out", PH_PORT_MUX);
		code = flood(guest, argv);
	} else {
		guest = attach(argv[2], "in", PH_PORT_IN);
		code = count(guest);
	}
	ph_leave(guest);
	return code;
}
