#include <stdlib.h>
#include <string.h>

#include "kernel/bytes.h"
#include "node/peer.h"
#include "node/trust.h"

/*
 * The hearing side of mesh.news: of what is offered, what is wanted; and the
 * entries that somebody wanted of this node.
 */
#define NEWS_ENTRIES 32u
/* Nobody else is asked for an entry that somebody promised. */
#define NEWS_PROMISE (500 * PH_MILLISECOND)

static struct version record_version(const uint8_t *record)
{
	return (struct version){
		ph_load64(record + 16), ph_load32(record + 24), record[28] & 1};
}

static bool was_asked(struct ph_lines *lines, const uint8_t *id)
{
	int64_t now = ph_loop_now(lines->node->loop);
	struct asked *asked;

	for (unsigned i = 0; i < NEWS_ASKED; i++)
		if (lines->asked[i].until > now &&
			!memcmp(lines->asked[i].id, id, PH_NODE_ID_BYTES))
			return true;
	asked = &lines->asked[lines->next_asked++ % NEWS_ASKED];
	memcpy(asked->id, id, PH_NODE_ID_BYTES);
	asked->until = now + NEWS_PROMISE;
	return false;
}

static void forget_asked(struct ph_lines *lines, const uint8_t *id)
{
	for (unsigned i = 0; i < NEWS_ASKED; i++)
		if (!memcmp(lines->asked[i].id, id, PH_NODE_ID_BYTES))
			lines->asked[i].until = 0;
}

static struct peer *peer_of_id(struct ph_lines *lines, const uint8_t *id)
{
	char text[PH_NODE_ID_TEXT];

	for (unsigned i = 0; i < PH_NODE_ID_BYTES; i++) {
		text[2 * i] = "0123456789abcdef"[id[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	text[PH_NODE_ID_TEXT - 1] = 0;
	return peer_find(lines, text);
}

static bool is_wanted(struct peer *teller, const uint8_t *record)
{
	struct ph_lines *lines = teller->dialling.lines;
	struct version version = record_version(record);
	struct peer *peer = peer_of_id(lines, record);

	if (!peer || !peer->active.proven)
		return true;
	if (!version_is_newer(&peer->version, &version))
		news_is_known(teller, peer);
	/* Who keeps no announcements wants none. */
	if (!lines->events.on_announcement)
		version.sealed = false;
	return version_is_newer(&version, &peer->version) &&
	       (version.sealed || !peer->version.sealed ||
		       version.epoch != peer->version.epoch);
}

static void write_wanted(
	struct ph_writer *writer, struct peer *teller, struct ph_value have)
{
	struct ph_lines *lines = teller->dialling.lines;
	uint8_t own[PH_NODE_ID_BYTES];
	size_t length;
	const uint8_t *records = ph_value_bytes(have, &length);
	size_t count = records ? length / NEWS_RECORD : 0;
	uint8_t *want;
	size_t used = 0;

	if (count > PEERS_MOST + 1)
		count = PEERS_MOST + 1;
	want = malloc(count * PH_NODE_ID_BYTES + 1);
	if (!want)
		return;
	ph_node_id(own, lines->node->key);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *record = records + i * NEWS_RECORD;

		if (!memcmp(record, own, sizeof(own)) ||
			!is_wanted(teller, record) || was_asked(lines, record))
			continue;
		memcpy(want + used, record, PH_NODE_ID_BYTES);
		used += PH_NODE_ID_BYTES;
	}
	if (used)
		ph_put_bytes(writer, "want", want, used);
	free(want);
}

static void send_entries(struct peer *to, const uint8_t *ids, unsigned count)
{
	struct ph_lines *lines = to->dialling.lines;
	uint8_t own[PH_NODE_ID_BYTES];
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_node_id(own, lines->node->key);
	ph_write_map(writer);
	ph_put_list(writer, "entries");
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *id = ids + (size_t)i * PH_NODE_ID_BYTES;
		struct peer *peer = peer_of_id(lines, id);

		if (peer && peer->active.proven)
			entry_write(writer, lines, peer);
		else if (!memcmp(id, own, sizeof(own)))
			entry_write_own(writer, lines);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	news_send(to, writer);
	ph_writer_free(writer);
}

void want_answer(struct peer *peer, struct ph_value wanted)
{
	size_t length;
	const uint8_t *ids = ph_value_bytes(wanted, &length);
	size_t count = ids ? length / PH_NODE_ID_BYTES : 0;

	if (count > PEERS_MOST)
		count = PEERS_MOST;
	while (count && peer->line) {
		unsigned some =
			count < NEWS_ENTRIES ? (unsigned)count : NEWS_ENTRIES;

		send_entries(peer, ids, some);
		ids += (size_t)some * PH_NODE_ID_BYTES;
		count -= some;
	}
}

static void hear_entries(struct peer *teller, struct ph_value list)
{
	struct ph_lines *lines = teller->dialling.lines;
	uint8_t id[PH_NODE_ID_BYTES];

	if (!ph_value_count(list))
		return;
	/* One of them may be the teller's goodbye. */
	for (size_t i = 0;
		i < ph_value_count(list) && i < NEWS_ENTRIES && teller->line;
		i++) {
		size_t length;
		const uint8_t *key = ph_value_bytes(
			ph_value_get(ph_value_at(list, i), "key"), &length);

		entry_hear(teller, ph_value_at(list, i));
		if (length != PH_PUBLIC_KEY)
			continue;
		ph_node_id(id, key);
		forget_asked(lines, id);
	}
	entry_settle(lines);
}

static void hear_news(struct peer *peer, struct ph_value news)
{
	hear_entries(peer, ph_value_get(news, "entries"));
	greet_hear_ring(peer, ph_value_get(news, "keys"));
	/* Last: it may take this very peer away. */
	greet_hear_revoked(peer, ph_value_get(news, "revoked"));
}

static void serve_news(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_value sum;
	struct peer *peer = peer_of_line(lines, call->caller->line);

	if (ph_request_open(&request, lines->node->door, ticket, call))
		return;
	if (ph_writer_create(&writer)) {
		ph_request_close(&request);
		return;
	}
	ph_write_map(writer);
	sum = ph_value_get(request.arguments, "sum");
	if (peer && ph_value_type(sum) != PH_NIL) {
		ph_put_u64(writer, "sum", news_sum(lines));
		news_compare(peer, ph_get_u64(request.arguments, "sum"));
	}
	if (peer)
		write_wanted(
			writer, peer, ph_value_get(request.arguments, "have"));
	ph_write_end(writer);
	if (peer)
		hear_news(peer, request.arguments);
	ph_request_close(&request);
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

void want_serve(struct ph_lines *lines)
{
	ph_door_serve(lines->node->door, PH_MESH_NEWS, serve_news, lines);
}
