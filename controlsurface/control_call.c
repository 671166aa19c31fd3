#include "controlsurface/control_inner.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/log.h"

/* A thousand wires are brought about a window at a time: the door and a
 * peer's line bound what they hold. */
#define CALLS_FLYING 128u

struct ph_control_call {
	struct ph_control *control; /* NULL: it is gone */
	struct ph_ask ask;
	struct ph_control_call *prev;
	struct ph_control_call *next;
	int status; /* non-zero: could not be written down */
	size_t length;
	uint8_t arguments[];
};

static const struct ph_caller self = {.role = PH_ROLE_EXEC};

struct ph_writer *ph_control_writer(struct ph_control *control)
{
	ph_writer_reset(control->writer);
	return control->writer;
}

/* Answered when it is done, not when it is heard. One may wait for another: a
 * wire that leaves, for the stop of what feeds it. */
static bool lasts(const struct ph_ask *ask)
{
	return ask->method == PH_WIRE_CLOSE || ask->method == PH_EXECUTOR_STOP;
}

static void call_reply(struct ph_control_call *call, int status,
	const uint8_t *body, size_t length)
{
	struct ph_reply reply = {.status = status};
	struct ph_document *document = NULL;
	bool near = !*call->ask.destination;

	if (!status && length &&
		ph_document_read(&document, body, length,
			near ? PH_SKIM_TABLE : PH_SKIM_PEER)) {
		reply.status = PH_CALL_FAILED;
		ph_fail(&reply.error, PH_EXIT_NEGATIVE, "",
			"see the versions of both nodes",
			"an answer that cannot be read");
	} else if (!status) {
		reply.body = document ? ph_document_root(document)
				      : (struct ph_value){NULL};
	} else {
		ph_error_read(&reply.error, status, body, length);
	}
	call->ask.reply(call->control, &call->ask, &reply);
	ph_document_free(document);
}

static void call_answered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_control_call *call = context;
	struct ph_control *control = call->control;

	if (control) {
		DL_DELETE(control->flying, call);
		control->flying_count -= !lasts(&call->ask);
		if (control->waiting)
			ph_loop_defer(control->config.loop, &control->pump);
		call_reply(call, status, body, length);
	}
	free(call);
}

static int call_send(struct ph_control *control, struct ph_control_call *call)
{
	struct ph_call message = {
		.method = call->ask.method,
		.caller = &self,
		.destination = call->ask.destination,
		.arguments = call->arguments,
		.length = call->length,
		.deadline =
			ph_loop_now(control->config.loop) + call->ask.timeout,
	};

	if (call->status)
		return call->status;
	return ph_door_call(
		control->config.door, &message, call_answered, call);
}

static void calls_pump(struct ph_task *task)
{
	struct ph_control *control =
		PH_CONTAINER(task, struct ph_control, pump);

	while (control->waiting && (control->flying_count < CALLS_FLYING ||
					   lasts(&control->waiting->ask))) {
		struct ph_control_call *call = control->waiting;

		DL_DELETE(control->waiting, call);
		if (!call_send(control, call)) {
			DL_APPEND(control->flying, call);
			control->flying_count += !lasts(&call->ask);
			continue;
		}
		call_reply(call, PH_CALL_UNREACHABLE, NULL, 0);
		free(call);
	}
}

void ph_control_ask(struct ph_control *control, const struct ph_ask *ask)
{
	const uint8_t *data = NULL;
	size_t length = 0;
	int status = ph_writer_finish(control->writer, &data, &length);
	struct ph_control_call *call;

	if (status)
		length = 0;
	call = calloc(1, sizeof(*call) + length);
	if (!call) {
		/* Whoever waits for it has a deadline of its own. */
		ph_log_error("control", "call.lost because=memory");
		return;
	}
	call->control = control;
	call->ask = *ask;
	call->status = status;
	if (!status) {
		memcpy(call->arguments, data, length);
		call->length = length;
	}
	DL_APPEND(control->waiting, call);
	ph_loop_defer(control->config.loop, &control->pump);
}

bool ph_reply_is_away(const struct ph_reply *reply, const char *node)
{
	const struct ph_error *error = &reply->error;

	return reply->status == PH_CALL_FAILED &&
	       (error->exit == PH_EXIT_UNREACHABLE ||
		       (error->exit == PH_EXIT_NOT_FOUND &&
			       !strcmp(error->where, node)));
}

static void told(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	char text[sizeof(reply->error.what)];

	/* What was to leave is not there: so be it. */
	if (reply->status && reply->error.exit != PH_EXIT_NOT_FOUND)
		ph_log_warn("control", "call.refused method=%s what=\"%s\"",
			ph_call_type(ask->method)->name,
			ph_log_escape(text, sizeof(text), reply->error.what,
				strlen(reply->error.what)));
}

void ph_control_tell_at(
	struct ph_control *control, const char *node, uint16_t method)
{
	struct ph_ask ask = {
		.method = method,
		.timeout = 2 * PH_ASK_HERE,
		.reply = told,
	};

	if (strcmp(node, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s", node);
	ph_control_ask(control, &ask);
}

void ph_control_tell(struct ph_control *control, uint16_t method)
{
	ph_control_tell_at(control, "", method);
}

void ph_control_note(struct ph_control *control, const char *actor,
	const char *why, const char *what, ...)
{
	struct ph_writer *writer = ph_control_writer(control);
	char text[256];
	va_list list;

	va_start(list, what);
	vsnprintf(text, sizeof(text), what, list);
	va_end(list);
	ph_write_map(writer);
	ph_put_text(writer, "actor", *actor ? actor : control->node);
	/* Cut within a character it would be no text. */
	text[ph_text_valid(text, strlen(text))] = '\0';
	ph_put_text(writer, "what", text);
	ph_put_text(writer, "why", why);
	ph_write_end(writer);
	ph_control_tell(control, PH_STORE_NOTE);
}

void ph_control_calls_init(struct ph_control *control)
{
	control->pump.run = calls_pump;
}

void ph_control_calls_fini(struct ph_control *control)
{
	struct ph_control_call *call;
	struct ph_control_call *next;

	ph_loop_cancel(control->config.loop, &control->pump);
	DL_FOREACH_SAFE(control->waiting, call, next)
	{
		DL_DELETE(control->waiting, call);
		free(call);
	}
	DL_FOREACH_SAFE(control->flying, call, next)
	{
		DL_DELETE(control->flying, call);
		call->control = NULL;
	}
}

void ph_control_work_begin(
	struct ph_control *control, struct ph_control_work *work)
{
	DL_APPEND(control->works, work);
}

void ph_control_work_end(
	struct ph_control *control, struct ph_control_work *work)
{
	DL_DELETE(control->works, work);
}
