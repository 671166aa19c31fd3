#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "controlsurface/wiring.h"
#include "node/cli.h"
#include "node/keys.h"
#include "node/table.h"
#include "proto/secret.h"

/* The commands that change something: down, lint, apply, unapply,
 * passphrase. */

/* Applying waits for hosts that are just coming up. */
#define APPLY_PATIENCE (30 * PH_SECOND)
/* A node is gone 5 s after it was told to stop. */
#define DOWN_PATIENCE 6000 /* ms */
#define WIRING_MOST   ((size_t)4 * 1024 * 1024)

/* The local node's process, to see it go; -1 when it cannot be watched. */
static int open_node_process(struct ph_cli *cli)
{
	struct ph_reply reply;
	pid_t pid = 0;

	if (cli->node[0] || ph_cli_call(cli, PH_NODE_STATUS, NULL, &reply))
		return -1;
	pid = (pid_t)ph_get_int(
		ph_value_at(ph_value_get(reply.body, "items"), 0), "pid");
	ph_reply_free(&reply);
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

int ph_cmd_down(struct ph_cli *cli)
{
	struct pollfd gone = {.events = POLLIN};
	struct ph_reply reply;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "down");
	gone.fd = open_node_process(cli);
	code = ph_cli_call(cli, PH_NODE_STOP, NULL, &reply);
	if (!code) {
		ph_reply_free(&reply);
		/* Whoever starts it again next must find its state free. */
		if (gone.fd >= 0)
			poll(&gone, 1, DOWN_PATIENCE);
	}
	if (gone.fd >= 0)
		close(gone.fd);
	return code;
}

/* "-" is standard input. */
static char *read_text(const char *path, size_t *length, struct ph_error *error)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = malloc(WIRING_MOST + 1);
	size_t got = 0;

	if (file && text)
		got = fread(text, 1, WIRING_MOST + 1, file);
	if (!file || !text || ferror(file) || got > WIRING_MOST) {
		ph_fail(error, file ? PH_EXIT_USAGE : PH_EXIT_NOT_FOUND, path,
			"name a wiring file that can be read", "%s",
			got > WIRING_MOST ? "longer than 4 MiB"
					  : strerror(errno));
		free(text);
		text = NULL;
	}
	if (file && file != stdin)
		fclose(file);
	*length = got;
	return text;
}

static const char *variable(void *context, const char *name)
{
	return getenv(name);
}

static int load_wiring(struct ph_cli *cli, const char *path,
	struct ph_wiring **wiring, char **text, size_t *length)
{
	struct ph_wiring_input input = {.file = path,
		.variable = variable,
		.bundled = ph_bundled_servers};
	struct ph_error error;

	*text = read_text(path, length, &error);
	if (!*text)
		return ph_cli_fail(cli, &error);
	input.text = *text;
	input.length = *length;
	if (ph_wiring_read(wiring, &input)) {
		free(*text);
		ph_fail(&error, PH_EXIT_NEGATIVE, path, "", "out of memory");
		return ph_cli_fail(cli, &error);
	}
	return 0;
}

static void print_findings(
	FILE *out, const struct ph_wiring *wiring, const char *path)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);

	for (size_t i = 0; i < count; i++) {
		char *text = ph_finding_text(&findings[i], path);

		fputs(text ? text : "", out);
		free(text);
	}
	fprintf(out, "%s: %u error%s, %zu warning%s\n", path,
		ph_wiring_errors(wiring),
		ph_wiring_errors(wiring) == 1 ? "" : "s",
		count - ph_wiring_errors(wiring),
		count - ph_wiring_errors(wiring) == 1 ? "" : "s");
}

static void write_finding(struct ph_writer *writer,
	const struct ph_finding *finding, const char *path)
{
	ph_write_map(writer);
	ph_put_text(writer, "file", path);
	ph_put_int(writer, "line", finding->line);
	ph_put_int(writer, "column", finding->column);
	ph_put_text(writer, "rule", finding->rule);
	ph_put_text(writer, "severity",
		finding->severity == PH_FINDING_ERROR ? "error" : "warning");
	ph_put_text(writer, "message", finding->message);
	if (finding->next)
		ph_put_text(writer, "next", finding->next);
	ph_write_end(writer);
}

static void print_findings_json(
	const struct ph_wiring *wiring, const char *path)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	struct ph_document *document;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++)
		write_finding(writer, &findings[i], path);
	ph_write_end(writer);
	if (!ph_writer_finish(writer, &data, &length) &&
		!ph_document_read(&document, data, length, PH_SKIM_TABLE)) {
		ph_cli_offline_envelope(ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
}

int ph_cmd_lint(struct ph_cli *cli)
{
	struct ph_wiring *wiring;
	size_t length;
	char *text;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "lint");
	code = load_wiring(cli, cli->argv[0], &wiring, &text, &length);
	if (code)
		return code;
	if (cli->json)
		print_findings_json(wiring, cli->argv[0]);
	else
		print_findings(stdout, wiring, cli->argv[0]);
	code = ph_wiring_errors(wiring) ? PH_EXIT_WIRING : PH_EXIT_OK;
	ph_wiring_free(wiring);
	free(text);
	return code;
}

static int send_wiring(struct ph_cli *cli, const char *text, size_t length)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	char scope[64];
	char hosts[200];
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_write_text(writer, "text");
	ph_write_textn(writer, text, length);
	ph_put_text(writer, "file", cli->argv[0]);
	ph_write_end(writer);
	if (cli->timeout < APPLY_PATIENCE)
		cli->timeout = APPLY_PATIENCE;
	code = ph_cli_call(cli, PH_CONTROL_APPLY, writer, &reply);
	if (code)
		return code;
	if (!cli->json)
		printf("applied %s: %lld servers, %lld wires on %s\n",
			ph_get_copy(reply.body, "scope", scope, sizeof(scope)),
			(long long)ph_get_int(reply.body, "servers"),
			(long long)ph_get_int(reply.body, "wires"),
			ph_cell_text(hosts, sizeof(hosts),
				ph_value_get(reply.body, "hosts"),
				PH_CELL_LIST));
	else
		code = ph_cli_envelope_one(cli, reply.body);
	ph_reply_free(&reply);
	return code;
}

int ph_cmd_apply(struct ph_cli *cli)
{
	struct ph_wiring *wiring;
	size_t length;
	char *text;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "apply");
	code = load_wiring(cli, cli->argv[0], &wiring, &text, &length);
	if (code)
		return code;
	/* Linted here for its findings in full; the node lints again. */
	if (ph_wiring_errors(wiring)) {
		print_findings(stderr, wiring, cli->argv[0]);
		code = PH_EXIT_WIRING;
	} else {
		code = send_wiring(cli, text, length);
	}
	ph_wiring_free(wiring);
	free(text);
	return code;
}

int ph_cmd_unapply(struct ph_cli *cli)
{
	struct ph_reply reply;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "unapply");
	if (cli->timeout < APPLY_PATIENCE)
		cli->timeout = APPLY_PATIENCE;
	code = ph_cli_call(cli, PH_CONTROL_UNAPPLY,
		ph_cli_argument("name", cli->argv[0]), &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	printf("unapplied %s\n", cli->argv[0]);
	return 0;
}

/* Every node with a line hears of the new secret; those without keep the old
 * one, which stays good for joining them. */
static int tell_node(struct ph_cli *cli, const char *node, const char *mesh,
	const uint8_t *secret, struct ph_error *error)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (ph_writer_create(&writer))
		return -1;
	ph_write_map(writer);
	ph_put_text(writer, "mesh", mesh);
	ph_put_bytes(writer, "secret", secret, PH_MESH_SECRET);
	ph_write_end(writer);
	code = ph_client_call(cli->client, node, PH_MESH_ROTATE, writer,
		cli->timeout, &reply, error);
	ph_writer_free(writer);
	ph_reply_free(&reply);
	return code;
}

static int tell_peers(
	struct ph_cli *cli, const char *mesh, const uint8_t *secret)
{
	struct ph_reply reply;
	struct ph_value peers;
	struct ph_error error;
	char name[40];
	int missed = 0;
	int code = ph_cli_call(cli, PH_MESH_PEERS, NULL, &reply);

	if (code)
		return code;
	peers = ph_value_get(reply.body, "items");
	for (size_t i = 0; i < ph_value_count(peers); i++) {
		struct ph_value peer = ph_value_at(peers, i);

		ph_get_copy(peer, "node", name, sizeof(name));
		if (!ph_value_is(ph_value_get(peer, "line"), "up"))
			ph_fail(&error, PH_EXIT_UNREACHABLE, name, "",
				"no line");
		else if (!tell_node(cli, name, mesh, secret, &error))
			continue;
		fprintf(stderr,
			"posthouse: %s keeps the old passphrase: %s\n"
			"  next: put the new one in its passphrase file\n",
			name, error.what);
		missed++;
	}
	ph_reply_free(&reply);
	return missed ? PH_EXIT_NEGATIVE : 0;
}

static int rotate(struct ph_cli *cli)
{
	struct ph_error error;
	struct ph_reply reply;
	struct ph_value status;
	char phrase[PH_PASSPHRASE];
	char mesh[PH_MESH_ID];
	char state[256];
	uint8_t secret[PH_MESH_SECRET];
	int code = ph_cli_call(cli, PH_NODE_STATUS, NULL, &reply);

	if (code)
		return code;
	status = ph_value_at(ph_value_get(reply.body, "items"), 0);
	ph_get_copy(status, "mesh", mesh, sizeof(mesh));
	ph_get_copy(status, "state_directory", state, sizeof(state));
	ph_reply_free(&reply);
	ph_passphrase_renew(phrase, mesh);
	if (ph_passphrase_secret(secret, mesh, phrase, strlen(phrase)))
		code = ph_fail(
			&error, PH_EXIT_NEGATIVE, "", "", "out of memory");
	if (!code)
		code = ph_phrase_save(state, phrase, &error);
	if (!code)
		code = tell_node(cli, "", mesh, secret, &error);
	if (code)
		code = ph_cli_fail(cli, &error);
	else
		code = tell_peers(cli, mesh, secret);
	if (!code || code == PH_EXIT_NEGATIVE)
		printf("kept in %s/%s; the old one lets machines in for a day "
		       "more\n",
			state, PH_PHRASE_FILE);
	ph_wipe(phrase, sizeof(phrase));
	ph_wipe(secret, sizeof(secret));
	return code;
}

int ph_cmd_passphrase(struct ph_cli *cli)
{
	char phrase[PH_PASSPHRASE];

	if (cli->argc == 1 && !strcmp(cli->argv[0], "rotate")) {
		struct ph_error error;

		if (ph_client_open(&cli->client, cli->socket, &error))
			return ph_cli_fail(cli, &error);
		return rotate(cli);
	}
	if (cli->argc)
		return ph_cli_usage(cli, "passphrase");
	ph_passphrase_make(phrase);
	printf("%s\n", phrase);
	ph_wipe(phrase, sizeof(phrase));
	return 0;
}
