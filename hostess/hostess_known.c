#include <stdio.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/clock.h"
#include "kernel/log.h"

/*
 * The menus of other nodes. Who has a line hears of a change by hostess.news,
 * others by announcements; then it is fetched (hostess_fetch.c). What is known
 * is kept in the store, so that it can be told, with its age, of a node that
 * is away.
 */
#define NEWS_PATIENCE (3 * PH_SECOND)

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

void ph_hostess_menu_forget(struct ph_hostess *hostess, const char *node)
{
	struct ph_known_menu *menu = ph_known_find(&hostess->menus, node);

	if (!menu)
		return;
	ph_hostess_known_drop(hostess, menu);
	ph_known_forget(&hostess->menus, menu);
}

bool ph_hostess_menu_write_caps(const struct ph_hostess *hostess,
	const char *node, struct ph_writer *writer)
{
	const struct ph_known_menu *menu = ph_known_find(&hostess->menus, node);

	if (!menu || !menu->book.caps)
		return false;
	ph_guestbook_write_caps(&menu->book, writer);
	return true;
}

void ph_hostess_menu_describe(const struct ph_hostess *hostess,
	const char *node, struct ph_writer *writer)
{
	const struct ph_known_menu *menu = ph_known_find(&hostess->menus, node);
	bool known = menu && menu->known.version;

	ph_put_text(writer, "menu",
		!known			  ? "none"
		: ph_menu_is_behind(menu) ? "old"
					  : "known");
	ph_put_u64(writer, "menu_version", known ? menu->known.version : 0);
}

void ph_hostess_menu_heard(struct ph_hostess *hostess, const char *node,
	const struct ph_menu_version *version)
{
	if (strcmp(node, hostess->node) == 0)
		return;
	ph_known_hear(&hostess->menus, node, version, ph_clock_wall());
	ph_hostess_fetch_more(hostess);
}

int ph_hostess_serve_news(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_menu_version version;

	if (ph_menu_version_read(&version, request->arguments) < 0)
		return ph_fail(error, PH_EXIT_USAGE, "digest", "",
			"a menu's version has a number and 16 bytes");
	ph_hostess_menu_heard(
		hostess, ph_hostess_caller(hostess, request), &version);
	return ph_hostess_answer_nothing(hostess, request);
}

static int known_none(const char *node, struct ph_error *error)
{
	return ph_fail(error, PH_EXIT_NOT_FOUND, node,
		"posthouse peers shows who was heard",
		"no menu of that node is known here");
}

int ph_hostess_serve_known(struct ph_hostess *hostess,
	struct ph_request *request, struct ph_error *error)
{
	struct ph_value arguments = request->arguments;
	size_t length;
	const char *text =
		ph_value_text(ph_value_get(arguments, "mask"), &length);
	char node[40], after[40];
	struct ph_known_menu *menu;
	struct ph_writer *writer;
	struct ph_mask mask;

	ph_get_copy(arguments, "node", node, sizeof(node));
	ph_get_copy(arguments, "after", after, sizeof(after));
	menu = ph_known_find(&hostess->menus, node);
	if (!menu || !menu->known.version)
		return known_none(node, error);
	if (ph_mask_parse(&mask, text, length, error) < 0)
		return -1;
	writer = ph_hostess_writer(hostess);
	ph_menu_version_write(&menu->known, writer);
	ph_put_text(writer, "node", node);
	ph_put_int(writer, "as_of", menu->as_of);
	ph_menu_page(&menu->book, node, &mask, after, writer);
	return ph_hostess_answer(hostess, request);
}

static void news_heard(
	void *context, int status, const uint8_t *body, size_t length)
{
	/* It hears the next time its line comes up. */
	if (status)
		ph_log_debug("hostess", "news.unheard status=%d", status);
}

static void news_send(struct ph_hostess *hostess, const char *node)
{
	struct ph_menu_version version;
	struct ph_writer *writer;

	ph_hostess_menu_version(hostess, &version);
	if (ph_writer_create(&writer) < 0)
		return;
	ph_write_map(writer);
	ph_menu_version_write(&version, writer);
	ph_write_end(writer);
	ph_call_send(hostess->door, &here, node, PH_HOSTESS_NEWS, writer,
		ph_loop_now(hostess->loop), NEWS_PATIENCE, news_heard, NULL);
	ph_writer_free(writer);
}

static void on_peers(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_hostess *hostess = context;
	struct ph_document *document;
	struct ph_value items;
	char node[40];

	if (status || ph_document_read(&document, body, length, PH_SKIM_TABLE))
		return;
	items = ph_value_get(ph_document_root(document), "items");
	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value peer = ph_value_at(items, i);

		if (ph_value_is(ph_value_get(peer, "line"), "up"))
			news_send(hostess,
				ph_get_copy(peer, "node", node, sizeof(node)));
	}
	ph_document_free(document);
}

void ph_hostess_known_tell(struct ph_hostess *hostess)
{
	if (!hostess->keeping || hostess->quiet)
		return;
	ph_call_send(hostess->door, &here, "", PH_MESH_PEERS, NULL,
		ph_loop_now(hostess->loop), NEWS_PATIENCE, on_peers, hostess);
}

void ph_hostess_peer_up(struct ph_hostess *hostess, const char *node)
{
	struct ph_known_menu *menu = ph_known_find(&hostess->menus, node);

	if (menu)
		menu->again = 0;
	news_send(hostess, node);
	ph_hostess_fetch_more(hostess);
}

void ph_hostess_set_distance(struct ph_hostess *hostess,
	int64_t (*distance)(void *context, const char *node), void *context)
{
	hostess->distance = distance;
	hostess->distance_context = context;
}

void ph_hostess_known_init(struct ph_hostess *hostess)
{
	ph_known_init(&hostess->menus);
	ph_hostess_fetch_init(hostess);
}

void ph_hostess_known_fini(struct ph_hostess *hostess)
{
	ph_hostess_fetch_fini(hostess);
	ph_known_fini(&hostess->menus);
}
