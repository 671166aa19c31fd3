#include "node/bell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/clock.h"
#include "proto/calls.h"

/* So much before its deadline a question is answered. */
#define ANSWER_EARLY (500 * PH_MILLISECOND)

struct question {
	ph_handle ticket;
	int64_t until;
	bool stale;	 /* there is more than its caller has seen */
	char caller[40]; /* "": this node */
	struct question *prev, *next;
};

struct ph_bell {
	struct ph_loop *loop;
	struct ph_door *door;
	uint64_t life; /* which start of this node it is */
	uint64_t count;
	struct question *questions;
	unsigned asking;
	struct ph_timer timer;
};

/* What is another after them. A record that was put is not seen by itself. */
static const uint16_t changes[] = {
	PH_MESH_FORGET,
	PH_MESH_REVOKE,
	PH_HOSTESS_REGISTER,
	PH_HOSTESS_UNREGISTER,
	PH_HOSTESS_DRAIN,
	PH_HOSTESS_STATE,
	PH_HOSTESS_HOLD,
	PH_HOSTESS_RESERVE,
	PH_HOSTESS_RELEASE,
	PH_HOSTESS_ATTACH,
	PH_HOSTESS_DETACH,
	PH_CONTROL_PREPARE,
	PH_CONTROL_COMMIT,
	PH_CONTROL_ABORT,
	PH_CONTROL_DONE,
	PH_CONTROL_RESOLVE,
	PH_CONTROL_CONNECT,
	PH_CONTROL_DISCONNECT,
	PH_CONTROL_MOVE,
	PH_CONTROL_REVERT,
	PH_CONTROL_ACK,
	PH_CONTROL_SHELVE,
	PH_CONTROL_UNSHELVE,
	PH_CONTROL_INTERPOSE,
	PH_CONTROL_WITHDRAW,
	PH_CONTROL_CARRIER,
	PH_WIRE_OPEN,
	PH_WIRE_CLOSE,
	PH_WIRE_INTERPOSE,
	PH_WIRE_WITHDRAW,
	PH_EXECUTOR_START,
	PH_EXECUTOR_STOP,
	PH_EXECUTOR_RUN,
	PH_EXECUTOR_HALT,
	PH_EXECUTOR_RESTART,
	PH_EXECUTOR_ATTACH,
	PH_STORE_DELETE,
	PH_STORE_NOTE,
};

static bool is_change(uint16_t method)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
		if (changes[i] == method)
			return true;
	return false;
}

static void answer(struct ph_bell *bell, struct question *question)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_door_answer(
			bell->door, question->ticket, PH_CALL_FAILED, NULL, 0);
	} else {
		ph_write_map(writer);
		ph_put_u64(writer, "life", bell->life);
		ph_put_u64(writer, "count", bell->count);
		ph_write_end(writer);
		ph_answer_ok(bell->door, question->ticket, writer);
		ph_writer_free(writer);
	}
	DL_DELETE(bell->questions, question);
	bell->asking--;
	free(question);
}

static void arm(struct ph_bell *bell)
{
	const struct question *question;
	int64_t due = INT64_MAX;

	DL_FOREACH(bell->questions, question)
	{
		if (question->until < due)
			due = question->until;
	}
	if (due == INT64_MAX)
		ph_timer_stop(bell->loop, &bell->timer);
	else
		ph_timer_start(bell->loop, &bell->timer, due);
}

static void on_due(struct ph_timer *timer)
{
	struct ph_bell *bell =
		(struct ph_bell *)((char *)timer -
				   offsetof(struct ph_bell, timer));
	struct question *question;
	struct question *next;

	DL_FOREACH_SAFE(bell->questions, question, next)
	{
		if (question->until <= ph_loop_now(bell->loop))
			answer(bell, question);
	}
	arm(bell);
}

static void grow_stale(struct ph_bell *bell, struct question *question)
{
	int64_t soon = ph_loop_now(bell->loop) + PH_BELL_COLLECT;

	question->stale = true;
	if (soon < question->until)
		question->until = soon;
}

void ph_bell_ring(struct ph_bell *bell)
{
	struct question *question;
	bool news = false;

	bell->count++;
	DL_FOREACH(bell->questions, question)
	{
		if (question->stale)
			continue;
		grow_stale(bell, question);
		news = true;
	}
	if (news)
		arm(bell);
}

static void on_answered(void *context, const struct ph_call *call, int status)
{
	/* What failed has changed something, too, or may have. */
	if (is_change(call->method))
		ph_bell_ring(context);
}

/* What the same caller asked before is not waited for any more. */
static void supersede(struct ph_bell *bell, const char *caller)
{
	struct question *question;
	struct question *next;

	DL_FOREACH_SAFE(bell->questions, question, next)
	{
		if (!strcmp(question->caller, caller))
			answer(bell, question);
	}
}

static void ask(struct ph_bell *bell, struct ph_request *request,
	struct question *question)
{
	uint64_t life = ph_get_u64(request->arguments, "life");

	question->ticket = request->ticket;
	question->until = request->call->deadline - ANSWER_EARLY;
	snprintf(question->caller, sizeof(question->caller), "%s",
		request->call->caller->node);
	DL_APPEND(bell->questions, question);
	bell->asking++;
	/* The first answer is what the next question begins with. */
	if (life != bell->life)
		question->until = 0;
	else if (ph_get_u64(request->arguments, "count") != bell->count)
		grow_stale(bell, question);
	arm(bell);
}

static void serve_changed(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_bell *bell = context;
	struct question *question;
	struct ph_request request;
	struct ph_error error;

	if (ph_request_open(&request, bell->door, ticket, call))
		return;
	supersede(bell, call->caller->node);
	question = bell->asking < PH_BELL_ASKERS ? calloc(1, sizeof(*question))
						 : NULL;
	if (question) {
		ask(bell, &request, question);
	} else {
		ph_fail(&error, PH_EXIT_CONFLICT, "node.changed",
			"ask again later", "too many wait for changes here");
		ph_answer_error(bell->door, ticket, &error);
	}
	ph_request_close(&request);
}

int ph_bell_create(
	struct ph_bell **out, struct ph_loop *loop, struct ph_door *door)
{
	struct ph_bell *bell = calloc(1, sizeof(*bell));
	int error =
		bell ? ph_door_serve(door, PH_NODE_CHANGED, serve_changed, bell)
		     : -ENOMEM;

	if (error) {
		free(bell);
		return error;
	}
	bell->loop = loop;
	bell->door = door;
	bell->life = (uint64_t)ph_clock_wall();
	bell->timer.on_due = on_due;
	ph_door_listen(door, on_answered, bell);
	*out = bell;
	return 0;
}

void ph_bell_destroy(struct ph_bell *bell)
{
	if (!bell)
		return;
	ph_door_listen(bell->door, NULL, NULL);
	while (bell->questions) {
		struct question *question = bell->questions;

		DL_DELETE(bell->questions, question);
		free(question);
	}
	ph_timer_stop(bell->loop, &bell->timer);
	free(bell);
}
