#include "kernel/door.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/heap.h"

#define DOOR_REMOTE (PH_DOOR_PENDING / 4 * 3)

/*
 * A call waits to be served, then for its answer, then for the answer to be
 * delivered. The first and the last wait are in the door's queue, which is run
 * by one deferred task: nobody is called from within a call to the door.
 */
enum call_stage {
	CALL_SERVE,
	CALL_WAIT,
	CALL_ANSWER
};

struct pending {
	struct ph_timer timer; /* the deadline; in door->deadlines */
	struct pending *next;  /* of all */
	struct pending *previous;
	struct pending *behind; /* in the queue */
	bool queued;
	enum call_stage stage;
	ph_handle ticket; /* valid until answered */
	struct ph_caller caller;
	struct ph_call call;
	ph_answer_fn *answer; /* NULL: nobody waits any more */
	void *context;
	int status;
	uint8_t *body;
	size_t length;
	uint8_t bytes[]; /* arguments, then the destination */
};

struct callee {
	ph_call_fn *serve;
	void *context;
};

struct ph_door {
	struct ph_kernel *kernel;
	struct ph_task task;
	bool closing;
	struct callee methods[PH_DOOR_METHODS];
	struct callee road;
	struct {
		ph_guard_fn *guard;
		void *context;
	} guards[PH_DOOR_GUARDS];
	unsigned guard_count;
	void (*alarm)(void *context, int64_t when);
	void *alarm_context;
	void (*answered)(void *context, const struct ph_call *call, int status);
	void *answered_context;
	struct pending *all;
	struct pending *first; /* the queue */
	struct pending *last;
	size_t held;	/* calls in memory */
	size_t pending; /* calls not answered */
	struct ph_heap deadlines;
	struct ph_door_stats stats;
};

static struct ph_hal *door_hal(struct ph_door *door)
{
	return &door->kernel->hal;
}

static void door_enqueue(struct ph_door *door, struct pending *pending)
{
	if (pending->queued)
		return;
	pending->queued = true;
	pending->behind = NULL;
	if (door->last)
		door->last->behind = pending;
	else
		door->first = pending;
	door->last = pending;
	door_hal(door)->defer(door_hal(door)->context, &door->task);
}

static void door_link(struct ph_door *door, struct pending *pending)
{
	pending->previous = NULL;
	pending->next = door->all;
	if (door->all)
		door->all->previous = pending;
	door->all = pending;
	door->held++;
}

static void door_unlink(struct ph_door *door, struct pending *pending)
{
	if (pending->previous)
		pending->previous->next = pending->next;
	else
		door->all = pending->next;
	if (pending->next)
		pending->next->previous = pending->previous;
	door->held--;
}

static void pending_free(struct pending *pending)
{
	free(pending->body);
	free(pending);
}

/* Its answer is settled: no ticket, no deadline, only the delivery is left. */
static void door_settle(
	struct ph_door *door, struct pending *pending, int status)
{
	ph_handle_close(door->kernel->handles, pending->ticket);
	ph_heap_take(&door->deadlines, &pending->timer);
	pending->stage = CALL_ANSWER;
	pending->status = status;
	door->pending--;
	door_enqueue(door, pending);
}

static void door_deliver(struct ph_door *door, struct pending *pending)
{
	door_unlink(door, pending);
	if (pending->answer)
		pending->answer(pending->context, pending->status,
			pending->body, pending->length);
	if (door->answered && !door->closing)
		door->answered(door->answered_context, &pending->call,
			pending->status);
	pending_free(pending);
}

static int door_ask_guards(struct ph_door *door, const struct ph_call *call)
{
	for (unsigned i = 0; i < door->guard_count; i++) {
		int status =
			door->guards[i].guard(door->guards[i].context, call);

		if (status)
			return status;
	}
	return 0;
}

static const struct callee *door_find(
	const struct ph_door *door, const struct ph_call *call)
{
	const struct callee *callee = &door->road;

	if (!call->destination[0]) {
		if (call->method >= PH_DOOR_METHODS)
			return NULL;
		callee = &door->methods[call->method];
	}
	return callee->serve ? callee : NULL;
}

static void door_dispatch(struct ph_door *door, struct pending *pending)
{
	const struct callee *callee;
	int status;

	status = door_ask_guards(door, &pending->call);
	callee = door_find(door, &pending->call);
	if (!status && !callee)
		status = PH_CALL_UNKNOWN;
	if (status) {
		door->stats.refused++;
		door_settle(door, pending, status);
		return;
	}
	pending->stage = CALL_WAIT;
	callee->serve(callee->context, pending->ticket, &pending->call);
}

/* Only what was queued before: a call that answers with a call cannot keep the
 * turn from ending. */
static void door_run(struct ph_task *task)
{
	struct ph_door *door =
		(struct ph_door *)((char *)task -
				   offsetof(struct ph_door, task));
	struct pending *pending = door->first;

	door->first = door->last = NULL;
	while (pending) {
		struct pending *behind = pending->behind;

		pending->queued = false;
		if (pending->stage == CALL_SERVE)
			door_dispatch(door, pending);
		else if (pending->stage == CALL_ANSWER)
			door_deliver(door, pending);
		pending = behind;
	}
}

int ph_door_create(struct ph_door **out, struct ph_kernel *kernel)
{
	struct ph_door *door = calloc(1, sizeof(*door));

	if (!door)
		return -ENOMEM;
	door->kernel = kernel;
	door->task.run = door_run;
	ph_heap_init(&door->deadlines);
	*out = door;
	return 0;
}

void ph_door_destroy(struct ph_door *door)
{
	if (!door)
		return;
	door->closing = true;
	/* The queue is not run any more: nothing may be put behind memory that
	 * goes in here. */
	door->first = door->last = NULL;
	for (struct pending *at = door->all; at; at = at->next)
		at->queued = true;
	while (door->all) {
		struct pending *pending = door->all;

		if (pending->stage != CALL_ANSWER)
			door_settle(door, pending, PH_CALL_UNREACHABLE);
		door_deliver(door, pending);
	}
	door_hal(door)->cancel(door_hal(door)->context, &door->task);
	ph_heap_fini(&door->deadlines);
	free(door);
}

int ph_door_serve(
	struct ph_door *door, uint16_t method, ph_call_fn *serve, void *context)
{
	if (method >= PH_DOOR_METHODS)
		return -ERANGE;
	if (door->methods[method].serve)
		return -EEXIST;
	door->methods[method] = (struct callee){serve, context};
	return 0;
}

void ph_door_set_road(struct ph_door *door, ph_call_fn *road, void *context)
{
	door->road = (struct callee){road, context};
}

int ph_door_guard(struct ph_door *door, ph_guard_fn *guard, void *context)
{
	if (door->guard_count == PH_DOOR_GUARDS)
		return -ENOSPC;
	door->guards[door->guard_count].guard = guard;
	door->guards[door->guard_count].context = context;
	door->guard_count++;
	return 0;
}

/* One piece of memory: the call outlives what the caller gave. */
static struct pending *pending_create(const struct ph_call *call)
{
	const char *destination = call->destination ? call->destination : "";
	size_t name = strlen(destination) + 1;
	struct pending *pending;

	pending = calloc(1, sizeof(*pending) + call->length + name);
	if (!pending)
		return NULL;
	if (call->length)
		memcpy(pending->bytes, call->arguments, call->length);
	memcpy(pending->bytes + call->length, destination, name);
	pending->caller = *call->caller;
	pending->caller.node[sizeof(pending->caller.node) - 1] = '\0';
	pending->call = *call;
	pending->call.caller = &pending->caller;
	pending->call.arguments = pending->bytes;
	pending->call.destination = (char *)pending->bytes + call->length;
	return pending;
}

static int door_admits(struct ph_door *door, const struct ph_call *call)
{
	size_t most = call->caller->line ? DOOR_REMOTE : PH_DOOR_PENDING;

	if (door->closing)
		return -ESHUTDOWN;
	if (call->deadline <= door_hal(door)->now(door_hal(door)->context))
		return -ETIMEDOUT;
	return door->held < most ? 0 : -EAGAIN;
}

static void door_ring(struct ph_door *door)
{
	const struct ph_timer *first = ph_heap_first(&door->deadlines);

	if (first && door->alarm)
		door->alarm(door->alarm_context, first->due);
}

int ph_door_call(struct ph_door *door, const struct ph_call *call,
	ph_answer_fn *answer, void *context)
{
	struct pending *pending;
	int error = door_admits(door, call);

	if (error < 0)
		return error;
	pending = pending_create(call);
	if (!pending)
		return -ENOMEM;
	pending->answer = answer;
	pending->context = context;
	error = ph_handle_open(
		door->kernel->handles, PH_KIND_CALL, pending, &pending->ticket);
	if (error < 0)
		goto fail_memory;
	error = ph_heap_put(&door->deadlines, &pending->timer, call->deadline);
	if (error < 0)
		goto fail_ticket;
	door_link(door, pending);
	door_enqueue(door, pending);
	door->pending++;
	door->stats.calls++;
	if (ph_heap_first(&door->deadlines) == &pending->timer)
		door_ring(door);
	return 0;
fail_ticket:
	ph_handle_close(door->kernel->handles, pending->ticket);
fail_memory:
	pending_free(pending);
	return error;
}

int ph_door_answer(struct ph_door *door, ph_handle ticket, int status,
	const void *body, size_t length)
{
	struct pending *pending;

	pending = ph_handle_find(door->kernel->handles, PH_KIND_CALL, ticket);
	if (!pending) {
		door->stats.late++;
		return -ESTALE;
	}
	if (length) {
		pending->body = malloc(length);
		if (!pending->body) {
			door_settle(door, pending, PH_CALL_FAILED);
			return -ENOMEM;
		}
		memcpy(pending->body, body, length);
		pending->length = length;
	}
	door_settle(door, pending, status);
	return 0;
}

void ph_door_listen(struct ph_door *door,
	void (*answered)(void *context, const struct ph_call *call, int status),
	void *context)
{
	door->answered = answered;
	door->answered_context = context;
}

void ph_door_forget(struct ph_door *door, uint64_t line)
{
	for (struct pending *i = door->all; i; i = i->next)
		if (i->caller.line == line)
			i->answer = NULL;
}

bool ph_door_is_awaited(struct ph_door *door, ph_handle ticket)
{
	const struct pending *pending =
		ph_handle_find(door->kernel->handles, PH_KIND_CALL, ticket);

	return pending && pending->answer;
}

int64_t ph_door_expire(struct ph_door *door, int64_t now)
{
	struct ph_timer *first;

	while ((first = ph_heap_first(&door->deadlines))) {
		if (first->due > now)
			return first->due;
		door->stats.expired++;
		door_settle(door, (struct pending *)first, PH_CALL_TIMEOUT);
	}
	return INT64_MAX;
}

void ph_door_set_alarm(struct ph_door *door,
	void (*alarm)(void *context, int64_t when), void *context)
{
	door->alarm = alarm;
	door->alarm_context = context;
	door_ring(door);
}

size_t ph_door_pending(const struct ph_door *door)
{
	return door->pending;
}

struct ph_door_stats ph_door_stats(const struct ph_door *door)
{
	return door->stats;
}
