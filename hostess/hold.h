#ifndef PH_HOSTESS_HOLD_H
#define PH_HOSTESS_HOLD_H

#include "hostess/hostess_inner.h"

/*
 * One hostess.hold, from the question to the answer, and for a while
 * afterwards, so that the same call id gets the same answer.
 *
 *   looking   who is fed by outputs is asked, when that matters
 *   roaming   what is missing here is asked of other nodes, nearest first
 *   waiting   in the list of those who wait; now and then roaming once more
 *   done      answered
 *
 * hold_read.c reads the call, hostess_hold.c takes it from stage to stage,
 * hostess_roam.c asks other nodes, hostess_held.c writes the answer.
 */
#define PH_HOLD_TICKETS	   4u /* the same call id, asked again meanwhile */
#define PH_HOLD_REMEMBERED 1024u
#define PH_HOLD_MEMORY	   (120 * PH_SECOND)
#define PH_HOLD_CALL	   64u		   /* bytes of a call id */
#define PH_HOLD_AGAIN	   (2 * PH_SECOND) /* between two roamings */

enum ph_hold_stage {
	PH_HOLD_LOOKING,
	PH_HOLD_ROAMING,
	PH_HOLD_WAITING,
	PH_HOLD_DONE,
};

/* One that another node holds for us. */
struct ph_far {
	char node[40];
	char id[PH_RESERVATION_ID];
	uint8_t token[PH_ATTACH_TOKEN];
	uint8_t *item; /* as that node answered */
	size_t length;
};

struct ph_hold {
	struct ph_hostess *hostess;
	struct ph_wish wish;
	enum ph_hold_stage stage;
	char key[112]; /* caller and call id; "" : not remembered */
	ph_handle tickets[PH_HOLD_TICKETS];
	unsigned ticket_count;
	bool roams;	 /* may ask other nodes, */
	bool everywhere; /* also those whose menus show no room */
	char only[40];	 /* that one and no other; "" : whoever */
	bool outputs;
	struct ph_error error; /* why not; *what 0: it worked */
	struct ph_far *far;
	unsigned far_count;
	char (*peers)[40]; /* that are still to be asked */
	unsigned peer_count, peer_next;
	char call[24];	  /* the id of the one that asks a peer */
	unsigned flights; /* calls that come back to it */
	int64_t again;	  /* when to roam once more */
	int64_t done_at;
	struct ph_hold *prev, *next;
};

static inline unsigned ph_hold_missing(const struct ph_hold *hold)
{
	unsigned have = hold->wish.got_count + hold->far_count;

	return have < hold->wish.count ? hold->wish.count - have : 0;
}

/* 0, or -1 with the error told; `hold->hostess` is set. */
int ph_hold_read(struct ph_hold *hold, struct ph_request *request,
	struct ph_error *error);
/* What is missing is asked of others; then ph_hold_roamed. */
void ph_hold_roam(struct ph_hold *hold);
void ph_hold_roamed(struct ph_hold *hold);
/* Tells who asked what it got, or `error`. */
void ph_hold_answer(struct ph_hold *hold, ph_handle ticket);
/* Those of others go back, from the `keep`th on. */
void ph_hold_give_back(struct ph_hold *hold, unsigned keep);
/* Frees it, unless a call still comes back to it. */
void ph_hold_let_go(struct ph_hold *hold);

#endif
