#ifndef PH_HOSTESS_MENU_VERSION_H
#define PH_HOSTESS_MENU_VERSION_H

#include <stdint.h>

#include "proto/value.h"

/*
 * Which menu a node offers, in few bytes: what announcements carry, and what
 * two Hostesses compare before they send each other tables.
 *
 * The digest is BLAKE2b-128 over the digests of the servers in the order of
 * their names, then the node's capabilities (their number, and each); a
 * server's digest is BLAKE2b-128 over its identity, its
 * capabilities, its labels and its terminals (name, direction, type,
 * capacity, and of inputs whether they have room), each text with its length
 * in front. So it can be computed from the book and from a menu that was
 * received, and both must agree.
 */
#define PH_MENU_DIGEST 16

struct ph_menu_version {
	uint64_t epoch;	  /* of the node: how often it has started */
	uint64_t version; /* grows with each change, from 1 in each epoch */
	uint32_t count;	  /* servers */
	uint8_t digest[PH_MENU_DIGEST];
};

struct ph_guest;
struct ph_guestbook;

/* Computes what the book offers now; servers that did not change are not
 * looked at again. Fills count and digest. */
void ph_menu_digest(struct ph_guestbook *book, struct ph_menu_version *out);
/* The digest of one item as ph_guest_write wrote it. */
void ph_menu_item_digest(uint8_t out[PH_MENU_DIGEST], struct ph_value item);
/* Whether `one` tells of a later moment than `other`. */
int ph_menu_version_compare(
	const struct ph_menu_version *one, const struct ph_menu_version *other);

void ph_menu_version_write(
	const struct ph_menu_version *version, struct ph_writer *writer);
/* Reads {epoch version count digest}. -EBADMSG. */
int ph_menu_version_read(struct ph_menu_version *out, struct ph_value map);

#endif
