#include "node/menus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "kernel/log.h"
#include "node/caps.h"
#include "node/lines.h"
#include "proto/calls.h"

#define SPACE	      "menus"
#define FETCH_TIMEOUT (10 * PH_SECOND)

struct menu {
	char id[PH_NODE_ID_TEXT];
	char name[40];
	/* What the node says it has, and what is known here. */
	uint64_t said_epoch, said_version;
	uint8_t said[16];
	uint64_t epoch, version;
	uint8_t digest[16];
	int64_t fetched; /* wall ns; 0: never */
	bool asking;
	uint8_t *body; /* the answer to hostess.menu */
	size_t length;
	UT_hash_handle hh;
};

struct ph_menus {
	struct ph_node *node;
	struct menu *all;
	size_t bytes;
};

static struct menu *find_menu(struct ph_menus *menus, const char *id)
{
	struct menu *menu;

	HASH_FIND_STR(menus->all, id, menu);
	return menu;
}

static struct menu *named_menu(struct ph_menus *menus, const char *text)
{
	for (struct menu *menu = menus->all; menu; menu = menu->hh.next)
		if (!strcmp(menu->name, text))
			return menu;
	return find_menu(menus, text);
}

static struct menu *get_menu(
	struct ph_menus *menus, const char *id, const char *name)
{
	struct menu *menu = find_menu(menus, id);

	if (!menu && HASH_COUNT(menus->all) < PH_MENUS) {
		menu = calloc(1, sizeof(*menu));
		if (!menu)
			return NULL;
		snprintf(menu->id, sizeof(menu->id), "%s", id);
		HASH_ADD_STR(menus->all, id, menu);
	}
	if (menu)
		snprintf(menu->name, sizeof(menu->name), "%s", name);
	return menu;
}

static bool is_current(const struct menu *menu)
{
	return menu->fetched && menu->epoch == menu->said_epoch &&
	       !memcmp(menu->digest, menu->said, sizeof(menu->said));
}

static void unheard(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("menus", "menu.unkept status=%d", status);
}

static void tell_store(
	struct ph_menus *menus, uint16_t method, struct ph_writer *writer)
{
	ph_call_send(menus->node->door, &ph_node_self, "", method, writer,
		ph_loop_now(menus->node->loop), 10 * PH_SECOND, unheard, NULL);
}

static void keep(struct ph_menus *menus, const struct menu *menu)
{
	struct ph_writer *writer;
	struct ph_writer *value;
	const uint8_t *data;
	size_t length;

	if (ph_writer_create(&value))
		return;
	ph_write_map(value);
	ph_put_text(value, "name", menu->name);
	ph_put_u64(value, "epoch", menu->epoch);
	ph_put_u64(value, "version", menu->version);
	ph_put_bytes(value, "digest", menu->digest, sizeof(menu->digest));
	ph_put_int(value, "fetched", menu->fetched);
	ph_put_bytes(value, "body", menu->body, menu->length);
	ph_write_end(value);
	if (!ph_writer_finish(value, &data, &length) &&
		!ph_writer_create(&writer)) {
		ph_write_map(writer);
		ph_put_text(writer, "space", SPACE);
		ph_put_text(writer, "key", menu->id);
		ph_put_bytes(writer, "value", data, length);
		ph_write_end(writer);
		tell_store(menus, PH_STORE_PUT, writer);
		ph_writer_free(writer);
	}
	ph_writer_free(value);
}

static int take_body(struct ph_menus *menus, struct menu *menu,
	const uint8_t *body, size_t length)
{
	uint8_t *copy;

	if (length > PH_MENU_BYTES ||
		menus->bytes - menu->length + length > PH_MENUS_ALL_BYTES)
		return -E2BIG;
	copy = malloc(length ? length : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, body, length);
	menus->bytes += length - menu->length;
	free(menu->body);
	menu->body = copy;
	menu->length = length;
	return 0;
}

struct fetching {
	struct ph_menus *menus;
	char id[PH_NODE_ID_TEXT];
	uint64_t epoch, version;
	uint8_t digest[16];
};

static void fetch(struct ph_menus *menus, struct menu *menu);

static void fetched(struct fetching *fetching, struct menu *menu,
	const uint8_t *body, size_t length)
{
	struct ph_menus *menus = fetching->menus;
	int error = take_body(menus, menu, body, length);

	if (error) {
		ph_log_warn("menus", "menu.untaken node=%s because=\"%s\"",
			menu->name, strerror(-error));
		return;
	}
	menu->epoch = fetching->epoch;
	menu->version = fetching->version;
	memcpy(menu->digest, fetching->digest, sizeof(menu->digest));
	menu->fetched = ph_clock_wall();
	ph_log_info("menus", "menu.fetched node=%s version=%llu bytes=%zu",
		menu->name, (unsigned long long)menu->version, length);
	keep(menus, menu);
	/* It changed again meanwhile. */
	if (!is_current(menu))
		fetch(menus, menu);
}

static void on_menu(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct fetching *fetching = context;
	struct menu *menu = find_menu(fetching->menus, fetching->id);

	if (menu)
		menu->asking = false;
	if (menu && !status)
		fetched(fetching, menu, body, length);
	free(fetching);
}

static void fetch(struct ph_menus *menus, struct menu *menu)
{
	struct fetching *fetching;

	if (menu->asking || is_current(menu) || !menu->said_version ||
		!ph_lines_is_up(menus->node->lines, menu->id))
		return;
	fetching = calloc(1, sizeof(*fetching));
	if (!fetching)
		return;
	fetching->menus = menus;
	memcpy(fetching->id, menu->id, sizeof(menu->id));
	fetching->epoch = menu->said_epoch;
	fetching->version = menu->said_version;
	memcpy(fetching->digest, menu->said, sizeof(menu->said));
	menu->asking = true;
	if (ph_call_send(menus->node->door, &ph_node_self, menu->id,
		    PH_DISCOVERY_OFFER, NULL, ph_loop_now(menus->node->loop),
		    FETCH_TIMEOUT, on_menu, fetching)) {
		menu->asking = false;
		free(fetching);
	}
}

void ph_menus_said(struct ph_menus *menus, const char *id, const char *name,
	uint64_t epoch, uint64_t version, const uint8_t digest[16])
{
	struct menu *menu = get_menu(menus, id, name);

	if (!menu)
		return;
	menu->said_epoch = epoch;
	menu->said_version = version;
	memcpy(menu->said, digest, sizeof(menu->said));
	fetch(menus, menu);
}

void ph_menus_line(struct ph_menus *menus, const char *id)
{
	struct menu *menu = find_menu(menus, id);

	if (menu)
		fetch(menus, menu);
}

static void drop(struct ph_menus *menus, struct menu *menu)
{
	HASH_DEL(menus->all, menu);
	menus->bytes -= menu->length;
	free(menu->body);
	free(menu);
}

void ph_menus_forget(struct ph_menus *menus, const char *id)
{
	struct menu *menu = find_menu(menus, id);
	struct ph_writer *writer;

	if (!menu)
		return;
	drop(menus, menu);
	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", SPACE);
	ph_put_text(writer, "key", id);
	ph_write_end(writer);
	tell_store(menus, PH_STORE_DELETE, writer);
	ph_writer_free(writer);
}

bool ph_menus_write_caps(
	struct ph_menus *menus, const char *id, struct ph_writer *writer)
{
	struct menu *menu = find_menu(menus, id);
	struct ph_document *document;
	struct ph_value caps;
	bool known;

	if (!menu || !menu->fetched ||
		ph_document_read(
			&document, menu->body, menu->length, PH_SKIM_TABLE))
		return false;
	caps = ph_value_get(ph_document_root(document), "caps");
	known = ph_value_type(caps) == PH_LIST;
	if (known)
		ph_put_value(writer, "caps", caps);
	ph_document_free(document);
	return known;
}

void ph_menus_describe(
	struct ph_menus *menus, const char *id, struct ph_writer *writer)
{
	struct menu *menu = find_menu(menus, id);
	const char *how = "none";

	if (menu && menu->fetched)
		how = is_current(menu) ? "known" : "old";
	ph_put_text(writer, "menu", how);
	ph_put_u64(writer, "menu_version", menu ? menu->version : 0);
}

static void write_known(struct ph_writer *writer, const struct menu *menu)
{
	struct ph_document *document;

	ph_write_map(writer);
	ph_put_list(writer, "items");
	ph_write_map(writer);
	ph_put_text(writer, "node", menu->name);
	ph_put_int(writer, "fetched", menu->fetched);
	ph_put_bool(writer, "current", is_current(menu));
	ph_put_u64(writer, "version", menu->version);
	if (!ph_document_read(
		    &document, menu->body, menu->length, PH_SKIM_TABLE)) {
		ph_put_value(writer, "menu",
			ph_value_get(ph_document_root(document), "items"));
		ph_document_free(document);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void serve_menu(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_menus *menus = context;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_error error;
	struct menu *menu;
	char name[64];

	if (ph_request_open(&request, menus->node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "node", name, sizeof(name));
	ph_request_close(&request);
	menu = named_menu(menus, name);
	if (!menu || !menu->fetched) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, name,
			"ask again when it is reachable",
			"its menu was never seen here");
		ph_answer_error(menus->node->door, ticket, &error);
		return;
	}
	if (ph_writer_create(&writer))
		return;
	write_known(writer, menu);
	ph_answer_ok(menus->node->door, ticket, writer);
	ph_writer_free(writer);
}

struct offering {
	struct ph_menus *menus;
	ph_handle ticket;
};

static void on_offer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct offering *offering = context;
	struct ph_node *node = offering->menus->node;
	struct ph_document *document;
	struct ph_writer *writer;

	if (!status && !ph_writer_create(&writer)) {
		ph_write_map(writer);
		if (!ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
			ph_put_value(writer, "items",
				ph_value_get(
					ph_document_root(document), "items"));
			ph_document_free(document);
		}
		ph_caps_write(writer, &node->options);
		ph_write_end(writer);
		ph_answer_ok(node->door, offering->ticket, writer);
		ph_writer_free(writer);
	}
	free(offering);
}

static void serve_offer(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_menus *menus = context;
	struct ph_node *node = menus->node;
	struct offering *offering = calloc(1, sizeof(*offering));

	if (!offering)
		return; /* the deadline answers */
	offering->menus = menus;
	offering->ticket = ticket;
	if (ph_call_send(node->door, &ph_node_self, "", PH_HOSTESS_MENU, NULL,
		    ph_loop_now(node->loop), FETCH_TIMEOUT, on_offer, offering))
		free(offering);
}

static void load_one(
	struct ph_menus *menus, const char *id, struct ph_value value)
{
	size_t length;
	size_t digest_length;
	const uint8_t *body =
		ph_value_bytes(ph_value_get(value, "body"), &length);
	const uint8_t *digest =
		ph_value_bytes(ph_value_get(value, "digest"), &digest_length);
	char name[40];
	struct menu *menu;

	if (!body || !digest || digest_length != 16)
		return;
	menu = get_menu(
		menus, id, ph_get_copy(value, "name", name, sizeof(name)));
	/* What was fetched since the start is newer. */
	if (!menu || menu->fetched || take_body(menus, menu, body, length))
		return;
	menu->epoch = ph_get_u64(value, "epoch");
	menu->version = ph_get_u64(value, "version");
	memcpy(menu->digest, digest, sizeof(menu->digest));
	menu->fetched = ph_get_int(value, "fetched");
}

static void on_listed(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_document *document;
	struct ph_value items;

	if (status || ph_document_read(&document, body, length, PH_SKIM_TABLE))
		return;
	items = ph_value_get(ph_document_root(document), "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);
		const uint8_t *data =
			ph_value_bytes(ph_value_get(item, "value"), &length);
		struct ph_document *inner;
		char key[PH_NODE_ID_TEXT];

		if (!data ||
			ph_document_read(&inner, data, length, PH_SKIM_TABLE))
			continue;
		load_one(context, ph_get_copy(item, "key", key, sizeof(key)),
			ph_document_root(inner));
		ph_document_free(inner);
	}
	ph_document_free(document);
}

void ph_menus_load(struct ph_menus *menus)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", SPACE);
	ph_write_end(writer);
	ph_call_send(menus->node->door, &ph_node_self, "", PH_STORE_LIST,
		writer, ph_loop_now(menus->node->loop), 10 * PH_SECOND,
		on_listed, menus);
	ph_writer_free(writer);
}

int ph_menus_create(struct ph_menus **out, struct ph_node *node)
{
	struct ph_menus *menus = calloc(1, sizeof(*menus));
	int error;

	if (!menus)
		return -ENOMEM;
	menus->node = node;
	error = ph_door_serve(node->door, PH_DISCOVERY_MENU, serve_menu, menus);
	if (!error)
		error = ph_door_serve(
			node->door, PH_DISCOVERY_OFFER, serve_offer, menus);
	if (error)
		free(menus);
	else
		*out = menus;
	return error;
}

void ph_menus_destroy(struct ph_menus *menus)
{
	struct menu *menu;
	struct menu *next;

	if (!menus)
		return;
	HASH_ITER(hh, menus->all, menu, next)
	{
		drop(menus, menu);
	}
	free(menus);
}
