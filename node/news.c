#include <stdlib.h>
#include <string.h>

#include "kernel/bytes.h"
#include "node/peer.h"

/*
 * mesh.news: who knows of whom, kept the same on all nodes. What a node has
 * learnt it offers to its lines, 29 bytes each: id, epoch, content. Who lacks
 * it says so in the answer, and gets the entry (want.c, entry.c): it travels
 * once to each node. A bit for each line remembers what its other end knows,
 * because it was told or told us. Offers are collected for a moment, and a line
 * carries one at a time: the busier the nodes, the larger the offers.
 *
 * Two nodes whose sums differ offer all they have to each other: when a line
 * comes up, and now and then, so that what was lost is found again.
 */
#define NEWS_SOON    (30 * PH_MILLISECOND)
#define NEWS_COMPARE (30 * PH_SECOND)
#define NEWS_LOST    (200 * PH_MILLISECOND)
#define NEWS_AGAIN   PH_SECOND
#define NEWS_TIME    (10 * PH_SECOND)

/* A line past the 256th has no slot: it is told when sums are compared. */
static bool is_known(const struct known *known, unsigned slot)
{
	unsigned bit = slot - 1;

	return known->bits[bit / 64] >> (bit % 64) & 1;
}

static void know(struct known *known, unsigned slot, bool yes)
{
	uint64_t mask = UINT64_C(1) << ((slot - 1) % 64);

	if (!slot)
		return;
	if (yes)
		known->bits[(slot - 1) / 64] |= mask;
	else
		known->bits[(slot - 1) / 64] &= ~mask;
}

static unsigned slot_take(struct ph_lines *lines)
{
	for (unsigned slot = 1; slot <= NEWS_SLOTS; slot++)
		if (!is_known(&lines->slots, slot)) {
			know(&lines->slots, slot, true);
			return slot;
		}
	return 0;
}

/* Everything there is. */
static void know_all(struct ph_lines *lines, unsigned slot, bool yes)
{
	know(&lines->own_known, slot, yes);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		know(&peer->known, slot, yes);
}

static void news_in(struct ph_lines *lines, int64_t wait)
{
	if (!lines->news.slot && !lines->closed)
		ph_timer_start(lines->node->loop, &lines->news,
			ph_loop_now(lines->node->loop) + wait);
}

static void news_soon(struct ph_lines *lines)
{
	news_in(lines, NEWS_SOON);
}

void news_line(struct peer *peer, bool up)
{
	struct ph_lines *lines = peer->dialling.lines;
	int64_t soon = ph_loop_now(lines->node->loop) + NEWS_LOST;

	peer->telling = false;
	if (up) {
		/* Until sums were compared nothing is offered. */
		peer->slot = slot_take(lines);
		know_all(lines, peer->slot, true);
		know(&lines->ring_known, peer->slot, true);
		know(&lines->revoked_known, peer->slot, true);
		return;
	}
	know(&lines->slots, peer->slot, false);
	peer->slot = 0;
	/* What was on its way on it may be lost. */
	if (!lines->closed && lines->compare.due > soon)
		ph_timer_start(lines->node->loop, &lines->compare, soon);
}

void news_of(struct peer *peer, const struct peer *teller)
{
	if (!peer->active.proven)
		return;
	peer->known = (struct known){0};
	know(&peer->known, peer->slot, true);
	if (teller)
		know(&peer->known, teller->slot, true);
	news_soon(peer->dialling.lines);
}

void news_of_own(struct ph_lines *lines)
{
	lines->own_known = (struct known){0};
	news_soon(lines);
}

void news_of_ring(struct ph_lines *lines)
{
	lines->ring_known = (struct known){0};
	news_soon(lines);
}

void news_of_revoked(struct ph_lines *lines)
{
	lines->revoked_known = (struct known){0};
	news_soon(lines);
}

void news_is_known(struct peer *peer, struct peer *of)
{
	know(of ? &of->known : &peer->dialling.lines->own_known, peer->slot,
		true);
}

struct version news_own_version(const struct ph_lines *lines)
{
	return (struct version){lines->node->epoch, lines->content,
		lines->events.announcement && lines->content};
}

static uint64_t sum_of(
	const uint8_t id[PH_NODE_ID_BYTES], const struct version *version)
{
	uint64_t value = ph_load64(id);

	value ^= version->epoch * UINT64_C(0x9e3779b97f4a7c15);
	value ^= (uint64_t)version->content << 17;
	value = (value ^ (value >> 29)) * UINT64_C(0xbf58476d1ce4e5b9);
	return value ^ (value >> 32);
}

uint64_t news_sum(struct ph_lines *lines)
{
	uint8_t id[PH_NODE_ID_BYTES];
	struct version version = news_own_version(lines);
	uint64_t sum;

	ph_node_id(id, lines->node->key);
	sum = sum_of(id, &version);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->active.proven)
			sum ^= sum_of(peer->active.id, &peer->version);
	return sum;
}

void news_compare(struct peer *peer, uint64_t sum)
{
	struct ph_lines *lines = peer->dialling.lines;

	if (!peer->line || sum == news_sum(lines))
		return;
	know_all(lines, peer->slot, false);
	know(&peer->known, peer->slot, true);
	news_soon(lines);
}

static void record_write(uint8_t out[NEWS_RECORD],
	const uint8_t id[PH_NODE_ID_BYTES], const struct version *version)
{
	memcpy(out, id, PH_NODE_ID_BYTES);
	ph_store64(out + 16, version->epoch);
	ph_store32(out + 24, version->content);
	out[28] = version->sealed;
}

/* The records of what `to` does not know; it does from now on. */
static size_t offer(struct peer *to, uint8_t *out)
{
	struct ph_lines *lines = to->dialling.lines;
	struct version version = news_own_version(lines);
	uint8_t id[PH_NODE_ID_BYTES];
	size_t length = 0;

	if (!is_known(&lines->own_known, to->slot)) {
		ph_node_id(id, lines->node->key);
		record_write(out, id, &version);
		length += NEWS_RECORD;
	}
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next) {
		if (!peer->active.proven || is_known(&peer->known, to->slot))
			continue;
		record_write(out + length, peer->active.id, &peer->version);
		length += NEWS_RECORD;
	}
	know_all(lines, to->slot, true);
	return length;
}

static void offer_to(struct peer *to, uint8_t *have)
{
	struct ph_lines *lines = to->dialling.lines;
	bool ring = !is_known(&lines->ring_known, to->slot);
	bool revoked = !is_known(&lines->revoked_known, to->slot);
	size_t length = offer(to, have);
	struct ph_writer *writer;

	if ((!length && !ring && !revoked) || ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	if (length)
		ph_put_bytes(writer, "have", have, length);
	if (ring)
		greet_write_ring(writer, lines->node);
	if (revoked)
		greet_write_revoked(writer, lines->node);
	ph_write_end(writer);
	know(&lines->ring_known, to->slot, true);
	know(&lines->revoked_known, to->slot, true);
	to->telling = true;
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

	if (!have)
		return;
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line && peer->slot && !peer->telling)
			offer_to(peer, have);
	free(have);
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
	peers_age(lines, ph_clock_wall());
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

/* Its line stands, but nobody took what was said: all of it once more. */
static void news_lost(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;

	peer->telling = false;
	know_all(lines, peer->slot, false);
	know(&peer->known, peer->slot, true);
	know(&lines->ring_known, peer->slot, false);
	know(&lines->revoked_known, peer->slot, false);
	news_in(lines, NEWS_AGAIN);
}

struct told {
	struct ph_lines *lines;
	char id[PH_NODE_ID_TEXT];
};

static void on_told(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct told *told = context;
	struct ph_lines *lines = told->lines;
	struct peer *peer = peer_find(lines, told->id);
	struct ph_document *document;
	struct ph_value answer;

	free(told);
	if (!peer || !peer->line)
		return;
	peer->telling = false;
	if (status) {
		news_lost(peer);
		return;
	}
	/* There may be more by now. */
	news_soon(lines);
	if (ph_document_read(&document, body, length, PH_SKIM_PEER))
		return;
	answer = ph_document_root(document);
	if (ph_value_type(ph_value_get(answer, "sum")) != PH_NIL)
		news_compare(peer, ph_get_u64(answer, "sum"));
	want_answer(peer, ph_value_get(answer, "want"));
	ph_document_free(document);
}

void news_send(struct peer *peer, struct ph_writer *writer)
{
	struct ph_lines *lines = peer->dialling.lines;
	struct told *told = calloc(1, sizeof(*told));

	if (!told) {
		news_lost(peer);
		return;
	}
	told->lines = lines;
	memcpy(told->id, peer->id, sizeof(told->id));
	if (ph_call_send(lines->node->door, &ph_node_self, peer->id,
		    PH_MESH_NEWS, writer, ph_loop_now(lines->node->loop),
		    NEWS_TIME, on_told, told)) {
		free(told);
		news_lost(peer);
	}
}

void news_tell_own(struct ph_lines *lines)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "entries");
	entry_write_own(writer, lines);
	ph_write_end(writer);
	ph_write_end(writer);
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line)
			news_send(peer, writer);
	ph_writer_free(writer);
}

void news_start(struct ph_lines *lines)
{
	lines->news.on_due = news_due;
	lines->compare.on_due = compare_due;
	ph_timer_start(lines->node->loop, &lines->compare,
		ph_loop_now(lines->node->loop) + NEWS_COMPARE);
}

void news_close(struct ph_lines *lines)
{
	ph_timer_stop(lines->node->loop, &lines->news);
	ph_timer_stop(lines->node->loop, &lines->compare);
}
