#ifndef PH_HOSTESS_GUESTBOOK_H
#define PH_HOSTESS_GUESTBOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "kernel/terminal.h"
#include "proto/auth.h"
#include "proto/error.h"
#include "proto/identity.h"
#include "proto/value.h"

/*
 * The guest book: the servers of this node by name, with what their manifests
 * declare. Pure: no time, no I/O. One name, one server.
 */
#define PH_GUESTS_MOST	   16384u /* servers of a node */
#define PH_GUEST_TERMINALS 64u
#define PH_GUEST_CAPS	   64u
#define PH_GUEST_WORD	   128u /* bytes of a capability or a label */

struct ph_reservation;

/* A connection that an output feeds, as the control surface tells it. */
#define PH_FEED_NAME 96
struct ph_feed {
	char connection[PH_FEED_NAME];
	struct ph_feed *next;
};

/* What the node whose book it is can do: `key` or `key=value`. */
struct ph_node_caps {
	unsigned count;
	char words[][PH_GUEST_WORD];
};

struct ph_guest_terminal {
	struct ph_guest *guest;
	char name[40];
	enum ph_direction direction;
	char media[64]; /* "" for any */
	ph_handle handle;
	unsigned capacity;		 /* connections at once; 0: no limit */
	unsigned in_use;		 /* how many `bookings`, or `feeds` */
	struct ph_reservation *bookings; /* utlist, the ledger's */
	struct ph_feed *feeds;		 /* of outputs */
	unsigned declared; /* of outputs: connections that did not end */
	char **labels;	   /* `key=value` */
	unsigned label_count;
};

struct ph_guest {
	struct ph_identity identity;
	struct ph_auth_rule auth; /* who may book */
	char server[40];
	char state[16]; /* as who runs it told; "": it runs itself */
	const struct ph_node_caps *node_caps; /* the book's; may be NULL */
	struct ph_guest_terminal *terminals;
	unsigned terminal_count;
	char **caps; /* `key` or `key=value` */
	unsigned cap_count;
	char **labels; /* `key=value` */
	unsigned label_count;
	uint8_t digest[16]; /* what the menu shows of it: menu_version.h */
	bool digested;
	struct ph_reservation *holders; /* of the whole server */
	bool held_away; /* of another node's menu: somebody holds it whole */
	/* It takes nothing new: what is there is to end by this time (ns). Of
	 * another node's menu only that it is so; 0: it does not. */
	int64_t drains;
	bool fresh; /* in the book's list of those that have news */
	struct ph_guest *prev, *next;
	UT_hash_handle hh;
};

struct ph_guestbook {
	struct ph_guest *guests;   /* by name */
	struct ph_guest **ordered; /* the same, in the order of their names */
	unsigned count;
	unsigned room;		   /* of `ordered` */
	struct ph_node_caps *caps; /* NULL: not known */
	uint64_t stamp;		   /* grows with whatever changes the menu */
	/* Guests of which something became free since whoever waits for them
	 * looked. */
	struct ph_guest *fresh;
};

/* It runs, as far as is known: by a mask it is found before those that do
 * not. */
bool ph_guest_is_up(const struct ph_guest *guest);

void ph_guestbook_init(struct ph_guestbook *book);
void ph_guestbook_fini(struct ph_guestbook *book);

/* What the node can; before any server is entered. Words that are too long,
 * too many, or hold control bytes are left out. -ENOMEM. */
int ph_guestbook_set_caps(
	struct ph_guestbook *book, const char *const *words, unsigned count);
/* The same from a list of texts; what is no list leaves it unknown. */
int ph_guestbook_read_caps(struct ph_guestbook *book, struct ph_value list);
/* A list "caps" of the open map, if they are known. */
void ph_guestbook_write_caps(
	const struct ph_guestbook *book, struct ph_writer *writer);

/* Enters a server from its manifest {identity, server, terminals: [{name,
 * direction, type, handle}], caps, labels}. 0, or -1 with the error told:
 * exit 5 when the name is taken, 78 when the manifest is wrong. */
int ph_guestbook_enter(struct ph_guestbook *book, struct ph_value manifest,
	struct ph_guest **out, struct ph_error *error);
/* Its bookings must be gone. */
void ph_guestbook_remove(struct ph_guestbook *book, struct ph_guest *guest);
unsigned ph_guestbook_count(const struct ph_guestbook *book);
/* Something that the menu shows of it has changed. */
void ph_guestbook_touch(struct ph_guestbook *book, struct ph_guest *guest);
/* Something of it became free. */
void ph_guestbook_freshen(struct ph_guestbook *book, struct ph_guest *guest);
/* One of the fresh guests, which is no longer fresh then; or NULL. */
struct ph_guest *ph_guestbook_take_fresh(struct ph_guestbook *book);

/* NULL with exit 4 told, naming what is there; `error` may be NULL. */
struct ph_guest *ph_guestbook_find(const struct ph_guestbook *book,
	const char *server, struct ph_error *error);
struct ph_guest_terminal *ph_guest_terminal_find(const struct ph_guest *guest,
	const char *terminal, struct ph_error *error);

/* From now on it takes nothing new, or (0) it does again. */
void ph_guestbook_drain(
	struct ph_guestbook *book, struct ph_guest *guest, int64_t until);

bool ph_guest_terminal_is_free(const struct ph_guest_terminal *terminal);
/* Nobody holds it, and nothing of it is in use. */
bool ph_guest_is_free(const struct ph_guest *guest);
/* What outputs feed is told anew before each look at the book. */
void ph_guestbook_clear_feeds(struct ph_guestbook *book);
/* -ENOMEM, -EINVAL for an input. */
int ph_guest_terminal_feed(
	struct ph_guest_terminal *terminal, const char *connection);
/* "out" "mux" "in" "combine". */
const char *ph_direction_name(enum ph_direction direction);
/* -ENOENT. */
int ph_direction_parse(const char *text);
/* Both given, and neither matches the other; `*` and `video/` + `*` match. */
bool ph_media_differ(const char *one, const char *other);

/* One item of the guest book or the menu. */
struct ph_mask;
void ph_guest_write(const struct ph_guest *guest, const char *node,
	const struct ph_mask *mask, struct ph_writer *writer);
/* About how many bytes that is; never far too few. */
size_t ph_guest_size(const struct ph_guest *guest);

#endif
