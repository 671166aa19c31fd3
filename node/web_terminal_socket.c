#include <stdlib.h>
#include <string.h>

#include "node/json.h"
#include "node/web_terminal.h"

/* The web thread's half of a page's terminals. */

static void tell(struct web_terminal *page, enum web_note_kind kind,
	const void *data, size_t length)
{
	struct web_note *note = malloc(sizeof(*note) + length);

	if (!note)
		abort(); /* a lost note would hold the page for ever */
	*note = (struct web_note){
		.owner = page, .kind = kind, .length = length};
	if (length)
		memcpy(note->data, data, length);
	note->task.run = web_terminal_take;
	ph_loop_post(page->web->node->loop, &note->task);
}

/* A message of the page. A loop that is busy is not buried in them. */
static void pass(struct web_terminal *page, enum web_note_kind kind,
	const void *data, size_t length)
{
	bool many = atomic_fetch_add(&page->notes, 1) + 1 >= WEB_TERMINAL_NOTES;
	bool large =
		atomic_fetch_add(&page->bytes, (unsigned)length) + length >=
		WEB_TERMINAL_BYTES;

	/* Before it is told: the loop may have taken it at once. */
	if ((many || large) && !atomic_exchange(&page->held, true))
		ph_websocket_read(page->socket, false);
	tell(page, kind, data, length);
}

static void on_open(void *own, struct ph_websocket *socket)
{
	struct web_terminal *page = own;

	page->socket = socket;
	tell(page, WEB_NOTE_OPEN, NULL, 0);
}

static int on_text(
	struct web_terminal *page, const uint8_t *data, size_t length)
{
	struct ph_writer *writer;
	const uint8_t *map;
	size_t size;
	char why[200];
	int code = 1008;

	if (ph_writer_create(&writer))
		return 1011;
	if (!ph_json_read(
		    writer, (const char *)data, length, why, sizeof(why)) &&
		!ph_writer_finish(writer, &map, &size)) {
		pass(page, WEB_NOTE_TEXT, map, size);
		code = 0;
	}
	ph_writer_free(writer);
	return code;
}

static int on_message(
	void *own, const uint8_t *data, size_t length, bool binary)
{
	if (!binary)
		return on_text(own, data, length);
	pass(own, WEB_NOTE_BINARY, data, length);
	return 0;
}

static int send_note(struct web_terminal *page, const struct web_note *note)
{
	struct ph_document *document;
	char *text;
	int code;

	if (note->kind == WEB_NOTE_BINARY)
		return ph_websocket_send(
			page->socket, note->data, note->length, true);
	if (ph_document_read(
		    &document, note->data, note->length, PH_SKIM_TABLE))
		return 0;
	text = ph_json_text(ph_document_root(document));
	ph_document_free(document);
	code = text ? ph_websocket_send(page->socket, text, strlen(text), false)
		    : 0;
	free(text);
	return code;
}

/* What waits because the page is slow; at most its credit. */
static void send_pending(struct web_terminal *page)
{
	while (page->pending && page->socket) {
		struct web_note *note = page->pending;

		if (note->kind == WEB_NOTE_CLOSE)
			ph_websocket_close(
				page->socket, note->code, (char *)note->data);
		else if (send_note(page, note))
			return;
		page->pending = note->next;
		if (!page->pending)
			page->pending_end = &page->pending;
		free(note);
	}
}

static void on_room(void *own)
{
	send_pending(own);
}

static void drop_pending(struct web_terminal *page)
{
	while (page->pending) {
		struct web_note *note = page->pending;

		page->pending = note->next;
		free(note);
	}
	page->pending_end = &page->pending;
}

static void on_closed(void *own)
{
	struct web_terminal *page = own;

	page->socket = NULL;
	drop_pending(page);
	tell(page, WEB_NOTE_CLOSE, NULL, 0);
}

static void arrive(struct ph_http_task *task)
{
	struct web_note *note =
		(struct web_note *)((char *)task -
				    offsetof(struct web_note, back));
	struct web_terminal *page = note->owner;

	if (note->kind == WEB_NOTE_FREE) {
		drop_pending(page);
		page->web->pages--;
		free(page);
		free(note);
		return;
	}
	if (!page->socket || note->kind == WEB_NOTE_READ) {
		if (page->socket)
			ph_websocket_read(page->socket, true);
		free(note);
		return;
	}
	*page->pending_end = note;
	page->pending_end = &note->next;
	send_pending(page);
}

static void dropped(struct ph_http_task *task)
{
	free((char *)task - offsetof(struct web_note, back));
}

void web_terminal_post(struct web_terminal *page, enum web_note_kind kind,
	unsigned code, const void *data, size_t length)
{
	struct web_note *note = malloc(sizeof(*note) + length + 1);

	if (!note)
		abort();
	*note = (struct web_note){
		.owner = page, .kind = kind, .code = code, .length = length};
	if (length)
		memcpy(note->data, data, length);
	note->data[length] = 0;
	note->back.run = arrive;
	note->back.drop = dropped;
	ph_http_post(page->web->http, &note->back);
}

static const struct ph_websocket_events events_of_pages = {
	on_open, on_message, on_room, on_closed};

int web_terminal_open(struct ph_web *web, struct ph_exchange *exchange,
	const struct ph_websocket_events **events, void **own)
{
	struct web_terminal *page;

	if (web->pages >= WEB_TERMINALS)
		return 503;
	page = calloc(1, sizeof(*page));
	if (!page)
		return 503;
	web->pages++;
	page->web = web;
	page->peer = *ph_exchange_peer(exchange);
	page->passed_on = web_claim_of(web, exchange).passed_on;
	page->pending_end = &page->pending;
	*events = &events_of_pages;
	*own = page;
	return 0;
}
