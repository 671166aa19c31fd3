#include "node/web_terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

/*
 * The loop's half of a page's terminals. What comes on an output waits here
 * until its pipes take it, within the credit that the page was given; what
 * comes for an input stays in its pipe until the page gives credit.
 *
 * A stream that was finished holds up the next one: pipes take nothing behind
 * END. Once all of them have left, the next stream goes to who is wired then.
 */
#define POLICY 1008 /* RFC 6455 7.4.1 */

static unsigned number_of(const struct web_port *port)
{
	return (unsigned)(port - port->owner->ports);
}

/* --- to the page --- */

void web_terminal_close(struct web_terminal *page, const char *why)
{
	if (!page->gone)
		web_terminal_post(
			page, WEB_NOTE_CLOSE, POLICY, why, strlen(why));
}

void web_terminal_send_map(struct web_terminal *page, struct ph_writer *writer)
{
	const uint8_t *data;
	size_t length;

	ph_write_end(writer);
	if (!page->gone && !ph_writer_finish(writer, &data, &length))
		web_terminal_post(page, WEB_NOTE_TEXT, 0, data, length);
	ph_writer_free(writer);
}

struct ph_writer *web_terminal_begin_map(const char *type)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		abort();
	ph_write_map(writer);
	ph_put_text(writer, "type", type);
	return writer;
}

static void say(
	struct web_port *port, const char *type, const char *key, int64_t value)
{
	struct ph_writer *writer = web_terminal_begin_map(type);

	ph_put_int(writer, "number", number_of(port));
	if (key)
		ph_put_int(writer, key, value);
	web_terminal_send_map(port->owner, writer);
}

static void flush(struct web_terminal *page)
{
	if (page->batched && !page->gone)
		web_terminal_post(
			page, WEB_NOTE_BINARY, 0, page->batch, page->batched);
	page->batched = 0;
}

static int put_record(struct web_port *port, const struct ph_frame *frame)
{
	struct web_terminal *page = port->owner;
	size_t whole = WEB_TERMINAL_RECORD + frame->length;
	size_t room = WEB_TERMINAL_BATCH + WEB_TERMINAL_RECORD + PH_FRAME_MAX;
	uint8_t *at;

	if (!page->batch)
		page->batch = malloc(room);
	if (!page->batch)
		return -1;
	at = page->batch + page->batched;
	at[0] = (uint8_t)number_of(port);
	ph_frame_header(at + 1, frame->length, frame->flags);
	if (frame->length)
		memcpy(at + WEB_TERMINAL_RECORD, frame->data, frame->length);
	page->batched += whole;
	if (page->batched >= WEB_TERMINAL_BATCH)
		flush(page);
	return 0;
}

/* --- inputs --- */

static void pass_input(struct web_port *port)
{
	struct ph_frame frame;

	while (!port->waiting && !port->owner->gone &&
		ph_terminal_receive(port->terminal, &frame, NULL)) {
		bool end = frame.flags & (PH_FRAME_END | PH_FRAME_CUT);

		if (!ph_frame_is_control(frame.flags)) {
			if (frame.length > port->credit)
				break;
			port->credit -= frame.length;
		}
		if (put_record(port, &frame))
			break;
		if (end) {
			port->waiting = true;
			break;
		}
		ph_terminal_release(port->terminal);
	}
	flush(port->owner);
}

static void on_readable(void *context, struct ph_terminal *terminal)
{
	pass_input(context);
}

static void take_consumed(struct web_port *port)
{
	if (!port->waiting || web_port_is_output(port))
		return;
	port->waiting = false;
	ph_terminal_release(port->terminal);
	pass_input(port);
}

/* --- outputs --- */

static int send_held(struct web_port *port, const struct web_held *held)
{
	if (held->flags & PH_FRAME_END) {
		if (!ph_terminal_pipes(port->terminal))
			return -ENOTCONN;
		ph_terminal_finish(port->terminal);
		port->ending = true;
		return 0;
	}
	return ph_terminal_send(
		port->terminal, held->flags, held->data, held->length);
}

static void pass_output(struct web_port *port)
{
	while (port->first && !port->ending) {
		struct web_held *held = port->first;
		int error = send_held(port, held);

		/* -EPIPE: its pipe has broken, on_closed is on the way. */
		if (error == -EAGAIN || error == -ENOTCONN || error == -EPIPE)
			break;
		if (error) {
			web_terminal_close(port->owner, "out of memory");
			break;
		}
		port->spent += held->length;
		port->first = held->next;
		port->held--;
		if (!port->first)
			port->end = &port->first;
		free(held);
	}
	if (port->spent && (!port->first || port->spent >= 64 * 1024)) {
		port->credit += port->spent;
		say(port, "credit", "bytes", port->spent);
		port->spent = 0;
	}
}

static void on_output_room(void *context, struct ph_terminal *terminal)
{
	pass_output(context);
}

static void on_connected(void *context, struct ph_terminal *terminal)
{
	struct web_port *port = context;

	say(port, "wired", "connections", ph_terminal_pipes(terminal));
	if (web_port_is_output(port))
		pass_output(port);
}

static void on_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct web_port *port = context;

	port->cut |= port->ending && reason;
	if (port->ending && !ph_terminal_pipe(terminal, 0)) {
		say(port, port->cut ? "cut" : "done", NULL, 0);
		port->ending = port->cut = false;
	}
	say(port, "wired", "connections", ph_terminal_pipes(terminal));
	pass_output(port);
}

const struct ph_terminal_ops web_terminal_ops = {
	.on_connected = on_connected,
	.on_room = on_output_room,
	.on_readable = on_readable,
	.on_closed = on_closed,
};

/* --- what the page says --- */

static int take_record(struct web_port *port, uint8_t flags,
	const uint8_t *data, uint32_t length)
{
	bool end = flags == PH_FRAME_END && !length;
	struct web_held *held;

	if (!web_port_is_output(port) || (!end && (flags & ~PH_FRAME_FIN)) ||
		length > PH_FRAME_MAX || length > port->credit ||
		port->held == WEB_TERMINAL_HELD)
		return -1;
	held = malloc(sizeof(*held) + length);
	if (!held)
		return -1;
	*held = (struct web_held){.length = length, .flags = flags};
	if (length)
		memcpy(held->data, data, length);
	port->credit -= length;
	port->held++;
	*port->end = held;
	port->end = &held->next;
	return 0;
}

static void take_binary(
	struct web_terminal *page, const uint8_t *data, size_t length)
{
	size_t at = 0;

	if (!page->registered) {
		web_terminal_close(page, "say hello first");
		return;
	}
	while (at < length) {
		const uint8_t *record = data + at;
		uint32_t size;

		if (length - at < WEB_TERMINAL_RECORD ||
			record[0] >= page->count)
			break;
		size = ph_frame_length(record + 1);
		if (size > length - at - WEB_TERMINAL_RECORD ||
			take_record(&page->ports[record[0]], record[4],
				record + WEB_TERMINAL_RECORD, size))
			break;
		at += WEB_TERMINAL_RECORD + size;
	}
	if (at < length) {
		web_terminal_close(page, "no such record, or past the credit");
		return;
	}
	for (unsigned i = 0; i < page->count; i++)
		if (page->ports[i].first)
			pass_output(&page->ports[i]);
}

static void take_credit(struct web_port *port, int64_t bytes)
{
	if (web_port_is_output(port) || bytes < 0 ||
		bytes > WEB_TERMINAL_MOST - port->credit) {
		web_terminal_close(port->owner, "no such credit");
		return;
	}
	port->credit += bytes;
	pass_input(port);
}

static void take_map(struct web_terminal *page, struct ph_value map)
{
	struct ph_value type = ph_value_get(map, "type");
	int64_t number = ph_value_int(ph_value_get(map, "number"), -1);

	if (!page->greeted && ph_value_is(type, "hello"))
		web_terminal_hello(page, map);
	else if (!page->registered || number < 0 || number >= page->count)
		web_terminal_close(
			page, "no such message, or no such terminal");
	else if (ph_value_is(type, "credit"))
		take_credit(&page->ports[number],
			ph_value_int(ph_value_get(map, "bytes"), -1));
	else if (ph_value_is(type, "consumed"))
		take_consumed(&page->ports[number]);
	else
		web_terminal_close(page, "no such message");
}

/* --- what came from the web thread --- */

static void patience_over(struct ph_timer *timer)
{
	web_terminal_close((struct web_terminal *)((char *)timer -
						   offsetof(struct web_terminal,
							   patience)),
		"no hello");
}

static void take_open(struct web_terminal *page)
{
	struct ph_loop *loop = page->web->node->loop;

	DL_APPEND(page->web->terminals, page);
	page->patience.on_due = patience_over;
	ph_timer_start(loop, &page->patience,
		ph_loop_now(loop) + WEB_TERMINAL_PATIENCE);
}

static void take_close(struct web_terminal *page)
{
	bool known = page->patience.on_due != NULL;

	page->gone = true;
	if (!known) { /* never came so far as to open */
		web_terminal_post(page, WEB_NOTE_FREE, 0, NULL, 0);
		return;
	}
	ph_timer_stop(page->web->node->loop, &page->patience);
	web_terminal_leave(page);
}

static void take_text(
	struct web_terminal *page, const uint8_t *data, size_t length)
{
	struct ph_document *document;

	if (ph_document_read(&document, data, length, PH_SKIM_PEER)) {
		web_terminal_close(page, "no such message");
		return;
	}
	take_map(page, ph_document_root(document));
	ph_document_free(document);
}

/* One message less is on its way; the page is read again when half are. */
static void taken(struct web_terminal *page, size_t length)
{
	unsigned notes = atomic_fetch_sub(&page->notes, 1) - 1;
	unsigned bytes = atomic_fetch_sub(&page->bytes, (unsigned)length) -
			 (unsigned)length;

	if (notes <= WEB_TERMINAL_NOTES / 2 &&
		bytes <= WEB_TERMINAL_BYTES / 2 && !page->gone &&
		atomic_exchange(&page->held, false))
		web_terminal_post(page, WEB_NOTE_READ, 0, NULL, 0);
}

void web_terminal_take(struct ph_task *task)
{
	struct web_note *note =
		(struct web_note *)((char *)task -
				    offsetof(struct web_note, task));
	struct web_terminal *page = note->owner;

	if (note->kind == WEB_NOTE_OPEN)
		take_open(page);
	else if (note->kind == WEB_NOTE_TEXT)
		take_text(page, note->data, note->length);
	else if (note->kind == WEB_NOTE_BINARY)
		take_binary(page, note->data, note->length);
	/* After it the page may be no more. */
	if (note->kind == WEB_NOTE_CLOSE)
		take_close(page);
	else if (note->kind != WEB_NOTE_OPEN)
		taken(page, note->length);
	free(note);
}

void web_terminal_revoke(struct ph_web *web, const uint8_t hash[16])
{
	struct web_terminal *page;

	DL_FOREACH(web->terminals, page)
	if (page->has_token && !memcmp(page->hash, hash, sizeof(page->hash)))
		web_terminal_close(page, "its token was revoked");
}

void web_terminal_end_all(struct ph_web *web)
{
	struct web_terminal *page;

	DL_FOREACH(web->terminals, page)
	{
		ph_timer_stop(web->node->loop, &page->patience);
		ph_unregister_fini(&page->unregister);
		web_terminal_destroy_ports(page);
	}
}
