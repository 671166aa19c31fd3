#include "hostess/menu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "proto/address.h"
#include "proto/calls.h"

struct ph_menu_look {
	struct ph_menu *menu; /* NULL: the Hostess is gone */
	void (*done)(void *context, bool gone);
	void *context;
	struct ph_menu_look *prev, *next;
};

/* States of a connection in which its output feeds nobody. */
static bool state_is_idle(struct ph_value state)
{
	static const char *const idle[] = {
		"declared", "reserving", "closed", "failed"};

	for (size_t i = 0; i < sizeof(idle) / sizeof(idle[0]); i++)
		if (ph_value_is(state, idle[i]))
			return true;
	return false;
}

/* The output that a connection of this node comes from, or NULL. */
static struct ph_guest_terminal *menu_output(
	struct ph_menu *menu, struct ph_value item)
{
	struct ph_guest *guest;
	struct ph_place place;
	char from[160];

	if (ph_place_parse(
		    &place, ph_get_copy(item, "from", from, sizeof(from))) < 0)
		return NULL;
	if (*place.node && strcmp(place.node, menu->node) != 0)
		return NULL;
	guest = ph_guestbook_find(menu->book, place.server, NULL);
	return guest ? ph_guest_terminal_find(guest, place.terminal, NULL)
		     : NULL;
}

static void menu_refresh(struct ph_menu *menu, struct ph_value answer)
{
	struct ph_value items = ph_value_get(answer, "items");
	char connection[PH_FEED_NAME];

	ph_guestbook_clear_feeds(menu->book);
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		struct ph_value state = ph_value_get(item, "state");
		struct ph_guest_terminal *output = menu_output(menu, item);

		if (!output)
			continue;
		output->declared += !ph_value_is(state, "closed");
		if (state_is_idle(state))
			continue;
		ph_get_copy(item, "id", connection, sizeof(connection));
		ph_guest_terminal_feed(output, connection);
	}
}

static void look_done(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_menu_look *look = context;
	struct ph_document *document;

	if (look->menu && status == PH_CALL_OK &&
		ph_document_read(&document, body, length, PH_SKIM_TABLE) == 0) {
		menu_refresh(look->menu, ph_document_root(document));
		ph_document_free(document);
	}
	if (look->menu)
		DL_DELETE(look->menu->looks, look);
	look->done(look->context, !look->menu);
	free(look);
}

int ph_menu_look(struct ph_menu *menu, void (*done)(void *context, bool gone),
	void *context)
{
	static const struct ph_caller here = {.role = PH_ROLE_EXEC};
	struct ph_menu_look *look = calloc(1, sizeof(*look));

	if (!look)
		return -ENOMEM;
	look->menu = menu;
	look->done = done;
	look->context = context;
	if (ph_call_send(menu->door, &here, "", PH_CONTROL_LIST, NULL,
		    ph_loop_now(menu->loop), PH_MENU_PATIENCE, look_done,
		    look) < 0) {
		free(look);
		return -ENOMEM;
	}
	DL_APPEND(menu->looks, look);
	return 0;
}

static unsigned terminals_like(
	const struct ph_guest *guest, const struct ph_mask *mask)
{
	unsigned count = 0;

	for (unsigned i = 0; i < guest->terminal_count; i++)
		count += ph_mask_takes_terminal(mask, &guest->terminals[i]);
	return count;
}

void ph_menu_page(const struct ph_guestbook *book, const char *node,
	const struct ph_mask *mask, const char *after, struct ph_writer *writer)
{
	unsigned servers = 0, terminals = 0;
	size_t size = 0;
	bool more = false;

	ph_put_list(writer, "items");
	for (unsigned i = 0; i < book->count; i++) {
		const struct ph_guest *at = book->ordered[i];

		if (!ph_mask_takes(mask, at))
			continue;
		servers++;
		terminals += terminals_like(at, mask);
		if (*after && strcmp(at->server, after) <= 0)
			continue;
		more = size >= PH_MENU_PAGE;
		if (more)
			continue;
		ph_guest_write(at, node, mask, writer);
		size += ph_guest_size(at);
	}
	ph_write_end(writer);
	ph_put_int(writer, "servers", servers);
	ph_put_int(writer, "terminals", terminals);
	ph_put_bool(writer, "more", more);
	ph_guestbook_write_caps(book, writer);
}

struct query {
	struct ph_menu *menu;
	ph_handle ticket;
	struct ph_menu_question question;
};

static void query_write(const struct query *query, struct ph_writer *writer)
{
	struct ph_menu *menu = query->menu;
	const struct ph_menu_question *question = &query->question;
	struct ph_menu_version version;

	menu->version(menu->context, &version);
	ph_write_map(writer);
	ph_menu_version_write(&version, writer);
	ph_put_text(writer, "node", menu->node);
	if (question->version && question->epoch == version.epoch &&
		question->version == version.version)
		ph_put_bool(writer, "unchanged", true);
	else
		ph_menu_page(menu->book, menu->node, &question->mask,
			question->after, writer);
	ph_write_end(writer);
}

static void query_done(void *context, bool gone)
{
	struct query *query = context;
	struct ph_error error;
	struct ph_writer *writer;

	if (!gone && ph_writer_create(&writer) < 0) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "menu", "free memory",
			"out of memory");
		ph_answer_error(query->menu->door, query->ticket, &error);
	} else if (!gone) {
		query_write(query, writer);
		ph_answer_ok(query->menu->door, query->ticket, writer);
		ph_writer_free(writer);
	}
	free(query);
}

int ph_menu_answer(struct ph_menu *menu, ph_handle ticket,
	const struct ph_menu_question *question)
{
	struct query *query = calloc(1, sizeof(*query));

	if (!query)
		return -ENOMEM;
	query->menu = menu;
	query->ticket = ticket;
	query->question = *question;
	if (ph_menu_look(menu, query_done, query) < 0) {
		free(query);
		return -ENOMEM;
	}
	return 0;
}

void ph_menu_fini(struct ph_menu *menu)
{
	struct ph_menu_look *look;

	DL_FOREACH(menu->looks, look)
	look->menu = NULL;
	menu->looks = NULL;
}
