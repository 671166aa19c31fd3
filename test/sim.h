#ifndef PH_TEST_SIM_H
#define PH_TEST_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/members.h"

/*
 * A mesh in one process: up to thousands of nodes, each with the product's own
 * view of members and announcer, on a virtual clock and a virtual network that
 * delays, loses, doubles and reorders by a seed. Datagrams travel as the bytes
 * they are. The same seed and verbs give the same trace, and the trace's hash
 * proves it.
 *
 * Signatures are a cheap fake that still refuses what is not signed. A host
 * whose process is dead refuses datagrams (as ICMP does); one that is unplugged
 * is silent. Killed nodes break their lines, at whose other ends that is a
 * hint.
 */
#define SIM_MAX 4096u

struct sim_config {
	unsigned nodes;
	uint64_t seed;
	int64_t delay_least; /* ns, one way */
	int64_t delay_most;
	unsigned loss; /* of 10,000, as the next two */
	unsigned twice;
	unsigned late;	 /* by up to 50 ms: overtaken by others */
	bool hearsay;	 /* no multicast: announcements come by others */
	bool tables;	 /* announcements as bytes, through neighbour tables */
	bool lineless;	 /* no lines, no hints from them */
	bool speechless; /* hosts send no ICMP */
};

struct sim;

/* Prints the seed. All nodes are off. */
struct sim *sim_open(const struct sim_config *config);
/* 200 us to 2 ms, nothing lost. */
struct sim_config sim_lan(unsigned nodes, uint64_t seed);
void sim_close(struct sim *sim);

/* --- verbs --- */

void sim_start(struct sim *sim, unsigned node);
/* All, spread evenly over so many ns. */
void sim_start_all(struct sim *sim, int64_t over);
void sim_kill(struct sim *sim, unsigned node); /* SIGKILL: its host refuses */
void sim_restart(struct sim *sim, unsigned node); /* with a new epoch */
/* The same, with the view it had, as the store keeps it. */
void sim_restart_with_view(struct sim *sim, unsigned node);
void sim_leave(struct sim *sim, unsigned node);
void sim_stop(struct sim *sim, unsigned node, int64_t time); /* SIGSTOP */
void sim_unplug(struct sim *sim, unsigned node);
void sim_plug(struct sim *sim, unsigned node);
/* What `from` sends does not reach `to`. */
void sim_cut(struct sim *sim, unsigned from, unsigned to, bool cut);
/* Nodes below `first` and the others are apart. */
void sim_split(struct sim *sim, unsigned first);
void sim_heal(struct sim *sim);
void sim_set_loss(struct sim *sim, unsigned loss);
/* What its loop says of its lag. */
void sim_set_lag(struct sim *sim, unsigned node, int64_t lag);
/* Every datagram of it carries wrong signatures. */
void sim_set_liar(struct sim *sim, unsigned node, bool liar);
/* From now on, the last datagrams from the one to the other are kept... */
void sim_record(struct sim *sim, unsigned from, unsigned to);
/* ...and arrive once more. How many. */
unsigned sim_replay(struct sim *sim);

void sim_run(struct sim *sim, int64_t time);
/* Until every running node holds that share (0..1] of the other running ones
 * alive. false: not within `time`. */
bool sim_wait_fullmesh(struct sim *sim, double share, int64_t time);
/* Until `observers` running nodes hold it so. */
bool sim_wait_state(struct sim *sim, unsigned node, enum ph_member_state state,
	unsigned observers, int64_t time);

/* --- what came of it --- */

int64_t sim_now(const struct sim *sim);
uint64_t sim_hash(const struct sim *sim);
struct ph_members *sim_members(struct sim *sim, unsigned node);
const uint8_t *sim_id(const struct sim *sim, unsigned node);
unsigned sim_running(const struct sim *sim);
/* How many running nodes hold it so. */
unsigned sim_holding(
	const struct sim *sim, unsigned node, enum ph_member_state state);
/* When the first and the last so far held it dead since sim_watch, -1: never.
 */
void sim_watch(struct sim *sim, unsigned node);
int64_t sim_first_dead(const struct sim *sim, unsigned node);
int64_t sim_last_dead(const struct sim *sim, unsigned node);

struct sim_counts {
	uint64_t datagrams;  /* sent */
	uint64_t bytes;	     /* their payloads */
	uint64_t announced;  /* announcements heard */
	uint64_t suspicions; /* that began at somebody, of a live reachable node
			      */
	uint64_t deaths;     /* the same, declared */
	uint64_t refutations; /* incarnations used */
};

struct sim_counts sim_counts(const struct sim *sim);
void sim_counts_reset(struct sim *sim);

/* Full dose or a twentieth: scales a number of rounds. */
unsigned sim_dose(unsigned full);

#endif
