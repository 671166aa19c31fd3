#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/keys.h"
#include "node/reach_inner.h"
#include "node/trust.h"

/*
 * reach.tell: what this node found out, for the peers it has a line to: all of
 * it when a line comes up, and again when a verdict changed, at most every 5 s.
 * What is heard reorders dials and makes no more of anything: see
 * ph_matrix_judge. An address nobody else named is dialled only when it is on
 * the allow-list, three times a minute at most (node/candidates.h), and who
 * answers there has to prove the key like everywhere.
 */
#define TELL_SOON  (1 * PH_SECOND)
#define TELL_EVERY (5 * PH_SECOND)
/* What was turned away or got lost is said again, whole; after more than once
 * of the former twice as long passes each time, up to 64 times. */
#define TELL_DOUBLINGS 6u

struct telling {
	struct ph_reachability *reach;
	int64_t now;
	int64_t since; /* what changed later */
	bool dialled;  /* those rows now; else the others */
	struct ph_reach_told rows[PH_REACH_ROWS];
	size_t count;
};

static bool is_tellable(const struct ph_matrix_row *row)
{
	struct ph_ip ip;

	return row->own && row->point.transport >= PH_REACH_TCP &&
	       row->point.port && !ph_ip_parse(&ip, row->point.address) &&
	       !strchr(row->point.address, '%') && !ph_ip_special(&ip);
}

/* Seconds, as the advert counts them. */
static uint16_t seconds(int64_t time)
{
	int64_t whole = time / PH_SECOND;

	return (uint16_t)(whole > UINT16_MAX ? UINT16_MAX : whole);
}

static void add_row(void *context, const uint8_t to[PH_NODE_ID_BYTES],
	const struct ph_matrix_row *row)
{
	struct telling *telling = context;
	struct ph_matrix *matrix = telling->reach->matrix;
	int64_t left = row->until - telling->now;
	struct ph_reach_told *told = &telling->rows[telling->count];

	if (telling->count == PH_REACH_ROWS || !is_tellable(row) ||
		row->dialled != telling->dialled ||
		row->changed < telling->since ||
		!ph_matrix_is_fresh(matrix, row, telling->now) ||
		left < PH_SECOND)
		return;
	*told = (struct ph_reach_told){.row = row->point};
	memcpy(told->to, to, PH_NODE_ID_BYTES);
	told->row.error = 0;
	told->row.checked_at = 0;
	told->age_s = seconds(telling->now - row->checked);
	told->ttl_s =
		seconds(left < PH_MATRIX_HEARSAY ? left : PH_MATRIX_HEARSAY);
	telling->count++;
}

static int by_target(const void *a, const void *b)
{
	const struct ph_reach_told *left = a;
	const struct ph_reach_told *right = b;
	int order = memcmp(left->to, right->to, PH_NODE_ID_BYTES);

	if (order)
		return order;
	if (left->row.port != right->row.port)
		return left->row.port < right->row.port ? -1 : 1;
	return strcmp(left->row.address, right->row.address);
}

/* The lowest ports of every address, as many as a target may have: a newcomer
 * needs a few of each (ph_matrix_needs_probe). */
static void keep_to_limit(struct telling *telling)
{
	size_t kept = 0;
	size_t of_target = 0;

	qsort(telling->rows, telling->count, sizeof(telling->rows[0]),
		by_target);
	for (size_t i = 0; i < telling->count; i++) {
		bool same =
			kept && !memcmp(telling->rows[kept - 1].to,
					telling->rows[i].to, PH_NODE_ID_BYTES);

		of_target = same ? of_target + 1 : 1;
		if (of_target <= PH_REACH_PER_TARGET)
			telling->rows[kept++] = telling->rows[i];
	}
	telling->count = kept;
}

static size_t make_advert(
	struct ph_reachability *reach, int64_t since, uint8_t *out)
{
	struct telling *telling = calloc(1, sizeof(*telling));
	struct ph_reach_head head = {
		.epoch = reach->node->epoch, .sequence = ++reach->sequence};
	struct ph_signer signer;
	size_t length;
	size_t count;

	if (!telling)
		return 0;
	memcpy(head.from, reach->self, PH_NODE_ID_BYTES);
	telling->reach = reach;
	telling->since = since;
	telling->now = ph_loop_now(reach->node->loop);
	reach_refresh(reach);
	/* Where nodes are dialled comes before what was probed. */
	telling->dialled = true;
	ph_matrix_each(reach->matrix, NULL, add_row, telling);
	telling->dialled = false;
	ph_matrix_each(reach->matrix, NULL, add_row, telling);
	keep_to_limit(telling);
	length = ph_reach_write(&head, telling->rows, telling->count, out,
		PH_REACH_MAX - PH_SEAL_SIGNATURE);
	count = telling->count;
	free(telling);
	if (!length || (since && !count))
		return 0;
	ph_signer_init(&signer, reach->node->keys->seed);
	length = ph_reach_sign(out, length, &signer);
	ph_signer_fini(&signer);
	return length;
}

static void tell_at(struct ph_reachability *reach, int64_t due)
{
	struct ph_loop *loop = reach->node->loop;

	if (reach->node->stopping)
		return;
	if (reach->tell.slot && reach->tell_due <= due)
		return;
	ph_timer_stop(loop, &reach->tell);
	reach->tell_due = due;
	ph_timer_start(loop, &reach->tell, due);
}

/* When it may be told again. */
static int64_t next_turn(const struct peer *peer)
{
	unsigned doublings = peer->reach.refused ? peer->reach.refused - 1 : 0;

	if (doublings > TELL_DOUBLINGS)
		doublings = TELL_DOUBLINGS;
	return peer->reach.told + (TELL_EVERY << doublings);
}

struct told {
	struct ph_reachability *reach;
	char id[PH_NODE_ID_TEXT];
};

static void on_told(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct told *told = context;
	struct ph_reachability *reach = told->reach;
	struct peer *peer = peer_find(reach->node->lines, told->id);

	free(told);
	if (!peer)
		return;
	/* An older node does not know the call: it is no worse off. */
	if (!status || status == PH_CALL_UNKNOWN) {
		peer->reach.refused = 0;
		return;
	}
	ph_log_debug("reach", "advert.unheard status=%d", status);
	if (status == PH_CALL_FAILED || status == PH_CALL_DENIED)
		peer->reach.refused++;
	peer->reach.due = true;
	peer->reach.all = true;
	if (peer->line)
		tell_at(reach, next_turn(peer));
}

static void send_advert(struct ph_reachability *reach, struct peer *peer,
	const uint8_t *data, size_t length)
{
	struct ph_node *node = reach->node;
	struct told *told = calloc(1, sizeof(*told));
	struct ph_writer *writer = NULL;
	int error = told ? ph_writer_create(&writer) : -ENOMEM;

	if (!error) {
		told->reach = reach;
		memcpy(told->id, peer->id, sizeof(told->id));
		ph_write_map(writer);
		ph_put_bytes(writer, "advert", data, length);
		ph_write_end(writer);
		error = ph_call_send(node->door, &ph_node_self, peer->id,
			PH_REACH_TELL, writer, ph_loop_now(node->loop),
			10 * PH_SECOND, on_told, told);
	}
	ph_writer_free(writer);
	if (!error)
		return;
	free(told);
	peer->reach.due = true;
	peer->reach.all = true;
	tell_at(reach, next_turn(peer));
}

/* Whose turn it is gets what changed since its last one. */
static void tell_due(struct ph_timer *timer)
{
	struct ph_reachability *reach =
		(struct ph_reachability *)((char *)timer -
					   offsetof(struct ph_reachability,
						   tell));
	int64_t now = ph_loop_now(reach->node->loop);
	uint8_t *advert = malloc(PH_REACH_MAX);
	size_t length = 0;
	struct peer *peer;

	if (!advert)
		return;
	for (peer = reach->node->lines->peers; peer; peer = peer->hh.next) {
		int64_t next = next_turn(peer);

		if (!peer->line || !peer->reach.due)
			continue;
		if (peer->reach.told && next > now) {
			tell_at(reach, next);
			continue;
		}
		length = make_advert(
			reach, peer->reach.all ? 0 : peer->reach.told, advert);
		peer->reach.due = false;
		if (!length)
			continue;
		peer->reach.all = false;
		peer->reach.told = now;
		send_advert(reach, peer, advert, length);
	}
	free(advert);
}

void reach_tell_all(struct ph_reachability *reach)
{
	struct peer *peer;

	for (peer = reach->node->lines->peers; peer; peer = peer->hh.next)
		peer->reach.due = true;
	tell_at(reach, ph_loop_now(reach->node->loop) + TELL_SOON);
}

void reach_tell_line(struct peer *peer)
{
	struct ph_reachability *reach = peer->dialling.lines->node->reach;

	int64_t now = ph_loop_now(reach->node->loop);

	/* At once: a newcomer dials what it is told of next. What it was told
	 * long ago it does not believe any more. */
	peer->reach.due = true;
	peer->reach.all |= !peer->reach.told ||
			   now - peer->reach.told > PH_MATRIX_HEARSAY / 2;
	tell_at(reach, now);
}

void reach_tell_anew(struct peer *peer)
{
	peer->reach.told = 0;
	peer->reach.refused = 0;
	reach_tell_line(peer);
}

void reach_tell_open(struct ph_reachability *reach)
{
	reach->tell.on_due = tell_due;
}
