#ifndef PH_HOSTESS_MASK_H
#define PH_HOSTESS_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What to look for in a guest book: `key=value,key=value,...`, all of which
 * must hold.
 *
 *   server fqdn owner uuid    of the server
 *   class                     in hex, with or without 0x
 *   auth mechanism            no | optional | yes; none | peer | token
 *   caps labels               one it has: `caps=gpu` or `caps=gpu=nvenc`; a
 *                             label may be a terminal's, and then in a mask
 *                             about terminals it is that terminal's
 *   node.caps                 one that its node has, as with caps
 *   terminal type direction   of one and the same terminal
 *   capacity in_use           of that terminal: 1, 2.., ..3, 1..4
 *   free                      yes | no: that terminal can take another; in a
 *                             mask that asks nothing else about terminals, the
 *                             whole server is unused
 *
 * `name` is `terminal`. Text values may hold `*` for any run of bytes. A mask
 * is about terminals when it asks about one; else about servers. Pure.
 */
struct ph_guest;
struct ph_guest_terminal;
struct ph_error;

#define PH_MASK_MOST   16  /* conditions */
#define PH_MASK_LENGTH 512 /* bytes */

enum ph_mask_key {
	PH_MASK_SERVER,
	PH_MASK_FQDN,
	PH_MASK_CLASS,
	PH_MASK_OWNER,
	PH_MASK_AUTH,
	PH_MASK_MECHANISM,
	PH_MASK_UUID,
	PH_MASK_CAPS,
	PH_MASK_LABELS,
	PH_MASK_NODE_CAPS,
	PH_MASK_FREE,
	PH_MASK_TERMINAL,
	PH_MASK_TYPE,
	PH_MASK_DIRECTION,
	PH_MASK_CAPACITY,
	PH_MASK_IN_USE,
	PH_MASK_KEYS,
};

struct ph_mask {
	unsigned count;
	bool terminals; /* it is about terminals */
	struct {
		enum ph_mask_key key;
		unsigned value;	    /* offset in `text` */
		uint32_t low, high; /* of numbers */
	} conditions[PH_MASK_MOST];
	char text[PH_MASK_LENGTH];
};

/* An empty text matches everything. 0, or -1 with the error told. */
int ph_mask_parse(struct ph_mask *out, const char *text, size_t length,
	struct ph_error *error);
/* Does the server match, with at least one terminal when the mask asks about
 * terminals? */
bool ph_mask_takes(const struct ph_mask *mask, const struct ph_guest *guest);
/* What the mask says about servers alone. */
bool ph_mask_takes_server(
	const struct ph_mask *mask, const struct ph_guest *guest);
/* Does the terminal match what the mask says about terminals? */
bool ph_mask_takes_terminal(
	const struct ph_mask *mask, const struct ph_guest_terminal *terminal);
/* `*` in the pattern stands for any run of bytes. */
bool ph_mask_glob(const char *pattern, const char *text);

#endif
