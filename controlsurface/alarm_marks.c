#include "controlsurface/alarm_marks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

#include "kernel/clock.h"

#define STORE_CALL (20 * PH_SECOND)
#define SHELF_MOST (INT64_C(30) * 86400 * PH_SECOND)

static bool mark_is(
	const struct ph_mark *mark, const char *alarm, const char *verb)
{
	return !strcmp(mark->alarm, alarm) && !strcmp(mark->verb, verb);
}

static void mark_drop(struct ph_control *control, struct ph_mark *mark)
{
	DL_DELETE(control->marks, mark);
	control->mark_count--;
	free(mark);
}

/* Takes it; the one that said the same before goes, and when there are too
 * many, the oldest. */
static void mark_enter(struct ph_control *control, struct ph_mark *mark)
{
	struct ph_mark *old;
	struct ph_mark *next;

	DL_FOREACH_SAFE(control->marks, old, next)
	{
		if (mark_is(old, mark->alarm, mark->verb))
			mark_drop(control, old);
	}
	while (control->mark_count >= PH_MARKS_MOST)
		mark_drop(control, control->marks);
	DL_APPEND(control->marks, mark);
	control->mark_count++;
}

static void mark_key(const struct ph_mark *mark, char *out, size_t size)
{
	snprintf(out, size, "%s %s", mark->verb, mark->alarm);
}

static void write_mark(struct ph_writer *writer, const struct ph_mark *mark)
{
	ph_write_map(writer);
	ph_put_text(writer, "kind", "mark");
	ph_put_text(writer, "alarm", mark->alarm);
	ph_put_text(writer, "verb", mark->verb);
	ph_put_text(writer, "by", mark->by);
	ph_put_text(writer, "why", mark->why);
	ph_put_int(writer, "at", mark->at);
	ph_put_int(writer, "until", mark->until);
	ph_write_end(writer);
}

void ph_marks_write(struct ph_control *control, struct ph_writer *writer)
{
	const struct ph_mark *mark;

	DL_FOREACH(control->marks, mark)
	write_mark(writer, mark);
}

int ph_mark_restore(
	struct ph_control *control, const uint8_t *record, size_t length)
{
	struct ph_document *document;
	struct ph_mark *mark;
	struct ph_value map;

	if (ph_document_read(&document, record, length, PH_SKIM_TABLE))
		return -EBADMSG;
	mark = calloc(1, sizeof(*mark));
	if (mark) {
		map = ph_document_root(document);
		ph_get_copy(map, "alarm", mark->alarm, sizeof(mark->alarm));
		ph_get_copy(map, "verb", mark->verb, sizeof(mark->verb));
		ph_get_copy(map, "by", mark->by, sizeof(mark->by));
		ph_get_copy(map, "why", mark->why, sizeof(mark->why));
		mark->at = ph_get_int(map, "at");
		mark->until = ph_get_int(map, "until");
		mark_enter(control, mark);
	}
	ph_document_free(document);
	return mark ? 0 : -ENOMEM;
}

void ph_marks_fini(struct ph_control *control)
{
	while (control->marks)
		mark_drop(control, control->marks);
}

/* --- control.ack, control.shelve, control.unshelve --- */

struct marking {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	struct ph_mark *mark;
	bool drop;
};

static void marking_free(struct ph_control_work *work)
{
	struct marking *marking = (struct marking *)work;

	free(marking->mark);
	free(marking);
}

static void drop_marked(struct ph_control *control, const struct ph_mark *like)
{
	struct ph_mark *mark;
	struct ph_mark *next;

	DL_FOREACH_SAFE(control->marks, mark, next)
	{
		if (mark_is(mark, like->alarm, like->verb))
			mark_drop(control, mark);
	}
}

static void marked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct marking *marking = ask->context;
	const struct ph_mark *mark = marking->mark;

	if (reply->status) {
		ph_answer_error(
			control->config.door, marking->ticket, &reply->error);
	} else {
		ph_control_note(control, mark->by, mark->why, "alarm %s %s%s",
			mark->alarm, marking->drop ? "un" : "", mark->verb);
		if (marking->drop) {
			drop_marked(control, mark);
		} else {
			mark_enter(control, marking->mark);
			marking->mark = NULL;
		}
		ph_answer_ok(control->config.door, marking->ticket, NULL);
	}
	ph_control_work_end(control, &marking->work);
	marking_free(&marking->work);
}

static void marking_store(struct marking *marking)
{
	struct ph_control *control = marking->control;
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_writer *record;
	const uint8_t *data;
	size_t length;
	char key[PH_ALARM_ID + 10];

	mark_key(marking->mark, key, sizeof(key));
	ph_write_map(writer);
	ph_put_text(writer, "space", "alarms");
	ph_put_text(writer, "key", key);
	if (!marking->drop && !ph_writer_create(&record)) {
		write_mark(record, marking->mark);
		if (!ph_writer_finish(record, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
	ph_control_ask(
		control, &(struct ph_ask){
				 .method = marking->drop ? PH_STORE_DELETE
							 : PH_STORE_PUT,
				 .timeout = STORE_CALL,
				 .reply = marked,
				 .context = marking,
			 });
}

static int mark_read(struct ph_control *control, struct ph_mark *mark,
	const struct ph_request *request, const char *verb,
	struct ph_error *error)
{
	struct ph_value arguments = request->arguments;
	const char *caller = request->call->caller->node;
	int64_t lasts = ph_get_int(arguments, "for");

	ph_get_copy(arguments, "alarm", mark->alarm, sizeof(mark->alarm));
	ph_get_copy(arguments, "why", mark->why, sizeof(mark->why));
	snprintf(mark->verb, sizeof(mark->verb), "%s", verb);
	snprintf(mark->by, sizeof(mark->by), "%s",
		*caller ? caller : control->node);
	mark->at = ph_clock_wall();
	if (strncmp(mark->alarm, "a-", 2) != 0 ||
		strlen(mark->alarm) != PH_ALARM_ID - 1)
		return ph_fail(error, PH_EXIT_USAGE, "alarm",
			"posthouse alarms shows the ids",
			"that is no alarm's id");
	if (ph_value_type(ph_value_get(arguments, "for")) == PH_NIL)
		return 0;
	if (lasts < PH_SECOND || lasts > SHELF_MOST)
		return ph_fail(error, PH_EXIT_USAGE, "for",
			"say 1s to 720h: what is never to be seen again does "
			"not belong into the file",
			"that is no time to shelve an alarm for");
	mark->until = mark->at + lasts;
	return 0;
}

static void serve(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call, const char *verb, bool drop)
{
	struct ph_error error = {.exit = PH_EXIT_NEGATIVE};
	struct marking *marking;
	struct ph_request request;
	bool good = false;

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	marking = calloc(1, sizeof(*marking));
	if (marking && (marking->mark = calloc(1, sizeof(*marking->mark))))
		good = !mark_read(
			control, marking->mark, &request, verb, &error);
	ph_request_close(&request);
	if (!good) {
		ph_answer_error(control->config.door, ticket, &error);
		if (marking)
			marking_free(&marking->work);
		return;
	}
	marking->work.abandon = marking_free;
	marking->control = control;
	marking->ticket = ticket;
	marking->drop = drop;
	ph_control_work_begin(control, &marking->work);
	marking_store(marking);
}

void ph_control_serve_ack(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, "ack", false);
}

void ph_control_serve_shelve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, "shelve", false);
}

void ph_control_serve_unshelve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	serve(context, ticket, call, "shelve", true);
}
