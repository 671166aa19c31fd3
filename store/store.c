#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "proto/address.h"
#include "proto/calls.h"
#include "store/database.h"
#include "store/lock.h"
#include "store/batch.h"

/*
 * Group commit. Requests wait in a list; when the lane is free, all of them
 * become one batch, one transaction, one fsync. While the disk works the next
 * batch gathers, so the slower the disk the larger the batch.
 */
struct ph_store {
	struct ph_job job; /* first: the lane hands it back */
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_database *database;
	int lock;
	struct ph_store_request *waiting;
	struct ph_store_request **tail;
	unsigned waiting_count;
	size_t waiting_bytes;
	struct ph_store_request
		*batch;		 /* at the lane; NULL: the lane is free */
	struct ph_error trouble; /* of the last write */
	bool trying;		 /* whether it would succeed now */
};

static void batch_work(struct ph_job *job)
{
	struct ph_store *store = (struct ph_store *)job;

	ph_store_requests_commit(store->batch, store->database);
}

static bool request_writes(const struct ph_store_request *request)
{
	return request->kind == PH_REQUEST_PUT ||
	       request->kind == PH_REQUEST_NOTE;
}

/* One that deletes may have found nothing, and so have written nothing. */
static void note_trouble(
	struct ph_store *store, const struct ph_store_request *request)
{
	if (request->kind == PH_REQUEST_DELETE ? request->failed
					       : request_writes(request))
		store->trouble =
			request->failed ? request->error : (struct ph_error){0};
	if (!request->ticket)
		store->trying = false;
}

static void request_answer(
	struct ph_store *store, struct ph_store_request *request)
{
	if (request->failed)
		ph_answer_error(store->door, request->ticket, &request->error);
	else
		ph_answer_ok(store->door, request->ticket, request->answer);
	note_trouble(store, request);
	/* One of our own tries what was logged already. */
	if (request->failed && request->ticket &&
		request->error.exit != PH_EXIT_NOT_FOUND)
		ph_log_error("store", "store.failed what=\"%s\" where=\"%s\"",
			request->error.what, request->error.where);
}

static void batch_done(struct ph_job *job);

static void store_submit(struct ph_store *store)
{
	if (store->batch || !store->waiting)
		return;
	store->batch = store->waiting;
	store->waiting = NULL;
	store->tail = &store->waiting;
	store->waiting_count = 0;
	store->waiting_bytes = 0;
	store->job.work = batch_work;
	store->job.done = batch_done;
	ph_worker_submit(store->worker, PH_LANE_STORE, &store->job);
}

static void batch_done(struct ph_job *job)
{
	struct ph_store *store = (struct ph_store *)job;
	struct ph_store_request *request = store->batch;

	store->batch = NULL;
	store_submit(store);
	while (request) {
		struct ph_store_request *next = request->next;

		request_answer(store, request);
		request->next = NULL;
		ph_store_requests_free(request);
		request = next;
	}
}

static int store_refuse(
	struct ph_store *store, ph_handle ticket, const struct ph_error *error)
{
	ph_answer_error(store->door, ticket, error);
	return -1;
}

static void store_append(
	struct ph_store *store, struct ph_store_request *request)
{
	*store->tail = request;
	store->tail = &request->next;
	store->waiting_count++;
	store->waiting_bytes += request->size;
	store_submit(store);
}

static unsigned event_count(struct ph_value arguments)
{
	int64_t count = ph_get_int(arguments, "count");

	return count > 0 && count < PH_STORE_EVENTS_MOST ? (unsigned)count
							 : PH_STORE_EVENTS_MOST;
}

/* Puts it behind the others, or answers why not. */
static void store_queue(struct ph_store *store, struct ph_request *call,
	enum ph_request_kind kind, const struct ph_value text[3],
	struct ph_value value)
{
	struct ph_store_request *request;
	struct ph_error error;

	if (store->waiting_count >= PH_STORE_WAITING ||
		store->waiting_bytes >= PH_STORE_WAITING_BYTES) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "store",
			"try again; if it stays, look at that disk",
			"%u calls wait for the disk", store->waiting_count);
		store_refuse(store, call->ticket, &error);
		return;
	}
	request = ph_store_request_make(kind, call->ticket, text, value);
	if (!request) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "store", "free memory",
			"out of memory");
		store_refuse(store, call->ticket, &error);
		return;
	}
	request->since = ph_get_int(call->arguments, "since");
	request->count = event_count(call->arguments);
	store_append(store, request);
}

/* A line of the journal, which tells it when it can be written. */
static void store_try(struct ph_store *store)
{
	static const struct ph_value nothing[3];
	struct ph_store_request *request =
		ph_store_request_make(PH_REQUEST_NOTE, 0, nothing, nothing[0]);

	if (!request)
		return;
	request->text[0] = "store";
	request->text[1] = "the disk takes writes again";
	store->trying = true;
	store_append(store, request);
}

const char *ph_store_trouble(struct ph_store *store)
{
	if (!store->trouble.exit)
		return NULL;
	if (!store->trying)
		store_try(store);
	return store->trouble.what;
}

static bool text_is_plain(const char *text, size_t length)
{
	return length == 0 || !memchr(text, '\0', length);
}

/* Space and key, as far as the call has them. */
static int store_check(
	struct ph_value arguments, bool key, struct ph_error *error)
{
	size_t length;
	const char *text;

	text = ph_value_text(ph_value_get(arguments, "space"), &length);
	if (!text || !ph_name_is_valid(text, length))
		return ph_fail(error, PH_EXIT_USAGE, "space",
			"use letters, digits, dots and dashes",
			"a space's name is at most %d bytes", PH_NAME_MAX);
	if (!key)
		return 0;
	text = ph_value_text(ph_value_get(arguments, "key"), &length);
	if (!text || length == 0 || length > PH_STORE_KEY ||
		!text_is_plain(text, length))
		return ph_fail(error, PH_EXIT_USAGE, "key", "shorten it",
			"a key has 1 to %u bytes, none of them zero",
			PH_STORE_KEY);
	ph_value_bytes(ph_value_get(arguments, "value"), &length);
	if (length > PH_STORE_VALUE)
		return ph_fail(error, PH_EXIT_USAGE, "value", "keep less",
			"a value has at most %zu bytes", PH_STORE_VALUE);
	return 0;
}

static void store_call(void *context, ph_handle ticket,
	const struct ph_call *call, enum ph_request_kind kind)
{
	static const struct ph_value nothing;
	struct ph_store *store = context;
	struct ph_request request;
	struct ph_error error;

	if (ph_request_open(&request, store->door, ticket, call))
		return;
	if (store_check(request.arguments, kind != PH_REQUEST_LIST, &error) <
		0) {
		store_refuse(store, ticket, &error);
	} else {
		struct ph_value text[3] = {
			ph_value_get(request.arguments, "space"),
			ph_value_get(request.arguments, "key"),
			nothing,
		};

		store_queue(store, &request, kind, text,
			ph_value_get(request.arguments, "value"));
	}
	ph_request_close(&request);
}

static void serve_put(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	store_call(context, ticket, call, PH_REQUEST_PUT);
}

static void serve_get(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	store_call(context, ticket, call, PH_REQUEST_GET);
}

static void serve_delete(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	store_call(context, ticket, call, PH_REQUEST_DELETE);
}

static void serve_list(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	store_call(context, ticket, call, PH_REQUEST_LIST);
}

static void serve_note(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	static const struct ph_value nothing;
	struct ph_store *store = context;
	struct ph_request request;

	if (ph_request_open(&request, store->door, ticket, call))
		return;
	store_queue(store, &request, PH_REQUEST_NOTE,
		(struct ph_value[3]){
			ph_value_get(request.arguments, "actor"),
			ph_value_get(request.arguments, "what"),
			ph_value_get(request.arguments, "why"),
		},
		nothing);
	ph_request_close(&request);
}

static void serve_events(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	static const struct ph_value nothing;
	struct ph_store *store = context;
	struct ph_request request;

	if (ph_request_open(&request, store->door, ticket, call))
		return;
	store_queue(store, &request, PH_REQUEST_EVENTS,
		(struct ph_value[3]){nothing, nothing, nothing}, nothing);
	ph_request_close(&request);
}

static const struct {
	uint16_t method;
	ph_call_fn *serve;
} store_calls[] = {
	{PH_STORE_PUT, serve_put},
	{PH_STORE_GET, serve_get},
	{PH_STORE_DELETE, serve_delete},
	{PH_STORE_LIST, serve_list},
	{PH_STORE_NOTE, serve_note},
	{PH_STORE_EVENTS, serve_events},
};

static int store_serve(struct ph_store *store)
{
	size_t count = sizeof(store_calls) / sizeof(store_calls[0]);

	for (size_t i = 0; i < count; i++) {
		int code = ph_door_serve(store->door, store_calls[i].method,
			store_calls[i].serve, store);

		if (code < 0)
			return code;
	}
	return 0;
}

int ph_store_create(struct ph_store **out, const struct ph_store_config *config,
	uint64_t *epoch, struct ph_error *error)
{
	struct ph_store *store = calloc(1, sizeof(*store));
	uint64_t most = config->most ? config->most : PH_STORE_MOST;

	if (!store)
		return ph_fail(error, PH_EXIT_NEGATIVE, config->path,
			"free memory", "out of memory");
	store->loop = config->loop;
	store->worker = config->worker;
	store->door = config->door;
	store->tail = &store->waiting;
	store->lock = ph_lock_take(config->path, error);
	if (store->lock < 0)
		goto fail;
	if (ph_database_open(&store->database, config->path, most, error) < 0 ||
		ph_database_epoch(store->database, epoch, error) < 0)
		goto fail;
	if (store_serve(store) < 0) {
		ph_fail(error, PH_EXIT_NEGATIVE, config->path, "",
			"the calls store.* are served by another");
		goto fail;
	}
	*out = store;
	return 0;
fail:
	ph_store_destroy(store);
	return -1;
}

void ph_store_destroy(struct ph_store *store)
{
	if (!store)
		return;
	ph_store_requests_free(store->batch);
	ph_store_requests_free(store->waiting);
	ph_database_close(store->database);
	ph_lock_drop(store->lock);
	free(store);
}
