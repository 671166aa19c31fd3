#ifndef PH_EXECUTOR_LEASH_H
#define PH_EXECUTOR_LEASH_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/loop.h"
#include "kernel/worker.h"

/*
 * What programs leave behind. Who makes a session of its own leaves the group
 * that is killed with its server, and a node that is killed takes only its own
 * children along. So the environment of each run says which it is of
 * (POSTHOUSE_RUN=NODE.LIFE.NUMBER), and whoever is of a run that is over, or of
 * an earlier life of this node, is killed: when a run ends, and when the node
 * starts. The processes are looked through on a worker's thread. When the node
 * is killed, its warden does it (executor/warden.h).
 *
 * A program that empties its environment is not found so; in a namespace of
 * processes (`confine: strict`, `net`) nobody gets away anyhow.
 */
#define PH_LEASH_TEXT 64u

struct ph_leash;

int ph_leash_create(struct ph_leash **out, struct ph_loop *loop,
	struct ph_worker *worker, const uint8_t *node_key);
/* What is looked for still goes on by itself. */
void ph_leash_destroy(struct ph_leash *leash);
/* A run begins: its number, from 1, and what it is to have in its environment;
 * 0 and "" without memory: what it leaves behind is not found. */
uint64_t ph_leash_take(struct ph_leash *leash, char out[PH_LEASH_TEXT]);
/* It is over, its own process reaped: what is left of it is looked for. */
void ph_leash_drop(struct ph_leash *leash, uint64_t number);
/* Looks through all, at the end of this turn. */
void ph_leash_sweep(struct ph_leash *leash);
/* What all runs of this life have in their environment: NODE.LIFE. */
void ph_leash_life(const struct ph_leash *leash, char out[PH_LEASH_TEXT]);
/* Kills whoever is of that life; no other process may be the node then. */
void ph_leash_end(const char *life);
/* It is looking, or about to. */
bool ph_leash_is_busy(const struct ph_leash *leash);
/* `done` is called whenever it has looked. */
void ph_leash_on_done(
	struct ph_leash *leash, void (*done)(void *context), void *context);

#endif
