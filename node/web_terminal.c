#include "node/web_terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/boot.h"

/*
 * The loop's half of a page's terminals. What comes on an output waits here
 * until its pipes take it, within the credit that the page was given; what
 * comes for an input stays in its pipe until the page gives credit.
 */
#define POLICY 1008 /* RFC 6455 7.4.1 */

static const char *const directions[] = {"out", "mux", "in", "combine"};

static bool is_output(const struct web_port *port)
{
	return port->direction == PH_OUT || port->direction == PH_MUX;
}

static unsigned number_of(const struct web_port *port)
{
	return (unsigned)(port - port->owner->ports);
}

/* --- to the page --- */

static void close_page(struct web_terminal *page, const char *why)
{
	if (!page->gone)
		web_terminal_post(
			page, WEB_NOTE_CLOSE, POLICY, why, strlen(why));
}

static void send_map(struct web_terminal *page, struct ph_writer *writer)
{
	const uint8_t *data;
	size_t length;

	ph_write_end(writer);
	if (!page->gone && !ph_writer_finish(writer, &data, &length))
		web_terminal_post(page, WEB_NOTE_TEXT, 0, data, length);
	ph_writer_free(writer);
}

static struct ph_writer *begin_map(const char *type)
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
	struct ph_writer *writer = begin_map(type);

	ph_put_int(writer, "number", number_of(port));
	if (key)
		ph_put_int(writer, key, value);
	send_map(port->owner, writer);
}

static void refuse(struct web_terminal *page, const struct ph_error *error)
{
	struct ph_writer *writer = begin_map("error");

	ph_put_map(writer, "error");
	ph_put_int(writer, "exit", error->exit);
	ph_put_text(writer, "what", error->what);
	ph_put_text(writer, "where", error->where);
	ph_put_text(writer, "next", error->next);
	ph_write_end(writer);
	send_map(page, writer);
	close_page(page, error->what);
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
	if (!port->waiting || is_output(port))
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
		return 0;
	}
	return ph_terminal_send(
		port->terminal, held->flags, held->data, held->length);
}

static void pass_output(struct web_port *port)
{
	while (port->first) {
		struct web_held *held = port->first;
		int error = send_held(port, held);

		if (error == -EAGAIN || error == -ENOTCONN)
			break;
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
	if (is_output(port))
		pass_output(port);
}

static void on_closed(void *context, struct ph_terminal *terminal, int reason)
{
	struct web_port *port = context;

	if (!reason && !ph_terminal_pipes(terminal))
		say(port, "done", NULL, 0);
	say(port, "wired", "connections", ph_terminal_pipes(terminal));
	pass_output(port);
}

static const struct ph_terminal_ops terminal_ops = {
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

	if (!is_output(port) || (!end && (flags & ~PH_FRAME_FIN)) ||
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
		close_page(page, "say hello first");
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
		close_page(page, "no such record, or past the credit");
		return;
	}
	for (unsigned i = 0; i < page->count; i++)
		if (page->ports[i].first)
			pass_output(&page->ports[i]);
}

static void take_credit(struct web_port *port, int64_t bytes)
{
	if (is_output(port) || bytes < 0 ||
		bytes > WEB_TERMINAL_MOST - port->credit) {
		close_page(port->owner, "no such credit");
		return;
	}
	port->credit += bytes;
	pass_input(port);
}

/* --- hello --- */

static void token_over(struct ph_timer *timer)
{
	close_page((struct web_terminal *)((char *)timer -
					   offsetof(struct web_terminal,
						   patience)),
		"its token is over");
}

/* The page goes when its token does. */
static void keep_token(struct web_terminal *page, const struct web_token *token)
{
	struct ph_loop *loop = page->web->node->loop;

	if (!token)
		return;
	page->has_token = true;
	memcpy(page->hash, token->hash, sizeof(page->hash));
	page->patience.on_due = token_over;
	ph_timer_start(loop, &page->patience,
		ph_loop_now(loop) + token->until - ph_clock_wall());
}

static int may(struct web_terminal *page, struct ph_value hello,
	struct ph_error *error)
{
	struct web_claim claim = {.peer = &page->peer,
		.method = "POST",
		.uid = (uint32_t)getuid()};
	enum web_token_state state = WEB_TOKEN_NONE;
	const struct web_token *token = NULL;
	const char *why = "its role is less than wire";
	char text[WEB_TOKEN_GIVEN];
	int got;

	ph_get_copy(hello, "token", text, sizeof(text));
	if (text[0]) {
		token = web_token_find(page->web, text);
		state = token ? WEB_TOKEN_GOOD : WEB_TOKEN_BAD;
	}
	got = web_auth_role(
		&claim, state, token ? token->role : PH_ROLE_VIEW, &why);
	if (got >= (int)PH_ROLE_WIRE) {
		keep_token(page, token);
		return 0;
	}
	return ph_fail(error, PH_EXIT_DENIED, page->peer.source,
		"posthouse token wire makes a token for hello", "%s",
		got < 0 ? why : "its role is less than wire");
}

static int read_port(
	struct web_terminal *page, struct ph_value map, struct ph_error *error)
{
	struct web_port *port = &page->ports[page->count];
	struct ph_value credit = ph_value_get(map, "credit");
	char kind[16];
	unsigned i = 0;

	*port = (struct web_port){.owner = page};
	port->end = &port->first;
	ph_get_copy(map, "name", port->name, sizeof(port->name));
	ph_get_copy(map, "type", port->media, sizeof(port->media));
	ph_get_copy(map, "kind", kind, sizeof(kind));
	while (i < 4 && strcmp(directions[i], kind) != 0)
		i++;
	port->direction = (enum ph_direction)i;
	port->credit = i == PH_OUT || i == PH_MUX
			       ? WEB_TERMINAL_CREDIT
			       : ph_value_int(credit, WEB_TERMINAL_CREDIT);
	if (i == 4 || port->credit < 0 || port->credit > WEB_TERMINAL_MOST)
		return ph_fail(error, PH_EXIT_USAGE, port->name,
			"kind: in combine out mux; credit: at most 4194304",
			"a terminal cannot be read");
	if (ph_terminal_create(&page->web->node->kernel, port->direction,
		    &terminal_ops, port, &port->terminal))
		return ph_fail(error, PH_EXIT_NEGATIVE, port->name, "try again",
			"out of memory");
	page->count++;
	return 0;
}

static int read_ports(struct web_terminal *page, struct ph_value hello,
	struct ph_error *error)
{
	struct ph_value list = ph_value_get(hello, "terminals");
	size_t count = ph_value_count(list);

	if (!count || count > WEB_TERMINAL_PORTS)
		return ph_fail(error, PH_EXIT_USAGE, "terminals",
			"give 1 to 16 of {name kind type}", "%zu terminals",
			count);
	for (size_t i = 0; i < count; i++)
		if (read_port(page, ph_value_at(list, i), error))
			return -1;
	return 0;
}

static int make_identity(struct web_terminal *page, struct ph_value hello,
	struct ph_error *error)
{
	struct ph_node *node = page->web->node;
	struct ph_identity identity = {.auth = PH_AUTH_NO, .mechanism = "none"};

	ph_get_copy(hello, "server", page->server, sizeof(page->server));
	ph_boot_fqdn(identity.fqdn, sizeof(identity.fqdn), node->name);
	memcpy(identity.server, page->server, sizeof(identity.server));
	identity.class = (uint32_t)ph_get_u64(hello, "class");
	ph_get_copy(hello, "owner", identity.owner, sizeof(identity.owner));
	if (!identity.owner[0])
		snprintf(identity.owner, sizeof(identity.owner), "web");
	ph_server_uuid(identity.uuid, node->key, page->server);
	if (ph_name_is_valid(page->server, strlen(page->server)) &&
		ph_identity_format(
			&identity, page->identity, sizeof(page->identity)) >= 0)
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, page->server,
		"server: letters, digits, . _ - and at most 39 of them",
		"no such name or owner can be");
}

static void write_manifest(struct ph_writer *writer,
	const struct web_terminal *page, struct ph_value hello)
{
	struct ph_value caps = ph_value_get(hello, "caps");
	struct ph_value labels = ph_value_get(hello, "labels");

	ph_write_map(writer);
	ph_put_text(writer, "identity", page->identity);
	ph_put_text(writer, "server", page->server);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < page->count; i++) {
		const struct web_port *port = &page->ports[i];

		ph_write_map(writer);
		ph_put_text(writer, "name", port->name);
		ph_put_text(writer, "direction", directions[port->direction]);
		ph_put_text(writer, "type", port->media);
		ph_put_u64(
			writer, "handle", ph_terminal_handle(port->terminal));
		ph_write_end(writer);
	}
	ph_write_end(writer);
	if (ph_value_type(caps) == PH_LIST)
		ph_put_value(writer, "caps", caps);
	if (ph_value_type(labels) == PH_MAP)
		ph_put_value(writer, "labels", labels);
	ph_write_end(writer);
}

static void welcome(struct web_terminal *page)
{
	struct ph_writer *writer = begin_map("welcome");

	ph_put_text(writer, "node", page->web->node->name);
	ph_put_text(writer, "server", page->server);
	ph_put_text(writer, "identity", page->identity);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < page->count; i++) {
		ph_write_map(writer);
		ph_put_int(writer, "number", i);
		ph_put_text(writer, "name", page->ports[i].name);
		ph_put_int(writer, "credit",
			is_output(&page->ports[i]) ? page->ports[i].credit : 0);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	send_map(page, writer);
}

/* --- the guest book --- */

static void finish(struct web_terminal *page)
{
	if (!page->gone || page->calls || page->registered)
		return;
	DL_DELETE(page->web->terminals, page);
	web_terminal_post(page, WEB_NOTE_FREE, 0, NULL, 0);
}

static void on_unregistered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct web_terminal *page = context;

	page->calls--;
	finish(page);
}

static int call(struct web_terminal *page, uint16_t method,
	struct ph_writer *writer, ph_answer_fn *answer)
{
	struct ph_node *node = page->web->node;
	int error = ph_call_send(node->door, &ph_node_self, "", method, writer,
		ph_loop_now(node->loop), 10 * PH_SECOND, answer, page);

	page->calls += !error;
	return error;
}

static void destroy_ports(struct web_terminal *page)
{
	for (unsigned i = 0; i < page->count; i++) {
		struct web_port *port = &page->ports[i];

		ph_terminal_destroy(port->terminal);
		while (port->first) {
			struct web_held *held = port->first;

			port->first = held->next;
			free(held);
		}
	}
	page->count = 0;
	free(page->batch);
	page->batch = NULL;
	page->batched = 0;
}

static void leave(struct web_terminal *page)
{
	struct ph_writer *writer;

	destroy_ports(page);
	if (page->registered && !ph_writer_create(&writer)) {
		ph_write_map(writer);
		ph_put_text(writer, "server", page->server);
		ph_write_end(writer);
		call(page, PH_HOSTESS_UNREGISTER, writer, on_unregistered);
		ph_writer_free(writer);
		ph_log_info("web", "page.left server=%s", page->server);
	}
	page->registered = false;
}

static void on_registered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct web_terminal *page = context;
	struct ph_error error;

	page->calls--;
	page->registered = !status;
	if (page->gone) {
		leave(page);
		finish(page);
		return;
	}
	if (status) {
		ph_error_read(&error, status, body, length);
		refuse(page, &error);
		return;
	}
	ph_log_info("web", "page.came server=%s source=%s", page->server,
		page->peer.source);
	welcome(page);
}

static void take_hello(struct web_terminal *page, struct ph_value hello)
{
	struct ph_writer *writer;
	struct ph_error error;

	page->greeted = true;
	ph_timer_stop(page->web->node->loop, &page->patience);
	if (may(page, hello, &error) || make_identity(page, hello, &error) ||
		read_ports(page, hello, &error)) {
		refuse(page, &error);
		return;
	}
	if (ph_writer_create(&writer))
		abort();
	write_manifest(writer, page, hello);
	if (call(page, PH_HOSTESS_REGISTER, writer, on_registered)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, page->server, "try again",
			"the guest book cannot be asked");
		refuse(page, &error);
	}
	ph_writer_free(writer);
}

static void take_map(struct web_terminal *page, struct ph_value map)
{
	struct ph_value type = ph_value_get(map, "type");
	int64_t number = ph_value_int(ph_value_get(map, "number"), -1);

	if (!page->greeted && ph_value_is(type, "hello"))
		take_hello(page, map);
	else if (!page->registered || number < 0 || number >= page->count)
		close_page(page, "no such message, or no such terminal");
	else if (ph_value_is(type, "credit"))
		take_credit(&page->ports[number],
			ph_value_int(ph_value_get(map, "bytes"), -1));
	else if (ph_value_is(type, "consumed"))
		take_consumed(&page->ports[number]);
	else
		close_page(page, "no such message");
}

/* --- what came from the web thread --- */

static void patience_over(struct ph_timer *timer)
{
	close_page((struct web_terminal *)((char *)timer -
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
	leave(page);
	finish(page);
}

static void take_text(
	struct web_terminal *page, const uint8_t *data, size_t length)
{
	struct ph_document *document;

	if (ph_document_read(&document, data, length, PH_SKIM_PEER)) {
		close_page(page, "no such message");
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
		close_page(page, "its token was revoked");
}

void web_terminal_end_all(struct ph_web *web)
{
	struct web_terminal *page;

	DL_FOREACH(web->terminals, page)
	{
		ph_timer_stop(web->node->loop, &page->patience);
		destroy_ports(page);
	}
}
