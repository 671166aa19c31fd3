#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"
#include "kernel/clock.h"

/*
 * What is durable, and the journal. Bookings are kept by connection; holds are
 * not, for they are over before a node has restarted. Each change of a
 * reservation is one line of the journal, in words that a program reads too:
 *
 *   hostess begin epoch=3
 *   booking VERB id=alpha~3.17 at=sink:in of=1 fence=N token=HEX
 *           connection=beta#1.2 until=NS
 *
 * VERB: hold book seat unseat free restore. `at` is server:terminal, or a
 * whole server; `of` its capacity, 0 for no limit; the token's first 4 bytes;
 * `until` on the wall clock, 0 for not by time. The actor is who holds it.
 */
#define KEEP_PATIENCE (20 * PH_SECOND)
#define KEEP_SPACE    "bookings"

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

static const char *const verbs[] = {
	[PH_LEDGER_HOLD] = "hold",
	[PH_LEDGER_BOOK] = "book",
	[PH_LEDGER_SEAT] = "seat",
	[PH_LEDGER_UNSEAT] = "unseat",
	[PH_LEDGER_FREE] = "free",
	[PH_LEDGER_RESTORE] = "restore",
};

static void heard(void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_error error;

	if (!status)
		return;
	ph_error_read(&error, status, body, length);
	ph_log_warn("hostess", "store.failed because=\"%s\"", error.what);
}

/* Not the one for answers: a change may come while one is written. */
static struct ph_writer *keep_writer(struct ph_hostess *hostess)
{
	ph_writer_reset(hostess->keeper);
	ph_write_map(hostess->keeper);
	return hostess->keeper;
}

static void keep_send(struct ph_hostess *hostess, uint16_t method)
{
	if (ph_call_send(hostess->door, &here, "", method, hostess->keeper,
		    ph_loop_now(hostess->loop), KEEP_PATIENCE, heard, NULL) < 0)
		ph_log_warn("hostess", "store.failed because=\"no call\"");
}

static void note(struct ph_hostess *hostess, const char *actor,
	const char *what, const char *why)
{
	struct ph_writer *writer = keep_writer(hostess);

	ph_put_text(writer, "actor", actor);
	ph_put_text(writer, "what", what);
	ph_put_text(writer, "why", why);
	ph_write_end(writer);
	keep_send(hostess, PH_STORE_NOTE);
}

static int64_t until_wall(
	struct ph_hostess *hostess, const struct ph_reservation *about)
{
	if (about->expires == INT64_MAX)
		return 0;
	return ph_clock_wall() + about->expires - ph_loop_now(hostess->loop);
}

static void note_change(struct ph_hostess *hostess,
	const struct ph_reservation *about, enum ph_ledger_change change,
	const char *because)
{
	const uint8_t *token = about->token;
	char what[480];

	snprintf(what, sizeof(what),
		"booking %s id=%s at=%s%s%s of=%u fence=%llu "
		"token=%02x%02x%02x%02x connection=%s until=%lld",
		verbs[change], about->id, about->server,
		*about->name ? ":" : "", about->name,
		about->terminal ? about->terminal->capacity : 1,
		(unsigned long long)about->fence, token[0], token[1], token[2],
		token[3], *about->connection ? about->connection : "-",
		(long long)until_wall(hostess, about));
	note(hostess, about->node, what, because);
}

void ph_hostess_note_drain(
	struct ph_hostess *hostess, const struct ph_guest *guest)
{
	char what[64];

	ph_log_info("hostess", "guest.%s server=%s",
		guest->drains ? "drains" : "drained", guest->server);
	if (!hostess->keeping)
		return;
	snprintf(what, sizeof(what), "%s %s", guest->server,
		guest->drains ? "drains: it takes nothing new"
			      : "takes new bookings again");
	note(hostess, hostess->node, what, "");
}

void ph_hostess_record(
	struct ph_hostess *hostess, const struct ph_reservation *reservation)
{
	struct ph_writer *writer = keep_writer(hostess);
	struct ph_writer *record;
	const uint8_t *data;
	size_t length;

	ph_put_text(writer, "space", KEEP_SPACE);
	ph_put_text(writer, "key", reservation->connection);
	if (ph_writer_create(&record) == 0) {
		ph_write_map(record);
		ph_put_text(record, "id", reservation->id);
		ph_put_text(record, "node", reservation->node);
		ph_put_text(record, "from", reservation->from);
		ph_put_text(record, "type", reservation->media);
		ph_put_text(record, "server", reservation->server);
		ph_put_text(record, "terminal", reservation->name);
		ph_put_text(record, "state",
			ph_reservation_state_name(reservation->state));
		ph_put_u64(record, "fence", reservation->fence);
		ph_put_u64(record, "generation", reservation->generation);
		ph_put_bytes(
			record, "token", reservation->token, PH_ATTACH_TOKEN);
		ph_write_end(record);
		if (ph_writer_finish(record, &data, &length) == 0)
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
}

static void keep_delete(
	struct ph_hostess *hostess, const struct ph_reservation *about)
{
	struct ph_writer *writer = keep_writer(hostess);

	ph_put_text(writer, "space", KEEP_SPACE);
	ph_put_text(writer, "key", about->connection);
	ph_write_end(writer);
	keep_send(hostess, PH_STORE_DELETE);
}

void ph_hostess_on_change(void *context, const struct ph_reservation *about,
	enum ph_ledger_change change, const char *because)
{
	struct ph_hostess *hostess = context;

	if (!hostess->keeping || hostess->quiet)
		return;
	note_change(hostess, about, change, because);
	if (change == PH_LEDGER_BOOK) {
		ph_hostess_record(hostess, about);
		keep_send(hostess, PH_STORE_PUT);
	} else if (change == PH_LEDGER_FREE && *about->connection) {
		keep_delete(hostess, about);
	}
}

int ph_hostess_record_read(
	struct ph_reservation *out, struct ph_value map, const char *connection)
{
	struct ph_value state = ph_value_get(map, "state");
	size_t length;
	const uint8_t *token =
		ph_value_bytes(ph_value_get(map, "token"), &length);
	struct ph_connection_id id;

	memset(out, 0, sizeof(*out));
	if (length != PH_ATTACH_TOKEN ||
		ph_connection_id_parse(&id, connection) < 0)
		return -1;
	memcpy(out->token, token, PH_ATTACH_TOKEN);
	snprintf(out->connection, sizeof(out->connection), "%s", connection);
	ph_get_copy(map, "id", out->id, sizeof(out->id));
	ph_get_copy(map, "node", out->node, sizeof(out->node));
	ph_get_copy(map, "from", out->from, sizeof(out->from));
	ph_get_copy(map, "type", out->media, sizeof(out->media));
	ph_get_copy(map, "server", out->server, sizeof(out->server));
	ph_get_copy(map, "terminal", out->name, sizeof(out->name));
	out->fence = ph_get_u64(map, "fence");
	out->generation = ph_get_u64(map, "generation");
	out->state = ph_value_is(state, "seated") ? PH_RESERVATION_SEATED
						  : PH_RESERVATION_BOOKED;
	return *out->id && *out->node ? 0 : -1;
}

static void restore(struct ph_hostess *hostess, struct ph_value item)
{
	static const struct ph_skim_limits limits = {
		.depth = 2, .elements = 64};
	struct ph_reservation like;
	struct ph_document *document;
	char connection[96];
	size_t length;
	const uint8_t *value =
		ph_value_bytes(ph_value_get(item, "value"), &length);
	int code = -1;

	ph_get_copy(item, "key", connection, sizeof(connection));
	if (value && ph_document_read(&document, value, length, limits) == 0) {
		code = ph_hostess_record_read(
			&like, ph_document_root(document), connection);
		if (code == 0)
			code = ph_ledger_restore(&hostess->ledger,
				ph_loop_now(hostess->loop), &like);
		ph_document_free(document);
	}
	if (code < 0)
		ph_log_warn("hostess", "booking.unreadable connection=%s",
			connection);
}

static void on_loaded(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_hostess *hostess = context;
	struct ph_document *document;
	struct ph_value items;
	struct ph_error error;

	if (status ||
		ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		ph_error_read(&error, status, body, length);
		ph_log_error("hostess", "bookings.unread because=\"%s\"",
			status ? error.what : "cannot be read");
		return;
	}
	items = ph_value_get(ph_document_root(document), "items");
	for (size_t i = 0; i < ph_value_count(items); i++)
		restore(hostess, ph_value_at(items, i));
	ph_document_free(document);
	ph_hostess_alarm(hostess,
		ph_ledger_tick(&hostess->ledger, ph_loop_now(hostess->loop)));
}

void ph_hostess_start(struct ph_hostess *hostess)
{
	struct ph_writer *writer;
	char what[64];

	hostess->keeping = true;
	snprintf(what, sizeof(what), "hostess begin epoch=%llu",
		(unsigned long long)hostess->ledger.epoch);
	note(hostess, hostess->node, what, "");
	writer = keep_writer(hostess);
	ph_put_text(writer, "space", KEEP_SPACE);
	ph_write_end(writer);
	if (ph_call_send(hostess->door, &here, "", PH_STORE_LIST, writer,
		    ph_loop_now(hostess->loop), KEEP_PATIENCE, on_loaded,
		    hostess) < 0)
		ph_log_error("hostess", "bookings.unread because=\"no call\"");
	ph_hostess_known_load(hostess);
}

void ph_hostess_quiesce(struct ph_hostess *hostess)
{
	ph_hostess_known_save(hostess);
	hostess->quiet = true;
}
