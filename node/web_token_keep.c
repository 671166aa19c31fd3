#include <string.h>

#include "kernel/log.h"
#include "node/web_inner.h"

/*
 * Tokens on the disk: space "web", a record for each, by its id. Those that are
 * over are deleted when the node starts or when another takes their place, so
 * that they never stand in the way of those that are not.
 */

int web_token_role(const char *text)
{
	return !strcmp(text, "admin") ? (int)PH_ROLE_EXEC : ph_role_parse(text);
}

int web_token_delete(struct ph_web *web, const char *id,
	ph_answer_fn *answer_fn, void *context)
{
	struct ph_node *node = web->node;
	struct ph_writer *writer;
	int code = ph_writer_create(&writer);

	if (code)
		return code;
	ph_write_map(writer);
	ph_put_text(writer, "space", "web");
	ph_put_text(writer, "key", id);
	ph_write_end(writer);
	code = ph_call_send(node->door, &ph_node_self, "", PH_STORE_DELETE,
		writer, ph_loop_now(node->loop), 10 * PH_SECOND, answer_fn,
		context);
	ph_writer_free(writer);
	return code;
}

static void forgotten(
	void *context, int status, const uint8_t *body, size_t length)
{
	/* The next start sees it once more. */
	if (status)
		ph_log_warn("web", "token.kept status=%d", status);
}

void web_token_forget(struct ph_web *web, const char *id)
{
	int code = web_token_delete(web, id, forgotten, NULL);

	if (code)
		ph_log_warn("web", "token.kept errno=%d", -code);
}

static bool token_read(struct web_token *token, struct ph_value value)
{
	size_t length;
	const uint8_t *hash =
		ph_value_bytes(ph_value_get(value, "hash"), &length);
	char text[16];
	int role =
		web_token_role(ph_get_copy(value, "role", text, sizeof(text)));

	if (!hash || length != sizeof(token->hash) || role < 0)
		return false;
	memset(token, 0, sizeof(*token));
	ph_get_copy(value, "id", token->id, sizeof(token->id));
	ph_get_copy(value, "label", token->label, sizeof(token->label));
	token->role = (enum ph_role)role;
	token->until = ph_get_int(value, "until");
	memcpy(token->hash, hash, sizeof(token->hash));
	return token->id[0] != 0;
}

static bool record_read(struct web_token *token, struct ph_value record)
{
	struct ph_document *document;
	size_t length;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(record, "value"), &length);
	bool good;

	if (!data || ph_document_read(&document, data, length, PH_SKIM_PEER))
		return false;
	good = token_read(token, ph_document_root(document));
	ph_document_free(document);
	return good;
}

int ph_web_load(struct ph_web *web, struct ph_value answer)
{
	struct ph_value items = ph_value_get(answer, "items");
	int64_t now = ph_clock_wall();
	struct web_token token;
	unsigned used = 0;

	for (size_t i = 0; i < ph_value_count(items); i++) {
		if (!record_read(&token, ph_value_at(items, i)))
			continue;
		if (token.until <= now)
			web_token_forget(web, token.id);
		else if (used < WEB_TOKENS)
			web->tokens[used++] = token;
		else
			ph_log_error("web", "token.dropped id=%s", token.id);
	}
	return 0;
}
