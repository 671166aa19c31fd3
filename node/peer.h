#ifndef PH_NODE_PEER_H
#define PH_NODE_PEER_H

#include <uthash.h>

#include "discovery/bucket.h"
#include "node/active.h"
#include "node/candidates.h"
#include "node/knocks.h"
#include "node/line.h"
#include "node/lines.h"
#include "node/trust.h"

/*
 * What the exchange keeps of each peer. Shared by lines.c (its life, and
 * the seeds), lines_up.c (lines that come and go), lines_ask.c (what others ask
 * of them), dial.c (one node's addresses race), peer.c (the table), news.c (who
 * knows whom), greet.c (first words), road.c (calls to other nodes), word.c
 * (discovery) and mesh.c (the calls of the command line).
 */
#define PEER_WAITING 64
#define PEERS_MOST   PH_ACTIVE_PEERS

struct dialling;

/* A try at one address. */
struct attempt {
	struct dialling *dialling;
	struct ph_session *session;
};

/* What dials: the race among the addresses of a peer, or of a seed. */
struct dialling {
	struct ph_lines *lines;
	struct peer *peer; /* NULL: a seed nobody answered at yet */
	struct seed *seed; /* NULL: a peer */
	struct ph_candidates *candidates;
	struct attempt attempts[PH_CANDIDATES];
	struct attempt *winner; /* shakes hands; the race waits for it */
	struct ph_timer timer;	/* the next address; of a seed, the next race */
	int64_t backoff;	/* of a seed */
	bool racing;
	bool refused; /* already said in the log */
	/* How the last try failed, for `doctor`. */
	char why[96];
	int64_t why_at;	  /* wall ns; 0: none failed since it worked */
	bool turned_away; /* a node answered, and did not let this one in */
};

/* A call that waits for its line to come up. */
struct waiting {
	ph_handle ticket;
	struct ph_call call;
	int64_t until; /* then it is told that there is no line */
	struct waiting *next;
	char destination[64];
	uint8_t arguments[];
};

/* How new what is known of a peer is. */
struct version {
	uint64_t epoch;
	uint32_t content;
	bool sealed; /* by the peer's own announcement; else hearsay */
};

/* Which lines' other ends know of something, by the slots of the lines. */
#define NEWS_RECORD 29u
#define NEWS_SLOTS  256u
struct known {
	uint64_t bits[NEWS_SLOTS / 64];
};

struct peer {
	char id[PH_NODE_ID_TEXT];
	char name[40];
	uint8_t key[PH_PUBLIC_KEY];
	struct ph_candidates candidates;
	char heard_by[16];	    /* join, dialled, line, store, multicast */
	struct ph_session *session; /* of the line */
	struct ph_line *line;
	bool line_dialled;  /* by this node */
	int64_t line_since; /* loop ns */
	int64_t since;	    /* wall ns: of the present state */
	uint64_t met;	    /* its epoch when it greeted last */
	uint64_t highest;   /* of all its epochs that were heard of */
	int64_t born;	    /* its start that greeted last; 0: none */
	bool doubled;	    /* another start greeted with the same epoch */
	struct version version;
	struct known known;	/* who knows this of it */
	unsigned slot;		/* of its line, from 1; 0: none */
	bool telling;		/* an offer to it is not answered yet */
	struct ph_vouch *vouch; /* waits until its voucher is known */
	enum ph_presence presence;
	int64_t present_since; /* wall ns */
	bool was_up;
	struct {
		bool due;	   /* it lacks what changed... */
		bool all;	   /* ...or everything... */
		int64_t told;	   /* ...since our advert of then; ns, 0 */
		unsigned refused;  /* so many it turned away, in a row */
		int64_t heard;	   /* its own last one; loop ns, 0 */
		uint64_t epoch;	   /* of that one... */
		uint64_t sequence; /* ...of that life */
	} reach;
	unsigned hearsay; /* peers that are here on its word alone */
	char told_by[PH_NODE_ID_TEXT]; /* on whose it is */
	struct ph_active_peer active;
	struct dialling dialling;
	struct waiting *waiting;
	unsigned waiting_count;
	struct ph_timer patience; /* of those that wait */
	struct ph_timer greeting; /* once more: the last one reached nobody */
	UT_hash_handle hh;
};

struct seed {
	struct ph_address address;
	struct ph_candidates candidates; /* the one address */
	struct dialling dialling;
	struct seed *next;
};

/* What is on its way here: nobody else is asked for it meanwhile. */
#define NEWS_ASKED 256u
struct asked {
	uint8_t id[PH_NODE_ID_BYTES];
	int64_t until;
};

struct ph_lines {
	struct ph_node *node;
	struct peer *peers;
	struct seed *seeds;
	struct ph_active *active;
	struct ph_knocks *knocks; /* at doors of the unproven */
	struct ph_timer turn;	  /* what `active` wants next */
	struct ph_timer news;	  /* to everybody with a line, soon */
	struct ph_timer save;	  /* of the trust book, soon */
	struct ph_bucket saves;	  /* that may be made at once */
	struct ph_timer compare;  /* with somebody, now and then */
	struct asked asked[NEWS_ASKED];
	unsigned next_asked;
	struct known slots; /* that are taken */
	struct known own_known;
	struct known ring_known;
	struct known revoked_known;
	uint64_t saved; /* trust revision in the store */
	uint64_t last_line;
	uint64_t random;
	uint32_t content; /* of what this node announces */
	struct ph_lines_events events;
	bool leaving; /* whom we lose is not dialled any more */
	bool closed;
	bool started;
};

/* peer_age.c */
/* Whom a full table gives up: who is not proven, the longest there; for a
 * member also who is dead or has left, the longest. NULL: nobody. */
struct peer *peer_to_forget(struct ph_lines *lines, bool for_member);
/* It is not here on another's word alone any more. */
void peer_unsay(struct peer *peer);
/* Forgets who was not proven in an hour. */
void peers_age(struct ph_lines *lines, int64_t wall);
/* peer.c */
struct peer *peer_find(struct ph_lines *lines, const char *id);
/* By id, name, or an unambiguous beginning of an id of 8 or more; a member
 * before whoever is not proven. */
struct peer *peer_named(struct ph_lines *lines, const char *text);
struct peer *peer_of_line(struct ph_lines *lines, uint64_t line);
/* Found or made; NULL: the table is full, or it is this node. */
struct peer *peer_get(
	struct ph_lines *lines, const uint8_t *key, const char *name);
/* True: it is a new one. `best`: somebody was reached there. */
bool peer_add_address(struct peer *peer, const char *text,
	enum ph_candidate_origin origin, bool best);
/* Best first, by what is known of reaching them; not while they race. */
void peer_rank(struct peer *peer);
void peer_save(struct peer *peer);
/* Its key is pinned, or no more. */
void peer_proven(struct peer *peer, bool proven);
/* It may be reached in a new way. */
void peer_hint(struct peer *peer);
/* dial.c */
void dialling_init(struct dialling *dialling, struct ph_lines *lines,
	struct ph_candidates *candidates);
/* Begins the race, if none is on. */
void dial_start(struct dialling *dialling);
void dial_cancel(struct dialling *dialling);
/* The attempt became a line. */
void dial_won(struct attempt *attempt);
/* It came to nothing. */
void dial_lost(struct attempt *attempt, struct ph_session *session, int reason,
	const char *why);
/* reach.c: its line is lost, or hung up: until now the address was right;
 * `reason` -ETIMEDOUT: it no longer is. */
void reach_line_ends(struct peer *peer, int reason);
/* reach_tell.c: its line is up: it is told what was found out. */
void reach_tell_line(struct peer *peer);
/* It has started anew, and knows nothing of what it was told. */
void reach_tell_anew(struct peer *peer);
/* lines.c */
uint32_t lines_random(struct ph_lines *lines, uint32_t below);
/* Something changed for `active`: see what it wants, this turn. */
void lines_stir(struct ph_lines *lines);
void peer_remove(struct peer *peer);
/* Keeps the trust book soon, if it changed. */
void lines_save_trust(struct ph_lines *lines);
/* A save failed: there is another one later. */
void lines_save_again(struct ph_lines *lines);
/* Saves it in any case; `kept` (may be NULL) hears whether it is durable. What
 * fails is tried again by itself. */
int lines_keep_trust(struct ph_lines *lines, ph_answer_fn *kept, void *context);
/* A call to another server of this node whose answer nobody waits for. */
void lines_tell(struct ph_lines *lines, const char *destination,
	uint16_t method, struct ph_writer *writer);
/* lines_up.c */
void peer_hang_up(struct peer *peer, const char *why);

/* word.c */
/* How membership sees it already. */
void peer_ask_presence(struct peer *peer);
/* It began a new life: it has not left any more. */
void peer_back(struct peer *peer);
void lines_tell_line(struct peer *peer, bool up);
void lines_tell_member(struct peer *peer, bool member);
bool version_is_newer(const struct version *a, const struct version *b);
/* news.c */
void news_close(struct ph_lines *lines);
/* A line came up or went away. */
void news_line(struct peer *peer, bool up);
/* The lines will be told of it, but for the peer it came from (or NULL). */
void news_of(struct peer *peer, const struct peer *teller);
void news_of_own(struct ph_lines *lines);
/* Tells this node itself to all lines at once, asked or not. */
void news_tell_own(struct ph_lines *lines);
void news_of_ring(struct ph_lines *lines);
void news_of_revoked(struct ph_lines *lines);
/* The peer has this of `of` (NULL: of this node) already. */
void news_is_known(struct peer *peer, struct peer *of);
/* The same for two nodes that know the same. */
uint64_t news_sum(struct ph_lines *lines);
/* What the peer's sum was: all is offered if it is another than ours. */
void news_compare(struct peer *peer, uint64_t sum);
struct version news_own_version(const struct ph_lines *lines);
void news_send(struct peer *peer, struct ph_writer *writer);
void news_start(struct ph_lines *lines);
/* want.c */
void want_serve(struct ph_lines *lines);

/* lines_datagram.c: mesh.datagram */
void datagram_serve(struct ph_lines *lines);
/* The entries that a peer wants. */
void want_answer(struct peer *peer, struct ph_value wanted);
/* entry.c */
void entry_write(
	struct ph_writer *writer, struct ph_lines *lines, struct peer *peer);
/* Of this node itself. */
void entry_write_own(struct ph_writer *writer, struct ph_lines *lines);
void entry_hear(struct peer *teller, struct ph_value entry);
/* Vouches that wait: their voucher may be known by now. */
void entry_settle(struct ph_lines *lines);
/* road.c */
void road_serve(struct ph_lines *lines);
void road_flush(struct peer *peer);
void road_fail(struct peer *peer);
/* word.c */
void lines_tell_line(struct peer *peer, bool up);
/* greet.c */
void greet_serve(struct ph_lines *lines);
void greet_peer(struct peer *peer);
/* Of `peer`, as `teller` says. */
void greet_hear_addresses(struct peer *peer, const struct peer *teller,
	struct ph_value list, const char *observed);
/* greet_ring.c */
void greet_write_ring(struct ph_writer *writer, struct ph_node *node);
void greet_write_revoked(struct ph_writer *writer, struct ph_node *node);
void greet_hear_ring(struct peer *teller, struct ph_value list);
/* Two that never met anybody, in their first words: the lower id gives. */
void greet_hear_no_ring(struct peer *teller);
/* It may take the very teller away. */
void greet_hear_revoked(struct peer *teller, struct ph_value list);
/* mesh.c */
void mesh_serve(struct ph_lines *lines);
/* Revokes here and tells the others: by name, id or key in hex. -1 with the
 * error. */
int mesh_revoke(
	struct ph_lines *lines, const char *text, struct ph_error *error);

#endif
