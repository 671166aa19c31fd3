#define HASH_NONFATAL_OOM 1

#include "hostess/menus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ph_known_init(struct ph_known *menus)
{
	memset(menus, 0, sizeof(*menus));
}

void ph_known_forget(struct ph_known *menus, struct ph_known_menu *menu)
{
	HASH_DEL(menus->menus, menu);
	menus->guests -= menu->book.count;
	ph_guestbook_fini(&menu->book);
	ph_guestbook_fini(&menu->coming);
	free(menu);
}

void ph_known_fini(struct ph_known *menus)
{
	while (menus->menus)
		ph_known_forget(menus, menus->menus);
}

struct ph_known_menu *ph_known_find(
	const struct ph_known *menus, const char *node)
{
	struct ph_known_menu *found;

	HASH_FIND_STR(menus->menus, node, found);
	return found;
}

/* The one that was heard of longest ago, and may be forgotten. */
static struct ph_known_menu *oldest(
	struct ph_known *menus, const struct ph_known_menu *but)
{
	struct ph_known_menu *found = NULL;

	for (struct ph_known_menu *at = menus->menus; at; at = at->hh.next)
		if (at != but && !at->fetching &&
			(!found || at->as_of < found->as_of))
			found = at;
	return found;
}

static void make_room(struct ph_known *menus, const struct ph_known_menu *but)
{
	struct ph_known_menu *old;

	while ((menus->guests > PH_MENUS_GUESTS ||
		       HASH_COUNT(menus->menus) > PH_MENUS_MOST) &&
		(old = oldest(menus, but)))
		ph_known_forget(menus, old);
}

static struct ph_known_menu *menu_make(struct ph_known *menus, const char *node)
{
	struct ph_known_menu *made = calloc(1, sizeof(*made));

	if (!made)
		return NULL;
	snprintf(made->node, sizeof(made->node), "%s", node);
	ph_guestbook_init(&made->book);
	ph_guestbook_init(&made->coming);
	HASH_ADD_STR(menus->menus, node, made);
	if (!made->hh.tbl) {
		free(made);
		return NULL;
	}
	make_room(menus, made);
	return made;
}

static bool same_digest(
	const struct ph_menu_version *one, const struct ph_menu_version *other)
{
	return memcmp(one->digest, other->digest, PH_MENU_DIGEST) == 0;
}

bool ph_menu_is_behind(const struct ph_known_menu *menu)
{
	return ph_menu_version_compare(&menu->heard, &menu->known) > 0;
}

struct ph_known_menu *ph_known_hear(struct ph_known *menus, const char *node,
	const struct ph_menu_version *version, int64_t wall)
{
	struct ph_known_menu *menu = ph_known_find(menus, node);

	if (!menu)
		menu = menu_make(menus, node);
	if (!menu)
		return NULL;
	if (ph_menu_version_compare(version, &menu->heard) > 0) {
		menu->heard = *version;
		menu->failures = 0;
		menu->again = 0;
	}
	/* Another number for the same menu, as after a restart. */
	if (menu->known.version && same_digest(&menu->known, version) &&
		ph_menu_version_compare(version, &menu->known) >= 0) {
		menu->known = *version;
		menu->as_of = wall;
	}
	return menu;
}

static int take_use(struct ph_guest *guest, struct ph_value item)
{
	struct ph_value terminals = ph_value_get(item, "terminals");

	for (unsigned i = 0; i < guest->terminal_count; i++) {
		int64_t in_use =
			ph_get_int(ph_value_at(terminals, i), "in_use");

		if (in_use < 0 || in_use > UINT32_MAX)
			return -EBADMSG;
		guest->terminals[i].in_use = (unsigned)in_use;
	}
	return 0;
}

int ph_menu_read_items(struct ph_guestbook *book, struct ph_value items)
{
	struct ph_guest *guest;

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value item = ph_value_at(items, i);

		if (ph_guestbook_enter(book, item, &guest, NULL) < 0 ||
			take_use(guest, item) < 0)
			return -EBADMSG;
		/* As that node says it, held and all. */
		ph_menu_item_digest(guest->digest, item);
		guest->digested = true;
		guest->held_away =
			ph_value_count(ph_value_get(item, "holds")) > 0;
		guest->drains = ph_get_bool(item, "draining");
	}
	return 0;
}

static int take_whole(
	struct ph_known *menus, struct ph_known_menu *menu, int64_t wall)
{
	struct ph_menu_version sum;

	ph_menu_digest(&menu->coming, &sum);
	if (!same_digest(&sum, &menu->coming_version) ||
		sum.count != menu->coming_version.count)
		return -EBADMSG;
	menus->guests -= menu->book.count;
	ph_guestbook_fini(&menu->book);
	menu->book = menu->coming;
	ph_guestbook_init(&menu->coming);
	menus->guests += menu->book.count;
	menu->known = menu->coming_version;
	if (ph_menu_version_compare(&menu->known, &menu->heard) > 0)
		menu->heard = menu->known;
	menu->as_of = wall;
	make_room(menus, menu);
	return 0;
}

/* The first page, or one of the same menu. */
static int take_version(
	struct ph_known_menu *menu, struct ph_value answer, bool first)
{
	struct ph_menu_version version;

	if (ph_menu_version_read(&version, answer) < 0)
		return -EBADMSG;
	if (version.count > PH_GUESTS_MOST)
		return -EFBIG;
	if (first) {
		ph_guestbook_fini(&menu->coming);
		ph_guestbook_init(&menu->coming);
		menu->coming_version = version;
		return 0;
	}
	return ph_menu_version_compare(&version, &menu->coming_version)
		       ? -EAGAIN
		       : 0;
}

int ph_menu_take(struct ph_known *menus, struct ph_known_menu *menu,
	struct ph_value answer, int64_t wall, char after[40])
{
	int code = take_version(menu, answer, !*after);

	if (code < 0)
		return code;
	if (ph_get_bool(answer, "unchanged")) {
		if (ph_menu_version_compare(
			    &menu->coming_version, &menu->known))
			return -EBADMSG;
		menu->as_of = wall;
		return 0;
	}
	if (!menu->coming.caps)
		code = ph_guestbook_read_caps(
			&menu->coming, ph_value_get(answer, "caps"));
	if (code == 0)
		code = ph_menu_read_items(
			&menu->coming, ph_value_get(answer, "items"));
	if (code < 0)
		return code;
	if (!ph_get_bool(answer, "more"))
		return take_whole(menus, menu, wall);
	if (!ph_value_count(ph_value_get(answer, "items")))
		return -EBADMSG;
	snprintf(after, 40, "%s",
		menu->coming.ordered[menu->coming.count - 1]->server);
	return 1;
}

static bool terminal_had_room(const struct ph_guest_terminal *terminal)
{
	return !terminal->guest->held_away &&
	       ph_guest_terminal_is_free(terminal);
}

static int guest_room(const struct ph_guest *guest, const struct ph_mask *mask)
{
	int room = 0;

	if (!mask->terminals)
		return !guest->held_away && ph_guest_is_free(guest);
	for (unsigned i = 0; i < guest->terminal_count; i++)
		room += ph_mask_takes_terminal(mask, &guest->terminals[i]) &&
			terminal_had_room(&guest->terminals[i]);
	return room;
}

int ph_menu_room(const struct ph_known_menu *menu, const struct ph_mask *mask)
{
	int room = 0;

	if (!menu || !menu->known.version)
		return -1;
	for (unsigned i = 0; i < menu->book.count; i++)
		if (ph_mask_takes(mask, menu->book.ordered[i]))
			room += guest_room(menu->book.ordered[i], mask);
	return room;
}
