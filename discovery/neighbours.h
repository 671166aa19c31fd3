#ifndef PH_DISCOVERY_NEIGHBOURS_H
#define PH_DISCOVERY_NEIGHBOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/floors.h"
#include "proto/announcement.h"
#include "proto/identity.h"

/*
 * Whom this node hears: the receive side of LLDP (IEEE 802.1AB clause 9.2.7),
 * made safe. Three classes, each with a quota of its own, none takes room
 * from another:
 *
 *   member    MAC of a ring key we have, or a key we trust; and its signature
 *   stranger  of our mesh, signed, but nobody here knows it: a hint to dial
 *   foreign   LLDP that is not ours: a switch, lldpd; by MSAP; shown only
 *
 * What comes in passes these, the cheap ones first, and is dropped where it
 * fails:
 *
 *   LLDPDU strict -> our mesh -> not ourselves -> (epoch, seq) above the floor
 *     -> MAC, if we have its key ----> budget of members ----> signature
 *     -> else: seen twice -> share of the source -> budget of strangers
 *              -> signature -> quotas
 *
 * Seen twice: while the strangers' budget is more than half used up, an (id,
 * source) is only looked at when it was heard 100 ms to 3 s before, too; a
 * fixed table of fingerprints remembers. Honest nodes repeat themselves, a
 * flood that changes its sources does not. One that repeats itself from a few
 * sources has their share of the budget only. (From many that it makes up, each
 * of which repeats itself, it does keep newcomers waiting; those dial, too.)
 *
 * Invariants: (epoch, seq) of an id only grows, also after it aged out, for 24
 * hours; a stranger never evicts a member, nor a foreigner either of them; a
 * copy that came over a line brings news, and never keeps alive what is
 * not heard; all memory has a bound.
 *
 * Pure: `now` is monotonic ns, and never goes back. Crypto comes in as
 * verdicts.
 */

/* How it came. */
enum ph_carrier_kind {
	PH_HEARD_IPV4,	   /* multicast */
	PH_HEARD_IPV6,	   /* multicast */
	PH_HEARD_ETHERNET, /* as LLDP */
	PH_HEARD_UNICAST,  /* UDP, sent to us */
	PH_HEARD_LINE,	   /* a peer relayed it */
};

struct ph_via {
	enum ph_carrier_kind carrier;
	uint32_t interface; /* its index; 0: none */
	/* The sender: IPv6, IPv4 as ::ffff:a.b.c.d, a MAC and zeros, or the
	 * node id of the peer that relayed. */
	uint8_t address[16];
	uint16_t port;
};

enum ph_standing {
	PH_FOREIGN,
	PH_STRANGER,
	PH_MEMBER,
};

enum ph_ring_verdict {
	PH_RING_UNKNOWN, /* no ring key of this id here */
	PH_RING_WRONG,	 /* it is here, and the MAC is not of it */
	PH_RING_MEMBER,
};

enum ph_key_verdict {
	PH_KEY_UNKNOWN,
	PH_KEY_TRUSTED, /* pinned or vouched for */
	PH_KEY_REVOKED,
};

/* What the table cannot judge itself; `data` is the LLDPDU up to its End. */
struct ph_neighbours_judge {
	enum ph_ring_verdict (*ring)(void *context,
		const struct ph_announcement *announcement, const uint8_t *data,
		size_t length);
	bool (*signature)(void *context,
		const struct ph_announcement *announcement, const uint8_t *data,
		size_t length);
	enum ph_key_verdict (*key)(
		void *context, const uint8_t key[PH_PUBLIC_KEY]);
};

struct ph_neighbours_config {
	uint8_t mesh[PH_MESH_BYTES];
	uint8_t self[PH_NODE_ID_BYTES];
	const struct ph_neighbours_judge *judge;
	void *context;
	/* How many. */
	unsigned members;      /* 1,024 */
	unsigned strangers;    /* 64 */
	unsigned foreigners;   /* 64 */
	unsigned per_source;   /* strangers, or foreigners, of one sender: 8 */
	unsigned floors;       /* of ids that are gone: 4,096 */
	unsigned fingerprints; /* a power of two, at least 8: 32,768 */
	/* For how long, ns. */
	int64_t floor_for;     /* 24 h */
	int64_t twice_after;   /* 100 ms */
	int64_t twice_until;   /* 3 s */
	int64_t chance;	       /* a stranger's, before a newer one may take its
				* room in a full table: 2 s */
	int64_t wish_again;    /* the second wish to dial, then doubled: 5 s */
	uint16_t ttl_most;     /* seconds, of members: 3,600 */
	uint16_t ttl_stranger; /* seconds, of all others: 300 */
	/* Signatures verified: at once, and per second. */
	unsigned member_burst, member_rate;	/* 1,024 and 1,000 */
	unsigned stranger_burst, stranger_rate; /* 64 and 250 */
	unsigned source_burst, source_rate;	/* 8 and 4 */
	uint64_t seed; /* of the fingerprints; unknown to others */
};

struct ph_neighbours_config ph_neighbours_defaults(void);

/* One neighbour. `data` is its announcement as it came, to be read with
 * ph_announcement_read (ph_lldp_read if foreign) or relayed. */
struct ph_neighbour {
	enum ph_standing standing;
	uint8_t id[PH_NODE_ID_BYTES]; /* foreign: a hash of its MSAP */
	uint8_t key[PH_PUBLIC_KEY];   /* foreign: zero */
	uint64_t epoch;
	uint32_t seq;		    /* the highest heard */
	uint32_t content;	    /* of `data` */
	char name[PH_NAME_MAX + 1]; /* foreign: printable, cut */
	bool repeated;		    /* heard at least twice */
	struct ph_via via;	    /* how `data` came, or the last refresh */
	unsigned carriers; /* bits 1 << ph_carrier_kind it was heard by */
	int64_t since;
	int64_t heard;	 /* directly; 0: never */
	int64_t expires; /* INT64_MAX: never */
	const uint8_t *data;
	uint16_t length;
};

/* What became of what was heard. */
#define PH_HEARINGS(X)                                                         \
	X(NEW, "new")                                                          \
	X(CHANGED, "changed")                                                  \
	X(REFRESHED, "refreshed")                                              \
	X(GOODBYE, "goodbye")                                                  \
	X(MALFORMED, "malformed")                                              \
	X(OTHER_MESH, "other-mesh")                                            \
	X(SELF, "self")                                                        \
	X(OLD, "old")	    /* a replay, or a copy of what is known */         \
	X(FORGED, "forged") /* MAC or signature is wrong */                    \
	X(REVOKED, "revoked")                                                  \
	X(ONCE, "once")		/* to be heard a second time first */          \
	X(BUSY, "busy")		/* the budget of verifications is used up */   \
	X(FULL, "full")		/* no room in its class */                     \
	X(CROWDED, "crowded")	/* too many of this source */                  \
	X(UNWANTED, "unwanted") /* foreign, not by Ethernet; an unknown        \
				 * node's goodbye; a stranger by hearsay */

enum ph_hearing {
#define X(ident, name) PH_HEARD_##ident,
	PH_HEARINGS(X)
#undef X
	PH_HEARINGS_COUNT
};

enum ph_neighbour_event_kind {
	PH_NEIGHBOUR_NEW,
	PH_NEIGHBOUR_CHANGED, /* content, epoch or standing */
	PH_NEIGHBOUR_GONE,
	PH_NEIGHBOUR_WISH, /* its key is not trusted yet: dial it */
};

enum ph_neighbour_gone {
	PH_GONE_GOODBYE,
	PH_GONE_EXPIRED,
	PH_GONE_EVICTED,   /* for a newer stranger or foreigner */
	PH_GONE_FORGOTTEN, /* ph_neighbours_forget */
};

struct ph_neighbour_event {
	enum ph_neighbour_event_kind kind;
	enum ph_neighbour_gone reason;	      /* of GONE */
	const struct ph_neighbour *neighbour; /* until the next call */
};

struct ph_neighbours;

/* -ENOMEM. */
int ph_neighbours_create(
	struct ph_neighbours **out, const struct ph_neighbours_config *config);
void ph_neighbours_destroy(struct ph_neighbours *table);

/* A datagram, a frame's LLDPDU, a relayed announcement. Take the events after
 * it. -ENOMEM counts as full. */
enum ph_hearing ph_neighbours_hear(struct ph_neighbours *table,
	const uint8_t *data, size_t length, const struct ph_via *via,
	int64_t now);
/* What aged out by now. Take the events after it. */
void ph_neighbours_step(struct ph_neighbours *table, int64_t now);
/* When to step; INT64_MAX: never. */
int64_t ph_neighbours_deadline(const struct ph_neighbours *table);
/* The next event; false: there is none. Those of one neighbour come in order,
 * several changes as one. */
bool ph_neighbours_next(
	struct ph_neighbours *table, struct ph_neighbour_event *out);

/* Membership has proven it alive: it does not age out before. */
void ph_neighbours_keep(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t until);
/* Revoked, or dead for long. Its floor stays. */
void ph_neighbours_forget(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now);
/* Trust changed (a pin, a vouch): strangers whose key is trusted
 * now become members; who is revoked is forgotten. */
void ph_neighbours_review(struct ph_neighbours *table, int64_t now);
/* What is known of an id from before a restart: only what is above counts. Who
 * is in the table by hearsay stays. */
void ph_neighbours_floor(struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], uint64_t epoch, uint32_t seq,
	int64_t now);
/* The same of everybody who is or was a member: to be kept. */
void ph_neighbours_floors(const struct ph_neighbours *table, int64_t now,
	void (*visit)(void *context, const uint8_t id[PH_NODE_ID_BYTES],
		struct ph_floor floor),
	void *context);
/* The highest epoch heard of, of a member that is or was there; 0: none. */
uint64_t ph_neighbours_epoch(const struct ph_neighbours *table,
	const uint8_t id[PH_NODE_ID_BYTES], int64_t now);

/* NULL: not heard. Pointers stand until the next call that changes. */
const struct ph_neighbour *ph_neighbours_find(
	const struct ph_neighbours *table, const uint8_t id[PH_NODE_ID_BYTES]);
/* In no order; NULL starts, NULL is the end. */
const struct ph_neighbour *ph_neighbours_walk(
	const struct ph_neighbours *table, const struct ph_neighbour *after);
unsigned ph_neighbours_count(
	const struct ph_neighbours *table, enum ph_standing standing);
uint64_t ph_neighbours_counted(
	const struct ph_neighbours *table, enum ph_hearing hearing);
/* Bytes allocated: for tests and metrics. */
size_t ph_neighbours_memory(const struct ph_neighbours *table);

const char *ph_hearing_name(enum ph_hearing hearing);
const char *ph_gone_name(enum ph_neighbour_gone reason);
const char *ph_standing_name(enum ph_standing standing);

#endif
