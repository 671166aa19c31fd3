#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/hold.h"
#include "proto/secret.h"

/*
 * What this node's book cannot fill is asked of others: those whose menus
 * show room first, then those whose menus are not known, then, when everybody
 * is to be asked, the rest, whose menus may be a moment old; nearest first;
 * then by name. Each gives what it has; what is too much goes back.
 */
#define ROAM_PATIENCE (3 * PH_SECOND)

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

void ph_hold_give_back(struct ph_hold *hold, unsigned keep)
{
	while (hold->far_count > keep) {
		struct ph_far *far = &hold->far[--hold->far_count];

		ph_hostess_release_far(hold->hostess, far->node, "id", far->id,
			0, hold->wish.lasts);
		free(far->item);
	}
}

static void roam_next(struct ph_hold *hold);

/* Takes one item of an answer; false when it is none, or without memory. */
static bool far_take(struct ph_far *far, const char *node, struct ph_value item)
{
	struct ph_writer *writer;
	const uint8_t *data, *token;
	size_t length;

	ph_get_copy(item, "id", far->id, sizeof(far->id));
	token = ph_value_bytes(ph_value_get(item, "token"), &length);
	if (!*far->id || length != PH_ATTACH_TOKEN ||
		ph_writer_create(&writer) < 0)
		return false;
	memcpy(far->token, token, PH_ATTACH_TOKEN);
	snprintf(far->node, sizeof(far->node), "%s", node);
	ph_write_value(writer, item);
	far->item = NULL;
	if (ph_writer_finish(writer, &data, &length) == 0)
		far->item = malloc(length);
	if (far->item)
		memcpy(far->item, data, length);
	far->length = length;
	ph_writer_free(writer);
	return far->item != NULL;
}

static void roam_take(
	struct ph_hold *hold, const char *node, struct ph_value body)
{
	struct ph_value items = ph_value_get(body, "items");
	size_t count = ph_value_count(items);
	struct ph_far *grown;

	if (count > PH_WISH_COUNT)
		count = PH_WISH_COUNT;
	grown = realloc(
		hold->far, (hold->far_count + count + 1) * sizeof(*hold->far));
	if (!grown)
		return;
	hold->far = grown;
	for (size_t i = 0; i < count; i++)
		if (far_take(&hold->far[hold->far_count], node,
			    ph_value_at(items, i)))
			hold->far_count++;
}

/* The most telling refusal stays: taken before absent. */
static void roam_refused(
	struct ph_hold *hold, int status, const uint8_t *body, size_t length)
{
	struct ph_error error;

	ph_error_read(&error, status, body, length);
	if (*hold->only || (hold->error.exit == PH_EXIT_NOT_FOUND &&
				   error.exit != PH_EXIT_UNREACHABLE))
		hold->error = error;
}

/* It may hold something for us all the same, or wait for it. */
static void release_unheard(struct ph_hold *hold, const char *node)
{
	int64_t waits = hold->wish.deadline - ph_loop_now(hold->hostess->loop);

	ph_hostess_release_far(hold->hostess, node, "call", hold->call,
		*hold->only && waits > 0 ? waits : 0, hold->wish.lasts);
}

static void on_roamed(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_hold *hold = context;
	struct ph_document *document;
	const char *node = hold->peers[hold->peer_next - 1];

	hold->flights--;
	if (!hold->hostess) {
		ph_hold_let_go(hold);
		return;
	}
	if (status == PH_CALL_TIMEOUT || status == PH_CALL_UNREACHABLE)
		release_unheard(hold, node);
	if (status)
		roam_refused(hold, status, body, length);
	else if (ph_document_read(&document, body, length, PH_SKIM_PEER) == 0) {
		roam_take(hold, node, ph_document_root(document));
		ph_document_free(document);
	}
	if (hold->stage == PH_HOLD_DONE) {
		/* It was filled here meanwhile. */
		ph_hold_give_back(hold, 0);
		ph_hold_let_go(hold);
		return;
	}
	roam_next(hold);
}

/* Another one each time: the same would have the same answer. */
static void name_call(struct ph_hold *hold)
{
	uint64_t number;

	ph_random(&number, sizeof(number));
	snprintf(hold->call, sizeof(hold->call), "roam-%016llx",
		(unsigned long long)number);
}

static void roam_write(struct ph_hold *hold, struct ph_writer *writer)
{
	const struct ph_wish *wish = &hold->wish;
	int64_t left = wish->deadline - ph_loop_now(hold->hostess->loop);

	name_call(hold);
	ph_write_map(writer);
	ph_put_text(writer, "call", hold->call);
	if (*wish->server)
		ph_put_text(writer, "server", wish->server);
	else
		ph_put_text(writer, "mask", wish->mask_text);
	if (*wish->terminal)
		ph_put_text(writer, "terminal", wish->terminal);
	ph_put_int(writer, "count", ph_hold_missing(hold));
	ph_put_bool(writer, "some", wish->some || !*hold->only);
	if (wish->running)
		ph_put_bool(writer, "running", true);
	ph_put_int(writer, "for_ms", wish->lasts / PH_MILLISECOND);
	if (*hold->only && left > 0)
		ph_put_int(writer, "wait_ms", left / PH_MILLISECOND);
	if (wish->claim.token) {
		ph_write_text(writer, "auth");
		ph_write_textn(writer, wish->claim.token, wish->claim.length);
	}
	ph_write_end(writer);
}

static void roam_next(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;
	int64_t now = ph_loop_now(hostess->loop);
	int64_t patience = ROAM_PATIENCE;
	struct ph_writer *writer;
	int code;

	if (*hold->only && hold->wish.deadline > now)
		patience += hold->wish.deadline - now;
	while (hold->peer_next < hold->peer_count && ph_hold_missing(hold)) {
		if (ph_writer_create(&writer) < 0)
			break;
		roam_write(hold, writer);
		hold->flights++;
		code = ph_call_send(hostess->door, &here,
			hold->peers[hold->peer_next++], PH_HOSTESS_HOLD, writer,
			now, patience, on_roamed, hold);
		ph_writer_free(writer);
		if (code == 0)
			return;
		hold->flights--;
	}
	ph_hold_roamed(hold);
}

/* A node that may be asked. */
struct candidate {
	char node[40];
	enum room {
		ROOM_SHOWN, /* by its menu */
		ROOM_UNKNOWN,
		ROOM_NONE,
	} room;
	int64_t distance;
};

static int candidate_compare(const void *one, const void *other)
{
	const struct candidate *a = one;
	const struct candidate *b = other;

	if (a->room != b->room)
		return a->room < b->room ? -1 : 1;
	if (a->distance != b->distance)
		return a->distance < b->distance ? -1 : 1;
	return strcmp(a->node, b->node);
}

static size_t candidates_read(struct ph_hold *hold, struct ph_value items,
	struct candidate *out, size_t most)
{
	struct ph_hostess *hostess = hold->hostess;
	size_t count = 0;

	for (size_t i = 0; i < ph_value_count(items) && count < most; i++) {
		struct ph_value peer = ph_value_at(items, i);
		struct candidate *at = &out[count];
		int room;

		if (!ph_value_is(ph_value_get(peer, "line"), "up") &&
			!ph_value_is(ph_value_get(peer, "state"), "alive"))
			continue;
		ph_get_copy(peer, "node", at->node, sizeof(at->node));
		room = ph_menu_room(ph_known_find(&hostess->menus, at->node),
			&hold->wish.mask);
		at->room = room > 0   ? ROOM_SHOWN
			   : room < 0 ? ROOM_UNKNOWN
				      : ROOM_NONE;
		at->distance =
			hostess->distance
				? hostess->distance(
					  hostess->distance_context, at->node)
				: 0;
		count += at->room != ROOM_NONE || hold->everywhere;
	}
	return count;
}

static void roam_choose(struct ph_hold *hold, struct ph_value items)
{
	struct candidate *found =
		calloc(ph_value_count(items) + 1, sizeof(*found));
	char(*peers)[40] =
		calloc(ph_value_count(items) + 1, sizeof(*hold->peers));
	size_t count = 0;

	if (found && peers)
		count = candidates_read(
			hold, items, found, ph_value_count(items));
	if (count)
		qsort(found, count, sizeof(*found), candidate_compare);
	for (size_t i = 0; i < count; i++)
		memcpy(peers[i], found[i].node, sizeof(peers[i]));
	free(found);
	free(hold->peers);
	hold->peers = peers;
	hold->peer_count = (unsigned)count;
	hold->peer_next = 0;
}

static void on_peers(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_hold *hold = context;
	struct ph_document *document;

	hold->flights--;
	if (!hold->hostess || hold->stage == PH_HOLD_DONE) {
		ph_hold_let_go(hold);
		return;
	}
	if (status == PH_CALL_OK &&
		ph_document_read(&document, body, length, PH_SKIM_TABLE) == 0) {
		roam_choose(hold,
			ph_value_get(ph_document_root(document), "items"));
		ph_document_free(document);
	}
	roam_next(hold);
}

static void roam_only(struct ph_hold *hold)
{
	free(hold->peers);
	hold->peers = calloc(1, sizeof(*hold->peers));
	hold->peer_next = 0;
	hold->peer_count = hold->peers ? 1 : 0;
	if (hold->peers)
		snprintf(hold->peers[0], sizeof(hold->peers[0]), "%s",
			hold->only);
	ph_fail(&hold->error, PH_EXIT_UNREACHABLE, hold->only,
		"posthouse peers shows the lines", "it cannot be asked now");
	roam_next(hold);
}

void ph_hold_roam(struct ph_hold *hold)
{
	struct ph_hostess *hostess = hold->hostess;

	hold->stage = PH_HOLD_ROAMING;
	if (*hold->only) {
		roam_only(hold);
		return;
	}
	hold->peer_count = 0;
	hold->peer_next = 0;
	hold->flights++;
	if (ph_call_send(hostess->door, &here, "", PH_MESH_PEERS, NULL,
		    ph_loop_now(hostess->loop), ROAM_PATIENCE, on_peers,
		    hold) == 0)
		return;
	hold->flights--;
	ph_hold_roamed(hold);
}
