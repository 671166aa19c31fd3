#ifndef PH_HOSTESS_WISH_H
#define PH_HOSTESS_WISH_H

#include "hostess/ledger.h"
#include "hostess/mask.h"
#include "proto/auth.h"

/*
 * What somebody asks to hold, and the list of those who wait for it.
 *
 * A wish names an address (SERVER or SERVER:TERMINAL) or a mask with a count;
 * a mask that is about terminals holds terminals, else whole servers; servers
 * that run are taken before those that do not. It is all or nothing, unless
 * less is welcome.
 *
 * Waiting is fair: who waits keeps what it gathered, and what becomes free
 * goes to the first in the list that can use it. So whatever is free is wanted
 * by nobody who waits, and a newcomer that finds enough overtakes no one.
 * Every wait has a deadline, so two that gathered half each do not block one
 * another for ever.
 *
 * Pure: the time is handed in, and so are the tokens.
 */
#define PH_WISH_COUNT	 256u  /* held by one wish */
#define PH_WISHES_MOST	 1024u /* that wait at one node */
#define PH_WISHES_A_PEER 128u  /* of them of one peer */

/* Fresh random bytes. */
typedef void ph_token_fn(uint8_t out[PH_ATTACH_TOKEN]);

struct ph_wish {
	char server[40];   /* "" : by mask */
	char terminal[40]; /* "": the whole server, or by mask */
	struct ph_mask mask;
	char mask_text[PH_MASK_LENGTH]; /* as it was written */
	unsigned count;
	bool some;     /* less is welcome */
	bool running;  /* by mask: none that does not run */
	int64_t lasts; /* ns, of the holds */
	struct ph_auth_claim claim;
	char node[40];		       /* the claim's */
	char token[PH_AUTH_TOKEN + 1]; /* the claim's */
	int64_t deadline;	       /* when waiting ends */

	char (*got)[PH_RESERVATION_ID]; /* what it holds so far */
	unsigned got_count;
	bool waits; /* in the list */
	struct ph_wish *prev, *next;
};

struct ph_wishes {
	struct ph_ledger *ledger;
	ph_token_fn *token;
	struct ph_wish *first;
	unsigned count;
	/* A wish was filled; it is out of the list. It may be freed. */
	void (*filled)(void *context, struct ph_wish *wish);
	void *context;
};

/* -ENOMEM. `wish` is zeroed, then filled by the caller; server, terminal or
 * mask, count, some, lasts; the claim by ph_wish_claim. */
int ph_wish_init(struct ph_wish *wish, unsigned count);
void ph_wish_claim(struct ph_wish *wish, const struct ph_auth_claim *claim);
/* Lets go of its memory, not of its holds. */
void ph_wish_fini(struct ph_wish *wish);
/* Could it hold outputs? Who uses those only the control surface knows. */
bool ph_wish_asks_outputs(
	const struct ph_wish *wish, const struct ph_guestbook *book);

/* Takes what is there, as far as the count. 0 when it is filled (or less is
 * welcome and there is some), else -1 with the error told: nobody of that
 * kind, not for the caller, or taken, by whom and until when. */
int ph_wish_gather(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now,
	struct ph_error *error);
/* The holds last from now on. */
void ph_wish_grant(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now);
/* Gives back what it gathered, and leaves the list. */
void ph_wish_drop(struct ph_wishes *wishes, struct ph_wish *wish, int64_t now,
	const char *because);
/* Out of the list; what it gathered stays. Harmless when it is not in it. */
void ph_wish_unlist(struct ph_wishes *wishes, struct ph_wish *wish);
/* Behind the others. -1 with the error told when the list is full. */
int ph_wish_wait(
	struct ph_wishes *wishes, struct ph_wish *wish, struct ph_error *error);
/* Offers what became free to those who wait; `all`: looks at everything. */
void ph_wishes_offer(struct ph_wishes *wishes, int64_t now, bool all);

#endif
