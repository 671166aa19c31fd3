#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/reach_inner.h"

/*
 * reach.tell, as it is heard (reach_tell.c): from the peer whose line it comes
 * on, signed by it, no older than the last one, and not too often.
 */
/* A teller's timer may be early, its clock is not ours. */
#define HEAR_EVERY (4 * PH_SECOND)

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

void reach_hear_open(struct ph_reachability *reach)
{
	ph_door_serve(reach->node->door, PH_REACH_TELL, serve_tell, reach);
}
