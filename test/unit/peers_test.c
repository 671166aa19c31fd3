#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "node/peer.h"

/* Who is meant by a text, when strangers call themselves what they like. */

#define BETA "0123456789abcdef0123456789abcdef"
#define EVIL "fedcba9876543210fedcba9876543210"
#define NEAR "0123456700000000000000000000000f"

static void add(struct ph_lines *lines, struct peer *peer, const char *id,
	const char *name, bool proven)
{
	memset(peer, 0, sizeof(*peer));
	snprintf(peer->id, sizeof(peer->id), "%s", id);
	snprintf(peer->name, sizeof(peer->name), "%s", name);
	peer->active.proven = proven;
	HASH_ADD_STR(lines->peers, id, peer);
}

static void a_stranger_takes_no_members_name(void **state)
{
	struct ph_lines lines = {0};
	struct peer beta, evil;

	add(&lines, &evil, EVIL, "beta", false); /* first, and still not */
	add(&lines, &beta, BETA, "beta", true);
	assert_ptr_equal(peer_named(&lines, "beta"), &beta);
	assert_ptr_equal(peer_named(&lines, EVIL), &evil);
	HASH_CLEAR(hh, lines.peers);
}

static void a_stranger_takes_no_members_id(void **state)
{
	struct ph_lines lines = {0};
	struct peer beta, evil;

	add(&lines, &beta, BETA, "beta", true);
	add(&lines, &evil, EVIL, BETA, false);
	assert_ptr_equal(peer_named(&lines, BETA), &beta);
	evil.active.proven = true; /* nor may a member */
	assert_ptr_equal(peer_named(&lines, BETA), &beta);
	HASH_CLEAR(hh, lines.peers);
}

static void a_stranger_makes_no_beginning_ambiguous(void **state)
{
	struct ph_lines lines = {0};
	struct peer beta, near;

	add(&lines, &near, NEAR, "near", false);
	add(&lines, &beta, BETA, "beta", true);
	assert_ptr_equal(peer_named(&lines, "01234567"), &beta);
	near.active.proven = true;
	assert_null(peer_named(&lines, "01234567"));
	assert_ptr_equal(peer_named(&lines, "0123456789"), &beta);
	assert_null(peer_named(&lines, "0123456"));
	HASH_CLEAR(hh, lines.peers);
}

static void a_stranger_is_found_when_nobody_else_is(void **state)
{
	struct ph_lines lines = {0};
	struct peer one, other;

	add(&lines, &one, BETA, "one", false);
	add(&lines, &other, NEAR, "other", false);
	assert_ptr_equal(peer_named(&lines, "one"), &one);
	assert_ptr_equal(peer_named(&lines, "0123456789abcdef"), &one);
	assert_null(peer_named(&lines, "01234567"));
	assert_null(peer_named(&lines, "nobody"));
	HASH_CLEAR(hh, lines.peers);
}

/* Nobody who is proven goes for a stranger, nobody who is there for anybody. */
static void who_goes_for_whom(void **state)
{
	struct ph_lines lines = {0};
	struct peer dead, left, there, stranger, younger;

	(void)state;
	add(&lines, &there, "1", "there", true);
	assert_null(peer_to_forget(&lines, true));
	add(&lines, &dead, "2", "dead", true);
	dead.presence = PH_PRESENCE_DEAD;
	dead.present_since = 9;
	add(&lines, &left, "3", "left", true);
	left.presence = PH_PRESENCE_LEFT;
	left.present_since = 8;
	assert_null(peer_to_forget(&lines, false));
	assert_ptr_equal(peer_to_forget(&lines, true), &left);
	left.waiting_count = 1;
	assert_ptr_equal(peer_to_forget(&lines, true), &dead);
	add(&lines, &younger, "4", "younger", false);
	younger.since = 7;
	add(&lines, &stranger, "5", "stranger", false);
	stranger.since = 6;
	assert_ptr_equal(peer_to_forget(&lines, true), &stranger);
	assert_ptr_equal(peer_to_forget(&lines, false), &stranger);
	HASH_CLEAR(hh, lines.peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_takes_no_members_name),
		cmocka_unit_test(a_stranger_takes_no_members_id),
		cmocka_unit_test(a_stranger_makes_no_beginning_ambiguous),
		cmocka_unit_test(a_stranger_is_found_when_nobody_else_is),
		cmocka_unit_test(who_goes_for_whom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
