/*
 * A program of somebody else, for attach.sh: built against what `make install`
 * left, not against the tree.
 *
 *   probe flood NAME return|wait|drop COUNT SIZE   sends, then finishes
 *   probe count NAME                               counts what comes
 *   probe gather NAME N                            the same of N streams
 *   probe die NAME                                 sends one, and dies
 *
 * It says `attached`, and begins when it reads a line.
 */
#include <errno.h>
#include <posthouse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void say(const char *text)
{
	puts(text);
	fflush(stdout);
}

static void await_go(void)
{
	char line[16];

	if (!fgets(line, sizeof(line), stdin))
		exit(3);
}

static struct ph_guest *attach(
	const char *name, const char *port, enum ph_port_kind kind)
{
	struct ph_port ports[1];
	struct ph_manifest manifest = {0};
	struct ph_guest *guest;
	int error;

	ports[0].name = port;
	ports[0].kind = kind;
	ports[0].type = NULL;
	manifest.version = PH_API_VERSION;
	manifest.name = name;
	manifest.ports = ports;
	manifest.port_count = 1;
	error = ph_attach(&guest, NULL, &manifest);
	if (error) {
		printf("attach=%s\n", strerror(-error));
		exit(2);
	}
	say("attached");
	return guest;
}

static enum ph_full strategy(const char *word)
{
	if (!strcmp(word, "wait"))
		return PH_FULL_WAIT;
	return strcmp(word, "drop") ? PH_FULL_RETURN : PH_FULL_DROP;
}

static int flood(char **argv)
{
	struct ph_guest *guest = attach(argv[0], "out", PH_PORT_OUT);
	enum ph_full full = strategy(argv[1]);
	long count = atol(argv[2]);
	size_t size = (size_t)atol(argv[3]);
	char *data = (char *)calloc(1, size + 1);
	long sent = 0, again = 0, nobody = 0, other = 0;

	await_go();
	for (long i = 0; i < count; i++) {
		int error = ph_send(guest, 0, data, size, full);

		sent += !error;
		again += error == -EAGAIN;
		nobody += error == -ENOTCONN;
		other += error && error != -EAGAIN && error != -ENOTCONN;
	}
	printf("sent=%ld again=%ld nobody=%ld other=%ld\n", sent, again, nobody,
		other);
	fflush(stdout);
	printf("finish=%d\n", ph_finish(guest, 0, 30000));
	ph_leave(guest);
	free(data);
	return 0;
}

static int count(char **argv)
{
	struct ph_guest *guest = attach(argv[0], "in", PH_PORT_IN);
	static char buffer[100000];
	struct ph_note note;
	unsigned long messages = 0, bytes = 0, lost = 0;
	long got;

	await_go();
	do {
		got = ph_receive(
			guest, 0, buffer, sizeof(buffer), &note, 30000);
		if (got < 0)
			break;
		bytes += (unsigned long)got;
		messages += note.event == PH_DATA && !note.more;
		lost += note.event == PH_GAP ? note.lost_messages : 0;
	} while (note.event != PH_END && note.event != PH_CUT);
	printf("messages=%lu bytes=%lu lost=%lu last=%s\n", messages, bytes,
		lost,
		got < 0		       ? strerror((int)-got)
		: note.event == PH_END ? "end"
				       : "cut");
	fflush(stdout);
	if (got >= 0 && note.event == PH_END)
		ph_accept(guest, 0);
	ph_leave(guest);
	return 0;
}

static int gather(char **argv)
{
	struct ph_guest *guest = attach(argv[0], "in", PH_PORT_COMBINE);
	static char buffer[100000];
	struct ph_note note = {PH_DATA, 0, 0, 0, 0};
	unsigned long messages = 0, bytes = 0, turns = 0;
	uint64_t source = 0;
	long left = atol(argv[1]);
	long got = 0;

	await_go();
	while (left && got >= 0 && note.event != PH_CUT) {
		got = ph_receive(
			guest, 0, buffer, sizeof(buffer), &note, 30000);
		if (got < 0)
			break;
		bytes += (unsigned long)got;
		messages += note.event == PH_DATA && !note.more;
		turns += note.source != source;
		source = note.source;
		if (note.event == PH_END) {
			left--;
			ph_accept(guest, 0);
		}
	}
	printf("messages=%lu bytes=%lu mixed=%d left=%ld\n", messages, bytes,
		turns > 2, left);
	ph_leave(guest);
	return 0;
}

static int die(char **argv)
{
	struct ph_guest *guest = attach(argv[0], "out", PH_PORT_OUT);

	if (ph_send(guest, 0, "last words", 10, PH_FULL_WAIT) ||
		ph_flush(guest, 0, 5000))
		return 4;
	say("said");
	await_go();
	_exit(9);
}

int main(int argc, char **argv)
{
	if (argc == 6 && !strcmp(argv[1], "flood"))
		return flood(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "count"))
		return count(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "gather"))
		return gather(argv + 2);
	if (argc == 3 && !strcmp(argv[1], "die"))
		return die(argv + 2);
	return 1;
}
