#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel/clock.h"
#include "node/cli.h"
#include "node/table.h"

/* tap, logs, events, health, ready. */

static void print_messages(struct ph_value items)
{
	for (size_t i = 0; i < ph_value_count(items); i++) {
		size_t length;
		const uint8_t *data = ph_value_bytes(
			ph_value_get(ph_value_at(items, i), "bytes"), &length);

		if (data)
			fwrite(data, 1, length, stdout);
	}
	fflush(stdout);
}

/* A tap that ends after its bytes has done what it can; one that ends at its
 * timeout has not. */
static int tell_fewer(
	const struct ph_cli *cli, struct ph_value body, size_t came)
{
	struct ph_error error;

	if (came >= (size_t)cli->count)
		return 0;
	if (ph_get_bool(body, "full")) {
		if (!cli->json)
			fprintf(stderr,
				"posthouse: %zu of %ld messages: a tap takes "
				"1 MiB\n",
				came, cli->count);
		return 0;
	}
	ph_fail(&error, PH_EXIT_TIMEOUT, cli->argv[0],
		"give it more time (--timeout), or see posthouse connections "
		"whether any flow",
		"%zu of %ld messages came in time", came, cli->count);
	return ph_cli_fail(cli, &error);
}

static int tap_show(struct ph_cli *cli, struct ph_value body)
{
	struct ph_value items = ph_value_get(body, "items");
	int code = 0;

	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else
		print_messages(items);
	return code ? code : tell_fewer(cli, body, ph_value_count(items));
}

int ph_cmd_tap(struct ph_cli *cli)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	const char *address;
	char node[40] = "";
	int code;

	if (cli->argc != 1 || cli->count <= 0)
		return ph_cli_usage(cli, "tap");
	address = cli->argv[0];
	if (strchr(address, '/')) {
		snprintf(node, sizeof(node), "%.*s", (int)strcspn(address, "/"),
			address);
		cli->node = cli->node[0] ? cli->node : node;
		address = strchr(address, '/') + 1;
	}
	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "address", address);
	ph_put_int(writer, "count", cli->count);
	ph_write_end(writer);
	code = ph_cli_call(cli, PH_CONTROL_TAP, writer, &reply);
	if (code)
		return code;
	code = tap_show(cli, reply.body);
	ph_reply_free(&reply);
	return code;
}

static void print_stamp(int64_t when)
{
	time_t seconds = (time_t)(when / 1000000000);
	char stamp[40];
	struct tm utc;

	gmtime_r(&seconds, &utc);
	strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
	printf("%s.%03dZ ", stamp, (int)(when / 1000000 % 1000));
}

static void print_line(struct ph_value line)
{
	char text[8192];

	print_stamp(ph_get_int(line, "ts"));
	printf("%s\n", ph_cell_text(text, sizeof(text),
			       ph_value_get(line, "text"), PH_CELL_LINE));
}

static int fetch_logs(struct ph_cli *cli, const char *server, int64_t *since)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	struct ph_value items;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "server", server);
	ph_put_int(writer, "since", *since);
	if (cli->count > 0 && !*since)
		ph_put_int(writer, "count", cli->count);
	ph_write_end(writer);
	code = ph_cli_call(cli, PH_EXECUTOR_LOGS, writer, &reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value line = ph_value_at(items, i);

		/* A server that was replaced counts from 1 again. */
		*since = ph_get_int(line, "n");
		if (!cli->json)
			print_line(line);
	}
	if (cli->json && (!cli->follow || ph_value_count(items)))
		code = ph_cli_envelope(cli, items);
	fflush(stdout);
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_logs(struct ph_cli *cli)
{
	int64_t since = 0;
	const char *server;
	char node[40];
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "logs");
	server = cli->argv[0];
	if (strchr(server, '/')) {
		snprintf(node, sizeof(node), "%.*s", (int)strcspn(server, "/"),
			server);
		cli->node = cli->node[0] ? cli->node : node;
		server = strchr(server, '/') + 1;
	}
	code = fetch_logs(cli, server, &since);
	while (!code && cli->follow) {
		poll(NULL, 0, 300);
		code = fetch_logs(cli, server, &since);
	}
	return code;
}

static void print_event(struct ph_value event)
{
	char actor[64];
	char what[300];
	char why[300];
	bool reasoned;

	print_stamp(ph_get_int(event, "ts"));
	ph_cell_text(actor, sizeof(actor), ph_value_get(event, "actor"),
		PH_CELL_TEXT);
	ph_cell_text(
		what, sizeof(what), ph_value_get(event, "what"), PH_CELL_TEXT);
	ph_cell_text(
		why, sizeof(why), ph_value_get(event, "why"), PH_CELL_DASH);
	reasoned = strcmp(why, "-") != 0;
	printf("%s: %s%s%s\n", actor, what, reasoned ? " because " : "",
		reasoned ? why : "");
}

static int fetch_events(struct ph_cli *cli, int64_t *since)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	struct ph_value items;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_int(writer, "since", *since);
	if (!*since)
		ph_put_int(writer, "count", cli->count > 0 ? cli->count : 50);
	ph_write_end(writer);
	code = ph_cli_call(cli, PH_STORE_EVENTS, writer, &reply);
	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		*since = ph_get_int(ph_value_at(items, i), "n");
		if (!cli->json)
			print_event(ph_value_at(items, i));
	}
	if (cli->json && (!cli->follow || ph_value_count(items)))
		code = ph_cli_envelope(cli, items);
	fflush(stdout);
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_events(struct ph_cli *cli)
{
	int64_t since = 0;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "events");
	code = fetch_events(cli, &since);
	while (!code && cli->follow) {
		poll(NULL, 0, 200);
		code = fetch_events(cli, &since);
	}
	return code;
}

static int ask_flag(struct ph_cli *cli, uint16_t method, const char *flag,
	bool quiet, bool *yes)
{
	struct ph_reply reply;
	struct ph_value item;
	char waiting[200];
	int code = ph_cli_call(cli, method, NULL, &reply);

	if (code)
		return code;
	item = ph_value_at(ph_value_get(reply.body, "items"), 0);
	*yes = ph_get_bool(item, flag);
	ph_cell_text(waiting, sizeof(waiting),
		ph_value_get(item, "waiting_for"), PH_CELL_TEXT);
	if (*yes)
		*waiting = '\0';
	if (!quiet && cli->json)
		code = ph_cli_envelope(cli, ph_value_get(reply.body, "items"));
	else if (!quiet)
		printf("%s%s%s%s\n", *yes ? "" : "not ", flag,
			*waiting ? ": " : "", waiting);
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_health(struct ph_cli *cli)
{
	bool yes = false;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "health");
	code = ask_flag(cli, PH_NODE_HEALTH, "healthy", false, &yes);
	return code || yes ? code : PH_EXIT_NEGATIVE;
}

int ph_cmd_ready(struct ph_cli *cli)
{
	bool waits = cli->watch || cli->wait;
	int64_t until = ph_clock_real.now(&ph_clock_real) +
			(cli->wait ? cli->wait : cli->timeout);
	bool yes = false;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "ready");
	code = ask_flag(cli, PH_NODE_READY, "ready", waits, &yes);
	while (waits && !code && !yes &&
		ph_clock_real.now(&ph_clock_real) < until) {
		poll(NULL, 0, 50);
		code = ask_flag(cli, PH_NODE_READY, "ready", true, &yes);
	}
	if (waits && !code)
		code = ask_flag(cli, PH_NODE_READY, "ready", false, &yes);
	return code || yes ? code : PH_EXIT_NEGATIVE;
}
