#include "node/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/table.h"
#include "proto/server.h"

const struct ph_command ph_commands[] = {
	{"up", "up [FLAGS]", "start this machine's node", NULL, false},
	{"down", "down", "stop the local node", ph_cmd_down, true},
	{"status", "status", "how a node is", ph_cmd_status, true},
	{"peers", "peers [--watch|forget NODE|revoke NODE]",
		"the other nodes and the lines to them", ph_cmd_peers, true},
	{"probe", "probe NODE|local [--range A-B] [--new]",
		"try every address and port of a node: which ways to it really "
		"work (--new: only what no node knows yet)",
		ph_cmd_probe, true},
	{"reach", "reach [NODE]",
		"the ways to the other nodes: what works from here, and what "
		"peers say",
		ph_cmd_reach, true},
	{"doctor", "doctor NODE",
		"why a node cannot be reached, and what to do", ph_cmd_doctor,
		true},
	{"guests", "guests [--mask M]",
		"the guest book of a node: its servers and terminals",
		ph_cmd_guests, true},
	{"menu", "menu [NODE] [--mask M]",
		"what a node offers to its peers; of one that is away, what "
		"it offered last",
		ph_cmd_menu, true},
	{"reserve", "reserve ADDR|--mask M [--count N]",
		"hold terminals or servers, here or wherever there is room",
		ph_cmd_reserve, true},
	{"release", "release ID", "give a reservation back", ph_cmd_release,
		true},
	{"connections", "connections",
		"every connection of the mesh, with state and flow",
		ph_cmd_connections, true},
	{"show", "show ADDR", "all about a server, terminal or connection",
		ph_cmd_show, true},
	{"servers", "servers", "the servers that run, and how", ph_cmd_servers,
		true},
	{"monitor", "monitor [[NODE/]SERVER|NODE]",
		"wait until a server's run is over or a node is lost, and say "
		"why; alone: who watches what",
		ph_cmd_monitor, true},
	{"start", "start SERVER|--mask M",
		"run a server that was stopped, was given up or waits; "
		"answered when it runs",
		ph_cmd_start, true},
	{"stop", "stop SERVER|--mask M",
		"stop a server: end of input, SIGTERM, SIGKILL; it stays "
		"declared, and stopped until start",
		ph_cmd_stop, true},
	{"restart", "restart SERVER|--mask M",
		"stop a server and run it again; the others go on",
		ph_cmd_restart, true},
	{"top", "top [-n N]",
		"rates and queues of every connection, live until Ctrl-C",
		ph_cmd_top, true},
	{"flow", "flow [ADDR]",
		"rates and queues at both ends, what blocks first", ph_cmd_flow,
		true},
	{"topology", "topology",
		"the whole mesh: hosts, servers, what is wired to what",
		ph_cmd_topology, true},
	{"graph", "graph [-o json|dot|mermaid|d2]",
		"the same for a program that draws", ph_cmd_graph, true},
	{"tap", "tap ADDR -n N",
		"the next N messages of an output, 4 KiB of each; 7: not all "
		"came in time",
		ph_cmd_tap, true},
	{"logs", "logs SERVER [--follow] [-n N]",
		"what a server wrote to stderr", ph_cmd_logs, true},
	{"events", "events [--follow] [-n N]",
		"the journal of a node: who came and went, what was changed",
		ph_cmd_events, true},
	{"lint", "lint FILE [--deny-warnings] [--sarif] [--live]",
		"check a wiring file (--live: against the mesh as it is, too)",
		ph_cmd_lint, false},
	{"test", "test FILE",
		"run the tests of a wiring file, on a node of their own",
		ph_cmd_test, false},
	{"fmt", "fmt FILE [--write|--check]",
		"a wiring file as it should look, comments kept", ph_cmd_fmt,
		false},
	{"compile", "compile FILE [-o FILE.c]",
		"a wiring file as C, for a binary that needs no file (make "
		"WIRING=FILE)",
		ph_cmd_compile, false},
	{"schema", "schema [COMMAND|error]",
		"wiring files as JSON Schema, for editors; or what a command "
		"answers with --json",
		ph_cmd_schema, false},
	{"plan", "plan FILE|list|resolve ID commit|abort",
		"what applying a file would change; what is not settled; "
		"settle it by hand",
		ph_cmd_plan, true},
	{"apply", "apply FILE|PLAN",
		"make the mesh as a wiring file says (-: standard input), or "
		"as a plan saw it",
		ph_cmd_apply, true},
	{"unapply", "unapply NAME", "take a wiring file's scope away",
		ph_cmd_unapply, true},
	{"connect", "connect OUT IN [--on-full P] [--for T]",
		"lay a wire by hand", ph_cmd_connect, true},
	{"disconnect", "disconnect ID [--for T]", "take a wire away by hand",
		ph_cmd_disconnect, true},
	{"move", "move ID --to IN [--for T]",
		"have a wire end at another input; its stream begins anew, so "
		"a program that feeds it starts again",
		ph_cmd_move, true},
	{"diff", "diff",
		"what was changed by hand, and what is declared and not so",
		ph_cmd_diff, true},
	{"save", "save [NAME] [-o FILE]",
		"a scope as it is now, changes by hand included, as a wiring "
		"file",
		ph_cmd_save, true},
	{"revert", "revert ID|all",
		"drop a change made by hand (its id: diff), or all; streams "
		"begin anew as with move",
		ph_cmd_revert, true},
	{"interpose", "interpose ID SERVER [--on-crash block|bypass]",
		"put a filter into a live connection; when it breaks: block "
		"(default) or bypass",
		ph_cmd_interpose, true},
	{"withdraw", "withdraw ID SERVER",
		"take a filter out again, with nothing lost", ph_cmd_withdraw,
		true},
	{"passphrase", "passphrase [rotate]",
		"print a new passphrase, or change the mesh's",
		ph_cmd_passphrase, false},
	{"token", "token [view|operate|wire|admin|list|revoke ID] [--for T]",
		"make a token for HTTP: what may a program or a page do "
		"(default admin)",
		ph_cmd_token, true},
	{"mcp", "mcp [view|operate|wire|admin]",
		"the node as an MCP server on standard input and output, for "
		"the programs that start one (default admin; view changes "
		"nothing)",
		ph_cmd_mcp, true},
	{"alarms", "alarms [all]",
		"what is wrong in the mesh: each cause once, with what it "
		"explains; all: what is shelved, too",
		ph_cmd_alarms, true},
	{"ack", "ack ALARM [--why S]",
		"say that you know of an alarm: it stays in the list until it "
		"has gone",
		ph_cmd_ack, true},
	{"shelve", "shelve ALARM --for T [--why S]",
		"keep an alarm out of the list for a time", ph_cmd_shelve,
		true},
	{"unshelve", "unshelve ALARM", "have a shelved alarm listed again",
		ph_cmd_unshelve, true},
	{"metrics", "metrics", "a node in numbers, for Prometheus",
		ph_cmd_metrics, true},
	{"health", "health", "exit 0 when the node works", ph_cmd_health, true},
	{"ready", "ready [--wait]",
		"exit 0 when all that was declared on a node runs and is wired",
		ph_cmd_ready, true},
	{"version", "version", "what this is", ph_cmd_version, false},
	{"help", "help [COMMAND]", "this text", ph_cmd_help, false},
	{"man", "man [wiring]",
		"the manual: of this program, or of wiring files (posthouse "
		"man | man -l -)",
		ph_cmd_man, false},
	{"completion", "completion bash|zsh|fish",
		"what a shell completes: source <(posthouse completion bash)",
		ph_cmd_completion, false},
	{NULL, NULL, NULL, NULL, false},
};

static void fail_json(const struct ph_error *error)
{
	struct ph_writer *writer;
	char *text;

	if (ph_writer_create(&writer))
		return;
	ph_error_write(writer, error);
	text = ph_json_written(writer);
	fprintf(stderr, "%s\n", text ? text : "{}");
	free(text);
}

int ph_cli_fail(const struct ph_cli *cli, const struct ph_error *error)
{
	if (cli->json) {
		fail_json(error);
		return (int)error->exit;
	}
	fprintf(stderr, "posthouse: %s%s%s\n", error->where,
		error->where[0] ? ": " : "", error->what);
	if (error->next[0])
		fprintf(stderr, "  next: %s\n", error->next);
	return (int)error->exit;
}

/* What the words lack that its usage asks for, one word of it: "ADDR",
 * "-n N"; empty when it is something else. */
static void find_missing(
	const struct ph_cli *cli, const char *usage, char *out, size_t size)
{
	const char *word = usage + strcspn(usage, " ");
	const char *flag = "";
	size_t length;
	int words = 0;

	for (; *word == ' ' && word[1] != '['; word += strcspn(word, " ")) {
		word++;
		if (*word == '-') {
			flag = word;
			word += strcspn(word, " ");
			word += *word != '\0';
		} else if (words++ == cli->argc) {
			snprintf(out, size, "%.*s", (int)strcspn(word, " "),
				word);
			return;
		}
	}
	out[0] = '\0';
	if (cli->argc > words)
		return;
	length = strcspn(flag, "[");
	while (length && flag[length - 1] == ' ')
		length--;
	snprintf(out, size, "%.*s", (int)length, flag);
}

int ph_cli_usage(const struct ph_cli *cli, const char *name)
{
	const struct ph_command *command = ph_commands;
	struct ph_error error;
	char missing[64];
	char next[200];

	while (command->name && strcmp(command->name, name) != 0)
		command++;
	if (!command->name)
		return PH_EXIT_USAGE;
	find_missing(cli, command->usage, missing, sizeof(missing));
	missing[strcspn(missing, "[")] = '\0';
	snprintf(next, sizeof(next), "usage: posthouse %s", command->usage);
	if (missing[0])
		ph_fail(&error, PH_EXIT_USAGE, name, next, "%s is missing",
			missing);
	else if (cli->argc)
		ph_fail(&error, PH_EXIT_USAGE, name, next,
			"'%s' is not what goes here", cli->argv[cli->argc - 1]);
	else
		ph_fail(&error, PH_EXIT_USAGE, name, next,
			"that is not how it is called");
	ph_cli_fail(cli, &error);
	if (!cli->json)
		fprintf(stderr, "  %s\n", command->sentence);
	return PH_EXIT_USAGE;
}

struct ph_writer *ph_cli_argument(const char *key, const char *value)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		abort();
	ph_write_map(writer);
	if (value)
		ph_put_text(writer, key, value);
	ph_write_end(writer);
	return writer;
}

int ph_cli_call(struct ph_cli *cli, uint16_t method, struct ph_writer *writer,
	struct ph_reply *reply)
{
	struct ph_error error;
	int code = ph_client_call(cli->client, cli->node, method, writer,
		cli->timeout, reply, &error);

	ph_writer_free(writer);
	if (!code)
		return 0;
	ph_cli_fail(cli, &error);
	ph_reply_free(reply);
	return (int)error.exit;
}

int ph_cli_envelope(struct ph_cli *cli, struct ph_value items)
{
	struct ph_envelope envelope = {.node = ""};
	struct ph_reply reply;
	struct ph_value status;
	char name[40];
	int code = ph_cli_call(cli, PH_NODE_STATUS, NULL, &reply);

	if (code)
		return code;
	status = ph_value_at(ph_value_get(reply.body, "items"), 0);
	envelope.node = ph_get_copy(status, "node", name, sizeof(name));
	envelope.epoch = ph_get_u64(status, "epoch");
	envelope.revision = ph_get_u64(status, "revision");
	ph_json_envelope(stdout, &envelope, items);
	ph_reply_free(&reply);
	return 0;
}

int ph_cli_written(struct ph_cli *cli, struct ph_writer *writer)
{
	struct ph_document *document;
	int code = PH_EXIT_NEGATIVE;

	if (!ph_document_written(&document, writer, PH_SKIM_TABLE)) {
		code = ph_cli_envelope(cli, ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
	return code;
}

int ph_cli_envelope_one(struct ph_cli *cli, struct ph_value item)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(writer);
	ph_write_value(writer, item);
	ph_write_end(writer);
	return ph_cli_written(cli, writer);
}

int ph_cli_list(struct ph_cli *cli, uint16_t method,
	const struct ph_column *columns, size_t count, const char *none)
{
	struct ph_reply reply;
	struct ph_value items;
	int code = ph_cli_call(cli, method, NULL, &reply);

	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json)
		code = ph_cli_envelope(cli, items);
	else if (ph_value_count(items))
		ph_table_items(stdout, columns, count, items);
	else
		printf("%s\n", none);
	ph_reply_free(&reply);
	return code;
}

int ph_cli_done(
	struct ph_cli *cli, const char *done, const char *key, const char *name)
{
	struct ph_writer *writer;

	if (!cli->json) {
		printf("%s %s\n", done, name);
		return 0;
	}
	if (ph_writer_create(&writer))
		abort();
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_text(writer, key, name);
	ph_write_end(writer);
	ph_write_end(writer);
	return ph_cli_written(cli, writer);
}

void ph_cli_offline_written(struct ph_writer *writer)
{
	struct ph_envelope envelope = {.node = ""};
	struct ph_document *document;

	if (!ph_document_written(&document, writer, PH_SKIM_TABLE)) {
		ph_json_envelope(stdout, &envelope, ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

void ph_cli_words(const char *words)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		abort();
	ph_write_list(writer);
	ph_write_map(writer);
	ph_put_text(writer, "text", words);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_cli_offline_written(writer);
}
