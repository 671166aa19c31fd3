#include <stdio.h>
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
/* A teller's timer may be early, its clock is not ours. */
#define HEAR_EVERY (4 * PH_SECOND)

/*
 * Telling.
 */
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

static void on_told(
	void *context, int status, const uint8_t *body, size_t length)
{
	/* An older node does not know the call: it is no worse off. */
	if (status)
		ph_log_debug("reach", "advert.unheard status=%d", status);
}

static void send_advert(struct peer *peer, const uint8_t *data, size_t length)
{
	struct ph_node *node = peer->dialling.lines->node;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_bytes(writer, "advert", data, length);
	ph_write_end(writer);
	ph_call_send(node->door, &ph_node_self, peer->id, PH_REACH_TELL, writer,
		ph_loop_now(node->loop), 10 * PH_SECOND, on_told, NULL);
	ph_writer_free(writer);
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
		int64_t next = peer->reach.told + TELL_EVERY;

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
		send_advert(peer, advert, length);
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
	peer->reach.all = !peer->reach.told ||
			  now - peer->reach.told > PH_MATRIX_HEARSAY / 2;
	tell_at(reach, now);
}

void reach_tell_anew(struct peer *peer)
{
	peer->reach.told = 0;
	reach_tell_line(peer);
}

/*
 * Hearing.
 */
static struct peer *peer_of_id(
	struct ph_lines *lines, const uint8_t id[PH_NODE_ID_BYTES])
{
	char text[PH_NODE_ID_TEXT];

	for (unsigned i = 0; i < PH_NODE_ID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	return peer_find(lines, text);
}

static void point_address(
	struct ph_address *out, const struct ph_reach_row *point)
{
	*out = (struct ph_address){
		.scheme = PH_ADDRESS_TCP, .port = point->port};
	snprintf(out->host, sizeof(out->host), "%s", point->address);
}

static bool is_candidate(struct peer *peer, const struct ph_reach_row *point)
{
	struct ph_address address;
	char text[128];

	point_address(&address, point);
	return ph_candidates_find(&peer->candidates,
		       ph_address_format(&address, text, sizeof(text))) >= 0;
}

/* It was reached where it never said that it is (behind NAT, say). */
static void take_address(struct peer *peer, const struct peer *teller,
	const struct ph_reach_row *point)
{
	struct ph_address address;
	char text[128];
	int index;

	if (point->verdict != PH_VERDICT_OPEN_VERIFIED ||
		point->transport != PH_REACH_TLS)
		return;
	point_address(&address, point);
	ph_address_format(&address, text, sizeof(text));
	if (!peer_add_address(peer, text, PH_ORIGIN_HEARSAY, false))
		return;
	index = ph_candidates_find(&peer->candidates, text);
	snprintf(peer->candidates.list[index].observer,
		sizeof(peer->candidates.list[index].observer), "%s",
		teller->name);
}

static void hear_row(struct ph_reachability *reach, struct peer *teller,
	const struct ph_reach_told *told)
{
	struct peer *peer = peer_of_id(reach->node->lines, told->to);
	bool self = !memcmp(told->to, reach->self, PH_NODE_ID_BYTES);
	bool known = peer && is_candidate(peer, &told->row);

	/* Of this node itself it is for people to see; of who is not known yet
	 * it waits for the news of him. */
	if (!known && !self && !reach_may_dial(reach, told->row.address)) {
		reach->refused++;
		return;
	}
	ph_matrix_hear(reach->matrix, ph_loop_now(reach->node->loop),
		teller->active.id, told->to, &told->row,
		told->age_s * PH_SECOND, told->ttl_s * PH_SECOND);
	if (peer && !known)
		take_address(peer, teller, &told->row);
}

/* Why the advert is not taken; NULL: it is. */
static const char *judge(struct ph_reachability *reach, struct peer *teller,
	const struct ph_reach_head *head, const uint8_t *data, size_t length)
{
	int64_t now = ph_loop_now(reach->node->loop);

	if (memcmp(head->from, teller->active.id, PH_NODE_ID_BYTES) != 0)
		return "it is another's";
	if (teller->reach.heard && now - teller->reach.heard < HEAR_EVERY)
		return "too soon after the last";
	if (head->epoch < teller->reach.epoch ||
		(head->epoch == teller->reach.epoch &&
			head->sequence <= teller->reach.sequence))
		return "it is an old one";
	teller->reach.heard = now;
	if (!ph_reach_verify(data, length, teller->key))
		return "its signature is wrong";
	teller->reach.epoch = head->epoch;
	teller->reach.sequence = head->sequence;
	return NULL;
}

static const char *hear(struct ph_reachability *reach, struct peer *teller,
	const uint8_t *data, size_t length)
{
	struct ph_reach_told *rows = calloc(PH_REACH_ROWS, sizeof(*rows));
	struct ph_reach_head head;
	const char *why;
	size_t count;

	if (!rows)
		return "no memory";
	if (ph_reach_read(&head, rows, &count, data, length))
		why = "it is malformed";
	else
		why = judge(reach, teller, &head, data, length);
	for (size_t i = 0; !why && i < count; i++)
		hear_row(reach, teller, &rows[i]);
	if (!why)
		ph_log_debug("reach", "advert.heard from=%s rows=%zu",
			teller->name, count);
	free(rows);
	return why;
}

static void serve_tell(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_reachability *reach = context;
	struct ph_lines *lines = reach->node->lines;
	struct peer *teller = peer_of_line(lines, call->caller->line);
	struct ph_request request;
	struct ph_error error;
	const uint8_t *data;
	size_t length;
	const char *why = "only a peer tells it, on its line";

	if (ph_request_open(&request, reach->node->door, ticket, call))
		return;
	data = ph_value_bytes(
		ph_value_get(request.arguments, "advert"), &length);
	if (teller && teller->active.proven)
		why = hear(reach, teller, data, length);
	ph_request_close(&request);
	if (!why) {
		ph_answer_ok(reach->node->door, ticket, NULL);
		return;
	}
	reach->unheard++;
	ph_fail(&error, PH_EXIT_DENIED, reach->node->name, "",
		"the advert is not taken: %s", why);
	ph_answer_error(reach->node->door, ticket, &error);
}

void reach_tell_open(struct ph_reachability *reach)
{
	reach->tell.on_due = tell_due;
	ph_door_serve(reach->node->door, PH_REACH_TELL, serve_tell, reach);
}
