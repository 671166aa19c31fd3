#ifndef PH_TEST_RESUME_WORLD_H
#define PH_TEST_RESUME_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "proto/resume.h"

/* The network between both machines, and what is known of either. */

#define CARRIERS_MOST 4096u
#define WINDOW	      64u /* frames kept */
#define MS	      PH_MILLISECOND

enum word_kind {
	WORD_ATTACH,
	WORD_FRAME,
	WORD_HEARD,
	WORD_ATTACHED,
	WORD_ACK,
	WORD_CUT
};

struct word {
	enum word_kind kind;
	bool flag; /* resume, welcome */
	uint64_t generation;
	uint64_t number; /* frame, next, frames consumed */
	int64_t at;	 /* not before */
};

#define WAY 512u

struct way {
	struct word words[WAY];
	unsigned head, count;
	bool broken; /* nothing arrives any more */
};

struct carrier {
	struct way there;
	struct way back;
	int64_t sender_lost; /* when this end learns of it */
	int64_t receiver_lost;
	bool sender_open;
	bool receiver_open;
};

enum fate {
	FATE_FINISH,
	FATE_LEAVE,   /* the input's server goes */
	FATE_FORGET,  /* the receiving node restarts */
	FATE_RESTART, /* the sender opens anew */
	FATE_GONE     /* nobody listens there any more */
};

struct world {
	uint64_t seed;
	int64_t now;
	int64_t calm; /* no more faults from here */
	uint64_t total;
	enum fate fate;
	int64_t fate_at;
	bool fated;

	struct ph_resume_out out;
	uint64_t given;
	uint64_t cursor;
	int64_t out_due;
	int64_t opens; /* the dialled carrier, or 0 */
	int64_t fails;
	struct carrier *line; /* the sender's */
	bool finished;
	bool failed;
	unsigned carriers;
	unsigned rewinds;
	unsigned lost, back;

	struct ph_resume_in in;
	bool there; /* there is a stream */
	struct carrier *seat;
	uint64_t received;
	uint64_t consumed;
	int64_t in_due;
	bool whole;
	uint64_t fence; /* the Hostess's: no generation twice */

	struct carrier old[8]; /* the newest, in turn */
};

static inline unsigned dice(struct world *world, unsigned sides)
{
	world->seed = world->seed * UINT64_C(6364136223846793005) +
		      1442695040888963407;
	return (unsigned)(world->seed >> 33) % sides;
}

static inline void say(struct world *world, struct way *way, struct word word)
{
	if (way->broken)
		return;
	assert_true(way->count < WAY);
	word.at = world->now + dice(world, 4) * MS;
	way->words[(way->head + way->count++) % WAY] = word;
}

#endif
