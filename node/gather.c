#include "node/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A peer that hangs must not hold up the whole view. */
#define PEER_PATIENCE (3 * PH_SECOND)

void ph_gather_copy(
	struct ph_writer *writer, const char *node, struct ph_value items)
{
	char key[64];

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);

		ph_write_map(writer);
		if (ph_value_type(ph_value_get(item, "node")) == PH_NIL)
			ph_put_text(writer, "node", node);
		for (size_t k = 0; k < ph_value_count(item); k++)
			ph_put_value(writer,
				ph_value_copy(ph_value_key(item, k), key,
					sizeof(key)),
				ph_value_item(item, k));
		ph_write_end(writer);
	}
}

/* One node's items. -1 with the error. */
static int ask(struct ph_cli *cli, const char *node, const char *name,
	uint16_t method, const char *key, const char *value,
	struct ph_writer *writer, struct ph_error *error)
{
	struct ph_writer *arguments =
		ph_cli_argument(key ? key : "", key ? value : NULL);
	struct ph_reply reply;
	int64_t timeout = cli->timeout;
	int code;

	if (node[0] && !cli->node[0] && timeout > PEER_PATIENCE)
		timeout = PEER_PATIENCE;
	code = ph_client_call(
		cli->client, node, method, arguments, timeout, &reply, error);
	ph_writer_free(arguments);
	if (!code)
		ph_gather_copy(writer, name, ph_value_get(reply.body, "items"));
	ph_reply_free(&reply);
	return code;
}

static int local_name(
	struct ph_cli *cli, char *out, size_t size, struct ph_error *error)
{
	struct ph_reply reply;
	int code = ph_client_call(cli->client, "", PH_NODE_STATUS, NULL,
		cli->timeout, &reply, error);

	if (!code)
		ph_get_copy(ph_value_at(ph_value_get(reply.body, "items"), 0),
			"node", out, size);
	ph_reply_free(&reply);
	return code;
}

bool ph_gather_is_member(struct ph_value peer)
{
	return !ph_value_is(ph_value_get(peer, "proven_by"), "nothing");
}

bool ph_gather_may_ask(struct ph_value peer)
{
	struct ph_value state = ph_value_get(peer, "state");

	if (ph_value_is(ph_value_get(peer, "line"), "up"))
		return true;
	if (ph_value_is(state, "dead") || ph_value_is(state, "left"))
		return false;
	return ph_value_count(ph_value_get(peer, "addresses")) != 0;
}

/* A view without a node must not look like a whole one. Told once, however
 * many questions a command asks. */
static void tell_left_out(struct ph_cli *cli, const char *name, const char *why)
{
	size_t used = strlen(cli->left_out);
	char word[48];

	snprintf(word, sizeof(word), " %s ", name);
	if (strstr(cli->left_out, word))
		return;
	if (used + strlen(word) < sizeof(cli->left_out))
		memcpy(cli->left_out + used, word, strlen(word) + 1);
	fprintf(stderr, "posthouse: %s left out: %s\n", name, why);
}

static void ask_peers(struct ph_cli *cli, uint16_t method, const char *key,
	const char *value, struct ph_writer *writer)
{
	struct ph_error error;
	struct ph_reply reply;
	struct ph_value peers;
	char name[40];
	int code = ph_client_call(cli->client, "", PH_MESH_PEERS, NULL,
		cli->timeout, &reply, &error);

	peers = ph_value_get(reply.body, "items");
	for (size_t i = 0; !code && i < ph_value_count(peers); i++) {
		struct ph_value peer = ph_value_at(peers, i);

		if (!ph_gather_is_member(peer))
			continue;
		ph_get_copy(peer, "node", name, sizeof(name));
		if (!ph_gather_may_ask(peer))
			tell_left_out(cli, name, "no line");
		else if (ask(cli, name, name, method, key, value, writer,
				 &error))
			tell_left_out(cli, name, error.what);
	}
	ph_reply_free(&reply);
}

static int read_back(struct ph_gathered *out)
{
	const uint8_t *data;
	size_t length;

	if (ph_writer_finish(out->writer, &data, &length) ||
		ph_document_read(&out->document, data, length, PH_SKIM_TABLE))
		return -1;
	out->items = ph_document_root(out->document);
	return 0;
}

int ph_gather(struct ph_cli *cli, uint16_t method, const char *key,
	const char *value, struct ph_gathered *out)
{
	struct ph_error error;
	char name[64];
	int code;

	*out = (struct ph_gathered){0};
	if (ph_writer_create(&out->writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(out->writer);
	if (cli->node[0]) {
		code = ask(cli, cli->node, cli->node, method, key, value,
			out->writer, &error);
	} else {
		code = local_name(cli, name, sizeof(name), &error);
		if (!code)
			code = ask(cli, "", name, method, key, value,
				out->writer, &error);
		if (!code)
			ask_peers(cli, method, key, value, out->writer);
	}
	ph_write_end(out->writer);
	if (!code && read_back(out))
		code = ph_fail(&error, PH_EXIT_NEGATIVE, "answers", "",
			"cannot be read");
	if (!code)
		return 0;
	ph_gathered_free(out);
	return ph_cli_fail(cli, &error);
}

void ph_gathered_free(struct ph_gathered *gathered)
{
	ph_document_free(gathered->document);
	ph_writer_free(gathered->writer);
	*gathered = (struct ph_gathered){0};
}
