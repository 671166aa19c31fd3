/*
 * Attaches to this machine's node as the server `upper`: what comes on `in`
 * goes out on `out` in capitals. `cc -o upper upper.c -lposthouse && ./upper`,
 * then wire it: source:out -> NODE/upper:in, NODE/upper:out -> target:in
 */
#include <ctype.h>
#include <posthouse.h>
#include <stdio.h>
#include <string.h>

enum {
	IN,
	OUT
};

static const struct ph_port ports[] = {
	[IN] = {"in", PH_PORT_IN, ""},
	[OUT] = {"out", PH_PORT_OUT, ""},
};

static int serve(struct ph_guest *guest)
{
	static char text[PH_SEND_MOST];
	struct ph_note note = {PH_DATA, 0, 0, 0, 0};
	int error = 0;

	while (!error && note.event != PH_END) {
		long got = ph_receive(guest, IN, text, sizeof(text), &note, -1);

		if (got < 0 || note.event == PH_CUT)
			return got < 0 ? (int)got : ph_cut(guest, OUT);
		for (long i = 0; i < got; i++)
			text[i] = (char)toupper((unsigned char)text[i]);
		if (note.event == PH_DATA)
			error = ph_send(
				guest, OUT, text, (size_t)got, PH_FULL_WAIT);
	}
	/* Ours is finished before the one we made it of may be forgotten. */
	if (!error)
		error = ph_finish(guest, OUT, -1);
	return error ? error : ph_accept(guest, IN);
}

int main(int argc, char **argv)
{
	struct ph_manifest manifest = {PH_API_VERSION,
		argc > 1 ? argv[1] : "upper", ports, 2, 0, NULL};
	struct ph_guest *guest;
	int error = ph_attach(&guest, NULL, &manifest);

	if (error) {
		fprintf(stderr, "upper: cannot attach: %s\n", strerror(-error));
		return 1;
	}
	while (!error)
		error = serve(guest);
	ph_leave(guest);
	fprintf(stderr, "upper: %s\n", strerror(-error));
	return 0;
}
