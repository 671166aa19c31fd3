#ifndef PH_PROTO_RESUME_H
#define PH_PROTO_RESUME_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/hal.h"
#include "proto/attach.h"

/*
 * How a stream outlives its carriers. Two machines, one at each end; both are
 * pure: they are told what happened and when, and answer what is to be done.
 *
 *   sender     dialing -> attaching -> flowing      acknowledged END: finished
 *                 ^            |          |
 *                 +- waiting <-+----------+         carrier lost
 *
 *   receiver   flowing <-> waiting                  carrier lost, and back
 *
 * The sender keeps every frame until it is acknowledged, the receiver
 * acknowledges what its input's server has consumed. A new carrier says what
 * the sender still has, the receiver answers what it lacks, and there the
 * stream goes on: each frame arrives once, in order, while both nodes and both
 * programs live.
 *
 * Generations fence: control's number of the opening (durable, never used
 * twice) in the high 32 bits, the carrier's number in the low. Each carrier of
 * a connection has a higher one than every earlier one, over restarts too. The
 * receiver closes the older carrier before it lets the newer one in.
 *
 * What ends a stream: END acknowledged (finished); a refusal, for the receiver
 * has lost it (its node restarted, the booking is gone); CUT from the receiver
 * (its input's server left); nobody listening at the peer's address for
 * PH_RESUME_ABSENT; PH_RESUME_KEPT without a carrier. All but the first are a
 * cut, and a new stream is control's to begin.
 */
/* What a connection may hold at its sender: frames that were sent and are not
 * acknowledged, as many again that wait or fill their buffers only in part. */
#define PH_RESUME_WINDOW    ((uint64_t)4 * 1024 * 1024)
#define PH_RESUME_SENT	    (PH_RESUME_WINDOW / 2)
#define PH_RESUME_KEPT	    (600 * PH_SECOND)
#define PH_RESUME_ABSENT    (2 * PH_SECOND)
#define PH_RESUME_ANSWER    (10 * PH_SECOND)	  /* from ATTACH to ATTACHED */
#define PH_RESUME_FIRST	    (50 * PH_MILLISECOND) /* wait before a redial */
#define PH_RESUME_MOST	    (2 * PH_SECOND)
#define PH_RESUME_ACK_BYTES ((uint64_t)256 * 1024)
#define PH_RESUME_ACK_EVERY (50 * PH_MILLISECOND)

#define PH_RESUME_STATES(X)                                                    \
	X(DIALING, "dialing")                                                  \
	X(ATTACHING, "attaching")                                              \
	X(FLOWING, "flowing")                                                  \
	X(WAITING, "waiting") /* without a carrier */                          \
	X(OVER, "over")

enum ph_resume_state {
#define X(ident, name) PH_RESUME_##ident,
	PH_RESUME_STATES(X)
#undef X
};

const char *ph_resume_state_name(enum ph_resume_state state);

/* What is to be done, in this order; a set of bits. */
enum ph_resume_action {
	PH_RESUME_DO_HANG_UP = 1 << 0, /* close the carrier */
	PH_RESUME_DO_DIAL = 1 << 1,
	PH_RESUME_DO_ATTACH = 1 << 2,  /* send ATTACH */
	PH_RESUME_DO_BEGIN = 1 << 3,   /* let in for the first time */
	PH_RESUME_DO_REWIND = 1 << 4,  /* send again from frame `next` */
	PH_RESUME_DO_RELEASE = 1 << 5, /* frames below `next` may go */
	PH_RESUME_DO_REFUSE = 1 << 6,  /* send ATTACHED: refused */
	PH_RESUME_DO_WELCOME = 1 << 7, /* send ATTACHED with `next` */
	PH_RESUME_DO_REPLACE = 1 << 8, /* a new stream takes this one's place */
	PH_RESUME_DO_ACK = 1 << 9,
	PH_RESUME_DO_CUT = 1 << 10, /* send CUT back */
	PH_RESUME_DO_ARM = 1 << 11, /* timer at `due` */
	PH_RESUME_DO_TELL_LOST = 1 << 12,
	PH_RESUME_DO_TELL_BACK = 1 << 13,
	PH_RESUME_DO_FINISH = 1 << 14, /* the stream is over, and whole */
	PH_RESUME_DO_FAIL = 1 << 15,   /* it is over, and cut: `why` */
};

struct ph_resume_outputs {
	unsigned actions;
	uint64_t next;
	int64_t due;
	const char *why;
};

/* --- the sender --- */

enum ph_resume_out_kind {
	PH_RESUME_OPENED,   /* the dialled carrier is open */
	PH_RESUME_ATTACHED, /* welcome, generation, next, given */
	PH_RESUME_ACKED,    /* next: frames consumed; given, finished */
	PH_RESUME_REFUSED,  /* anything else than it may say */
	PH_RESUME_CUT,	    /* the receiver has no stream any more */
	PH_RESUME_LOST,	    /* no carrier any more; reason, absent */
	PH_RESUME_DUE,
	PH_RESUME_NUDGE, /* the peer was heard of: try now */
};

struct ph_resume_out_event {
	enum ph_resume_out_kind kind;
	bool welcome;
	bool finished; /* `given` counts END */
	bool absent;   /* the dial was refused: nobody listens */
	uint64_t generation;
	uint64_t next;
	uint64_t given; /* frames the source gave, ever */
	const char *reason;
};

struct ph_resume_out {
	enum ph_resume_state state;
	bool attached; /* was let in once */
	uint64_t generation;
	uint64_t acked;	   /* frames */
	int64_t lost;	   /* since when there is no carrier, or 0 */
	int64_t absent;	   /* since when nobody listens there, or 0 */
	uint32_t failures; /* since the last acknowledgement */
	uint64_t random;
};

/* The first carrier of this opening is being dialled. */
void ph_resume_out_init(
	struct ph_resume_out *out, uint32_t opening, uint64_t seed);
void ph_resume_out_step(struct ph_resume_out *out, int64_t now,
	const struct ph_resume_out_event *event,
	struct ph_resume_outputs *outputs);

/* --- the receiver --- */

enum ph_resume_in_kind {
	PH_RESUME_CLAIMED, /* a proven ATTACH: generation, resume, next */
	PH_RESUME_CAME,	   /* frames: so many more arrived whole */
	PH_RESUME_TAKEN,   /* taken: what the input's server has consumed */
	PH_RESUME_ENDED,   /* it consumed END; taken */
	PH_RESUME_HEARD,   /* the sender knows of that */
	PH_RESUME_LEFT,	   /* it takes no more */
	PH_RESUME_DROPPED, /* the carrier is lost */
	PH_RESUME_TICK,	   /* the timer */
};

struct ph_resume_in_event {
	enum ph_resume_in_kind kind;
	uint64_t generation;
	bool resume;
	uint64_t next;
	uint64_t frames;
	struct ph_ack taken; /* of TAKEN ENDED TICK CLAIMED */
};

struct ph_resume_in {
	enum ph_resume_state state;
	uint64_t generation;
	uint64_t received; /* frames */
	struct ph_ack told;
	bool finished;
	bool heard;
	bool armed;
};

/* The stream's first carrier was let in. */
void ph_resume_in_init(struct ph_resume_in *in, uint64_t generation);
void ph_resume_in_step(struct ph_resume_in *in, int64_t now,
	const struct ph_resume_in_event *event,
	struct ph_resume_outputs *outputs);

#endif
