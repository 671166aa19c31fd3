#include <stdlib.h>
#include <string.h>

#include "node/web_terminal.h"
#include "proto/seal.h"
#include "proto/secret.h"

/*
 * Tokens for HTTP. Made by `posthouse token`, told once, kept as a hash in the
 * store (space "web", whose file is 0600). A token has 192 random bits, so the
 * hash needs no salt and no work factor.
 */
#define PURPOSE	  "posthouse/web-token/v1"
#define LIFE	  (30 * 24 * 3600 * PH_SECOND)
#define LIFE_MOST (10 * 365 * 24 * 3600 * PH_SECOND)

static void hash_of(uint8_t hash[16], const char *token)
{
	static const uint8_t key[PH_SEAL_KEY];

	ph_seal_mac(hash, key, PURPOSE, token, strlen(token));
}

const struct web_token *web_token_find(struct ph_web *web, const char *token)
{
	int64_t now = ph_clock_wall();
	uint8_t hash[16];

	hash_of(hash, token);
	for (unsigned i = 0; i < WEB_TOKENS; i++) {
		const struct web_token *one = &web->tokens[i];

		if (one->id[0] && one->until > now &&
			ph_secret_equal(one->hash, hash, sizeof(hash)))
			return one;
	}
	return NULL;
}

bool web_token_any(const struct ph_web *web)
{
	int64_t now = ph_clock_wall();

	for (unsigned i = 0; i < WEB_TOKENS; i++)
		if (web->tokens[i].id[0] && web->tokens[i].until > now)
			return true;
	return false;
}

static struct web_token *named(struct ph_web *web, const char *name)
{
	for (unsigned i = 0; i < WEB_TOKENS; i++) {
		struct web_token *one = &web->tokens[i];

		if (!strcmp(one->id, name))
			return one;
	}
	return NULL;
}

/* A free place; those that are over make room. */
static struct web_token *place(struct ph_web *web)
{
	int64_t now = ph_clock_wall();

	for (unsigned i = 0; i < WEB_TOKENS; i++)
		if (!web->tokens[i].id[0] || web->tokens[i].until <= now)
			return &web->tokens[i];
	return NULL;
}

/* --- kept --- */

struct making {
	struct ph_web *web;
	ph_handle ticket;
	char token[WEB_TOKEN];
	struct web_token made;
};

static void write_token(
	struct ph_writer *writer, const struct web_token *token, bool hash)
{
	ph_write_map(writer);
	ph_put_text(writer, "id", token->id);
	ph_put_text(writer, "role",
		token->role == PH_ROLE_EXEC ? "admin"
					    : ph_role_name(token->role));
	ph_put_int(writer, "until", token->until);
	ph_put_text(writer, "label", token->label);
	if (hash)
		ph_put_bytes(writer, "hash", token->hash, sizeof(token->hash));
	else
		ph_put_bool(writer, "stale", token->until <= ph_clock_wall());
	ph_write_end(writer);
}

static void on_kept(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct making *making = context;
	struct ph_node *node = making->web->node;
	struct web_token *free_place = place(making->web);
	struct ph_writer *writer;

	if (status || !free_place || ph_writer_create(&writer)) {
		/* Nobody knows it, so nothing may let it in after a restart. */
		if (!status)
			web_token_forget(making->web, making->made.id);
		ph_door_answer(node->door, making->ticket,
			status ? status : PH_CALL_FAILED, body, length);
	} else {
		if (free_place->id[0])
			web_token_forget(making->web, free_place->id);
		*free_place = making->made;
		ph_write_map(writer);
		ph_put_list(writer, "items");
		ph_write_map(writer);
		ph_put_text(writer, "id", making->made.id);
		ph_put_text(writer, "token", making->token);
		ph_put_int(writer, "until", making->made.until);
		ph_write_end(writer);
		ph_write_end(writer);
		ph_write_end(writer);
		ph_answer_ok(node->door, making->ticket, writer);
		ph_writer_free(writer);
	}
	ph_wipe(making, sizeof(*making));
	free(making);
}

static void hex(char *out, const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < length; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = 0;
}

static void begin(struct making *making, const struct ph_request *request)
{
	int64_t life = ph_get_int(request->arguments, "for");
	uint8_t random[24];
	uint8_t id[4];

	ph_random(random, sizeof(random));
	ph_random(id, sizeof(id));
	memcpy(making->token, "ph_", 3);
	hex(making->token + 3, random, sizeof(random));
	hex(making->made.id, id, sizeof(id));
	making->made.until = ph_clock_wall() + (life ? life : LIFE);
	ph_get_copy(request->arguments, "label", making->made.label,
		sizeof(making->made.label));
	hash_of(making->made.hash, making->token);
	ph_wipe(random, sizeof(random));
}

static int store(struct making *making)
{
	struct ph_node *node = making->web->node;
	struct ph_writer *value;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	int code = -1;

	if (ph_writer_create(&value))
		return -1;
	if (!ph_writer_create(&writer)) {
		write_token(value, &making->made, true);
		ph_write_map(writer);
		ph_put_text(writer, "space", "web");
		ph_put_text(writer, "key", making->made.id);
		if (!ph_writer_finish(value, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_write_end(writer);
		code = ph_call_send(node->door, &ph_node_self, "", PH_STORE_PUT,
			writer, ph_loop_now(node->loop), 10 * PH_SECOND,
			on_kept, making);
		ph_writer_free(writer);
	}
	ph_writer_free(value);
	return code;
}

static void serve_make(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_web *web = context;
	struct ph_request request;
	struct ph_error error;
	struct making *making;
	char role[16];
	int64_t life;

	if (ph_request_open(&request, web->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "role", role, sizeof(role));
	life = ph_get_int(request.arguments, "for");
	making = calloc(1, sizeof(*making));
	if (web_token_role(role) < 0 || life < 0 || life > LIFE_MOST) {
		ph_fail(&error, PH_EXIT_USAGE, role,
			"a role is view, operate, wire or admin, its life at "
			"most ten years",
			"no such token can be made");
		ph_answer_error(web->node->door, ticket, &error);
	} else if (!making || !place(web)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "tokens",
			"posthouse token revoke ID takes one back",
			"there are %u tokens already", WEB_TOKENS);
		ph_answer_error(web->node->door, ticket, &error);
	} else {
		making->web = web;
		making->ticket = ticket;
		making->made.role = (enum ph_role)web_token_role(role);
		begin(making, &request);
		if (!store(making))
			making = NULL; /* answered when it is kept */
		else
			ph_door_answer(web->node->door, ticket, PH_CALL_FAILED,
				NULL, 0);
	}
	free(making);
	ph_request_close(&request);
}

static void serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_web *web = context;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < WEB_TOKENS; i++)
		if (web->tokens[i].id[0])
			write_token(writer, &web->tokens[i], false);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(web->node->door, ticket, writer);
	ph_writer_free(writer);
}

static void passed_on(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct making *making = context;

	ph_door_answer(
		making->web->node->door, making->ticket, status, body, length);
	free(making);
}

static void serve_revoke(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_web *web = context;
	struct ph_node *node = web->node;
	struct ph_request request;
	struct ph_error error;
	struct web_token *token;
	struct making *making;
	char id[12];

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "id", id, sizeof(id));
	ph_request_close(&request);
	token = id[0] ? named(web, id) : NULL;
	if (!token) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, id,
			"posthouse token list tells those there are",
			"no such token");
		ph_answer_error(node->door, ticket, &error);
		return;
	}
	/* From now on, whatever the disk says. */
	web_terminal_revoke(web, token->hash);
	*token = (struct web_token){0};
	atomic_fetch_add(&web->revoked, 1);
	making = calloc(1, sizeof(*making));
	if (making) {
		making->web = web;
		making->ticket = ticket;
	}
	if (!making || web_token_delete(web, id, passed_on, making)) {
		free(making);
		ph_fail(&error, PH_EXIT_NEGATIVE, id,
			"take it back once more before the node restarts",
			"it lets nobody in now, but the disk was not told");
		ph_answer_error(node->door, ticket, &error);
	}
}

void web_token_serve(struct ph_web *web)
{
	struct ph_door *door = web->node->door;

	ph_door_serve(door, PH_WEB_TOKEN, serve_make, web);
	ph_door_serve(door, PH_WEB_TOKENS, serve_list, web);
	ph_door_serve(door, PH_WEB_REVOKE, serve_revoke, web);
}
