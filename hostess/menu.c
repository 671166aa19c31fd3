#include "hostess/menu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "proto/address.h"
#include "proto/calls.h"

struct ph_menu_query {
	struct ph_menu *menu; /* NULL: the Hostess is gone */
	ph_handle ticket;
	struct ph_mask mask;
	struct ph_menu_query *prev, *next;
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

	if (state_is_idle(ph_value_get(item, "state")))
		return NULL;
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
		struct ph_guest_terminal *output = menu_output(menu, item);

		ph_get_copy(item, "id", connection, sizeof(connection));
		if (output)
			ph_guest_terminal_feed(output, connection);
	}
}

static void menu_write(
	struct ph_menu *menu, ph_handle ticket, const struct ph_mask *mask)
{
	struct ph_error error;
	struct ph_writer *writer;

	if (ph_writer_create(&writer) < 0) {
		ph_fail(&error, PH_EXIT_NEGATIVE, "menu", "free memory",
			"out of memory");
		ph_answer_error(menu->door, ticket, &error);
		return;
	}
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < menu->book->count; i++)
		if (ph_mask_takes(mask, menu->book->ordered[i]))
			ph_guest_write(menu->book->ordered[i], menu->node, mask,
				writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(menu->door, ticket, writer);
	ph_writer_free(writer);
}

static void menu_connections(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_menu_query *query = context;
	struct ph_menu *menu = query->menu;
	struct ph_document *document;

	if (menu) {
		if (status == PH_CALL_OK &&
			ph_document_read(
				&document, body, length, PH_SKIM_TABLE) == 0) {
			menu_refresh(menu, ph_document_root(document));
			ph_document_free(document);
		}
		menu_write(menu, query->ticket, &query->mask);
		DL_DELETE(menu->queries, query);
	}
	free(query);
}

int ph_menu_answer(
	struct ph_menu *menu, ph_handle ticket, const struct ph_mask *mask)
{
	static const struct ph_caller here = {.role = PH_ROLE_EXEC};
	struct ph_menu_query *query = calloc(1, sizeof(*query));
	int code;

	if (!query)
		return -ENOMEM;
	query->menu = menu;
	query->ticket = ticket;
	query->mask = *mask;
	code = ph_call_send(menu->door, &here, "", PH_CONTROL_LIST, NULL,
		ph_loop_now(menu->loop), PH_MENU_PATIENCE, menu_connections,
		query);
	if (code < 0) {
		menu_write(menu, ticket, mask);
		free(query);
		return 0;
	}
	DL_APPEND(menu->queries, query);
	return 0;
}

void ph_menu_fini(struct ph_menu *menu)
{
	struct ph_menu_query *query;

	DL_FOREACH(menu->queries, query)
	query->menu = NULL;
	menu->queries = NULL;
}
