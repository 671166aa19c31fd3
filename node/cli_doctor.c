#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "node/cli_reach.h"
#include "node/doctor.h"
#include "node/table.h"

/*
 * `doctor NODE`: why can it not be reached, on one screen. It asks the local
 * node what it knows (reach.why), has it call the other (node.status, which
 * dials if there is no line), and reads the matrix after that.
 */
#define TRY (5 * PH_SECOND)

static bool is(struct ph_value map, const char *key, const char *text)
{
	return ph_value_is(ph_value_get(map, key), text);
}

static void say(const char *what, const char *text)
{
	printf("  %-11s %s\n", what, text);
}

static char *since(char *out, size_t size, int64_t wall)
{
	char age[32];

	snprintf(out, size, "%s ago", ph_text_age(age, sizeof(age), wall));
	return out;
}

static void print_known(struct ph_value why)
{
	char text[200];
	char name[64];
	char by[32];
	char state[32];
	char age[48];

	snprintf(text, sizeof(text), "known as %.8s, heard by %s",
		ph_get_copy(why, "id", name, sizeof(name)),
		ph_get_copy(why, "heard_by", by, sizeof(by)));
	say("name", text);
	ph_get_copy(why, "state", state, sizeof(state));
	if (state[0])
		snprintf(text, sizeof(text), "%s, %s for %s",
			ph_get_bool(why, "announced") ? "heard" : "never heard",
			state,
			ph_text_age(
				age, sizeof(age), ph_get_int(why, "since")));
	else
		snprintf(text, sizeof(text), "%s",
			ph_get_bool(why, "announced") ? "heard"
						      : "never heard");
	say("announced", text);
	if (ph_get_bool(why, "revoked"))
		snprintf(text, sizeof(text), "revoked here");
	else if (is(why, "proven_by", "nothing"))
		snprintf(text, sizeof(text), "not proven yet: a stranger");
	else
		snprintf(text, sizeof(text), "pinned by %s, may %s here",
			ph_get_copy(why, "proven_by", by, sizeof(by)),
			ph_get_copy(why, "role", name, sizeof(name)));
	say("key", text);
	snprintf(text, sizeof(text), "%s for %s",
		ph_get_copy(why, "line", by, sizeof(by)),
		ph_text_age(age, sizeof(age), ph_get_int(why, "line_since")));
	say("line", text);
	if (is(why, "watched_by", "line"))
		say("datagrams",
			"none get through: watched along its line instead; "
			"let udp through beside tcp");
}

/* It is no peer any more: its key is all that is left. */
static void print_revoked(struct ph_value why)
{
	char text[120];
	char id[64];
	char age[32];
	int64_t since = ph_get_int(why, "since");

	snprintf(text, sizeof(text), "was %.8s",
		ph_get_copy(why, "id", id, sizeof(id)));
	say("name", text);
	snprintf(text, sizeof(text), "revoked here%s%s", since ? ", for " : "",
		since ? ph_text_age(age, sizeof(age), since) : "");
	say("key", text);
}

static void print_failure(struct ph_value map, const char *what)
{
	char why[128];
	char age[48];
	char text[200];

	if (!ph_get_int(map, "failed_at"))
		return;
	snprintf(text, sizeof(text), "%s, %s",
		ph_get_copy(map, "failure", why, sizeof(why)),
		since(age, sizeof(age), ph_get_int(map, "failed_at")));
	say(what, text);
}

static void print_seeds(struct ph_value why)
{
	struct ph_value seeds = ph_value_get(why, "seeds");

	for (size_t i = 0; i < ph_value_count(seeds) && i < 4; i++) {
		struct ph_value seed = ph_value_at(seeds, i);
		char address[128];
		char text[200];

		if (!ph_get_int(seed, "failed_at"))
			continue;
		snprintf(text, sizeof(text), "%s",
			ph_get_copy(seed, "address", address, sizeof(address)));
		say("--join", text);
		print_failure(seed, "");
	}
}

static void print_page(const char *name, struct ph_value why,
	struct ph_value items, const struct ph_finding *finding, double ms)
{
	if (!finding->exit)
		printf("%s can be reached: it answered in %.1f ms\n\n", name,
			ms);
	else
		printf("%s cannot be reached\n\n", name);
	if (ph_get_bool(why, "known"))
		print_known(why);
	else if (ph_get_bool(why, "revoked"))
		print_revoked(why);
	else
		say("name", "not known");
	if (finding->exit)
		print_failure(why, "last try");
	if (!ph_get_bool(why, "known") && !ph_get_bool(why, "revoked"))
		print_seeds(why);
	if (ph_value_count(items)) {
		printf("\n");
		ph_reach_print(stdout, items, false);
	}
	if (!finding->exit)
		return;
	printf("\n");
	say("because", finding->because);
	say("next", finding->next);
}

/* One document: the verdict, what the node knows, and the matrix's rows. */
static int print_json(struct ph_cli *cli, const char *name, struct ph_value why,
	struct ph_value items, const struct ph_finding *finding, double ms)
{
	struct ph_writer *writer;
	char key[64];
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_bool(writer, "reachable", !finding->exit);
	ph_put_float(writer, "answered_ms", ms);
	ph_put_text(writer, "because", finding->because);
	ph_put_text(writer, "next", finding->next);
	for (size_t i = 0; i < ph_value_count(why); i++)
		ph_put_value(writer,
			ph_value_copy(ph_value_key(why, i), key, sizeof(key)),
			ph_value_item(why, i));
	ph_put_list(writer, "ways");
	for (size_t i = 0; i < ph_value_count(items); i++)
		ph_write_value(writer, ph_value_at(items, i));
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	code = ph_cli_written(cli, writer);
	return code ? code : finding->exit;
}

static double milliseconds(void)
{
	return (double)ph_clock_wall() / 1e6;
}

/* Has the local node call it; what that took. Negative: it failed. */
static double try_call(struct ph_cli *cli, const char *name)
{
	int64_t timeout = cli->timeout < TRY ? cli->timeout : TRY;
	double begin = milliseconds();
	struct ph_error error;
	struct ph_reply reply;
	int code = ph_client_call(cli->client, name, PH_NODE_STATUS, NULL,
		timeout, &reply, &error);

	ph_reply_free(&reply);
	return code ? -1 : milliseconds() - begin;
}

static int ask(struct ph_cli *cli, uint16_t method, const char *name,
	struct ph_reply *reply)
{
	return ph_cli_call(cli, method, ph_cli_argument("node", name), reply);
}

static int examine(struct ph_cli *cli, const char *name, double ms)
{
	struct ph_finding finding = {0};
	struct ph_reply why;
	struct ph_reply list;
	struct ph_value item;
	struct ph_value items = {0};
	int code = ask(cli, PH_REACH_WHY, name, &why);

	if (code)
		return code;
	item = ph_value_at(ph_value_get(why.body, "items"), 0);
	list = (struct ph_reply){0};
	if (ph_get_bool(item, "known"))
		code = ask(cli, PH_REACH_LIST, name, &list);
	if (code) {
		ph_reply_free(&why);
		return code;
	}
	items = ph_value_get(list.body, "items");
	ph_doctor_find(&finding, name, item, items, ms >= 0);
	if (cli->json)
		code = print_json(cli, name, item, items, &finding, ms);
	else
		print_page(name, item, items, &finding, ms);
	ph_reply_free(&list);
	ph_reply_free(&why);
	return code ? code : finding.exit;
}

int ph_cmd_doctor(struct ph_cli *cli)
{
	const char *name;
	double ms;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "doctor");
	name = cli->argv[0];
	/* Seen from another node: that one has to dial, not its caller. */
	if (cli->node[0]) {
		struct ph_error error;

		ph_fail(&error, PH_EXIT_USAGE, "--node",
			"run it on that machine; posthouse reach --node shows "
			"what it knows",
			"doctor looks from the local node only");
		return ph_cli_fail(cli, &error);
	}
	ms = try_call(cli, name);
	return examine(cli, name, ms);
}
