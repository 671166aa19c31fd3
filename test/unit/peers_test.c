#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "node/node.h"
#include "node/peer.h"
#include "test/room.h"

/* Who is meant by a text, when strangers call themselves what they like; and
 * the trust book on a disk that does not always take it. */

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

struct disk {
	struct room room;
	bool full;     /* takes nothing */
	unsigned puts; /* that it was asked for */
};

static void on_put(void *context, ph_handle ticket, const struct ph_call *call)
{
	struct disk *disk = context;

	disk->puts++;
	ph_door_answer(disk->room.door, ticket,
		disk->full ? PH_CALL_FAILED : PH_CALL_OK, NULL, 0);
}

/* A node that keeps its book there. */
static void disk_open(struct disk *disk, struct ph_node *node)
{
	room_open(&disk->room, true);
	node->loop = disk->room.loop;
	node->door = disk->room.door;
	ph_door_serve(node->door, PH_STORE_PUT, on_put, disk);
	assert_int_equal(ph_trust_create(&node->trust, node->key, "self"), 0);
	assert_int_equal(ph_lines_create(&node->lines, node), 0);
}

static void disk_close(struct disk *disk, struct ph_node *node)
{
	ph_lines_close(node->lines);
	ph_lines_destroy(node->lines);
	room_close(&disk->room);
	ph_trust_destroy(node->trust);
}

static void change_to(struct ph_node *node, uint8_t what)
{
	uint8_t secret[PH_MESH_SECRET] = {what};

	ph_trust_set_secret(node->trust, secret);
	lines_save_trust(node->lines);
}

/* Whom a node has just come to know it knows after a restart, too; when many
 * come they wait for each other. */
static void a_book_is_kept_at_once(void **state)
{
	struct disk disk = {0};
	struct ph_node node = {.key = {1}};

	(void)state;
	disk_open(&disk, &node);
	for (uint8_t i = 1; i <= 100; i++)
		change_to(&node, i);
	room_advance(&disk.room, 0);
	assert_in_range(disk.puts, 1, 4);
	room_advance(&disk.room, PH_SECOND);
	assert_in_range(disk.puts, 2, 5);
	assert_int_equal(node.lines->saved, ph_trust_revision(node.trust));
	disk_close(&disk, &node);
}

/* Whom it revokes a node must not let in again after a restart. */
static void a_book_that_was_not_kept_is_saved_again(void **state)
{
	struct disk disk = {.full = true};
	struct ph_node node = {.key = {1}};

	(void)state;
	disk_open(&disk, &node);
	change_to(&node, 1);
	room_advance(&disk.room, PH_SECOND);
	assert_int_equal(disk.puts, 1);
	room_advance(&disk.room, 10 * PH_SECOND);
	assert_int_equal(disk.puts, 2);
	/* When there is more to keep it does not wait so long. */
	ph_trust_revoke(node.trust,
		"0000000000000000000000000000000000000000000000000000000000000"
		"002",
		1, (uint8_t[PH_PUBLIC_KEY]){0}, NULL, NULL,
		&(struct ph_error){0});
	disk.full = false;
	lines_save_trust(node.lines);
	room_advance(&disk.room, PH_SECOND);
	assert_int_equal(disk.puts, 3);
	room_advance(&disk.room, 60 * PH_SECOND);
	assert_int_equal(disk.puts, 3);
	disk_close(&disk, &node);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_takes_no_members_name),
		cmocka_unit_test(a_stranger_takes_no_members_id),
		cmocka_unit_test(a_stranger_makes_no_beginning_ambiguous),
		cmocka_unit_test(a_stranger_is_found_when_nobody_else_is),
		cmocka_unit_test(who_goes_for_whom),
		cmocka_unit_test(a_book_is_kept_at_once),
		cmocka_unit_test(a_book_that_was_not_kept_is_saved_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
