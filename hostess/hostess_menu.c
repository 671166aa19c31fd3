#include <stddef.h>
#include <string.h>

#include "hostess/hostess_inner.h"

/*
 * Which menu is offered. Changes gather for a moment, so that a wiring of a
 * thousand servers is one new version, and a busy terminal is at most one a
 * second: peers fetch what has changed.
 */
#define MENU_GATHER (20 * PH_MILLISECOND)
#define MENU_APART  PH_SECOND

/* The version of what the book says now; a new one is told. */
static void menu_settle(struct ph_hostess *hostess)
{
	struct ph_menu_version now = hostess->offered;

	if (hostess->stamp == hostess->book.stamp)
		return;
	hostess->stamp = hostess->book.stamp;
	ph_menu_digest(&hostess->book, &now);
	if (memcmp(now.digest, hostess->offered.digest, PH_MENU_DIGEST) == 0)
		return;
	now.version++;
	hostess->offered = now;
	hostess->menu_untold = true;
}

static void menu_due(struct ph_timer *timer)
{
	struct ph_hostess *hostess =
		(struct ph_hostess *)((char *)timer -
				      offsetof(struct ph_hostess, menu_timer));

	menu_settle(hostess);
	if (!hostess->menu_untold)
		return;
	hostess->menu_untold = false;
	hostess->menu_told = ph_loop_now(hostess->loop);
	ph_hostess_known_tell(hostess);
	if (hostess->menu_changed)
		hostess->menu_changed(hostess->menu_context);
}

static void menu_version(void *context, struct ph_menu_version *out)
{
	struct ph_hostess *hostess = context;

	/* Whoever asks gets a version that is that of the items. */
	menu_settle(hostess);
	*out = hostess->offered;
}

void ph_hostess_menu_init(struct ph_hostess *hostess, uint64_t epoch)
{
	hostess->menu_timer.on_due = menu_due;
	hostess->offered.epoch = epoch;
	hostess->offered.version = 1;
	hostess->menu_told = -MENU_APART;
	hostess->menu.version = menu_version;
	hostess->menu.context = hostess;
	ph_menu_digest(&hostess->book, &hostess->offered);
}

void ph_hostess_menu_fini(struct ph_hostess *hostess)
{
	ph_timer_stop(hostess->loop, &hostess->menu_timer);
}

void ph_hostess_menu_look(struct ph_hostess *hostess)
{
	int64_t now = ph_loop_now(hostess->loop);
	int64_t due = hostess->menu_told + MENU_APART;

	if ((hostess->stamp == hostess->book.stamp && !hostess->menu_untold) ||
		hostess->menu_timer.slot)
		return;
	if (due < now + MENU_GATHER)
		due = now + MENU_GATHER;
	ph_timer_start(hostess->loop, &hostess->menu_timer, due);
}

void ph_hostess_menu_version(
	const struct ph_hostess *hostess, struct ph_menu_version *out)
{
	*out = hostess->offered;
}

void ph_hostess_set_menu_changed(struct ph_hostess *hostess,
	void (*changed)(void *context), void *context)
{
	hostess->menu_changed = changed;
	hostess->menu_context = context;
}
