#ifndef PH_NODE_PEER_H
#define PH_NODE_PEER_H

#include <uthash.h>

#include "node/line.h"
#include "node/lines.h"

/*
 * What the exchange keeps of each peer. Shared by lines.c (the table, dialling
 * and hanging up), road.c (calls to other nodes), greet.c (who knows whom) and
 * mesh.c (the calls of the command line).
 */
#define PEER_ADDRESSES 8
#define PEER_WAITING   64
#define PEERS_MOST     1024u

/* What dials: an address with its backoff. Seeds have one each, peers one. */
struct dialling {
	struct ph_lines *lines;
	struct peer *peer; /* NULL: a seed nobody answered at yet */
	struct seed *seed; /* NULL: a peer */
	struct ph_timer timer;
	struct ph_session *attempt;
	int64_t backoff;
	unsigned next; /* of the peer's addresses */
	bool refused;  /* already said in the log */
};

/* A call that waits for its line to come up. */
struct waiting {
	ph_handle ticket;
	struct ph_call call;
	struct waiting *next;
	char destination[64];
	uint8_t arguments[];
};

struct peer {
	char id[PH_NODE_ID_TEXT];
	char name[40];
	uint8_t key[PH_PUBLIC_KEY];
	char addresses[PEER_ADDRESSES][128]; /* best first */
	unsigned address_count;
	char heard_by[16];	    /* join, dialled, hearsay, store */
	struct ph_session *session; /* of the line */
	struct ph_line *line;
	bool line_dialled;  /* by this node */
	int64_t line_since; /* loop ns */
	int64_t since;	    /* wall ns: of the present state */
	uint64_t epoch;
	uint32_t content; /* of what it announces, in this epoch */
	enum ph_presence presence;
	int64_t present_since; /* wall ns */
	bool was_up;
	unsigned hearsay; /* peers that are here on its word */
	struct dialling dialling;
	struct waiting *waiting;
	unsigned waiting_count;
	struct ph_timer patience; /* of those that wait */
	UT_hash_handle hh;
};

struct seed {
	struct ph_address address;
	struct dialling dialling;
	struct seed *next;
};

struct ph_lines {
	struct ph_node *node;
	struct peer *peers;
	struct seed *seeds;
	struct ph_timer gossip; /* a greeting to everybody, soon */
	uint64_t saved;		/* trust revision in the store */
	uint64_t last_line;
	uint64_t random;
	uint32_t content; /* of what this node announces */
	struct ph_lines_events events;
	bool closed;
	bool started;
};

/* peer.c */
struct peer *peer_find(struct ph_lines *lines, const char *id);
/* By name, id, or an unambiguous beginning of an id of 8 or more. */
struct peer *peer_named(struct ph_lines *lines, const char *text);
struct peer *peer_of_line(struct ph_lines *lines, uint64_t line);
/* Found or made; NULL: the table is full, or it is this node. */
struct peer *peer_get(
	struct ph_lines *lines, const uint8_t *key, const char *name);
void peer_add_address(struct peer *peer, const char *text, bool best);
void peer_save(struct peer *peer);
/* lines.c */
void dialling_init(struct dialling *dialling, struct ph_lines *lines);
/* Dials now if there is no line and no attempt. */
void peer_dial(struct peer *peer);
void peer_hang_up(struct peer *peer, const char *why);
void peer_remove(struct peer *peer);
/* Keeps the trust book, if it changed. */
void lines_save_trust(struct ph_lines *lines);
/* Saves it in any case; `kept` hears whether it is durable. */
int lines_keep_trust(struct ph_lines *lines, ph_answer_fn *kept, void *context);
void lines_gossip(struct ph_lines *lines);
/* A call to another server of this node whose answer nobody waits for. */
void lines_tell(struct ph_lines *lines, const char *destination,
	uint16_t method, struct ph_writer *writer);

/* road.c */
void road_serve(struct ph_lines *lines);
void road_flush(struct peer *peer);
void road_fail(struct peer *peer);
/* word.c */
void lines_tell_line(struct peer *peer, bool up);
/* greet.c */
void greet_serve(struct ph_lines *lines);
void greet_peer(struct peer *peer);
/* mesh.c */
void mesh_serve(struct ph_lines *lines);
/* Revokes here and tells the others: by name, id or key in hex. -1 with the
 * error. */
int mesh_revoke(
	struct ph_lines *lines, const char *text, struct ph_error *error);

#endif
