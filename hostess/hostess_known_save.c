#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/log.h"

/*
 * The known menus in the store: pages as hostess.menu answers them, with
 * as_of, under NODE/0000, NODE/0001, ... A menu that is not whole there (the
 * node was killed while it wrote) is not known after the restart.
 */
#define SAVE_PATIENCE (20 * PH_SECOND)
#define KNOWN_SPACE   "known"

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

static void saved(void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_error error;

	if (!status)
		return;
	ph_error_read(&error, status, body, length);
	ph_log_warn("hostess", "menus.unsaved because=\"%s\"", error.what);
}

static void known_call(struct ph_hostess *hostess, uint16_t method,
	const char *node, unsigned page, struct ph_writer *value)
{
	const uint8_t *data;
	size_t length;
	struct ph_writer *writer = hostess->keeper;
	char key[64];

	snprintf(key, sizeof(key), "%s/%04u", node, page);
	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", KNOWN_SPACE);
	ph_put_text(writer, "key", key);
	if (value && ph_writer_finish(value, &data, &length) == 0)
		ph_put_bytes(writer, "value", data, length);
	ph_write_end(writer);
	ph_call_send(hostess->door, &here, "", method, writer,
		ph_loop_now(hostess->loop), SAVE_PATIENCE, saved, NULL);
}

/* Servers between `after` and the end of the page, by their order. */
static unsigned page_write(const struct ph_known_menu *menu, unsigned from,
	struct ph_writer *writer)
{
	struct ph_mask all = {0};
	unsigned at = from;
	size_t size = 0;

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_menu_version_write(&menu->known, writer);
	ph_put_int(writer, "as_of", menu->as_of);
	ph_put_list(writer, "items");
	for (; at < menu->book.count && size < PH_MENU_PAGE; at++) {
		ph_guest_write(
			menu->book.ordered[at], menu->node, &all, writer);
		size += ph_guest_size(menu->book.ordered[at]);
	}
	ph_write_end(writer);
	ph_put_bool(writer, "more", at < menu->book.count);
	ph_guestbook_write_caps(&menu->book, writer);
	ph_write_end(writer);
	return at;
}

static void menu_save(struct ph_hostess *hostess, struct ph_known_menu *menu,
	struct ph_writer *writer)
{
	unsigned pages = 0;
	unsigned at = 0;

	do {
		at = page_write(menu, at, writer);
		known_call(hostess, PH_STORE_PUT, menu->node, pages++, writer);
	} while (at < menu->book.count);
	for (unsigned i = pages; i < menu->pages; i++)
		known_call(hostess, PH_STORE_DELETE, menu->node, i, NULL);
	menu->pages = pages;
	menu->unsaved = false;
}

void ph_hostess_known_drop(
	struct ph_hostess *hostess, const struct ph_known_menu *menu)
{
	for (unsigned i = 0; hostess->keeping && i < menu->pages; i++)
		known_call(hostess, PH_STORE_DELETE, menu->node, i, NULL);
}

void ph_hostess_known_save(struct ph_hostess *hostess)
{
	struct ph_writer *writer;

	if (!hostess->keeping || hostess->quiet ||
		ph_writer_create(&writer) < 0)
		return;
	for (struct ph_known_menu *at = hostess->menus.menus; at;
		at = at->hh.next)
		if (at->unsaved)
			menu_save(hostess, at, writer);
	ph_writer_free(writer);
}

/* One page; they come in the order of their keys. */
static void page_load(struct ph_hostess *hostess, struct ph_value item)
{
	size_t length;
	const uint8_t *value =
		ph_value_bytes(ph_value_get(item, "value"), &length);
	struct ph_menu_version version;
	struct ph_document *document;
	struct ph_known_menu *menu;
	struct ph_value page;
	char key[64], after[40] = "";

	ph_get_copy(item, "key", key, sizeof(key));
	if (!value || !strchr(key, '/') ||
		ph_document_read(&document, value, length, PH_SKIM_TABLE) < 0)
		return;
	page = ph_document_root(document);
	/* Any page but the first goes on behind what came. */
	if (strcmp(strchr(key, '/'), "/0000") != 0)
		snprintf(after, sizeof(after), "-");
	*strchr(key, '/') = '\0';
	if (ph_menu_version_read(&version, page) == 0) {
		menu = ph_known_hear(&hostess->menus, key, &version,
			ph_get_int(page, "as_of"));
		if (menu) {
			menu->pages++;
			ph_menu_take(&hostess->menus, menu, page,
				ph_get_int(page, "as_of"), after);
		}
	}
	ph_document_free(document);
}

static void on_loaded(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_hostess *hostess = context;
	struct ph_document *document;
	struct ph_value items;

	if (status ||
		ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		ph_log_warn("hostess", "menus.unread status=%d", status);
		return;
	}
	items = ph_value_get(ph_document_root(document), "items");
	for (size_t i = 0; i < ph_value_count(items); i++)
		page_load(hostess, ph_value_at(items, i));
	ph_document_free(document);
}

void ph_hostess_known_load(struct ph_hostess *hostess)
{
	struct ph_writer *writer = hostess->keeper;

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "space", KNOWN_SPACE);
	ph_write_end(writer);
	ph_call_send(hostess->door, &here, "", PH_STORE_LIST, writer,
		ph_loop_now(hostess->loop), SAVE_PATIENCE, on_loaded, hostess);
}
