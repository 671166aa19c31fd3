#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/cli.h"
#include "node/json.h"

/* start, stop, restart: one server by its name, or all of a mask. Each is a
 * call of its own; what fails is told, and the rest goes on. */

/* A stop takes its time, and so does becoming ready. */
#define SERVER_PATIENCE (60 * PH_SECOND)
/* As many as a node may have. */
#define SERVER_MOST 4096u

struct names {
	char (*list)[64];
	unsigned count;
};

struct deed {
	const char *verb; /* the command */
	const char *done;
	uint16_t method;
};

static int no_memory(const struct ph_cli *cli, const char *verb)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, verb, "free memory", "out of memory");
	return ph_cli_fail(cli, &error);
}

static void take_names(struct names *names, struct ph_value items)
{
	for (size_t i = 0; i < ph_value_count(items); i++)
		if (names->count < SERVER_MOST)
			ph_get_copy(ph_value_at(items, i), "server",
				names->list[names->count++], 64);
}

/* All pages of the guest book that the mask leaves. */
static int find_names(struct ph_cli *cli, struct names *names)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	bool more = true;
	int code = 0;

	while (more && !code && names->count < SERVER_MOST) {
		unsigned before = names->count;

		if (ph_writer_create(&writer))
			return no_memory(cli, "guests");
		ph_write_map(writer);
		ph_put_text(writer, "mask", cli->mask);
		if (before)
			ph_put_text(writer, "after", names->list[before - 1]);
		ph_write_end(writer);
		code = ph_cli_call(cli, PH_HOSTESS_GUESTS, writer, &reply);
		if (code)
			break;
		take_names(names, ph_value_get(reply.body, "items"));
		more = ph_get_bool(reply.body, "more") && names->count > before;
		ph_reply_free(&reply);
	}
	return code;
}

static struct ph_writer *write_deed(const struct ph_cli *cli, const char *name)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		abort();
	ph_write_map(writer);
	ph_put_text(writer, "server", name);
	if (cli->replace)
		ph_put_bool(writer, "replace", true);
	if (cli->drain)
		ph_put_int(writer, "drain", cli->drain);
	ph_write_end(writer);
	return writer;
}

/* What the old one was given and has not read went with it. */
static void tell_unread(
	const struct ph_cli *cli, const char *name, struct ph_value answer)
{
	uint64_t unread = ph_get_u64(answer, "unread");

	if (unread && !cli->json)
		fprintf(stderr,
			"posthouse: %s: the old process left %llu bytes "
			"unread, which are lost\n"
			"  next: give it more time (--drain), or let it end "
			"when its input does\n",
			name, (unsigned long long)unread);
}

/* One; its answer is an item of `items`. */
static int do_one(struct ph_cli *cli, const struct deed *deed, const char *name,
	struct ph_writer *items)
{
	struct ph_reply reply;
	int code = ph_cli_change(cli, deed->method, write_deed(cli, name),
		SERVER_PATIENCE + cli->drain, "`posthouse servers`", &reply);

	if (code)
		return code;
	if (!cli->json)
		printf("%s %s\n", cli->replace ? "replaced" : deed->done, name);
	tell_unread(cli, name, reply.body);
	ph_write_value(items, reply.body);
	ph_reply_free(&reply);
	return 0;
}

static int do_all(
	struct ph_cli *cli, const struct deed *deed, const struct names *names)
{
	struct ph_writer *items;
	int code = 0;

	if (ph_writer_create(&items))
		return no_memory(cli, deed->verb);
	ph_write_list(items);
	for (unsigned i = 0; i < names->count; i++) {
		int failed = do_one(cli, deed, names->list[i], items);

		code = failed ? failed : code;
	}
	ph_write_end(items);
	if (cli->json && !(code && names->count == 1)) {
		int failed = ph_cli_written(cli, items);

		return code ? code : failed;
	}
	ph_writer_free(items);
	return code;
}

static int nobody(const struct ph_cli *cli, const struct deed *deed)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NOT_FOUND, deed->verb,
		"see `posthouse guests --mask M`",
		"no server of that node is like %s", cli->mask);
	return ph_cli_fail(cli, &error);
}

static int run_deed(struct ph_cli *cli, const struct deed *deed)
{
	struct names names = {.list = calloc(SERVER_MOST, 64)};
	char node[40];
	int code = 0;

	if (!names.list)
		return no_memory(cli, deed->verb);
	if (cli->mask) {
		code = find_names(cli, &names);
	} else {
		const char *slash = strchr(cli->argv[0], '/');

		snprintf(node, sizeof(node), "%.*s",
			slash ? (int)(slash - cli->argv[0]) : 0, cli->argv[0]);
		cli->node = cli->node[0] ? cli->node : node;
		snprintf(names.list[names.count++], 64, "%s",
			slash ? slash + 1 : cli->argv[0]);
	}
	if (!code)
		code = names.count ? do_all(cli, deed, &names)
				   : nobody(cli, deed);
	free(names.list);
	return code;
}

static int deed(struct ph_cli *cli, const struct deed *deed)
{
	if (cli->argc != (cli->mask ? 0 : 1))
		return ph_cli_usage(cli, deed->verb);
	return run_deed(cli, deed);
}

int ph_cmd_start(struct ph_cli *cli)
{
	return deed(cli, &(struct deed){"start", "started", PH_EXECUTOR_RUN});
}

int ph_cmd_stop(struct ph_cli *cli)
{
	return deed(cli, &(struct deed){"stop", "stopped", PH_EXECUTOR_HALT});
}

int ph_cmd_restart(struct ph_cli *cli)
{
	return deed(cli,
		&(struct deed){"restart", "restarted", PH_EXECUTOR_RESTART});
}
