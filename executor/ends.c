#include "executor/ends.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "kernel/clock.h"
#include "proto/calls.h"

/* So much before its deadline a question is answered, with nothing. */
#define ANSWER_EARLY (500 * PH_MILLISECOND)

struct named {
	char server[40];
	uint64_t run; /* 0: whichever it has */
};

struct question {
	ph_handle ticket;
	char caller[40];
	int64_t until; /* then it is answered in any case */
	struct question *prev, *next;
	unsigned count;
	struct named named[];
};

struct ph_ends {
	struct ph_loop *loop;
	struct ph_door *door;
	ph_ends_look_fn *look;
	void *context;
	uint64_t life; /* of this node: runs are numbered anew in each */
	struct ph_run_end kept[PH_ENDS_KEPT];
	unsigned next; /* in `kept`, the oldest */
	struct question *questions;
	unsigned count;
	struct ph_timer timer;
	struct ph_task task;
};

/* What became of one that is named: cause NONE while it runs. */
static struct ph_run_end find_end(
	const struct ph_ends *ends, const struct named *named)
{
	struct ph_run_end end = {0};

	snprintf(end.server, sizeof(end.server), "%s", named->server);
	ends->look(ends->context, &end);
	if (!named->run || end.run == named->run)
		return end;
	for (unsigned i = 0; i < PH_ENDS_KEPT; i++)
		if (ends->kept[i].run == named->run &&
			!strcmp(ends->kept[i].server, named->server))
			return ends->kept[i];
	end.run = named->run;
	end.cause = PH_END_ENDED;
	snprintf(end.reason, sizeof(end.reason), "a while ago");
	return end;
}

/* `tell`: what became of all that is named; else nothing. */
static void answer(
	struct ph_ends *ends, const struct question *question, bool tell)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer)) {
		ph_door_answer(
			ends->door, question->ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	ph_write_map(writer);
	ph_put_u64(writer, "life", ends->life);
	ph_put_list(writer, "items");
	for (unsigned i = 0; tell && i < question->count; i++) {
		struct ph_run_end end = find_end(ends, &question->named[i]);

		ph_write_map(writer);
		ph_run_end_write(writer, &end);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(ends->door, question->ticket, writer);
	ph_writer_free(writer);
}

static void remove_question(struct ph_ends *ends, struct question *question)
{
	DL_DELETE(ends->questions, question);
	ends->count--;
	free(question);
}

static void arm(struct ph_ends *ends)
{
	const struct question *question;
	int64_t next = INT64_MAX;

	DL_FOREACH(ends->questions, question)
	{
		if (question->until < next)
			next = question->until;
	}
	if (next == INT64_MAX)
		ph_timer_stop(ends->loop, &ends->timer);
	else
		ph_timer_start(ends->loop, &ends->timer, next);
}

static void look_round(struct ph_ends *ends)
{
	struct question *question;
	struct question *next;

	DL_FOREACH_SAFE(ends->questions, question, next)
	{
		if (question->until > ph_loop_now(ends->loop))
			continue;
		answer(ends, question, true);
		remove_question(ends, question);
	}
	arm(ends);
}

static void on_due(struct ph_timer *timer)
{
	look_round((struct ph_ends *)((char *)timer -
				      offsetof(struct ph_ends, timer)));
}

static void on_task(struct ph_task *task)
{
	look_round((struct ph_ends *)((char *)task -
				      offsetof(struct ph_ends, task)));
}

static bool names(const struct question *question, const struct ph_run_end *end)
{
	for (unsigned i = 0; i < question->count; i++)
		if (question->named[i].run == end->run &&
			!strcmp(question->named[i].server, end->server))
			return true;
	return false;
}

void ph_ends_note(struct ph_ends *ends, const struct ph_run_end *end)
{
	struct question *question;

	ends->kept[ends->next] = *end;
	ends->next = (ends->next + 1) % PH_ENDS_KEPT;
	DL_FOREACH(ends->questions, question)
	{
		if (!names(question, end))
			continue;
		question->until = 0;
		ph_loop_defer(ends->loop, &ends->task);
	}
}

/* What the same caller asked before is not waited for any more. */
static void supersede(struct ph_ends *ends, const char *caller)
{
	struct question *question;
	struct question *next;

	DL_FOREACH_SAFE(ends->questions, question, next)
	{
		if (strcmp(question->caller, caller))
			continue;
		answer(ends, question, false);
		remove_question(ends, question);
	}
}

/* One of those that it names is over already. */
static bool is_over(const struct ph_ends *ends, const struct question *question)
{
	for (unsigned i = 0; i < question->count; i++)
		if (find_end(ends, &question->named[i]).cause)
			return true;
	return false;
}

static struct question *read_question(
	const struct ph_ends *ends, const struct ph_request *request)
{
	struct ph_value servers = ph_value_get(request->arguments, "servers");
	size_t count = ph_value_count(servers);
	struct question *question;

	question = calloc(1, sizeof(*question) + count * sizeof(struct named));
	if (!question)
		return NULL;
	question->ticket = request->ticket;
	snprintf(question->caller, sizeof(question->caller), "%s",
		request->call->caller->node);
	question->until = request->call->deadline - ANSWER_EARLY;
	question->count = (unsigned)count;
	for (size_t i = 0; i < count; i++) {
		struct ph_value item = ph_value_at(servers, i);

		ph_get_copy(item, "server", question->named[i].server,
			sizeof(question->named[i].server));
		question->named[i].run = ph_get_u64(item, "run");
	}
	if (ph_get_bool(request->arguments, "fresh") || is_over(ends, question))
		question->until = 0;
	return question;
}

static void refuse(struct ph_request *request, const char *what)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_CONFLICT, "executor.await",
		"watch fewer at a time", "%s", what);
	ph_answer_error(request->door, request->ticket, &error);
}

static void serve_await(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_ends *ends = context;
	struct ph_request request;
	struct question *question;

	if (ph_request_open(&request, ends->door, ticket, call))
		return;
	supersede(ends, call->caller->node);
	if (ph_value_count(ph_value_get(request.arguments, "servers")) >
			PH_ENDS_NAMED ||
		ends->count >= PH_ENDS_ASKERS ||
		!(question = read_question(ends, &request))) {
		refuse(&request, "too much is being waited for here");
	} else {
		DL_APPEND(ends->questions, question);
		ends->count++;
		look_round(ends);
	}
	ph_request_close(&request);
}

int ph_ends_create(struct ph_ends **out, struct ph_loop *loop,
	struct ph_door *door, ph_ends_look_fn *look, void *context)
{
	struct ph_ends *ends = calloc(1, sizeof(*ends));
	int error = ends ? 0 : -ENOMEM;

	if (!error)
		error = ph_door_serve(
			door, PH_EXECUTOR_AWAIT, serve_await, ends);
	if (error) {
		free(ends);
		return error;
	}
	ends->loop = loop;
	ends->door = door;
	ends->look = look;
	ends->context = context;
	ends->life = (uint64_t)ph_clock_wall();
	ends->timer.on_due = on_due;
	ends->task.run = on_task;
	*out = ends;
	return 0;
}

void ph_ends_destroy(struct ph_ends *ends)
{
	if (!ends)
		return;
	while (ends->questions)
		remove_question(ends, ends->questions);
	ph_timer_stop(ends->loop, &ends->timer);
	ph_loop_cancel(ends->loop, &ends->task);
	free(ends);
}
