#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <utlist.h>

#include "kernel/log.h"
#include "node/boot.h"
#include "node/web_terminal.h"

/* A page as a guest: its hello, what it may, its entry in the guest book, and
 * how it leaves. */
static const char *const directions[] = {"out", "mux", "in", "combine"};

static void refuse(struct web_terminal *page, const struct ph_error *error)
{
	struct ph_writer *writer = web_terminal_begin_map("error");

	ph_put_map(writer, "error");
	ph_put_int(writer, "exit", error->exit);
	ph_put_text(writer, "what", error->what);
	ph_put_text(writer, "where", error->where);
	ph_put_text(writer, "next", error->next);
	ph_write_end(writer);
	web_terminal_send_map(page, writer);
	web_terminal_close(page, error->what);
}

/* --- hello --- */

static void token_over(struct ph_timer *timer)
{
	web_terminal_close((struct web_terminal *)((char *)timer -
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
		.passed_on = page->passed_on,
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
		    &web_terminal_ops, port, &port->terminal))
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
	struct ph_writer *writer = web_terminal_begin_map("welcome");

	ph_put_text(writer, "node", page->web->node->name);
	ph_put_text(writer, "server", page->server);
	ph_put_text(writer, "identity", page->identity);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < page->count; i++) {
		ph_write_map(writer);
		ph_put_int(writer, "number", i);
		ph_put_text(writer, "name", page->ports[i].name);
		ph_put_int(writer, "credit",
			web_port_is_output(&page->ports[i])
				? page->ports[i].credit
				: 0);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	web_terminal_send_map(page, writer);
}

/* --- the guest book --- */

static void finish(struct web_terminal *page)
{
	if (!page->gone || page->calls || page->registered)
		return;
	DL_DELETE(page->web->terminals, page);
	web_terminal_post(page, WEB_NOTE_FREE, 0, NULL, 0);
}

static void on_unregistered(void *context)
{
	struct web_terminal *page = context;

	page->calls--;
	finish(page);
}

void web_terminal_destroy_ports(struct web_terminal *page)
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

void web_terminal_leave(struct web_terminal *page)
{
	struct ph_node *node = page->web->node;

	web_terminal_destroy_ports(page);
	if (page->registered) {
		page->registered = false;
		page->calls++;
		ph_log_info("web", "page.left server=%s", page->server);
		ph_unregister_begin(&page->unregister, node->loop, node->door,
			page->server, on_unregistered, page);
	}
	finish(page);
}

static void on_registered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct web_terminal *page = context;
	struct ph_error error;

	page->calls--;
	page->registered = !status;
	if (page->gone) {
		web_terminal_leave(page);
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

static int ask_in(struct web_terminal *page, struct ph_writer *writer)
{
	struct ph_node *node = page->web->node;
	int error = ph_call_send(node->door, &ph_node_self, "",
		PH_HOSTESS_REGISTER, writer, ph_loop_now(node->loop),
		10 * PH_SECOND, on_registered, page);

	page->calls += !error;
	return error;
}

void web_terminal_hello(struct web_terminal *page, struct ph_value hello)
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
	if (ask_in(page, writer)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, page->server, "try again",
			"the guest book cannot be asked");
		refuse(page, &error);
	}
	ph_writer_free(writer);
}
