#include "store/batch.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/clock.h"
#include "proto/calls.h"
#include "store/database.h"

/* Longest answer of store.list. */
#define LIST_MOST ((size_t)64 << 20)

/* Copies a text field into the request's memory; "" when it is not there. */
static char *request_text(struct ph_store_request *request, char *at,
	unsigned slot, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (length)
		memcpy(at, text, length);
	at[length] = '\0';
	request->text[slot] = at;
	return at + length + 1;
}

struct ph_store_request *ph_store_request_make(enum ph_request_kind kind,
	ph_handle ticket, const struct ph_value text[3], struct ph_value value)
{
	size_t length, size = 3, value_length;
	const uint8_t *bytes = ph_value_bytes(value, &value_length);
	struct ph_store_request *request;
	char *at;

	for (unsigned i = 0; i < 3; i++) {
		ph_value_text(text[i], &length);
		size += length;
	}
	size += value_length;
	request = calloc(1, sizeof(*request) + size);
	if (!request)
		return NULL;
	request->kind = kind;
	request->ticket = ticket;
	request->ts = ph_clock_wall();
	request->size = size;
	at = request->memory;
	for (unsigned i = 0; i < 3; i++)
		at = request_text(request, at, i, text[i]);
	if (value_length)
		memcpy(at, bytes, value_length);
	request->value = (const uint8_t *)at;
	request->length = value_length;
	return request;
}

static void request_free(struct ph_store_request *request)
{
	ph_writer_free(request->answer);
	free(request);
}

void ph_store_requests_free(struct ph_store_request *first)
{
	while (first) {
		struct ph_store_request *next = first->next;

		request_free(first);
		first = next;
	}
}

static int row_value(
	void *context, const char *key, const void *value, size_t length)
{
	struct ph_store_request *request = context;

	ph_put_bytes(request->answer, "value", value, length);
	return 0;
}

static int row_item(
	void *context, const char *key, const void *value, size_t length)
{
	struct ph_store_request *request = context;

	request->answered += strlen(key) + length;
	if (request->answered > LIST_MOST)
		return 1;
	ph_write_map(request->answer);
	ph_put_text(request->answer, "key", key);
	ph_put_bytes(request->answer, "value", value, length);
	ph_write_end(request->answer);
	return 0;
}

static int request_memory(struct ph_store_request *request)
{
	return ph_fail(&request->error, PH_EXIT_NEGATIVE, "store",
		"free memory", "out of memory");
}

static int request_get(
	struct ph_store_request *request, struct ph_database *database)
{
	int code;

	ph_write_map(request->answer);
	code = ph_database_get(database, request->text[0], request->text[1],
		row_value, request, &request->error);
	ph_write_end(request->answer);
	return code;
}

static int request_list(
	struct ph_store_request *request, struct ph_database *database)
{
	int code;

	request->answered = 0;
	ph_write_map(request->answer);
	ph_put_list(request->answer, "items");
	code = ph_database_list(
		database, request->text[0], row_item, request, &request->error);
	ph_write_end(request->answer);
	ph_write_end(request->answer);
	if (code == 0 && request->answered > LIST_MOST)
		return ph_fail(&request->error, PH_EXIT_NEGATIVE,
			request->text[0], "read its keys one by one",
			"the space holds more than %zu MiB", LIST_MOST >> 20);
	return code;
}

static void row_event(void *context, const struct ph_journal_line *line)
{
	struct ph_writer *writer = context;

	ph_write_map(writer);
	ph_put_int(writer, "n", line->number);
	ph_put_int(writer, "ts", line->ts);
	ph_put_text(writer, "actor", line->actor);
	ph_put_text(writer, "what", line->what);
	ph_put_text(writer, "why", line->why);
	ph_write_end(writer);
}

static int request_events(
	struct ph_store_request *request, struct ph_database *database)
{
	int code;

	ph_write_map(request->answer);
	ph_put_list(request->answer, "items");
	code = ph_database_events(database, request->since, request->count,
		row_event, request->answer, &request->error);
	ph_write_end(request->answer);
	ph_write_end(request->answer);
	return code;
}

static int request_read(
	struct ph_store_request *request, struct ph_database *database)
{
	const uint8_t *data;
	size_t length;
	int code;

	if (!request->answer && ph_writer_create(&request->answer) < 0)
		return request_memory(request);
	ph_writer_reset(request->answer);
	if (request->kind == PH_REQUEST_GET)
		code = request_get(request, database);
	else if (request->kind == PH_REQUEST_EVENTS)
		code = request_events(request, database);
	else
		code = request_list(request, database);
	if (code == 0 && ph_writer_finish(request->answer, &data, &length) < 0)
		return request_memory(request);
	return code;
}

static int request_write(
	struct ph_store_request *request, struct ph_database *database)
{
	const char *const *text = request->text;

	if (request->kind == PH_REQUEST_PUT)
		return ph_database_put(database, text[0], text[1],
			request->value, request->length, &request->error);
	if (request->kind == PH_REQUEST_DELETE)
		return ph_database_delete(
			database, text[0], text[1], &request->error);
	return ph_database_note(database, request->ts, text[0], text[1],
		text[2], &request->error);
}

/* 0, or -1 when the transaction it is in must be given up. A read that fails
 * says so in its answer and spoils nothing. */
static int request_run(
	struct ph_store_request *request, struct ph_database *database)
{
	if (request->kind != PH_REQUEST_GET &&
		request->kind != PH_REQUEST_LIST &&
		request->kind != PH_REQUEST_EVENTS)
		return request_write(request, database);
	request->failed = request_read(request, database) < 0;
	return 0;
}

/* Requests from `first` up to `end`, in one transaction. */
static int batch_commit(struct ph_database *database,
	struct ph_store_request *first, struct ph_store_request *end,
	struct ph_error *error)
{
	struct ph_store_request *request;

	if (ph_database_begin(database, error) < 0)
		return -1;
	for (request = first; request != end; request = request->next)
		if (request_run(request, database) < 0) {
			*error = request->error;
			goto fail;
		}
	if (ph_database_commit(database, error) == 0)
		return 0;
fail:
	ph_database_rollback(database);
	return -1;
}

void ph_store_requests_commit(
	struct ph_store_request *first, struct ph_database *database)
{
	struct ph_error error;

	if (batch_commit(database, first, NULL, &error) == 0)
		return;
	for (struct ph_store_request *at = first; at; at = at->next) {
		if (batch_commit(database, at, at->next, &error) == 0)
			continue;
		at->error = error;
		at->failed = true;
	}
}
