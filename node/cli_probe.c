#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/cli_probe_show.h"
#include "node/gather.h"
#include "proto/server.h"

/* `probe NODE|local`: begins one, tells how far it is, shows the matrix. */

#define ASK_EVERY_MS 100

/* A large range is probed page by page; what was found stands in one list. */
struct pages {
	struct ph_gathered all;
	unsigned count;
	char range[24];
	char next[24]; /* the range of the next page; "": this is the last */
	struct ph_error error; /* of the page that failed; no exit: none did */
};

static int begin(
	struct ph_cli *cli, const struct pages *pages, struct ph_reply *reply)
{
	const char *range = pages->count ? pages->next : cli->range;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	if (strcmp(cli->argv[0], "local") != 0)
		ph_put_text(writer, "node", cli->argv[0]);
	if (range)
		ph_put_text(writer, "range", range);
	ph_put_bool(writer, "new", cli->fresh);
	ph_write_end(writer);
	return ph_cli_call(cli, PH_PROBE_RUN, writer, reply);
}

/* On a terminal the line is written over; a log gets one for each tenth. */
static void tell(struct ph_value status, unsigned *last)
{
	unsigned total = (unsigned)ph_get_u64(status, "total");
	unsigned done = (unsigned)ph_get_u64(status, "done");
	unsigned tenth = total ? done * 10 / total : 0;
	bool terminal = isatty(STDERR_FILENO);
	bool part = ph_value_type(ph_value_get(status, "next_range")) != PH_NIL;
	char range[24];

	if (!total || (!terminal && tenth + 1 == *last))
		return;
	ph_get_copy(status, "range", range, sizeof(range));
	fprintf(stderr, "%s%s%s%u of %u points%s", terminal ? "\r" : "",
		part ? range : "", part ? ": " : "", done, total,
		terminal && done < total ? "" : "\n");
	*last = tenth + 1;
}

static bool is_over(struct ph_value status)
{
	struct ph_value state = ph_value_get(status, "state");

	return ph_value_is(state, "done") || ph_value_is(state, "failed");
}

/* How many answers the node may fail to give; then it is told. */
static int wait_for(struct ph_cli *cli, const char *id, struct ph_reply *reply)
{
	unsigned last = 0;
	int code;

	for (;;) {
		code = ph_cli_call(
			cli, PH_PROBE_STATUS, ph_cli_argument("id", id), reply);
		if (code)
			return code;
		tell(reply->body, &last);
		if (is_over(reply->body))
			return 0;
		ph_reply_free(reply);
		poll(NULL, 0, ASK_EVERY_MS);
	}
}

static void take_error(struct ph_error *error, struct ph_value status)
{
	error->exit = (enum ph_exit)ph_get_int(status, "exit");
	ph_get_copy(status, "where", error->where, sizeof(error->where));
	ph_get_copy(status, "what", error->what, sizeof(error->what));
	ph_get_copy(status, "next", error->next, sizeof(error->next));
}

static void take(struct pages *pages, struct ph_value status)
{
	struct ph_value items = ph_value_get(status, "items");
	unsigned left_out = (unsigned)ph_get_u64(status, "left_out");

	for (size_t i = 0; i < ph_value_count(items); i++)
		ph_write_value(pages->all.writer, ph_value_at(items, i));
	if (left_out && !pages->count)
		fprintf(stderr,
			"%u addresses more were not tried: a probe has room "
			"for 64\n",
			left_out);
	pages->count++;
	ph_get_copy(status, "range", pages->range, sizeof(pages->range));
	ph_get_copy(status, "next_range", pages->next, sizeof(pages->next));
	if (ph_value_is(ph_value_get(status, "state"), "failed"))
		take_error(&pages->error, status);
}

/* Non-zero: it was told why. */
static int probe_page(struct ph_cli *cli, struct pages *pages)
{
	struct ph_reply reply;
	char id[40];
	int code = begin(cli, pages, &reply);

	if (code)
		return code;
	ph_get_copy(reply.body, "id", id, sizeof(id));
	ph_reply_free(&reply);
	code = wait_for(cli, id, &reply);
	if (code)
		return code;
	take(pages, reply.body);
	ph_reply_free(&reply);
	return 0;
}

/* A probe that was refused tells why; its matrix is shown all the same. */
static int end(struct ph_cli *cli, struct pages *pages, int code)
{
	struct ph_value items = pages->all.items;
	bool whole = !code && !pages->error.exit;
	int told = 0;

	if (cli->json)
		told = ph_cli_envelope(cli, items);
	else if (ph_value_count(items))
		ph_probe_print(items, cli->argv[0]);
	if (!whole && pages->count > 1)
		fprintf(stderr, "not all of it: go on with --range %s\n",
			pages->next[0] && !pages->error.exit ? pages->next
							     : pages->range);
	if (pages->error.exit)
		return ph_cli_fail(cli, &pages->error);
	return code ? code : told;
}

int ph_cmd_probe(struct ph_cli *cli)
{
	struct pages pages = {0};
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "probe");
	if (ph_writer_create(&pages.all.writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(pages.all.writer);
	do {
		code = probe_page(cli, &pages);
	} while (!code && !pages.error.exit && pages.next[0]);
	ph_write_end(pages.all.writer);
	if (pages.count && !ph_gathered_read(&pages.all))
		code = end(cli, &pages, code);
	ph_gathered_free(&pages.all);
	return code;
}
