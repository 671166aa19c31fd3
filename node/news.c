#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/peer.h"
#include "node/trust.h"

/*
 * mesh.news: who knows of whom, kept the same on all nodes. What a node has
 * learnt it offers to its lines, 29 bytes each: id, epoch, content; collected
 * for a moment, and not to whom it came from. Who lacks it says so in the
 * answer, and then gets the entries (entry.c) in calls of a few dozen. Two
 * whose sums differ offer all they have: when a line comes up, and now and
 * then. So an entry travels a line once, and what was lost is found again.
 */
#define NEWS_SOON    (30 * PH_MILLISECOND)
#define NEWS_COMPARE (30 * PH_SECOND)
#define NEWS_RECORD  29u
#define NEWS_ENTRIES 32u
/* Nobody else is asked for an entry that somebody promised. */
#define NEWS_PROMISE (500 * PH_MILLISECOND)
#define NEWS_TIME    (10 * PH_SECOND)

static uint64_t get_64(const uint8_t *from)
{
	uint64_t value;

	memcpy(&value, from, sizeof(value));
	return le64toh(value);
}

static void record_write(uint8_t out[NEWS_RECORD],
	const uint8_t id[PH_NODE_ID_BYTES], const struct version *version)
{
	uint64_t epoch = htole64(version->epoch);
	uint32_t content = htole32(version->content);

	memcpy(out, id, PH_NODE_ID_BYTES);
	memcpy(out + 16, &epoch, sizeof(epoch));
	memcpy(out + 24, &content, sizeof(content));
	out[28] = version->sealed;
}

static struct version record_version(const uint8_t *record)
{
	uint32_t content;

	memcpy(&content, record + 24, sizeof(content));
	return (struct version){
		get_64(record + 16), le32toh(content), record[28] & 1};
}

/* Whom this node tells others of: members; its own self. */
static bool is_told(const struct peer *peer)
{
	return peer->active.proven;
}

static struct version own_version(const struct ph_lines *lines)
{
	return (struct version){lines->node->epoch, lines->content,
		lines->events.announcement && lines->content};
}

static void own_id(const struct ph_lines *lines, uint8_t id[PH_NODE_ID_BYTES])
{
	ph_node_id(id, lines->node->key);
}

static uint64_t sum_of(
	const uint8_t id[PH_NODE_ID_BYTES], const struct version *version)
{
	uint64_t value = get_64(id) ^ version->epoch * 0x9e3779b97f4a7c15u ^
			 (uint64_t)version->content << 17;

	value = (value ^ (value >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	return value ^ (value >> 32);
}

uint64_t news_sum(struct ph_lines *lines)
{
	uint8_t id[PH_NODE_ID_BYTES];
	struct version version = own_version(lines);
	uint64_t sum;

	own_id(lines, id);
	sum = sum_of(id, &version);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (is_told(peer))
			sum ^= sum_of(peer->active.id, &peer->version);
	return sum;
}

/* Telling. */

struct told {
	struct ph_lines *lines;
	char id[PH_NODE_ID_TEXT];
};

static void on_told(
	void *context, int status, const uint8_t *body, size_t length);

static void news_send(struct peer *peer, struct ph_writer *writer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct told *told = calloc(1, sizeof(*told));

	if (!told)
		return;
	told->lines = lines;
	memcpy(told->id, peer->id, sizeof(told->id));
	if (ph_call_send(lines->node->door, &ph_node_self, peer->id,
		    PH_MESH_NEWS, writer, ph_loop_now(lines->node->loop),
		    NEWS_TIME, on_told, told))
		free(told);
}

/* The records of what is offered to `peer`: all, or what is fresh. */
static size_t offer(struct peer *to, bool all, uint8_t *out)
{
	struct ph_lines *lines = to->dialling.lines;
	uint64_t line = ph_line_id(to->line);
	struct version version = own_version(lines);
	uint8_t id[PH_NODE_ID_BYTES];
	size_t length = 0;

	if (all || lines->own_fresh) {
		own_id(lines, id);
		record_write(out, id, &version);
		length += NEWS_RECORD;
	}
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (!is_told(peer) || peer == to ||
			(!all && (!peer->fresh || peer->teller == line)))
			continue;
		record_write(out + length, peer->active.id, &peer->version);
		length += NEWS_RECORD;
	}
	return length;
}

static void offer_all(struct peer *to)
{
	struct ph_lines *lines = to->dialling.lines;
	uint8_t *have =
		malloc((HASH_COUNT(lines->peers) + 1) * (size_t)NEWS_RECORD);
	struct ph_writer *writer;
	size_t length;

	if (!have || ph_writer_create(&writer)) {
		free(have);
		return;
	}
	length = offer(to, true, have);
	ph_write_map(writer);
	ph_put_bytes(writer, "have", have, length);
	ph_write_end(writer);
	news_send(to, writer);
	ph_writer_free(writer);
	free(have);
}

void news_compare(struct peer *peer, uint64_t sum)
{
	if (peer->line && sum != news_sum(peer->dialling.lines))
		offer_all(peer);
}

static void offer_fresh(struct peer *to, uint8_t *have)
{
	struct ph_lines *lines = to->dialling.lines;
	size_t length = offer(to, false, have);
	struct ph_writer *writer;

	if ((!length && !lines->ring_fresh && !lines->revoked_fresh) ||
		ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	if (length)
		ph_put_bytes(writer, "have", have, length);
	if (lines->ring_fresh)
		greet_write_ring(writer, lines->node);
	if (lines->revoked_fresh)
		greet_write_revoked(writer, lines->node);
	ph_write_end(writer);
	news_send(to, writer);
	ph_writer_free(writer);
}

static void news_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, news));
	uint8_t *have =
		malloc((HASH_COUNT(lines->peers) + 1) * (size_t)NEWS_RECORD);
	struct peer *peer;

	if (!have)
		return;
	for (peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line)
			offer_fresh(peer, have);
	for (peer = lines->peers; peer; peer = peer->hh.next)
		peer->fresh = false;
	lines->own_fresh = false;
	lines->ring_fresh = false;
	lines->revoked_fresh = false;
	free(have);
}

void news_soon(struct ph_lines *lines)
{
	if (!lines->news.slot && !lines->closed)
		ph_timer_start(lines->node->loop, &lines->news,
			ph_loop_now(lines->node->loop) + NEWS_SOON);
}

void news_of(struct peer *peer, uint64_t teller)
{
	if (!is_told(peer))
		return;
	/* Two told it: both may hear it again. */
	peer->teller = peer->fresh && peer->teller != teller ? 0 : teller;
	peer->fresh = true;
	news_soon(peer->dialling.lines);
}

/* With one of the lines, whichever. */
static void compare_due(struct ph_timer *timer)
{
	struct ph_lines *lines =
		(struct ph_lines *)((char *)timer -
				    offsetof(struct ph_lines, compare));
	unsigned count = ph_active_lines(lines->active);
	unsigned chosen = count ? lines_random(lines, count) : 0;
	struct ph_writer *writer;

	ph_timer_start(lines->node->loop, timer,
		ph_loop_now(lines->node->loop) + NEWS_COMPARE);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (!peer->line || chosen--)
			continue;
		if (ph_writer_create(&writer))
			return;
		ph_write_map(writer);
		ph_put_u64(writer, "sum", news_sum(lines));
		ph_write_end(writer);
		news_send(peer, writer);
		ph_writer_free(writer);
		return;
	}
}

/* Wanting. */

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

static bool is_wanted(struct ph_lines *lines, const uint8_t *record)
{
	struct version version = record_version(record);
	struct peer *peer = peer_of_id(lines, record);

	if (!peer || !peer->active.proven)
		return true;
	/* Who keeps no announcements wants none. */
	if (!lines->events.on_announcement)
		version.sealed = false;
	return version_is_newer(&version, &peer->version) &&
	       (version.sealed || !peer->version.sealed ||
		       version.epoch != peer->version.epoch);
}

static void write_wanted(
	struct ph_writer *writer, struct ph_lines *lines, struct ph_value have)
{
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
	own_id(lines, own);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *record = records + i * NEWS_RECORD;

		if (!memcmp(record, own, sizeof(own)) ||
			!is_wanted(lines, record) || was_asked(lines, record))
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
	own_id(lines, own);
	ph_write_map(writer);
	ph_put_list(writer, "entries");
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *id = ids + (size_t)i * PH_NODE_ID_BYTES;
		struct peer *peer = peer_of_id(lines, id);

		if (peer && is_told(peer))
			entry_write(writer, lines, peer);
		else if (!memcmp(id, own, sizeof(own)))
			entry_write_own(writer, lines);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	news_send(to, writer);
	ph_writer_free(writer);
}

static void answer_wanted(struct peer *peer, struct ph_value wanted)
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

static void on_told(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct told *told = context;
	struct peer *peer = peer_find(told->lines, told->id);
	struct ph_document *document;
	struct ph_value sum;

	if (!status && peer && peer->line &&
		!ph_document_read(&document, body, length, PH_SKIM_PEER)) {
		sum = ph_value_get(ph_document_root(document), "sum");
		if (ph_value_type(sum) != PH_NIL)
			news_compare(peer,
				ph_get_u64(ph_document_root(document), "sum"));
		answer_wanted(
			peer, ph_value_get(ph_document_root(document), "want"));
		ph_document_free(document);
	}
	free(told);
}

static void hear_entries(struct peer *teller, struct ph_value list)
{
	struct ph_lines *lines = teller->dialling.lines;
	uint8_t id[PH_NODE_ID_BYTES];

	if (!ph_value_count(list))
		return;
	for (size_t i = 0; i < ph_value_count(list) && i < NEWS_ENTRIES; i++) {
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
			writer, lines, ph_value_get(request.arguments, "have"));
	ph_write_end(writer);
	if (peer)
		hear_news(peer, request.arguments);
	ph_request_close(&request);
	ph_answer_ok(lines->node->door, ticket, writer);
	ph_writer_free(writer);
}

void news_serve(struct ph_lines *lines)
{
	lines->news.on_due = news_due;
	lines->compare.on_due = compare_due;
	ph_timer_start(lines->node->loop, &lines->compare,
		ph_loop_now(lines->node->loop) + NEWS_COMPARE);
	ph_door_serve(lines->node->door, PH_MESH_NEWS, serve_news, lines);
}

void news_close(struct ph_lines *lines)
{
	ph_timer_stop(lines->node->loop, &lines->news);
	ph_timer_stop(lines->node->loop, &lines->compare);
}
