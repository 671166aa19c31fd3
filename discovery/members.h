#ifndef PH_DISCOVERY_MEMBERS_H
#define PH_DISCOVERY_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/hal.h"
#include "proto/identity.h"
#include "proto/swim.h"

/*
 * Who lives? The view one node has of all members: SWIM with Lifeguard and a
 * storm brake (the essay is in members.c). Pure: it is told what happened and
 * when, and holds what is to be sent and told until that is taken. Its one
 * source of chance is the seed.
 *
 * Members come from outside, by announcements; what datagrams say of ids that
 * were not introduced is ignored. The shell checks MACs before it hands a
 * datagram in, knows addresses and keys (under the `handle` it gave), and signs
 * and verifies through the seam. After every call it takes all datagrams and
 * events, and has ph_members_tick called at ph_members_due.
 *
 *   heard    --it answers, asks, or was announced by itself--> alive
 *   heard, alive, suspect  --nobody gets an answer--> suspect --time--> dead
 *   suspect, dead  --its own word with a higher incarnation--> alive
 *   any      --goodbye--> left
 *   any      --announced with a higher epoch--> heard or alive
 *
 * A member goes from alive to dead at once when three nodes (fewer in a smaller
 * mesh) agree that its host refuses datagrams for it. Others believe one of
 * them when their own ping is refused, too, or three when not.
 */
#define PH_MEMBERS_MAX 4096u

#define PH_MEMBER_STATES(X)                                                    \
	X(HEARD, "heard")                                                      \
	X(ALIVE, "alive")                                                      \
	X(SUSPECT, "suspect")                                                  \
	X(DEAD, "dead")                                                        \
	X(LEFT, "left")

enum ph_member_state {
#define X(ident, name) PH_MEMBER_##ident,
	PH_MEMBER_STATES(X)
#undef X
};

/* Why a member changed its state; the text ends "because ...". */
#define PH_MEMBER_REASONS(X)                                                   \
	X(ANNOUNCED, "announced")                                              \
	X(RELAYED, "somebody told of it")                                      \
	X(IMPORTED, "known from before the start")                             \
	X(CONTACT, "it answered or asked")                                     \
	X(REFUTED, "it refuted")                                               \
	X(RESTARTED, "it began a new epoch")                                   \
	X(UNANSWERED, "no answer, direct or by others")                        \
	X(ACCUSED, "another accuses it")                                       \
	X(RAN_OUT, "suspicion was not refuted in time")                        \
	X(REFUSED, "its host refuses, others agree")                           \
	X(REPORTED, "another declared it")                                     \
	X(GOODBYE, "it said goodbye")

enum ph_member_reason {
#define X(ident, text) PH_MEMBER_BY_##ident,
	PH_MEMBER_REASONS(X)
#undef X
};

const char *ph_member_state_name(enum ph_member_state state);
const char *ph_member_reason_text(enum ph_member_reason reason);

/* All in ns but the counts. ph_members_timers_default gives the product's. */
struct ph_members_timers {
	int64_t period;	       /* one probe in each */
	int64_t timeout_least; /* of a direct probe, from its round trips */
	int64_t timeout_most;
	int64_t suspicion_least;
	int64_t news_every; /* between datagrams of news, while there is any */
	int64_t lag_most;   /* above it nobody is accused; a pause, too */
	uint32_t suspicion_stretch; /* most is so many times least */
};

struct ph_members_timers ph_members_timers_default(void);

/* Signatures; both are quick and do nothing else. */
struct ph_members_seam {
	void *context;
	/* Whether record->signature is the accuser's, whose handle this is. */
	bool (*verify)(void *context, const struct ph_swim_record *record,
		uint32_t handle);
	/* Fills in record->signature; we are the accuser. */
	void (*sign)(void *context, struct ph_swim_record *record);
};

struct ph_members_config {
	uint8_t self[PH_NODE_ID_BYTES];
	uint64_t epoch; /* of this start */
	uint64_t seed;
	struct ph_members_timers timers;
	struct ph_members_seam seam;
};

struct ph_members;

int ph_members_create(struct ph_members **out,
	const struct ph_members_config *config, int64_t now);
void ph_members_destroy(struct ph_members *members);

/* --- inputs --- */

struct ph_member_introduction {
	uint8_t id[PH_NODE_ID_BYTES];
	uint64_t epoch;
	uint32_t handle; /* the shell's, handed back with each datagram */
	bool direct;	 /* heard from itself, not relayed by others */
};

/*
 * A verified announcement: news of a member, or of one that is known (harmless;
 * an older epoch is ignored). -ENOSPC: PH_MEMBERS_MAX (ph_members_gone tells
 * whom to forget); -ENOMEM; -EINVAL: it is this node.
 */
int ph_members_introduce(struct ph_members *members, int64_t now,
	const struct ph_member_introduction *introduction);
/*
 * A datagram whose MAC was checked; it is of the receiver's epoch too, so what
 * was sent to an earlier start of this node is none. Of unknown senders:
 * ignored. True: it is neither old nor a repetition, so whence it came is where
 * its sender is.
 */
bool ph_members_receive(
	struct ph_members *members, int64_t now, const struct ph_swim *swim);
/* Likewise along a line, where only its sender can repeat it: a ping is
 * answered, though copies of it came by datagrams before. */
bool ph_members_receive_carried(
	struct ph_members *members, int64_t now, const struct ph_swim *swim);

enum ph_member_hint {
	PH_MEMBER_LINE_BROKEN, /* a line to it ended and not by its goodbye */
	PH_MEMBER_REFUSED,     /* ICMP: nobody listens there (ECONNREFUSED) */
};

/* It may be gone: it is probed at once, directly and by others. */
void ph_members_hint(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES], enum ph_member_hint hint);
/* Fresh proof of life from elsewhere: bytes on its line. */
void ph_members_heard(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES]);
/* Its authenticated goodbye (an announcement of TTL 0) of this epoch. */
void ph_members_goodbye(struct ph_members *members, int64_t now,
	const uint8_t id[PH_NODE_ID_BYTES], uint64_t epoch);
/* Revoked, or aged out. */
void ph_members_forget(
	struct ph_members *members, const uint8_t id[PH_NODE_ID_BYTES]);
/* This node leaves: signed, told to several at once. Nothing is probed any
 * more. */
void ph_members_leave(struct ph_members *members, int64_t now);

/* This node's epoch is a higher one: its incarnation begins anew. */
void ph_members_set_epoch(struct ph_members *members, uint64_t epoch);

/* When ph_members_tick is to be called at the latest. */
int64_t ph_members_due(const struct ph_members *members);
/* `lag`: how long the loop's turns took lately, ns; 0 when it is idle. */
void ph_members_tick(struct ph_members *members, int64_t now, int64_t lag);

/* --- outputs --- */

struct ph_members_send {
	uint8_t to[PH_NODE_ID_BYTES];
	uint32_t handle;
	uint64_t epoch;	     /* of the receiver, for the MAC */
	struct ph_swim swim; /* `ring` is the shell's to fill in */
};

struct ph_member_event {
	uint8_t id[PH_NODE_ID_BYTES];
	uint64_t epoch;
	int64_t at;
	enum ph_member_state from; /* == to: introduced, or began an epoch */
	enum ph_member_state to;
	enum ph_member_reason because;
	uint8_t by[PH_NODE_ID_BYTES]; /* who accused or declared, else zero */
	uint32_t handle;
};

/* false: there is none. */
bool ph_members_take_send(
	struct ph_members *members, int64_t now, struct ph_members_send *out);
bool ph_members_take_event(
	struct ph_members *members, struct ph_member_event *out);

/* --- the view --- */

struct ph_member_view {
	uint8_t id[PH_NODE_ID_BYTES];
	uint64_t epoch;
	uint32_t incarnation;
	uint32_t handle;
	enum ph_member_state state;
	bool stale;	      /* imported, not confirmed since */
	int64_t since;	      /* when it came into this state, ns */
	int64_t heard;	      /* when it was last heard directly; 0 never */
	int64_t round_trip;   /* ns; 0 not known */
	unsigned accusers;    /* of a suspect */
	int64_t suspect_ends; /* ns; of a suspect: dead then */
};

/* Without this node itself. */
unsigned ph_members_count(const struct ph_members *members);
/* Members in this state. */
unsigned ph_members_in(
	const struct ph_members *members, enum ph_member_state state);
/* `index` < ph_members_count; order means nothing, and changes. */
void ph_members_view(const struct ph_members *members, unsigned index,
	struct ph_member_view *out);
/* -ENOENT. */
int ph_members_find(const struct ph_members *members,
	const uint8_t id[PH_NODE_ID_BYTES], struct ph_member_view *out);
/* Who is dead or has left for the longest. -ENOENT: nobody is. */
int ph_members_gone(
	const struct ph_members *members, uint8_t id[PH_NODE_ID_BYTES]);
/* What an earlier start exported: taken as it was but for suspects, which are
 * heard of; stale until confirmed, and asked soon. As introduce. */
int ph_members_import(struct ph_members *members, int64_t now,
	const struct ph_member_view *view);

/* Of this node: its incarnation, and how healthy it thinks itself (0 well, to
 * 8; slows its probes). */
uint32_t ph_members_incarnation(const struct ph_members *members);
unsigned ph_members_ill(const struct ph_members *members);

#endif
