#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/clock.h"
#include "kernel/log.h"

/*
 * The menus of other nodes. Who has a line hears of a change by hostess.news;
 * who hears (so, or from an announcement) of a later menu than it knows
 * fetches that menu, a few nodes at a time. What is known is kept in the
 * store, so that it can be told, with its age, of a node that is away.
 */
#define FETCHES_MOST	4u
#define FETCH_PATIENCE	(5 * PH_SECOND)
#define FETCH_AGAIN	PH_SECOND /* doubled with each failure */
#define FETCH_AGAIN_MAX (60 * PH_SECOND)
#define NEWS_PATIENCE	(3 * PH_SECOND)
#define SAVE_APART	(10 * PH_SECOND)

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

/* One page on its way. */
struct fetch {
	struct ph_hostess *hostess;
	char node[40];
	char after[40];
};

static void fetch_more(struct ph_hostess *hostess);

static void known_alarm(struct ph_hostess *hostess, int64_t due)
{
	if (!hostess->known_timer.slot || due < hostess->known_timer.due)
		ph_timer_start(hostess->loop, &hostess->known_timer, due);
}

static void fetch_failed(
	struct ph_hostess *hostess, struct ph_known_menu *menu, const char *why)
{
	int64_t wait = FETCH_AGAIN;

	for (unsigned i = 0; i < menu->failures && wait < FETCH_AGAIN_MAX; i++)
		wait *= 2;
	menu->failures++;
	menu->again = ph_loop_now(hostess->loop) + wait;
	ph_log_debug("hostess", "menu.unfetched node=%s because=\"%s\"",
		menu->node, why);
	known_alarm(hostess, menu->again);
}

static void fetched(struct ph_hostess *hostess, struct ph_known_menu *menu)
{
	menu->failures = 0;
	menu->unsaved = true;
	ph_log_debug("hostess", "menu.known node=%s version=%llu servers=%u",
		menu->node, (unsigned long long)menu->known.version,
		menu->book.count);
	known_alarm(hostess, ph_loop_now(hostess->loop) + SAVE_APART);
}

static void fetch_page(struct fetch *fetch);

/* True when another page is on its way. */
static bool fetch_take(struct fetch *fetch, struct ph_known_menu *menu,
	int status, const uint8_t *body, size_t length)
{
	struct ph_hostess *hostess = fetch->hostess;
	struct ph_document *document;
	struct ph_error error;
	int code;

	if (status ||
		ph_document_read(&document, body, length, PH_SKIM_TABLE) < 0) {
		ph_error_read(&error, status, body, length);
		fetch_failed(
			hostess, menu, status ? error.what : "cannot be read");
		return false;
	}
	code = ph_menu_take(&hostess->menus, menu, ph_document_root(document),
		ph_clock_wall(), fetch->after);
	ph_document_free(document);
	if (code == 1) {
		fetch_page(fetch);
		return true;
	}
	if (code == 0)
		fetched(hostess, menu);
	else
		fetch_failed(hostess, menu, strerror(-code));
	return false;
}

static void on_page(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct fetch *fetch = context;
	struct ph_hostess *hostess = fetch->hostess;
	struct ph_known_menu *menu =
		ph_known_find(&hostess->menus, fetch->node);

	if (menu && fetch_take(fetch, menu, status, body, length))
		return;
	if (menu)
		menu->fetching = false;
	hostess->fetches--;
	free(fetch);
	fetch_more(hostess);
}

static int fetch_send(struct fetch *fetch)
{
	struct ph_hostess *hostess = fetch->hostess;
	const struct ph_known_menu *menu =
		ph_known_find(&hostess->menus, fetch->node);
	struct ph_writer *writer;
	int code;

	if (ph_writer_create(&writer) < 0)
		return -ENOMEM;
	ph_write_map(writer);
	ph_put_text(writer, "after", fetch->after);
	if (menu && menu->known.version) {
		ph_put_u64(writer, "epoch", menu->known.epoch);
		ph_put_u64(writer, "version", menu->known.version);
	}
	ph_write_end(writer);
	code = ph_call_send(hostess->door, &here, fetch->node, PH_HOSTESS_MENU,
		writer, ph_loop_now(hostess->loop), FETCH_PATIENCE, on_page,
		fetch);
	ph_writer_free(writer);
	return code;
}

static void fetch_page(struct fetch *fetch)
{
	struct ph_hostess *hostess = fetch->hostess;
	struct ph_known_menu *menu =
		ph_known_find(&hostess->menus, fetch->node);

	if (fetch_send(fetch) == 0)
		return;
	if (menu) {
		menu->fetching = false;
		fetch_failed(hostess, menu, "no call");
	}
	hostess->fetches--;
	free(fetch);
}

static void fetch_begin(struct ph_hostess *hostess, struct ph_known_menu *menu)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return;
	fetch->hostess = hostess;
	snprintf(fetch->node, sizeof(fetch->node), "%s", menu->node);
	menu->fetching = true;
	hostess->fetches++;
	fetch_page(fetch);
}

static bool is_reachable(
	const struct ph_hostess *hostess, const struct ph_known_menu *menu)
{
	return !hostess->reachable ||
	       hostess->reachable(hostess->reachable_context, menu->node);
}

/* Those that are behind, as far as there is room. */
static void fetch_more(struct ph_hostess *hostess)
{
	int64_t now = ph_loop_now(hostess->loop);

	for (struct ph_known_menu *at = hostess->menus.menus;
		at && hostess->fetches < FETCHES_MOST && !hostess->quiet;
		at = at->hh.next)
		if (!at->fetching && at->again <= now &&
			ph_menu_is_behind(at) && is_reachable(hostess, at))
			fetch_begin(hostess, at);
}

void ph_hostess_set_reachable(struct ph_hostess *hostess,
	bool (*reachable)(void *context, const char *node), void *context)
{
	hostess->reachable = reachable;
	hostess->reachable_context = context;
}

void ph_hostess_menu_forget(struct ph_hostess *hostess, const char *node)
{
	struct ph_known_menu *menu = ph_known_find(&hostess->menus, node);

	if (!menu)
		return;
	ph_hostess_known_drop(hostess, menu);
	ph_known_forget(&hostess->menus, menu);
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
	fetch_more(hostess);
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
	fetch_more(hostess);
}

void ph_hostess_set_distance(struct ph_hostess *hostess,
	int64_t (*distance)(void *context, const char *node), void *context)
{
	hostess->distance = distance;
	hostess->distance_context = context;
}

static void known_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, known_timer));
	int64_t now = ph_loop_now(hostess->loop);

	ph_hostess_known_save(hostess);
	fetch_more(hostess);
	for (struct ph_known_menu *at = hostess->menus.menus; at;
		at = at->hh.next)
		if (at->again > now && ph_menu_is_behind(at))
			known_alarm(hostess, at->again);
}

void ph_hostess_known_init(struct ph_hostess *hostess)
{
	ph_known_init(&hostess->menus);
	hostess->known_timer.on_due = known_due;
}

void ph_hostess_known_fini(struct ph_hostess *hostess)
{
	ph_timer_stop(hostess->loop, &hostess->known_timer);
	ph_known_fini(&hostess->menus);
}
