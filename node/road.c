#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "node/peer.h"

/*
 * The remote road: calls with a destination. Only this node's own servers and
 * its command line may use it; a peer's call is never passed on, or it would
 * travel further under this node's name.
 */

/* So much before its deadline a call learns that nobody will take it. */
#define ANSWER_EARLY (100 * PH_MILLISECOND)
/* So long a call waits for a node that is known to have gone. */
#define GONE_PATIENCE (2 * PH_SECOND)

static void refuse(struct ph_lines *lines, ph_handle ticket, enum ph_exit code,
	const char *where, const char *next, const char *what)
{
	struct ph_error error;

	ph_fail(&error, code, where, next, "%s", what);
	ph_answer_error(lines->node->door, ticket, &error);
}

static void carry(
	struct peer *peer, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = peer->dialling.lines;
	int error = ph_line_call(peer->line, ticket, call, "");

	if (error)
		refuse(lines, ticket, PH_EXIT_UNREACHABLE, peer->name, "",
			error == -EMSGSIZE ? "the call is too long"
					   : "the line is jammed");
}

/* Who waits for a line is told in time that there is none: a call that was
 * never sent has not timed out, its node is unreachable. One that said goodbye,
 * or is dead, may just be starting again; it gets a moment, no more. */
static int64_t gives_up(const struct peer *peer, int64_t deadline)
{
	int64_t moment =
		ph_loop_now(peer->dialling.lines->node->loop) + GONE_PATIENCE;
	bool gone = peer->presence == PH_PRESENCE_LEFT ||
		    peer->presence == PH_PRESENCE_DEAD;

	deadline -= ANSWER_EARLY;
	return gone && moment < deadline ? moment : deadline;
}

static void drop_late(struct peer *peer)
{
	struct ph_lines *lines = peer->dialling.lines;
	int64_t now = ph_loop_now(lines->node->loop);
	struct waiting **place = &peer->waiting;
	int64_t next = INT64_MAX;

	while (*place) {
		struct waiting *waiting = *place;

		if (waiting->until > now) {
			if (waiting->until < next)
				next = waiting->until;
			place = &waiting->next;
			continue;
		}
		*place = waiting->next;
		peer->waiting_count--;
		refuse(lines, waiting->ticket, PH_EXIT_UNREACHABLE, peer->name,
			"start it, or see posthouse peers for its addresses",
			"no line");
		free(waiting);
	}
	if (next != INT64_MAX)
		ph_timer_start(lines->node->loop, &peer->patience, next);
}

static void patience_over(struct ph_timer *timer)
{
	drop_late((struct peer *)((char *)timer -
				  offsetof(struct peer, patience)));
}

static void wait_for_line(
	struct peer *peer, ph_handle ticket, const struct ph_call *call)
{
	struct waiting *waiting;
	struct waiting **last = &peer->waiting;

	if (peer->waiting_count >= PEER_WAITING ||
		!(waiting = calloc(1, sizeof(*waiting) + call->length))) {
		refuse(peer->dialling.lines, ticket, PH_EXIT_UNREACHABLE,
			peer->name, "posthouse peers shows the lines",
			"no line, and too many calls wait for it");
		return;
	}
	waiting->ticket = ticket;
	waiting->call = *call;
	waiting->call.caller = &ph_node_self;
	waiting->call.destination = "";
	waiting->call.arguments = waiting->arguments;
	if (call->length)
		memcpy(waiting->arguments, call->arguments, call->length);
	while (*last)
		last = &(*last)->next;
	*last = waiting;
	peer->waiting_count++;
	peer->patience.on_due = patience_over;
	waiting->until = gives_up(peer, call->deadline);
	if (!peer->patience.slot || waiting->until < peer->patience.due)
		ph_timer_start(peer->dialling.lines->node->loop,
			&peer->patience, waiting->until);
}

void road_flush(struct peer *peer)
{
	while (peer->waiting) {
		struct waiting *waiting = peer->waiting;

		peer->waiting = waiting->next;
		peer->waiting_count--;
		if (waiting->call.deadline >
			ph_loop_now(peer->dialling.lines->node->loop))
			carry(peer, waiting->ticket, &waiting->call);
		free(waiting);
	}
}

void road_fail(struct peer *peer)
{
	ph_timer_stop(peer->dialling.lines->node->loop, &peer->patience);
	while (peer->waiting) {
		struct waiting *waiting = peer->waiting;

		peer->waiting = waiting->next;
		peer->waiting_count--;
		refuse(peer->dialling.lines, waiting->ticket,
			PH_EXIT_UNREACHABLE, peer->name,
			"start it, or see posthouse peers for its state",
			"no line");
		free(waiting);
	}
}

/* A call to this node by its own name: through the door like any other. */
struct loopback {
	struct ph_door *door;
	ph_handle ticket;
};

static void looped(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct loopback *loopback = context;

	ph_door_answer(loopback->door, loopback->ticket, status, body, length);
	free(loopback);
}

static void call_here(
	struct ph_lines *lines, ph_handle ticket, const struct ph_call *call)
{
	struct loopback *loopback = malloc(sizeof(*loopback));
	struct ph_call here = *call;

	here.destination = "";
	if (loopback) {
		loopback->door = lines->node->door;
		loopback->ticket = ticket;
		if (!ph_door_call(lines->node->door, &here, looped, loopback))
			return;
		free(loopback);
	}
	ph_door_answer(lines->node->door, ticket, PH_CALL_UNKNOWN, NULL, 0);
}

static void serve_road(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_lines *lines = context;
	struct peer *peer;

	if (call->caller->node[0]) {
		ph_door_answer(
			lines->node->door, ticket, PH_CALL_DENIED, NULL, 0);
		return;
	}
	if (!strcmp(call->destination, lines->node->name) ||
		!strcmp(call->destination, lines->node->id)) {
		call_here(lines, ticket, call);
		return;
	}
	peer = peer_named(lines, call->destination);
	if (!peer) {
		refuse(lines, ticket, PH_EXIT_NOT_FOUND, call->destination,
			"posthouse peers lists the nodes known here; posthouse "
			"up --join HOST:PORT adds one",
			"no such node");
		return;
	}
	if (peer->line) {
		carry(peer, ticket, call);
		return;
	}
	if (!peer->candidates.count) {
		refuse(lines, ticket, PH_EXIT_UNREACHABLE, peer->name,
			"start it, or join it by address",
			"no line, and no address to dial");
		return;
	}
	wait_for_line(peer, ticket, call);
	ph_active_need(lines->active, &peer->active,
		ph_loop_now(lines->node->loop), call->deadline);
	lines_stir(lines);
}

void road_serve(struct ph_lines *lines)
{
	ph_door_set_road(lines->node->door, serve_road, lines);
}
