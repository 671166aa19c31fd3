#ifndef PH_DISCOVERY_DISCOVERY_H
#define PH_DISCOVERY_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/neighbours.h"
#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"
#include "proto/address.h"
#include "proto/error.h"
#include "proto/identity.h"
#include "proto/value.h"

/*
 * How the machines find each other and know who lives: the shell around the
 * pure cores (announcer, neighbours, members). It owns the sockets and the
 * clock, proves what comes in (proto/seal.h), and says what it found by the
 * callbacks below; what follows from it (a dial, a relay, a journal entry) is
 * decided by its owner, the node.
 *
 * Invariant: what it tells are hints until `member`: they cost time, never
 * trust. It never dials, and trusts no key that it was not told.
 */
struct ph_discovery;
struct ph_signer;
struct ph_ethernet;

#define PH_DISCOVERY_ADDRESSES 16u
#define PH_DISCOVERY_MEMBERS   1024u

/* A node as its last announcement has it. Views; they stand until the callback
 * or the call that gave them returns. */
struct ph_discovery_node {
	char id[PH_NODE_ID_TEXT];
	const uint8_t *key; /* PH_PUBLIC_KEY; its signature was verified */
	const char *name;
	uint64_t epoch;
	uint32_t content;  /* grows when what it says changes */
	bool member;	   /* sealed with a key of our ring */
	bool repeated;	   /* heard at least twice */
	const char *state; /* heard alive suspect dead left */
	const char *via;   /* multicast ethernet seed line */
	int64_t since;	   /* wall ns: of the state */
	const struct ph_announcement *said;
	unsigned address_count;
	const struct ph_address *addresses; /* best first */
	const uint8_t *bytes;		    /* the LLDPDU, as it was sent */
	size_t length;
};

struct ph_discovery_move {
	const char *id;
	const char *name;
	uint64_t epoch;
	const char *from;
	const char *to;
	const char *because;
	const char *by;
	int64_t since; /* wall ns */
};

struct ph_discovery_events {
	/* What the trust book says of a key. */
	enum ph_key_verdict (*trust)(
		void *context, const uint8_t key[PH_PUBLIC_KEY]);
	/* Another address of a node, where its announcement has none that
	 * leads there: 0, or a negative errno. */
	int (*locate)(void *context, const char *id, struct ph_address *out);
	/* There is a line to it. */
	bool (*lined)(void *context, const char *id);
	/* Sends a membership datagram along the line, which is laid for it when
	 * it `dials`; false: there is none. NULL: never. */
	bool (*carry)(void *context, const char *id, bool dials,
		const uint8_t *data, size_t length);
	/* Somebody of this mesh is there: when first heard, with each new
	 * content or epoch, and again, ever later, while nobody knows its
	 * key. Pass it on, dial it, or not. */
	void (*heard)(void *context, const struct ph_discovery_node *node);
	/* A stranger was forgotten: its time is over, or another took its
	 * place. */
	void (*unheard)(void *context, const char *id);
	/* A node's state changed; `from` is "" for a new one, `by` the name of
	 * who accused it, or "". */
	void (*moved)(void *context, const struct ph_discovery_move *move);
	/* This node's own announcement has another content. */
	void (*announced)(void *context, uint32_t content);
	void *context;
};

struct ph_discovery_config {
	struct ph_loop *loop;
	struct ph_worker *worker; /* resolves names of seeds */
	struct ph_door *door;	  /* serves discovery.*; keeps its view */
	const char *name;
	const char *mesh; /* MESHID */
	const struct ph_signer *signer;
	uint64_t epoch;
	const char *interfaces; /* "eth0,eth1"; NULL: all of them */
	/* The first is where datagrams go; "" and "::" are every interface. If
	 * all are loopback, nothing leaves the machine. */
	const struct ph_address *listen;
	unsigned listens;
	struct ph_ethernet *ethernet; /* takes; NULL: none */
	struct ph_discovery_events events;
};

/* -1 with `error`: the datagrams' port is taken, or no memory. Sends
 * nothing before ph_discovery_start. */
int ph_discovery_create(struct ph_discovery **out,
	const struct ph_discovery_config *config, struct ph_error *error);
void ph_discovery_start(struct ph_discovery *discovery);
/* Says goodbye (signed, three times within 60 ms); `stopped` is told when the
 * last is out. */
void ph_discovery_stop(struct ph_discovery *discovery,
	void (*stopped)(void *context), void *context);
void ph_discovery_destroy(struct ph_discovery *discovery);

/* What this node says of itself. Each sets one part; the announcement follows
 * within 100 ms when it is another than before. */
void ph_discovery_set_menu(struct ph_discovery *discovery, uint64_t version,
	uint32_t count, const uint8_t digest[16]);
/* Texts `key` or `key=value`, the most important first; what does not fit is
 * left out. */
void ph_discovery_set_caps(
	struct ph_discovery *discovery, const char *const *caps, size_t count);

/* The mesh's ring, current first; keys are copied. */
struct ph_discovery_key {
	uint64_t id;
	const uint8_t *key; /* 32 bytes */
};
void ph_discovery_set_ring(struct ph_discovery *discovery,
	const struct ph_discovery_key *keys, size_t count);
/* Pins or vouches changed: who is trusted now, is a member. */
void ph_discovery_review(struct ph_discovery *discovery);
/* This node's epoch is a higher one from now on. */
void ph_discovery_set_epoch(struct ph_discovery *discovery, uint64_t epoch);
/* The highest epoch that is known of a member; 0: none. */
uint64_t ph_discovery_epoch(struct ph_discovery *discovery, const char *id);
/* It said goodbye in that epoch. */
bool ph_discovery_has_left(struct ph_discovery *discovery, const char *id);
/* Where a node may be: announcements go there, too. A name is resolved, and
 * again every half minute. -ENOSPC, -EINVAL. */
int ph_discovery_seed(
	struct ph_discovery *discovery, const struct ph_address *address);

/* How membership asks whether it lives: "datagrams", or "line" when none gets
 * through; NULL: it does not. */
const char *ph_discovery_watched_by(
	struct ph_discovery *discovery, const char *id);
/* A line to it came up, or broke (not: was hung up on purpose). */
void ph_discovery_line(struct ph_discovery *discovery, const char *id, bool up);
/* A membership datagram that came along the line of `teller`, whose it is. */
void ph_discovery_carried(struct ph_discovery *discovery, const char *teller,
	const uint8_t *data, size_t length);
/* `locate` may say more of where it is than before: who had no place for
 * datagrams until now may have one. */
void ph_discovery_located(struct ph_discovery *discovery, const char *id);
/* The key is not to be known any more (forgotten, revoked). */
void ph_discovery_forget(struct ph_discovery *discovery, const char *id);

/* An announcement that a line brought. `teller`: the peer's id. */
enum ph_hearing ph_discovery_hear(struct ph_discovery *discovery,
	const uint8_t *bytes, size_t length, const char *teller);
/* The announcement of a node, or of this one, as it was made; NULL: none. It
 * stands until the next call. */
const uint8_t *ph_discovery_announcement(
	struct ph_discovery *discovery, const char *id, size_t *length);
/* Every member that was heard of, without this node. */
void ph_discovery_each(struct ph_discovery *discovery,
	void (*visit)(void *context, const struct ph_discovery_node *node),
	void *context);
/* How membership sees a node now, as `moved` tells it; NULL: not at all.
 * `since`: wall ns. */
const char *ph_discovery_state(
	struct ph_discovery *discovery, const char *id, int64_t *since);
/* A list "caps" of an open map: what its announcement has of them. */
void ph_discovery_write_caps(struct ph_discovery *discovery, const char *id,
	struct ph_writer *writer);
/* Pairs of an open map: since when heard, by what, round trip. */
void ph_discovery_describe(struct ph_discovery *discovery, const char *id,
	struct ph_writer *writer);
/* Members that are alive or suspect, this node included. */
unsigned ph_discovery_members(const struct ph_discovery *discovery);

#endif
