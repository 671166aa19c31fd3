#ifndef PH_DISCOVERY_MEMBERSHIP_H
#define PH_DISCOVERY_MEMBERSHIP_H

#include "discovery/inner.h"
#include "discovery/members.h"

/*
 * The shell of membership, shared by membership.c (its life, and what the core
 * sends), membership_hear.c (what comes in), membership_view.c (what is told of
 * it), contact.c (the others: their keys, and where their datagrams go),
 * keep.c and keep_floors.c (what survives a restart).
 *
 * A contact is a member whose announcement was proven. Its handle, which the
 * core hands back, is its place in the table and stays.
 */
#define ENDS 6u /* addresses of one contact, best first */

struct contact {
	uint8_t id[PH_NODE_ID_BYTES];
	uint8_t key[PH_PUBLIC_KEY];
	uint32_t handle;
	char name[PH_NAME_MAX + 1];
	struct ph_udp_end ends[ENDS];
	unsigned end_count;
	unsigned refused;	  /* bits: of ends, while it is not proven */
	struct ph_udp_end proven; /* a datagram of it came from here */
	bool is_proven;
	bool direct;	     /* its announcement came from ends[0] */
	unsigned unanswered; /* datagrams since it was heard last by one */
	unsigned asked;	     /* questions since it answered last by one */
	bool by_line;	     /* it answered last along the line */
	int64_t line_until;  /* its questions come by the line: so do answers */
	uint32_t line_sequence; /* of the newest that came so; 0: none */
	bool paired;
	uint8_t pair[PH_SEAL_KEY];
	bool dirty;    /* to be kept */
	int64_t since; /* wall ns: of its state */
	UT_hash_handle hh;
};

struct membership {
	struct ph_discovery *discovery;
	struct ph_members *members;
	struct contact *contacts; /* by id */
	struct contact **table;	  /* by handle */
	uint32_t table_size;
	struct ph_timer tick;
	struct ph_timer keep_alive;
	struct ph_timer keep;
	struct loading *loading;
	uint8_t *floors; /* as loaded, until the rest is */
	size_t floors_length;
	struct ph_timer floors_due;
	bool loaded;
	struct ph_task load;
	bool leaving;
	struct {
		uint64_t received;
		uint64_t forged;  /* or for an earlier start of this node */
		uint64_t stale;	  /* proves nothing new: late, or again */
		uint64_t unknown; /* of nobody that was announced */
		uint64_t sent;
		uint64_t unsent; /* no address leads there */
	} counted;
};

/* contact.c */
struct contact *contact_find(
	struct membership *membership, const uint8_t id[PH_NODE_ID_BYTES]);
struct contact *contact_of(struct membership *membership, uint32_t handle);
/* Found or made. NULL: no memory. */
struct contact *contact_get(
	struct membership *membership, const struct ph_neighbour *neighbour);
void contact_drop(struct membership *membership, struct contact *contact);
/* Where it may be, anew: by its announcement and by what the node knows. */
void contact_locate(struct membership *membership, struct contact *contact,
	const struct ph_discovery_node *node);
/* Sends a sealed datagram (enum ph_swim_type) where it is proven to be, or to
 * all places it may be; along the line, too, when none gets through. False:
 * there is no place. */
bool contact_send(struct membership *membership, struct contact *contact,
	uint8_t type, const uint8_t *data, size_t length);
/* A fresh datagram of that type came from there. */
void contact_heard(
	struct contact *contact, const struct ph_udp_end *from, uint8_t type);
/* One came by the line. `fresh`: it counted. */
void contact_carried(struct membership *membership, struct contact *contact,
	const struct ph_swim *swim, bool fresh);
/* The copy of what came along the line and overtook it, from where the contact
 * may be; once each. */
bool contact_overtaken(struct contact *contact, const struct ph_swim *swim,
	const struct ph_udp_end *from);
/* Nobody listens there: nor anywhere else where it may be? */
bool contact_refuses(struct contact *contact, const struct ph_udp_end *end);
/* The MAC of a datagram for its start of that epoch; -ENOKEY, -EKEYREJECTED. */
int contact_seal(struct membership *membership, struct contact *contact,
	uint64_t epoch, uint32_t ring, uint8_t *bytes, size_t length);
/* Of a datagram from it, for this start of ours: likewise; -EBADMSG. */
int contact_check(struct membership *membership, struct contact *contact,
	uint32_t ring, const uint8_t *data, size_t length);

static inline int64_t membership_now(const struct membership *membership)
{
	return ph_loop_now(membership->discovery->loop);
}

/* membership_hear.c */
/* Who is gone for a day is forgotten, here and in the store. */
void membership_age_out(struct membership *membership);

/* membership.c */
/* Takes all that the core has to send and to tell, and arms its timer. */
void membership_settle(struct membership *membership);

/* keep.c */
void keep_put(struct membership *membership, const char *key,
	const uint8_t *data, size_t length);
void keep_soon(struct membership *membership, struct contact *contact);
void keep_drop(struct membership *membership, const struct contact *contact);
void keep_load(struct membership *membership);
void keep_now(struct membership *membership);
void keep_close(struct membership *membership);

/* keep_floors.c */
#define KEEP_FLOORS "floors" /* its key in the store */
/* Takes a copy of what the store has. */
void floors_take(
	struct membership *membership, const uint8_t *data, size_t length);
/* All else is loaded: nothing that is not above counts from now on, and what is
 * heard is kept. */
void floors_start(struct membership *membership);
void floors_now(struct membership *membership);
void floors_close(struct membership *membership);

#endif
