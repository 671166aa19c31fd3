#define HASH_NONFATAL_OOM 1

#include "hostess/guestbook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "hostess/manifest.h"
#include "hostess/mask.h"
#include "hostess/reservation.h"

static const char *const direction_names[] = {
	[PH_OUT] = "out",
	[PH_MUX] = "mux",
	[PH_IN] = "in",
	[PH_COMBINE] = "combine",
};

const char *ph_direction_name(enum ph_direction direction)
{
	return direction_names[direction];
}

int ph_direction_parse(const char *text)
{
	for (int i = PH_OUT; i <= PH_COMBINE; i++)
		if (strcmp(direction_names[i], text) == 0)
			return i;
	return -ENOENT;
}

static bool media_is_open(const char *media)
{
	return !*media || strcmp(media, "*/*") == 0;
}

/* `video/` + `*` against `video/mjpeg`. */
static bool media_covers(const char *wide, const char *media)
{
	size_t length = strlen(wide);

	return length >= 2 && strcmp(wide + length - 2, "/*") == 0 &&
	       strncasecmp(wide, media, length - 1) == 0;
}

bool ph_media_differ(const char *one, const char *other)
{
	if (media_is_open(one) || media_is_open(other))
		return false;
	if (media_covers(one, other) || media_covers(other, one))
		return false;
	return strcasecmp(one, other) != 0;
}

bool ph_guest_is_up(const struct ph_guest *guest)
{
	return !guest->state[0] || !strcmp(guest->state, "running") ||
	       !strcmp(guest->state, "starting");
}

void ph_guestbook_init(struct ph_guestbook *book)
{
	memset(book, 0, sizeof(*book));
}

/* Where the name stands in `ordered`, or would. */
static unsigned book_place(const struct ph_guestbook *book, const char *server)
{
	unsigned low = 0;
	unsigned high = book->count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;

		if (strcmp(book->ordered[middle]->server, server) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int book_order(struct ph_guestbook *book, struct ph_guest *guest)
{
	unsigned place = book_place(book, guest->server);

	if (book->count == book->room) {
		unsigned room = book->room ? 2 * book->room : 16;
		struct ph_guest **grown =
			realloc(book->ordered, room * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		book->ordered = grown;
		book->room = room;
	}
	memmove(book->ordered + place + 1, book->ordered + place,
		(book->count - place) * sizeof(*book->ordered));
	book->ordered[place] = guest;
	book->count++;
	return 0;
}

static void book_disorder(struct ph_guestbook *book, struct ph_guest *guest)
{
	unsigned place = book_place(book, guest->server);

	book->count--;
	memmove(book->ordered + place, book->ordered + place + 1,
		(book->count - place) * sizeof(*book->ordered));
}

void ph_guestbook_touch(struct ph_guestbook *book, struct ph_guest *guest)
{
	guest->digested = false;
	book->stamp++;
}

void ph_guestbook_freshen(struct ph_guestbook *book, struct ph_guest *guest)
{
	if (guest->fresh)
		return;
	guest->fresh = true;
	DL_APPEND(book->fresh, guest);
}

struct ph_guest *ph_guestbook_take_fresh(struct ph_guestbook *book)
{
	struct ph_guest *guest = book->fresh;

	if (guest) {
		guest->fresh = false;
		DL_DELETE(book->fresh, guest);
	}
	return guest;
}

void ph_guestbook_remove(struct ph_guestbook *book, struct ph_guest *guest)
{
	HASH_DEL(book->guests, guest);
	book_disorder(book, guest);
	if (guest->fresh)
		DL_DELETE(book->fresh, guest);
	ph_guest_free(guest);
	book->stamp++;
}

void ph_guestbook_fini(struct ph_guestbook *book)
{
	struct ph_guest *at, *next;

	HASH_ITER(hh, book->guests, at, next)
	ph_guestbook_remove(book, at);
	free(book->ordered);
	book->ordered = NULL;
	free(book->caps);
	book->caps = NULL;
}

unsigned ph_guestbook_count(const struct ph_guestbook *book)
{
	return book->count;
}

static int book_add(struct ph_guestbook *book, struct ph_guest *guest)
{
	HASH_ADD_STR(book->guests, server, guest);
	if (!guest->hh.tbl)
		return -ENOMEM;
	if (book_order(book, guest) < 0) {
		HASH_DEL(book->guests, guest);
		return -ENOMEM;
	}
	book->stamp++;
	return 0;
}

int ph_guestbook_enter(struct ph_guestbook *book, struct ph_value manifest,
	struct ph_guest **out, struct ph_error *error)
{
	struct ph_guest *guest;

	if (ph_guest_read(&guest, manifest, error) < 0)
		return -1;
	guest->node_caps = book->caps;
	if (ph_guestbook_find(book, guest->server, NULL)) {
		ph_fail(error, PH_EXIT_CONFLICT, guest->server,
			"use another name, or stop the other one",
			"a server of that name is in the guest book");
		goto fail;
	}
	if (ph_guestbook_count(book) >= PH_GUESTS_MOST) {
		ph_fail(error, PH_EXIT_CONFLICT, guest->server,
			"stop what is not needed",
			"the guest book is full: %u servers", PH_GUESTS_MOST);
		goto fail;
	}
	if (book_add(book, guest) < 0) {
		ph_fail(error, PH_EXIT_NEGATIVE, guest->server, "free memory",
			"out of memory");
		goto fail;
	}
	*out = guest;
	return 0;
fail:
	ph_guest_free(guest);
	return -1;
}

/* Appends ", name" (or "name" at first) as far as there is room. */
static void names_add(char *out, size_t size, const char *name)
{
	size_t used = strlen(out);

	snprintf(out + used, size - used, "%s%s", used ? ", " : "", name);
}

struct ph_guest *ph_guestbook_find(const struct ph_guestbook *book,
	const char *server, struct ph_error *error)
{
	char names[256] = "";
	struct ph_guest *found;

	HASH_FIND_STR(book->guests, server, found);
	if (found || !error)
		return found;
	for (unsigned i = 0; i < book->count; i++)
		if (strlen(names) < sizeof(names) - 48)
			names_add(
				names, sizeof(names), book->ordered[i]->server);
	ph_fail(error, PH_EXIT_NOT_FOUND, server,
		*names ? "name one that is here" : "start it first",
		"no server '%s' here; %s%s", server,
		*names ? "here are: " : "the guest book is empty", names);
	return NULL;
}

struct ph_guest_terminal *ph_guest_terminal_find(const struct ph_guest *guest,
	const char *terminal, struct ph_error *error)
{
	char names[256] = "";
	char where[96];

	for (unsigned i = 0; i < guest->terminal_count; i++)
		if (strcmp(guest->terminals[i].name, terminal) == 0)
			return &guest->terminals[i];
	if (!error)
		return NULL;
	for (unsigned i = 0; i < guest->terminal_count; i++) {
		struct ph_guest_terminal *at = &guest->terminals[i];
		char name[64];

		snprintf(name, sizeof(name), "%s (%s)", at->name,
			ph_direction_name(at->direction));
		names_add(names, sizeof(names), name);
	}
	snprintf(where, sizeof(where), "%s:%s", guest->server, terminal);
	ph_fail(error, PH_EXIT_NOT_FOUND, where, "name one that it has",
		"no terminal '%s'; %s has: %s", terminal, guest->server, names);
	return NULL;
}

bool ph_guest_terminal_is_free(const struct ph_guest_terminal *terminal)
{
	return !terminal->guest->holders && !terminal->guest->drains &&
	       (terminal->capacity == 0 ||
		       terminal->in_use < terminal->capacity);
}

bool ph_guest_is_free(const struct ph_guest *guest)
{
	for (unsigned i = 0; i < guest->terminal_count; i++)
		if (guest->terminals[i].in_use)
			return false;
	return !guest->holders && !guest->drains;
}

void ph_guestbook_drain(
	struct ph_guestbook *book, struct ph_guest *guest, int64_t until)
{
	guest->drains = until;
	ph_guestbook_touch(book, guest);
	if (!until)
		ph_guestbook_freshen(book, guest);
}

static bool terminal_is_output(const struct ph_guest_terminal *terminal)
{
	return terminal->direction == PH_OUT || terminal->direction == PH_MUX;
}

void ph_guest_terminal_clear(struct ph_guest_terminal *terminal)
{
	const struct ph_reservation *hold;
	struct ph_feed *at, *next;

	LL_FOREACH_SAFE(terminal->feeds, at, next)
	free(at);
	terminal->feeds = NULL;
	terminal->declared = 0;
	if (!terminal_is_output(terminal))
		return;
	terminal->in_use = 0;
	DL_FOREACH(terminal->bookings, hold)
	terminal->in_use++;
}

void ph_guestbook_clear_feeds(struct ph_guestbook *book)
{
	for (struct ph_guest *at = book->guests; at; at = at->hh.next)
		for (unsigned i = 0; i < at->terminal_count; i++)
			ph_guest_terminal_clear(&at->terminals[i]);
}

int ph_guest_terminal_feed(
	struct ph_guest_terminal *terminal, const char *connection)
{
	struct ph_feed *feed;

	if (!terminal_is_output(terminal))
		return -EINVAL;
	feed = calloc(1, sizeof(*feed));
	if (!feed)
		return -ENOMEM;
	snprintf(feed->connection, sizeof(feed->connection), "%s", connection);
	LL_PREPEND(terminal->feeds, feed);
	terminal->in_use++;
	return 0;
}
