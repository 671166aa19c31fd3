#include "controlsurface/views.h"

#include <stdlib.h>

/*
 * control.tap: copies of the next messages of an output, explicit and bounded.
 * The kernel shows every frame the output sends; here frames become messages,
 * of which the first 4 KiB are kept. The stream itself never waits: what passes
 * while no more is kept is counted, and the answer says so (`lost`).
 */
#define TAP_COUNT 1000
#define TAP_CUT	  ((size_t)4096)
#define TAP_BYTES ((size_t)1024 * 1024)
#define TAPS_MOST 16u

struct tap {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	ph_handle terminal;
	bool watching;
	bool asking; /* the Hostess has not answered yet */
	bool over;   /* answered: only her answer is awaited */
	struct ph_timer timer;
	struct ph_task full; /* not from within the kernel's call */
	unsigned count;
	unsigned want;
	size_t total;
	bool late; /* the message that passes began before the tap */
	uint64_t lost_messages; /* that passed and were not taken */
	uint64_t lost_bytes;
	uint64_t length; /* of the message that is passing */
	size_t kept;
	uint8_t message[TAP_CUT];
	struct ph_writer *writer;
	char address[160];
};

/* The observer leaves, if its terminal is still there. */
static void tap_stop(struct tap *tap)
{
	struct ph_terminal *terminal =
		ph_terminal_find(tap->control->config.kernel, tap->terminal);

	ph_timer_stop(tap->control->config.loop, &tap->timer);
	ph_loop_cancel(tap->control->config.loop, &tap->full);
	if (tap->watching && terminal)
		ph_terminal_set_tap(terminal, NULL, NULL);
	tap->watching = false;
}

static void tap_free(struct ph_control_work *work)
{
	struct tap *tap = (struct tap *)work;

	tap_stop(tap);
	ph_writer_free(tap->writer);
	free(tap);
}

static void tap_end(struct tap *tap, const struct ph_error *error)
{
	struct ph_control *control = tap->control;

	tap_stop(tap);
	if (error) {
		ph_answer_error(control->config.door, tap->ticket, error);
	} else {
		ph_write_end(tap->writer);
		ph_put_u64(tap->writer, "count", tap->count);
		ph_put_bool(
			tap->writer, "full", tap->total + TAP_CUT > TAP_BYTES);
		ph_put_map(tap->writer, "lost");
		ph_put_u64(tap->writer, "messages", tap->lost_messages);
		ph_put_u64(tap->writer, "bytes", tap->lost_bytes);
		ph_write_end(tap->writer);
		ph_write_end(tap->writer);
		ph_answer_ok(control->config.door, tap->ticket, tap->writer);
	}
	tap->over = true;
	if (tap->asking)
		return;
	ph_control_work_end(control, &tap->work);
	tap_free(&tap->work);
}

static void tap_due(struct ph_timer *timer)
{
	tap_end(PH_CONTAINER(timer, struct tap, timer), NULL);
}

static void tap_full(struct ph_task *task)
{
	tap_end(PH_CONTAINER(task, struct tap, full), NULL);
}

static void tap_message(struct tap *tap)
{
	ph_write_map(tap->writer);
	ph_put_u64(tap->writer, "n", ++tap->count);
	ph_put_u64(tap->writer, "length", tap->length);
	ph_put_bytes(tap->writer, "bytes", tap->message, tap->kept);
	ph_write_end(tap->writer);
	tap->total += tap->kept;
	tap->length = 0;
	tap->kept = 0;
}

/* Also the rest of a message whose beginning was before the tap. */
static void tap_lose(struct tap *tap, const struct ph_frame *frame)
{
	tap->lost_bytes += frame->length;
	tap->lost_messages += frame->flags & PH_FRAME_FIN;
	if (frame->flags & PH_FRAME_FIN)
		tap->late = false;
}

static void tap_frame(void *context, const struct ph_frame *frame)
{
	struct tap *tap = context;
	size_t room = TAP_CUT - tap->kept;
	size_t part = frame->length < room ? frame->length : room;

	if (ph_frame_is_control(frame->flags))
		return;
	if (tap->late || tap->full.queued || tap->count >= tap->want) {
		tap_lose(tap, frame);
		return;
	}
	if (part)
		memcpy(tap->message + tap->kept, frame->data, part);
	tap->kept += part;
	tap->length += frame->length;
	if (!(frame->flags & PH_FRAME_FIN))
		return;
	tap_message(tap);
	if (tap->count >= tap->want || tap->total + TAP_CUT > TAP_BYTES)
		ph_loop_defer(tap->control->config.loop, &tap->full);
}

static bool tap_is_taken(const struct tap *mine)
{
	const struct ph_control_work *work;

	for (work = mine->control->works; work; work = work->next) {
		const struct tap *tap = (const struct tap *)work;

		if (work->abandon == tap_free && tap != mine && tap->watching &&
			tap->terminal == mine->terminal)
			return true;
	}
	return false;
}

static int tap_watch(struct tap *tap, struct ph_error *error)
{
	struct ph_terminal *terminal =
		ph_terminal_find(tap->control->config.kernel, tap->terminal);

	if (!terminal)
		return ph_fail(error, PH_EXIT_NOT_FOUND, tap->address,
			"try again when its server runs",
			"that terminal is not there just now");
	if (!ph_wire_is_output(ph_terminal_direction(terminal)))
		return ph_fail(error, PH_EXIT_USAGE, tap->address,
			"tap the output that feeds it",
			"an input cannot be tapped");
	if (tap_is_taken(tap))
		return ph_fail(error, PH_EXIT_CONFLICT, tap->address,
			"try again when that is done",
			"somebody taps this output already");
	tap->watching = true;
	tap->late = ph_terminal_is_inside(terminal);
	ph_terminal_set_tap(terminal, tap_frame, tap);
	return 0;
}

static void tap_found(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct tap *tap = ask->context;
	struct ph_error error;

	tap->asking = false;
	tap->terminal = ph_get_u64(reply->body, "handle");
	if (tap->over) {
		ph_control_work_end(control, &tap->work);
		tap_free(&tap->work);
	} else if (reply->status) {
		tap_end(tap, &reply->error);
	} else if (tap_watch(tap, &error)) {
		tap_end(tap, &error);
	}
}

static void tap_ask(struct tap *tap, const struct ph_place *place)
{
	struct ph_writer *writer = ph_control_writer(tap->control);

	ph_write_map(writer);
	ph_put_text(writer, "server", place->server);
	ph_put_text(writer, "terminal", place->terminal);
	ph_write_end(writer);
	tap->asking = true;
	ph_control_ask(tap->control, &(struct ph_ask){
					     .method = PH_HOSTESS_FIND,
					     .timeout = PH_ASK_HERE,
					     .reply = tap_found,
					     .context = tap,
				     });
}

static int tap_check(struct ph_control *control,
	const struct ph_view_address *address, int64_t count,
	struct ph_error *error)
{
	const struct ph_control_work *work;
	unsigned taps = 0;

	for (work = control->works; work; work = work->next)
		taps += work->abandon == tap_free;
	if (!address->given || address->id || !*address->place.terminal)
		return ph_fail(error, PH_EXIT_USAGE, address->text,
			"write server:terminal", "a tap takes an output");
	if (*address->place.node && strcmp(address->place.node, control->node))
		return ph_fail(error, PH_EXIT_NOT_FOUND, control->node,
			"ask that node (--node)", "'%s' is not on this node",
			address->text);
	if (count < 1 || count > TAP_COUNT)
		return ph_fail(error, PH_EXIT_USAGE, "count",
			"take 1 to 1000 messages",
			"%lld messages cannot be taken", (long long)count);
	if (taps >= TAPS_MOST)
		return ph_fail(error, PH_EXIT_CONFLICT, control->node,
			"try again when one is done",
			"%u outputs are tapped here", taps);
	return 0;
}

static struct tap *tap_make(struct ph_control *control,
	const struct ph_call *call, ph_handle ticket,
	const struct ph_view_address *address, unsigned count)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int64_t now = ph_loop_now(control->config.loop);

	if (!tap || ph_writer_create(&tap->writer)) {
		free(tap);
		return NULL;
	}
	tap->work.abandon = tap_free;
	tap->control = control;
	tap->ticket = ticket;
	tap->want = count;
	tap->timer.on_due = tap_due;
	tap->full.run = tap_full;
	memcpy(tap->address, address->text, sizeof(tap->address));
	ph_write_map(tap->writer);
	ph_put_list(tap->writer, "items");
	ph_control_work_begin(control, &tap->work);
	ph_timer_start(control->config.loop, &tap->timer,
		now + (call->deadline - now) / 10 * 9);
	return tap;
}

void ph_control_serve_tap(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_view_address address;
	struct ph_request request;
	struct ph_error error;
	struct tap *tap = NULL;
	int64_t count;

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (ph_view_open(&address, &request))
		goto out;
	count = ph_get_int(request.arguments, "count");
	if (!tap_check(control, &address, count, &error)) {
		tap = tap_make(
			control, call, ticket, &address, (unsigned)count);
		if (!tap)
			ph_fail(&error, PH_EXIT_NEGATIVE, "", "free memory",
				"out of memory");
	}
	if (!tap) {
		ph_answer_error(control->config.door, ticket, &error);
		goto out;
	}
	/* Looking into a stream leaves a trace. */
	ph_control_note(control, call->caller->node, "",
		"tap %s, %lld messages", address.text, (long long)count);
	tap_ask(tap, &address.place);
out:
	ph_request_close(&request);
}
