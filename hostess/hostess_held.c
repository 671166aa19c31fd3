#include <string.h>
#include <utlist.h>

#include "hostess/hold.h"

/* What is held, as the answers of hostess.hold and hostess.held tell it. */

static void write_here(struct ph_hostess *hostess,
	const struct ph_reservation *held, struct ph_writer *writer)
{
	char identity[PH_IDENTITY_MAX + 1] = "";
	int64_t left = held->expires - ph_loop_now(hostess->loop);

	ph_write_map(writer);
	ph_put_text(writer, "id", held->id);
	ph_put_text(writer, "node", hostess->node);
	ph_put_text(writer, "server", held->server);
	ph_put_text(writer, "terminal", held->name);
	if (held->guest)
		ph_identity_format(
			&held->guest->identity, identity, sizeof(identity));
	ph_put_text(writer, "identity", identity);
	if (held->terminal) {
		ph_put_text(writer, "direction",
			ph_direction_name(held->terminal->direction));
		ph_put_text(writer, "type", held->terminal->media);
	}
	ph_put_text(writer, "state", ph_reservation_state_name(held->state));
	ph_put_text(writer, "by", held->node);
	ph_put_u64(writer, "fence", held->fence);
	ph_put_bytes(writer, "token", held->token, PH_ATTACH_TOKEN);
	if (held->expires != INT64_MAX)
		ph_put_int(writer, "lasts_ms", left / PH_MILLISECOND);
	ph_write_end(writer);
}

/* False when one of them is gone meanwhile. */
static bool write_items(struct ph_hold *hold, struct ph_writer *writer)
{
	struct ph_hostess *hostess = hold->hostess;
	int64_t now = ph_loop_now(hostess->loop);

	ph_put_list(writer, "items");
	for (unsigned i = 0; i < hold->wish.got_count; i++) {
		const struct ph_reservation *held = ph_ledger_find_id(
			&hostess->ledger, now, hold->wish.got[i]);

		if (!held)
			return false;
		write_here(hostess, held, writer);
	}
	for (unsigned i = 0; i < hold->far_count; i++)
		ph_write_encoded(
			writer, hold->far[i].item, hold->far[i].length);
	ph_write_end(writer);
	return true;
}

void ph_hold_answer(struct ph_hold *hold, ph_handle ticket)
{
	struct ph_hostess *hostess = hold->hostess;
	struct ph_writer *writer = ph_hostess_writer(hostess);
	struct ph_error error = hold->error;

	if (!*error.what && !write_items(hold, writer))
		ph_fail(&error, PH_EXIT_CONFLICT, "call", "reserve again",
			"what this call held ran out or was released");
	if (*error.what) {
		ph_answer_error(hostess->door, ticket, &error);
		return;
	}
	ph_write_end(writer);
	ph_answer_ok(hostess->door, ticket, writer);
}

static const struct ph_far *far_find(
	const struct ph_hostess *hostess, const char *id)
{
	const struct ph_hold *hold;

	DL_FOREACH(hostess->holds, hold)
	for (unsigned i = 0; i < hold->far_count; i++)
		if (strcmp(hold->far[i].id, id) == 0)
			return &hold->far[i];
	return NULL;
}

int ph_hostess_serve_held(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	char id[PH_RESERVATION_ID];
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_reservation *held;
	const struct ph_far *far;
	struct ph_writer *writer;

	ph_get_copy(request->arguments, "id", id, sizeof(id));
	held = ph_ledger_find_id(&hostess->ledger, now, id);
	far = held ? NULL : far_find(hostess, id);
	if (!held && !far)
		return ph_fail(error, PH_EXIT_NOT_FOUND, id, "reserve again",
			"this node made no such reservation, or it ran out");
	writer = ph_hostess_writer(hostess);
	ph_put_list(writer, "items");
	if (held)
		write_here(hostess, held, writer);
	else
		ph_write_encoded(writer, far->item, far->length);
	ph_write_end(writer);
	return ph_hostess_answer(hostess, request);
}
