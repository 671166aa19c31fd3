#ifndef PH_DISCOVERY_DISCOVERY_H
#define PH_DISCOVERY_DISCOVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/door.h"
#include "kernel/loop.h"
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
/* Who is known at once: members, and those that could not prove to be one. */
#define PH_DISCOVERY_MEMBERS   1024u
#define PH_DISCOVERY_STRANGERS 64u

/* A node as its last announcement has it. Views; they stand until the callback
 * or the call that gave them returns. */
struct ph_discovery_node {
	char id[PH_NODE_ID_TEXT];
	const uint8_t *key; /* PH_PUBLIC_KEY; its signature was verified */
	const char *name;
	uint64_t epoch;
	uint32_t content;  /* grows when what it says changes */
	bool member;	   /* sealed with a key of our ring */
	bool proven;	   /* its key is one that the node told as trusted */
	const char *state; /* heard alive suspect dead left */
	const char *via;   /* carrier: multicast ethernet seed line */
	unsigned address_count;
	const struct ph_address *addresses; /* best first */
	const uint8_t *bytes;		    /* the LLDPDU, as it was sent */
	size_t length;
};

struct ph_discovery_events {
	/* Somebody of this mesh is there: told when first heard, with each new
	 * content or epoch, and again while it is heard and no line was told
	 * (ph_discovery_line). Dial or not. */
	void (*wish)(void *context, const struct ph_discovery_node *node);
	/* Content that was not known before: tell the others. `teller` is who
	 * brought it (ph_discovery_hear), "" a wire. */
	void (*news)(void *context, const struct ph_discovery_node *node,
		const char *teller);
	/* A state of the list above changed; `from` is "" for a new one. */
	void (*moved)(void *context, const struct ph_discovery_node *node,
		const char *from, const char *to, const char *because);
	/* A peer's menu has another version or digest. */
	void (*menu)(void *context, const struct ph_discovery_node *node);
	void *context;
};

struct ph_discovery_config {
	struct ph_loop *loop;
	struct ph_door *door; /* serves discovery.*; keeps its view */
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
 * left out of announcements, not of the menu. */
void ph_discovery_set_caps(
	struct ph_discovery *discovery, const char *const *caps, size_t count);

/* The mesh's ring, current first; keys are copied. */
struct ph_discovery_key {
	uint64_t id;
	const uint8_t *key; /* 32 bytes */
};
void ph_discovery_set_ring(struct ph_discovery *discovery,
	const struct ph_discovery_key *keys, size_t count);
/* An address where a node may be: announcements go there, too. Literals only;
 * the node resolves names. */
void ph_discovery_seed(
	struct ph_discovery *discovery, const struct ph_address *address);

/* What the node knows of lines. `address`: where it is reached, "" unknown. */
void ph_discovery_line(struct ph_discovery *discovery, const char *id, bool up,
	const char *address, const char *because);
/* The key is not to be known any more (forgotten, revoked). */
void ph_discovery_forget(struct ph_discovery *discovery, const char *id);

/* An announcement that a line brought. `teller`: the peer's id. 0, or
 * -EALREADY: known; -EBADMSG, -EACCES: nothing of ours, or not proven. */
int ph_discovery_hear(struct ph_discovery *discovery, const uint8_t *bytes,
	size_t length, const char *teller);
/* Every member that is known (not left or dead), this node itself first: for
 * anti-entropy over a new line. */
void ph_discovery_each(struct ph_discovery *discovery,
	void (*visit)(void *context, const struct ph_discovery_node *node),
	void *context);
/* By id; false: unknown. */
bool ph_discovery_find(struct ph_discovery *discovery, const char *id,
	struct ph_discovery_node *out);
/* Members that are alive or suspect, this node included. */
unsigned ph_discovery_members(const struct ph_discovery *discovery);

#endif
