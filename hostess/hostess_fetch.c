#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hostess/hostess_inner.h"
#include "kernel/clock.h"
#include "kernel/log.h"

/*
 * How other nodes' menus come. Every announcement says which menu its node has
 * (epoch, version, digest), so each node sees which of those that it knows are
 * behind. Who has a line to that node asks it; who has none asks somebody with
 * whom it has one, and takes only what has the very version and digest that
 * the node itself announced: hearsay cannot lie. A few are fetched at a time,
 * what fails is put off twice as long each time, and a teller who does not
 * know is followed by another, until several did not.
 */
#define FETCHES_MOST	4u
#define FETCH_PATIENCE	(5 * PH_SECOND)
#define FETCH_AGAIN	PH_SECOND /* doubled with each failure */
#define FETCH_AGAIN_MAX (60 * PH_SECOND)
#define TELLERS_MOST	8u
#define HEARSAY_APART	(10 * PH_SECOND) /* of one node's menus */
#define SAVE_APART	(10 * PH_SECOND)

static const struct ph_caller here = {.role = PH_ROLE_EXEC};

/* One page on its way. */
struct fetch {
	struct ph_hostess *hostess;
	char node[40];
	char teller[40];
	char after[40];
};

static bool is_hearsay(const struct fetch *fetch)
{
	return strcmp(fetch->node, fetch->teller) != 0;
}

static void known_alarm(struct ph_hostess *hostess, int64_t due)
{
	if (!hostess->known_timer.slot || due < hostess->known_timer.due)
		ph_timer_start(hostess->loop, &hostess->known_timer, due);
}

static void fetch_failed(const struct fetch *fetch, struct ph_known_menu *menu,
	const char *because)
{
	struct ph_hostess *hostess = fetch->hostess;
	int64_t wait = FETCH_AGAIN;

	for (unsigned i = 0; i < menu->failures && wait < FETCH_AGAIN_MAX; i++)
		wait *= 2;
	menu->failures++;
	ph_log_debug("hostess", "menu.unfetched node=%s from=%s because=\"%s\"",
		menu->node, fetch->teller, because);
	if (is_hearsay(fetch) && menu->failures >= TELLERS_MOST) {
		/* Until it is heard of again, or has a line. */
		menu->again = INT64_MAX;
		return;
	}
	menu->again = ph_loop_now(hostess->loop) + wait;
	known_alarm(hostess, menu->again);
}

static void fetched(const struct fetch *fetch, struct ph_known_menu *menu)
{
	struct ph_hostess *hostess = fetch->hostess;
	int64_t now = ph_loop_now(hostess->loop);

	menu->failures = 0;
	menu->unsaved = true;
	if (is_hearsay(fetch))
		menu->quiet_until = now + HEARSAY_APART;
	ph_log_debug("hostess",
		"menu.known node=%s from=%s version=%llu servers=%u",
		menu->node, fetch->teller,
		(unsigned long long)menu->known.version, menu->book.count);
	known_alarm(hostess, now + SAVE_APART);
}

/* What others tell must be what the node itself has announced. */
static bool is_believed(const struct fetch *fetch,
	const struct ph_known_menu *menu, struct ph_value answer)
{
	struct ph_menu_version version;

	return !is_hearsay(fetch) ||
	       (ph_menu_version_read(&version, answer) == 0 &&
		       ph_menu_version_compare(&version, &menu->heard) == 0 &&
		       memcmp(version.digest, menu->heard.digest,
			       PH_MENU_DIGEST) == 0);
}

/* When it was so: as its teller says, but not in the future. */
static int64_t as_of(const struct fetch *fetch, struct ph_value answer)
{
	int64_t now = ph_clock_wall();
	int64_t told = ph_get_int(answer, "as_of");

	return is_hearsay(fetch) && told > 0 && told < now ? told : now;
}

static void fetch_page(struct fetch *fetch);

/* 1: another page is needed; 0: it is whole; negative errno. */
static int fetch_read(struct fetch *fetch, struct ph_known_menu *menu,
	const uint8_t *body, size_t length)
{
	struct ph_hostess *hostess = fetch->hostess;
	struct ph_document *document;
	struct ph_value answer;
	int code = ph_document_read(&document, body, length, PH_SKIM_TABLE);

	if (code < 0)
		return code;
	answer = ph_document_root(document);
	code = -ESTALE;
	if (is_believed(fetch, menu, answer))
		code = ph_menu_take(&hostess->menus, menu, answer,
			as_of(fetch, answer), fetch->after);
	ph_document_free(document);
	return code;
}

static void fetch_end(struct fetch *fetch, struct ph_known_menu *menu)
{
	struct ph_hostess *hostess = fetch->hostess;

	if (menu)
		menu->fetching = false;
	hostess->fetches--;
	free(fetch);
}

static void on_page(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct fetch *fetch = context;
	struct ph_hostess *hostess = fetch->hostess;
	struct ph_known_menu *menu =
		ph_known_find(&hostess->menus, fetch->node);
	struct ph_error error;
	int code = -ECANCELED;

	if (menu && status) {
		ph_error_read(&error, status, body, length);
		fetch_failed(fetch, menu, error.what);
	} else if (menu) {
		code = fetch_read(fetch, menu, body, length);
	}
	if (code == 1) {
		fetch_page(fetch);
		return;
	}
	if (menu && code == 0)
		fetched(fetch, menu);
	else if (menu && !status)
		fetch_failed(fetch, menu, strerror(-code));
	fetch_end(fetch, menu);
	ph_hostess_fetch_more(hostess);
}

static int fetch_send(struct fetch *fetch)
{
	struct ph_hostess *hostess = fetch->hostess;
	const struct ph_known_menu *menu =
		ph_known_find(&hostess->menus, fetch->node);
	bool hearsay = is_hearsay(fetch);
	struct ph_writer *writer;
	int code;

	if (ph_writer_create(&writer) < 0)
		return -ENOMEM;
	ph_write_map(writer);
	ph_put_text(writer, "after", fetch->after);
	if (hearsay)
		ph_put_text(writer, "node", fetch->node);
	if (!hearsay && menu && menu->known.version) {
		ph_put_u64(writer, "epoch", menu->known.epoch);
		ph_put_u64(writer, "version", menu->known.version);
	}
	ph_write_end(writer);
	code = ph_call_send(hostess->door, &here, fetch->teller,
		hearsay ? PH_HOSTESS_KNOWN : PH_HOSTESS_MENU, writer,
		ph_loop_now(hostess->loop), FETCH_PATIENCE, on_page, fetch);
	ph_writer_free(writer);
	return code;
}

static void fetch_page(struct fetch *fetch)
{
	struct ph_known_menu *menu =
		ph_known_find(&fetch->hostess->menus, fetch->node);

	if (fetch_send(fetch) == 0)
		return;
	if (menu)
		fetch_failed(fetch, menu, "no call");
	fetch_end(fetch, menu);
}

static void fetch_begin(struct ph_hostess *hostess, struct ph_known_menu *menu,
	const char *teller)
{
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return;
	fetch->hostess = hostess;
	snprintf(fetch->node, sizeof(fetch->node), "%s", menu->node);
	snprintf(fetch->teller, sizeof(fetch->teller), "%s", teller);
	menu->fetching = true;
	hostess->fetches++;
	fetch_page(fetch);
}

/* Whom to ask now; NULL: nobody, or not yet. */
static const char *teller_of(
	struct ph_hostess *hostess, const struct ph_known_menu *menu)
{
	const char *teller = hostess->teller
				     ? hostess->teller(hostess->teller_context,
					       menu->node, menu->failures)
				     : menu->node;

	if (!teller || strcmp(teller, menu->node) == 0 ||
		menu->quiet_until <= ph_loop_now(hostess->loop))
		return teller;
	known_alarm(hostess, menu->quiet_until);
	return NULL;
}

void ph_hostess_fetch_more(struct ph_hostess *hostess)
{
	int64_t now = ph_loop_now(hostess->loop);
	struct ph_known_menu *at, *next;
	const char *teller;

	HASH_ITER(hh, hostess->menus.menus, at, next)
	{
		if (hostess->fetches >= FETCHES_MOST || hostess->quiet)
			return;
		if (at->fetching || at->again > now || !ph_menu_is_behind(at))
			continue;
		teller = teller_of(hostess, at);
		if (teller)
			fetch_begin(hostess, at, teller);
	}
}

static void known_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, known_timer));
	int64_t now = ph_loop_now(hostess->loop);

	ph_hostess_known_save(hostess);
	ph_hostess_fetch_more(hostess);
	for (struct ph_known_menu *at = hostess->menus.menus; at;
		at = at->hh.next)
		if (at->again > now && at->again != INT64_MAX &&
			ph_menu_is_behind(at))
			known_alarm(hostess, at->again);
}

void ph_hostess_set_teller(struct ph_hostess *hostess,
	const char *(*teller)(
		void *context, const char *node, unsigned attempt),
	void *context)
{
	hostess->teller = teller;
	hostess->teller_context = context;
}

void ph_hostess_fetch_init(struct ph_hostess *hostess)
{
	hostess->known_timer.on_due = known_due;
}

void ph_hostess_fetch_fini(struct ph_hostess *hostess)
{
	ph_timer_stop(hostess->loop, &hostess->known_timer);
}
