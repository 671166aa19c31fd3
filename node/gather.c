#include "node/gather.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "node/table.h"

/* All are asked at once; one that hangs must not hold up the whole view. */
#define PEER_PATIENCE (3 * PH_SECOND)

static void copy_items(struct ph_writer *writer, const char *node,
	struct ph_value items, int64_t as_of)
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
		if (as_of)
			ph_put_int(writer, "as_of", as_of);
		ph_write_end(writer);
	}
}

void ph_gather_copy(
	struct ph_writer *writer, const char *node, struct ph_value items)
{
	copy_items(writer, node, items, 0);
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

/* One node's part of the view. */
struct part {
	char name[64];
	const char *node; /* whom to ask: "" is here */
	char after[64];	  /* pages up to there have come */
	bool more;	  /* and the next is wanted */
	bool away;
	struct ph_error error;
	struct ph_reply *pages;
	size_t count;
	int64_t as_of; /* it is away, and this is how it was then; 0: is */
};

struct view {
	struct ph_cli *cli;
	uint16_t method;
	const char *key;
	const char *value;
	struct part *parts;
	size_t count;
};

static struct part *part_add(
	struct view *view, const char *name, const char *node)
{
	struct part *part = &view->parts[view->count++];

	snprintf(part->name, sizeof(part->name), "%s", name);
	part->node = node ? node : part->name;
	part->more = true;
	return part;
}

static struct ph_writer *part_question(
	const struct view *view, const struct part *part)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		abort();
	ph_write_map(writer);
	if (view->key && view->value)
		ph_put_text(writer, view->key, view->value);
	if (part->after[0])
		ph_put_text(writer, "after", part->after);
	if (part->as_of)
		ph_put_text(writer, "node", part->name);
	ph_write_end(writer);
	return writer;
}

/* Takes the answer. A guest book comes in pages. */
static void part_take(struct part *part, struct ph_client_ask *ask)
{
	struct ph_value items = ph_value_get(ask->reply.body, "items");
	size_t count = ph_value_count(items);
	struct ph_reply *pages;

	part->more = false;
	if (ask->code) {
		part->away = true;
		part->error = ask->error;
		ph_reply_free(&ask->reply);
		return;
	}
	pages = realloc(part->pages, (part->count + 1) * sizeof(*pages));
	if (!pages)
		abort();
	part->pages = pages;
	part->pages[part->count++] = ask->reply;
	if (ph_get_int(ask->reply.body, "as_of"))
		part->as_of = ph_get_int(ask->reply.body, "as_of");
	if (!count || !ph_get_bool(ask->reply.body, "more"))
		return;
	ph_get_copy(ph_value_at(items, count - 1), "server", part->after,
		sizeof(part->after));
	part->more = part->after[0] != '\0';
}

/* All parts that want more at once, until none does. */
static void ask_all(struct view *view, int64_t timeout)
{
	struct ph_client_ask *asks = calloc(view->count + 1, sizeof(*asks));
	struct part **of = calloc(view->count + 1, sizeof(*of));
	int64_t until = ph_clock_real.now(&ph_clock_real) + timeout;
	size_t count;

	if (!asks || !of)
		abort();
	do {
		count = 0;
		for (size_t i = 0; i < view->count; i++) {
			struct part *part = &view->parts[i];

			if (!part->more)
				continue;
			of[count] = part;
			asks[count++] = (struct ph_client_ask){
				.node = part->as_of ? "" : part->node,
				.method = part->as_of ? PH_HOSTESS_KNOWN
						      : view->method,
				.arguments = part_question(view, part)};
		}
		ph_client_call_all(view->cli->client, asks, count,
			until - ph_clock_real.now(&ph_clock_real));
		for (size_t i = 0; i < count; i++) {
			part_take(of[i], &asks[i]);
			ph_writer_free(asks[i].arguments);
		}
	} while (count);
	free(of);
	free(asks);
}

/* Guest books of others are known here as they were: what is away is shown so,
 * with its time. */
static void ask_known(struct view *view)
{
	bool any = false;

	if (view->method != PH_HOSTESS_GUESTS)
		return;
	for (size_t i = 1; i < view->count; i++) {
		struct part *part = &view->parts[i];

		if (!part->away || part->count)
			continue;
		part->more = any = true;
		part->as_of = 1;
		part->after[0] = '\0';
	}
	if (any)
		ask_all(view, view->cli->timeout);
}

static int find_parts(struct view *view, struct ph_error *error)
{
	struct ph_value peers;
	struct ph_reply reply;
	char name[64];
	int code = local_name(view->cli, name, sizeof(name), error);

	if (code)
		return code;
	code = ph_client_call(view->cli->client, "", PH_MESH_PEERS, NULL,
		view->cli->timeout, &reply, error);
	peers = ph_value_get(reply.body, "items");
	view->parts = calloc(ph_value_count(peers) + 1, sizeof(*view->parts));
	if (!view->parts)
		abort();
	part_add(view, name, "");
	for (size_t i = 0; !code && i < ph_value_count(peers); i++) {
		struct ph_value peer = ph_value_at(peers, i);
		struct part *part;

		if (!ph_gather_is_member(peer))
			continue;
		ph_get_copy(peer, "node", name, sizeof(name));
		part = part_add(view, name, NULL);
		if (ph_gather_may_ask(peer))
			continue;
		part->more = false;
		part->away = true;
		ph_fail(&part->error, PH_EXIT_UNREACHABLE, name, "", "no line");
	}
	ph_reply_free(&reply);
	return code;
}

static int ask_mesh(struct view *view, struct ph_error *error)
{
	struct ph_cli *cli = view->cli;
	int64_t timeout = cli->timeout;
	int code;

	if (cli->node[0]) {
		view->parts = calloc(1, sizeof(*view->parts));
		if (!view->parts)
			abort();
		part_add(view, cli->node, cli->node);
	} else {
		code = find_parts(view, error);
		if (code)
			return code;
		if (view->count > 1 && timeout > PEER_PATIENCE)
			timeout = PEER_PATIENCE;
	}
	ask_all(view, timeout);
	if (view->parts[0].away) {
		*error = view->parts[0].error;
		return -1;
	}
	ask_known(view);
	return 0;
}

static void put_parts(const struct view *view, struct ph_writer *writer)
{
	char age[32];
	char why[200];

	for (size_t i = 0; i < view->count; i++) {
		const struct part *part = &view->parts[i];

		for (size_t k = 0; k < part->count; k++)
			copy_items(writer, part->name,
				ph_value_get(part->pages[k].body, "items"),
				part->as_of);
		if (!part->away)
			continue;
		snprintf(why, sizeof(why), "%s", part->error.what);
		if (part->count)
			snprintf(why, sizeof(why), "%.120s; its part of %s ago",
				part->error.what,
				ph_text_age(age, sizeof(age), part->as_of));
		tell_left_out(view->cli, part->name, why);
	}
}

static void view_free(struct view *view)
{
	for (size_t i = 0; i < view->count; i++) {
		for (size_t k = 0; k < view->parts[i].count; k++)
			ph_reply_free(&view->parts[i].pages[k]);
		free(view->parts[i].pages);
	}
	free(view->parts);
}

/* Of what this process has put together itself. */
static const struct ph_skim_limits whole = {
	.depth = PH_SKIM_DEPTH, .elements = 1u << 24};

int ph_gathered_read(struct ph_gathered *out)
{
	if (ph_document_written(&out->document, out->writer, whole))
		return -1;
	out->items = ph_document_root(out->document);
	return 0;
}

int ph_gather(struct ph_cli *cli, uint16_t method, const char *key,
	const char *value, struct ph_gathered *out)
{
	struct view view = {
		.cli = cli, .method = method, .key = key, .value = value};
	struct ph_error error;
	int code;

	*out = (struct ph_gathered){0};
	if (ph_writer_create(&out->writer))
		return PH_EXIT_NEGATIVE;
	code = ask_mesh(&view, &error);
	ph_write_list(out->writer);
	if (!code)
		put_parts(&view, out->writer);
	ph_write_end(out->writer);
	view_free(&view);
	if (!code && ph_gathered_read(out))
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
