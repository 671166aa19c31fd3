#ifndef PH_NODE_LINES_H
#define PH_NODE_LINES_H

#include "node/candidates.h"
#include "node/gate.h"

/*
 * The telephone exchange: keeps lines to the peers that node/active.h chooses,
 * redials with backoff what broke, dials others on demand, and is the road of
 * calls that go to another node. Serves mesh.greet, mesh.news, mesh.datagram,
 * mesh.peers, mesh.forget, mesh.revoke and mesh.rotate.
 *
 * Discovery is joined here: it wishes dials (ph_lines_hear), says who lives
 * (ph_lines_presence), and its announcements travel over lines beside the
 * vouches (struct ph_lines_events). Without it lines alone tell who is there.
 */
struct ph_lines;

/* What was heard of a node, by whatever carrier: a hint. It costs a dial,
 * never trust. */
struct ph_lines_word {
	const uint8_t *key; /* PH_PUBLIC_KEY */
	const char *name;
	const char (*addresses)[128]; /* dialable, best first */
	unsigned address_count;
	uint64_t epoch; /* of the announcement, with content its version */
	uint32_t content;
	bool repeated;	      /* heard at least twice */
	const char *heard_by; /* "multicast", "ethernet", "seed", "line" */
};

/* How a peer is, as membership sees it. */
enum ph_presence {
	PH_PRESENCE_UNKNOWN, /* membership does not run: the line tells */
	PH_PRESENCE_HEARD,
	PH_PRESENCE_ALIVE,
	PH_PRESENCE_SUSPECT,
	PH_PRESENCE_DEAD,
	PH_PRESENCE_LEFT,
};

/* What the lines tell discovery, and ask of it. Every slot may be NULL; none
 * may destroy the lines. Ids are text (PH_NODE_ID_TEXT). */
struct ph_lines_events {
	/* A line came up, or went down and nobody here hung it up: a hint for
	 * membership. `key`: the peer's, pinned. */
	void (*on_line)(void *context, const char *id,
		const uint8_t key[PH_PUBLIC_KEY], bool up);
	/* It greeted: its addresses are among the peer's candidates. */
	void (*on_located)(void *context, const char *id);
	/* A membership datagram of the peer's own came over its line. */
	void (*on_datagram)(void *context, const uint8_t *bytes, size_t length,
		const char *teller);
	/* An announcement came over the line of `teller`; its version is not
	 * known here yet. Good and new: ph_lines_hear follows, now or later. */
	void (*on_announcement)(void *context, const uint8_t *bytes,
		size_t length, const char *teller);
	/* The announcement kept of this node (or of our own id), as it was
	 * made; NULL: none. Borrowed until the next call of discovery. */
	const uint8_t *(*announcement)(
		void *context, const char *id, size_t *length);
	/* The highest epoch it knows of a node; 0: none. */
	uint64_t (*known_epoch)(void *context, const char *id);
	/* It said goodbye in that epoch. */
	bool (*has_left)(void *context, const char *id);
	/* How membership sees a node that is new to the lines: it may have
	 * known it before them. `since`: wall ns. */
	enum ph_presence (*presence)(
		void *context, const char *id, int64_t *since);
	/* How membership asks whether it lives: "datagrams", "line"; NULL: not
	 * at all. */
	const char *(*watched_by)(void *context, const char *id);
	/* The keyring changed (ph_trust_ring): announce anew. */
	void (*on_ring)(void *context);
	/* A key became a member, by passphrase or by vouch; or is none any
	 * more (forgotten, revoked). */
	void (*on_member)(void *context, const char *id,
		const uint8_t key[PH_PUBLIC_KEY], bool member);
	/* Writes "caps" (a list) and whatever else it knows of the node into
	 * the open map of mesh.peers. */
	void (*describe)(void *context, const char *id, const char *name,
		struct ph_writer *writer);
	void *context;
};

int ph_lines_create(struct ph_lines **out, struct ph_node *node);
/* What was known before a restart: the map of space "peers" entry by entry. */
void ph_lines_remember(struct ph_lines *lines, struct ph_value entry);
/* Dials the seeds and the remembered peers. */
void ph_lines_start(struct ph_lines *lines);
/* The others are told goodbye: who hangs up on it is not dialled again. */
void ph_lines_leave(struct ph_lines *lines);
/* Hangs up everywhere and dials no more. */
void ph_lines_close(struct ph_lines *lines);
void ph_lines_destroy(struct ph_lines *lines);

/* Before ph_lines_start. */
void ph_lines_watch(
	struct ph_lines *lines, const struct ph_lines_events *events);
/* The word is taken note of, passed on to peers that lack its version, and
 * the node is dialled if a line to it is wanted. -EINVAL, -EACCES (revoked),
 * -ENOSPC. */
int ph_lines_hear(struct ph_lines *lines, const struct ph_lines_word *word);
/* Discovery forgot a node that nobody proved: so do the lines. */
void ph_lines_unheard(struct ph_lines *lines, const char *id);
/* Membership watches the peer, so its line need not; or (not `calm`) one of the
 * two has other addresses, and the line may lead nowhere. NULL: every peer. */
void ph_lines_pace(struct ph_lines *lines, const char *id, bool calm);
/* Sends a membership datagram over the line to that id, which is laid for it
 * when it `dials` and there is room; false: there is none. Nothing is told when
 * it was lost. */
bool ph_lines_carry(struct ph_lines *lines, const char *id, bool dials,
	const uint8_t *data, size_t length);
/* This node's own announcement changed: `content` is its version now. */
void ph_lines_announced(struct ph_lines *lines, uint32_t content);
/* `since`: wall ns. A dead peer's line is closed and its waiting calls are
 * told; an unknown id is ignored, and
 * asked for (events.presence) when it becomes a peer. */
void ph_lines_presence(struct ph_lines *lines, const char *id,
	enum ph_presence presence, int64_t since);

/* An address where a node of the mesh may be found. */
void ph_lines_seed(struct ph_lines *lines, const struct ph_address *address);
/* The same of a node by name: one that is known already is dialled there, too;
 * nothing when it is not. */
void ph_lines_seed_of(struct ph_lines *lines, const char *node,
	const struct ph_address *address);
/* Where a node can be dialled best now, and the key it must prove. -ENOENT;
 * -EHOSTUNREACH: no address, but the key is told. `via`: one that is so
 * (proto/address.h), "" for any. */
int ph_lines_candidate(struct ph_lines *lines, const char *node,
	const char *via, struct ph_address *address,
	uint8_t key[PH_PUBLIC_KEY]);
/* The same for a race of its addresses: ranked, nobody running; none that only
 * hearsay names. */
int ph_lines_candidates(struct ph_lines *lines, const char *node,
	const char *via, struct ph_candidates *out, uint8_t key[PH_PUBLIC_KEY]);
/* There is a line to it. */
bool ph_lines_is_up(struct ph_lines *lines, const char *node);
/* Who may tell of that node: itself, when there is a line to it, else one of
 * those with whom there is one, another with each attempt; NULL: nobody. */
const char *ph_lines_teller(
	struct ph_lines *lines, const char *node, unsigned attempt);
/* What became of a dial of that candidate (0, or a negative errno): the next
 * asked for is the best by then. */
void ph_lines_candidate_was(struct ph_lines *lines, const char *node,
	const struct ph_address *address, int error, uint32_t rtt_us);
/* This node's epoch is another: every peer with a line is greeted again. */
void ph_lines_anew(struct ph_lines *lines);
unsigned ph_lines_up(const struct ph_lines *lines);

/* For the gate. */
void ph_lines_on_line(void *context, struct ph_session *session);
const char *ph_lines_on_open(
	void *context, struct ph_session *session, void *target);
void ph_lines_on_gone(void *context, struct ph_session *session, void *target,
	int reason, const char *why);

#endif
