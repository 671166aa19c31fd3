#ifndef PH_TEST_SIM_INNER_H
#define PH_TEST_SIM_INNER_H

#include "discovery/announcer.h"
#include "discovery/neighbours.h"
#include "test/crier.h"
#include "test/sim.h"

/*
 * sim.c        nodes and verbs
 * sim_net.c    the network and its queue of events
 * sim_node.c   one node: feeds the cores, takes what they say
 * sim_table.c  announcements as bytes, and tables of neighbours
 */
enum sim_event_kind {
	SIM_WAKE,      /* node, `stamp`: when it was asked for */
	SIM_DATAGRAM,  /* packet */
	SIM_ANNOUNCED, /* node hears of `other`, with epoch `stamp` */
	SIM_REFUSED,   /* node was refused by `other` */
	SIM_BROKEN,    /* node's line to `other` broke */
	SIM_RESUME,    /* node, `stamp`: of which stop */
	SIM_BEGIN,     /* node starts */
};

struct sim_packet {
	struct sim_packet *next;
	uint32_t from;
	uint32_t to;
	uint16_t length;
	uint64_t epoch; /* of the receiver, as its MAC has it */
	bool announcement;
	bool large;
	uint8_t bytes[];
};

struct sim_event {
	int64_t at;
	uint64_t order;
	uint64_t stamp;
	struct sim_packet *packet;
	uint32_t node;
	uint32_t other;
	uint8_t kind;
};

enum sim_power {
	SIM_OFF, /* its host is there */
	SIM_UP,
	SIM_STOPPED,
};

#define SIM_LINES 24
#define SIM_KEPT  8   /* datagrams of a pair, for replays */
#define SIM_INBOX 256 /* what a socket holds */

struct sim_node {
	uint8_t id[PH_NODE_ID_BYTES];
	struct ph_members *members;
	uint64_t *known; /* epochs it has heard of, by node */
	struct ph_announcer announcer;
	struct ph_neighbours *neighbours; /* NULL: announcements are events */
	struct crier_judge judged;
	struct sim *sim;
	enum sim_power power;
	bool unplugged;
	bool liar;
	bool leaving;
	uint64_t epoch;
	uint32_t announcement; /* seq */
	int64_t lag;
	int64_t wake;
	int64_t reachable; /* since when it is up and connected */
	uint64_t stops;
	struct sim_packet *inbox;
	struct sim_packet **inbox_end;
	unsigned inbox_count;
	uint32_t lines[SIM_LINES];
	unsigned line_count;
	int64_t first_dead;
	int64_t last_dead;
	unsigned group;
};

struct sim {
	struct sim_config config;
	int64_t now;
	uint64_t random;
	uint64_t hash;
	uint64_t order;
	struct sim_node *nodes;
	struct sim_event *heap;
	size_t heap_count;
	size_t heap_size;
	struct sim_packet *spare;
	uint8_t *cuts; /* bits, from * nodes + to; NULL: none */
	struct sim_packet *kept[SIM_KEPT];
	unsigned kept_next;
	unsigned kept_from, kept_to; /* 0, 0: none */
	bool tell;	   /* PH_SIM_TELL: print each change of a state */
	unsigned starting; /* nodes that sim_start_all will begin */
	struct sim_counts counts;
};

/* --- sim_net.c --- */

uint64_t sim_random(struct sim *sim);
/* In [least, most]. */
int64_t sim_between(struct sim *sim, int64_t least, int64_t most);
void sim_push(struct sim *sim, const struct sim_event *event);
bool sim_pop(struct sim *sim, int64_t until, struct sim_event *out);
bool sim_connected(const struct sim *sim, unsigned from, unsigned to);
struct sim_packet *sim_packet_get(struct sim *sim, size_t length);
void sim_packet_put(struct sim *sim, struct sim_packet *packet);
/* Through the network; takes it. */
void sim_send(struct sim *sim, struct sim_packet *packet);
void sim_trace(struct sim *sim, uint64_t a, uint64_t b);
int64_t sim_delay(struct sim *sim);
bool sim_lost(struct sim *sim);

/* --- sim_node.c --- */

void node_begin(struct sim *sim, unsigned node);
void node_end(struct sim *sim, unsigned node);
void node_handle(struct sim *sim, const struct sim_event *event);
void node_settle(struct sim *sim, unsigned node);
void node_inbox_drop(struct sim *sim, struct sim_node *node);
/* It heard an announcement of `other` that is news. */
void node_introduce(
	struct sim *sim, struct sim_node *node, unsigned other, uint64_t epoch);
unsigned sim_index(const struct sim *sim, const uint8_t *id);

/* --- sim_table.c --- */

void table_open(struct sim *sim, struct sim_node *node);
void table_announce(struct sim *sim, unsigned from, uint16_t ttl);
void table_hear(struct sim *sim, struct sim_node *node,
	const struct sim_packet *packet);
void table_step(struct sim *sim, struct sim_node *node);

#endif
