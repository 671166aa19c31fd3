#include "hostess/wish.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

/* What a look around found, for the refusal. */
struct survey {
	struct ph_wishes *wishes;
	struct ph_wish *wish;
	int64_t now;
	unsigned matched;
	unsigned denied;
	struct ph_error taken; /* the first that was */
	struct ph_error refusal;
};

int ph_wish_init(struct ph_wish *wish, unsigned count)
{
	wish->count = count;
	wish->got = calloc(count, sizeof(*wish->got));
	return wish->got ? 0 : -ENOMEM;
}

void ph_wish_claim(struct ph_wish *wish, const struct ph_auth_claim *claim)
{
	wish->claim = *claim;
	snprintf(wish->node, sizeof(wish->node), "%s", claim->node);
	wish->claim.node = wish->node;
	if (!claim->token)
		return;
	/* A longer one is no token of ours. */
	wish->claim.length = claim->length < sizeof(wish->token)
				     ? claim->length
				     : sizeof(wish->token) - 1;
	memcpy(wish->token, claim->token, wish->claim.length);
	wish->claim.token = wish->token;
}

void ph_wish_fini(struct ph_wish *wish)
{
	free(wish->got);
	wish->got = NULL;
}

static bool guest_has_outputs(const struct ph_guest *guest, const char *name)
{
	for (unsigned i = 0; i < guest->terminal_count; i++) {
		const struct ph_guest_terminal *at = &guest->terminals[i];

		if ((at->direction == PH_OUT || at->direction == PH_MUX) &&
			(!*name || strcmp(at->name, name) == 0))
			return true;
	}
	return false;
}

bool ph_wish_asks_outputs(
	const struct ph_wish *wish, const struct ph_guestbook *book)
{
	const struct ph_guest *guest;

	if (*wish->server) {
		guest = ph_guestbook_find(book, wish->server, NULL);
		return guest && guest_has_outputs(guest, wish->terminal);
	}
	for (unsigned i = 0; i < wish->mask.count; i++) {
		const char *value =
			wish->mask.text + wish->mask.conditions[i].value;

		if (wish->mask.conditions[i].key == PH_MASK_DIRECTION)
			return strcmp(value, "in") && strcmp(value, "combine");
	}
	return true;
}

/* Holds it, or notes why not. */
static void survey_take(struct survey *survey, struct ph_guest *guest,
	struct ph_guest_terminal *terminal)
{
	struct ph_wish *wish = survey->wish;
	uint8_t token[PH_ATTACH_TOKEN];
	const struct ph_ledger_hold hold = {
		.guest = guest,
		.terminal = terminal,
		.node = wish->node,
		/* While it gathers only its own deadline counts. */
		.lasts = INT64_MAX,
		.token = token,
	};
	struct ph_reservation *made;
	struct ph_error error;

	survey->matched++;
	if (ph_auth_admit(&guest->auth, &wish->claim, guest->server,
		    &survey->refusal) < 0) {
		survey->denied++;
		return;
	}
	survey->wishes->token(token);
	if (ph_ledger_hold(survey->wishes->ledger, survey->now, &hold, &made,
		    &error) < 0) {
		if (!*survey->taken.what)
			survey->taken = error;
		return;
	}
	memcpy(wish->got[wish->got_count++], made->id, PH_RESERVATION_ID);
}

static bool is_full(const struct ph_wish *wish)
{
	return wish->got_count >= wish->count;
}

static void survey_address(struct survey *survey, struct ph_guest *guest)
{
	struct ph_guest_terminal *terminal = NULL;
	unsigned before;

	if (*survey->wish->terminal) {
		terminal = ph_guest_terminal_find(
			guest, survey->wish->terminal, NULL);
		if (!terminal)
			return;
	}
	do {
		before = survey->wish->got_count;
		survey_take(survey, guest, terminal);
	} while (!is_full(survey->wish) && survey->wish->got_count > before);
}

static void survey_guest(struct survey *survey, struct ph_guest *guest)
{
	const struct ph_wish *wish = survey->wish;

	if (*wish->server) {
		if (strcmp(guest->server, wish->server) == 0)
			survey_address(survey, guest);
		return;
	}
	if (!ph_mask_takes_server(&wish->mask, guest))
		return;
	if (!wish->mask.terminals) {
		survey_take(survey, guest, NULL);
		return;
	}
	for (unsigned i = 0; i < guest->terminal_count && !is_full(wish); i++)
		if (ph_mask_takes_terminal(&wish->mask, &guest->terminals[i]))
			survey_take(survey, guest, &guest->terminals[i]);
}

/* Then what is taken was not even looked at. */
static bool asks_free(const struct ph_mask *mask)
{
	for (unsigned i = 0; i < mask->count; i++)
		if (mask->conditions[i].key == PH_MASK_FREE)
			return true;
	return false;
}

/* Those that run, or those that do not. */
static void survey_book(
	struct survey *survey, const struct ph_guestbook *book, bool up)
{
	for (unsigned i = 0; i < book->count && !is_full(survey->wish); i++)
		if (ph_guest_is_up(book->ordered[i]) == up)
			survey_guest(survey, book->ordered[i]);
}

static int nobody(const struct survey *survey, struct ph_error *error)
{
	const struct ph_guestbook *book = survey->wishes->ledger->book;
	const struct ph_wish *wish = survey->wish;
	struct ph_guest *guest;

	if (!*wish->server)
		return ph_fail(error, PH_EXIT_NOT_FOUND, "mask",
			"posthouse guests shows what is here",
			asks_free(&wish->mask)
				? "nothing here is like that and free"
				: "nothing here is like that");
	guest = ph_guestbook_find(book, wish->server, error);
	if (guest)
		ph_guest_terminal_find(guest, wish->terminal, error);
	return -1;
}

static int survey_tell(const struct survey *survey, struct ph_error *error)
{
	const struct ph_wish *wish = survey->wish;

	if (!survey->matched && !wish->got_count)
		return nobody(survey, error);
	if (*survey->taken.what && wish->count == 1) {
		*error = survey->taken;
		return -1;
	}
	if (!*survey->taken.what && survey->denied) {
		*error = survey->refusal;
		return -1;
	}
	return ph_fail(error, PH_EXIT_CONFLICT,
		*wish->server ? wish->server : "mask",
		"wait (--wait 30s), or ask for fewer",
		"%u of %u are free%s%.150s", wish->got_count, wish->count,
		*survey->taken.what ? "; " : "", survey->taken.what);
}

int ph_wish_gather(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now,
	struct ph_error *error)
{
	struct ph_guestbook *book = wishes->ledger->book;
	struct survey survey = {.wishes = wishes, .wish = wish, .now = now};
	struct ph_guest *named;

	if (*wish->server) {
		named = ph_guestbook_find(book, wish->server, NULL);
		if (named)
			survey_guest(&survey, named);
	} else {
		survey_book(&survey, book, true);
		if (!wish->running)
			survey_book(&survey, book, false);
	}
	if (is_full(wish) || (wish->some && wish->got_count))
		return 0;
	return survey_tell(&survey, error);
}

void ph_wish_grant(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now)
{
	for (unsigned i = 0; i < wish->got_count; i++) {
		struct ph_reservation *hold =
			ph_ledger_find_id(wishes->ledger, now, wish->got[i]);

		if (hold && hold->state == PH_RESERVATION_HELD)
			hold->expires = now + wish->lasts;
	}
}

void ph_wish_unlist(struct ph_wishes *wishes, struct ph_wish *wish)
{
	if (!wish->waits)
		return;
	DL_DELETE(wishes->first, wish);
	wishes->count--;
	wish->waits = false;
}

void ph_wish_drop(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now,
	const char *because)
{
	const struct ph_reservation_event release = {
		.kind = PH_RESERVE_RELEASE, .because = because};

	ph_wish_unlist(wishes, wish);
	for (unsigned i = 0; i < wish->got_count; i++) {
		struct ph_reservation *hold =
			ph_ledger_find_id(wishes->ledger, now, wish->got[i]);

		if (hold && hold->state == PH_RESERVATION_HELD)
			ph_ledger_step(wishes->ledger, hold, now, &release);
	}
	wish->got_count = 0;
}

int ph_wish_wait(
	struct ph_wishes *wishes, struct ph_wish *wish, struct ph_error *error)
{
	const struct ph_wish *at;
	unsigned same = 0;

	DL_FOREACH(wishes->first, at)
	same += strcmp(at->node, wish->node) == 0;
	if (wishes->count >= PH_WISHES_MOST ||
		(!wish->claim.here && same >= PH_WISHES_A_PEER))
		return ph_fail(error, PH_EXIT_CONFLICT, "wait",
			"ask again later", "%u wait here already",
			wishes->count);
	DL_APPEND(wishes->first, wish);
	wishes->count++;
	wish->waits = true;
	return 0;
}

/* What it gathered may be gone with its server. */
static void forget_lost(
	struct ph_wishes *wishes, struct ph_wish *wish, int64_t now)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < wish->got_count; i++)
		if (ph_ledger_find_id(wishes->ledger, now, wish->got[i]))
			memmove(wish->got[kept++], wish->got[i],
				PH_RESERVATION_ID);
	wish->got_count = kept;
}

static void offer_guest(
	struct ph_wishes *wishes, struct ph_guest *guest, int64_t now)
{
	struct ph_wish *at, *next;

	DL_FOREACH_SAFE(wishes->first, at, next)
	{
		struct survey survey = {
			.wishes = wishes, .wish = at, .now = now};

		forget_lost(wishes, at, now);
		survey_guest(&survey, guest);
		if (!is_full(at))
			continue;
		ph_wish_unlist(wishes, at);
		wishes->filled(wishes->context, at);
	}
}

void ph_wishes_offer(struct ph_wishes *wishes, int64_t now, bool all)
{
	struct ph_guestbook *book = wishes->ledger->book;
	struct ph_guest *guest;

	for (unsigned i = 0; all && wishes->first && i < book->count; i++)
		ph_guestbook_freshen(book, book->ordered[i]);
	while ((guest = ph_guestbook_take_fresh(book)))
		if (wishes->first)
			offer_guest(wishes, guest, now);
}
