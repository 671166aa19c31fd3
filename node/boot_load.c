#include "node/boot.h"

#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "node/lines.h"
#include "node/reach.h"
#include "node/trust.h"
#include "node/web.h"
#include "proto/calls.h"
#include "proto/secret.h"

/* A hundred nodes that begin on one disk wait for each other's syncs. */
#define LOAD_PATIENCE (60 * PH_SECOND)

/* One answer that the boot waits for. */
struct loading {
	struct ph_node *node;
	int (*take)(struct ph_node *node, struct ph_value answer);
	bool done;
	int error; /* negative errno: it was there, and cannot be read */
};

static void on_loaded(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct loading *loading = context;
	struct ph_document *document;
	struct ph_error error;

	loading->done = true;
	if (status) {
		ph_error_read(&error, status, body, length);
		if (error.exit != PH_EXIT_NOT_FOUND)
			loading->error = -EIO;
	} else if (ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		loading->error = -EBADMSG;
	} else {
		loading->error = loading->take(
			loading->node, ph_document_root(document));
		ph_document_free(document);
	}
}

static int load(
	struct loading *loading, uint16_t method, struct ph_writer *writer)
{
	struct ph_node *node = loading->node;
	int error = ph_call_send(node->door, &ph_node_self, "", method, writer,
		ph_loop_now(node->loop), LOAD_PATIENCE, on_loaded, loading);

	while (!error && !loading->done)
		ph_loop_turn(node->loop, PH_SECOND);
	return error ? error : loading->error;
}

/* Without its book a node would let in again whom it has revoked. */
static int take_trust(struct ph_node *node, struct ph_value answer)
{
	size_t length;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(answer, "value"), &length);
	struct ph_document *document;

	int error;

	if (!data || ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return -EBADMSG;
	error = ph_trust_read(node->trust, ph_document_root(document));
	ph_document_free(document);
	return error;
}

static int take_peers(struct ph_node *node, struct ph_value answer)
{
	struct ph_value items = ph_value_get(answer, "items");

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_document *document;
		size_t length;
		const uint8_t *data = ph_value_bytes(
			ph_value_get(ph_value_at(items, i), "value"), &length);

		if (!data ||
			ph_document_read(&document, data, length, PH_SKIM_PEER))
			continue;
		ph_lines_remember(node->lines, ph_document_root(document));
		ph_document_free(document);
	}
	return 0;
}

static int take_reach(struct ph_node *node, struct ph_value answer)
{
	size_t length;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(answer, "value"), &length);
	struct ph_document *document;

	/* What cannot be read is found out anew. */
	if (!data || ph_document_read(&document, data, length, PH_SKIM_TABLE))
		return 0;
	ph_reach_recall(node->reach, ph_document_root(document));
	ph_document_free(document);
	return 0;
}

static int load_reach(struct ph_node *node, struct ph_writer *writer)
{
	struct loading loading = {.node = node, .take = take_reach};

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", "reach");
	ph_put_text(writer, "key", "matrix");
	ph_write_end(writer);
	return load(&loading, PH_STORE_GET, writer);
}

static int load_trust(struct ph_node *node, struct ph_writer *writer)
{
	struct loading loading = {.node = node, .take = take_trust};

	ph_write_map(writer);
	ph_put_text(writer, "space", "trust");
	ph_put_text(writer, "key", "book");
	ph_write_end(writer);
	return load(&loading, PH_STORE_GET, writer);
}

static int take_tokens(struct ph_node *node, struct ph_value answer)
{
	return ph_web_load(node->web, answer);
}

static int load_space(struct ph_node *node, struct ph_writer *writer,
	const char *space,
	int (*take)(struct ph_node *node, struct ph_value answer))
{
	struct loading loading = {.node = node, .take = take};

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", space);
	ph_write_end(writer);
	return load(&loading, PH_STORE_LIST, writer);
}

/* The mesh's random keyring begins with its first node. */
static void begin_ring(struct ph_node *node)
{
	uint8_t random[8];
	uint8_t key[PH_RING_KEY];

	ph_random(random, sizeof(random));
	ph_random(key, sizeof(key));
	ph_trust_ring_begin(node->trust, random, key);
	ph_wipe(key, sizeof(key));
}

int ph_boot_load(struct ph_node *node, struct ph_error *error)
{
	uint8_t secret[2][PH_MESH_SECRET];
	unsigned secrets =
		ph_trust_secrets(node->trust, ph_clock_wall(), secret);
	struct ph_writer *writer;
	int code = ph_writer_create(&writer);

	if (!code)
		code = load_trust(node, writer);
	if (!code)
		code = load_space(node, writer, "peers", take_peers);
	if (!code)
		code = load_space(node, writer, "web", take_tokens);
	if (!code)
		code = load_reach(node, writer);
	if (code)
		return ph_fail(error, PH_EXIT_NEGATIVE, node->options.state,
			"try again; if it stays, restore the directory from a "
			"copy, or choose a new one with --state",
			"cannot load what was kept of the peers: %s",
			strerror(-code));
	ph_writer_free(writer);
	/* The file's passphrase wins over the kept one, but for the one that
	 * was rotated away while the file was not. */
	if (secrets && ph_trust_is_retired(node->trust, secret[0]))
		ph_log_warn("boot",
			"passphrase.old next=\"copy the new passphrase file "
			"here\"");
	else if (secrets)
		ph_trust_rotate(node->trust, secret[0], ph_clock_wall());
	ph_wipe(secret, sizeof(secret));
	begin_ring(node);
	return 0;
}
