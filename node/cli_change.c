#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "node/cli.h"
#include "node/gather.h"
#include "node/keys.h"
#include "proto/secret.h"

/* The commands that change something: down, unapply, passphrase; apply is in
 * cli_wiring.c. */

int ph_cli_change(struct ph_cli *cli, uint16_t method, struct ph_writer *writer,
	int64_t patience, const char *look, struct ph_reply *reply)
{
	struct ph_error error;
	int code;

	if (!cli->timed && cli->timeout < patience)
		cli->timeout = patience;
	code = ph_client_call(cli->client, cli->node, method, writer,
		cli->timeout, reply, &error);
	ph_writer_free(writer);
	if (!code)
		return 0;
	if (reply->status == PH_CALL_TIMEOUT)
		snprintf(error.next, sizeof(error.next),
			"it may still be done: see %s, or wait longer with "
			"--timeout",
			look);
	ph_cli_fail(cli, &error);
	ph_reply_free(reply);
	return (int)error.exit;
}

/* A node is gone 5 s after it was told to stop. */
#define DOWN_PATIENCE 6000 /* ms */

/* The local node's process, to see it go; -1 when it cannot be watched. */
static int open_node_process(struct ph_cli *cli)
{
	struct ph_error error;
	struct ph_reply reply;
	pid_t pid = 0;

	if (cli->node[0])
		return -1;
	if (ph_client_call(cli->client, "", PH_NODE_STATUS, NULL, cli->timeout,
		    &reply, &error)) {
		ph_reply_free(&reply);
		return -1;
	}
	pid = (pid_t)ph_get_int(
		ph_value_at(ph_value_get(reply.body, "items"), 0), "pid");
	ph_reply_free(&reply);
	return pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;
}

int ph_cmd_down(struct ph_cli *cli)
{
	struct pollfd gone = {.events = POLLIN};
	struct ph_error error;
	struct ph_reply reply;
	int code;

	if (cli->argc)
		return ph_cli_usage(cli, "down");
	gone.fd = open_node_process(cli);
	code = ph_cli_call(cli, PH_NODE_STOP, NULL, &reply);
	if (!code) {
		ph_reply_free(&reply);
		/* Whoever starts it again next must find its state free. */
		if (gone.fd >= 0 && poll(&gone, 1, DOWN_PATIENCE) == 0) {
			ph_fail(&error, PH_EXIT_TIMEOUT, cli->socket,
				"see its log",
				"it was told to stop, but still runs");
			code = ph_cli_fail(cli, &error);
		}
	}
	if (gone.fd >= 0)
		close(gone.fd);
	return code;
}

int ph_cmd_unapply(struct ph_cli *cli)
{
	struct ph_reply reply;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "unapply");
	code = ph_cli_change(cli, PH_CONTROL_UNAPPLY,
		ph_cli_argument("name", cli->argv[0]), PH_APPLY_PATIENCE,
		PH_APPLY_LOOK, &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	return ph_cli_done(cli, "unapplied", "scope", cli->argv[0]);
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

		if (!ph_gather_is_member(peer))
			continue;
		ph_get_copy(peer, "node", name, sizeof(name));
		if (!ph_gather_may_ask(peer))
			ph_fail(&error, PH_EXIT_UNREACHABLE, name, "",
				"no line");
		else if (!tell_node(cli, name, mesh, secret, &error))
			continue;
		fprintf(stderr,
			"posthouse: %s keeps the old passphrase: %s\n"
			"  next: copy the new passphrase file there and start "
			"it anew with it\n",
			name, error.what);
		if (!missed)
			missed = (int)error.exit;
	}
	ph_reply_free(&reply);
	return missed;
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
	if (code) {
		code = ph_cli_fail(cli, &error);
	} else {
		printf("kept in %s/%s; the old one lets machines in for a day "
		       "more\n",
			state, PH_PHRASE_FILE);
		code = tell_peers(cli, mesh, secret);
	}
	ph_wipe(phrase, sizeof(phrase));
	ph_wipe(secret, sizeof(secret));
	return code;
}

/* The new one is written here, and the peers that hear of it are this node's:
 * no passphrase goes to another machine. */
static int is_not_here(struct ph_cli *cli, struct ph_error *error)
{
	if (!cli->node[0])
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "--node",
		"run it on that machine, or without --node: any node of the "
		"mesh tells the others",
		"rotate writes the new passphrase's file beside the local "
		"node only");
}

/* Root would write where another user's node says, and give it a secret to
 * keep in a file that it could not read. */
static int is_not_ours(struct ph_cli *cli, struct ph_error *error)
{
	uid_t uid = ph_client_uid(cli->client);
	char next[80];

	if (uid == geteuid())
		return 0;
	snprintf(next, sizeof(next),
		"run it as that user: setpriv --reuid %u --clear-groups",
		(unsigned)uid);
	return ph_fail(error, PH_EXIT_DENIED, cli->socket, next,
		"that node belongs to another user, and so does its "
		"passphrase file");
}

int ph_cmd_passphrase(struct ph_cli *cli)
{
	char phrase[PH_PASSPHRASE];

	if (cli->argc == 1 && !strcmp(cli->argv[0], "rotate")) {
		struct ph_error error;

		if (is_not_here(cli, &error) ||
			ph_client_open(&cli->client, cli->socket, &error) ||
			is_not_ours(cli, &error))
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
