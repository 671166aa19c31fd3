#ifndef PH_DISCOVERY_MEMBERS_INNER_H
#define PH_DISCOVERY_MEMBERS_INNER_H

#include <assert.h>

#include "discovery/members.h"

/*
 * The inside of the members' view, and who does what in it:
 *
 *   members.c         the essay; life and time: create, tick, due, pauses
 *   members_table.c   who is there: find, introduce, forget, export, import
 *   members_view.c    what is shown of it; choosing by chance
 *   members_turn.c    asking: whose turn it is
 *   members_probe.c   asking: one probe, relays, round trips, health
 *   members_judge.c   states: accusations, refutations, running out
 *   members_hearsay.c records: what others say
 *   members_rumour.c  what is told to everybody, and how often
 *   members_packet.c  datagrams: what comes in, what goes out
 *
 * Members are named by their slot, which stays theirs until they are forgotten.
 */
enum {
	MEMBERS_NOBODY = UINT16_MAX,
	MEMBERS_SELF = UINT16_MAX - 1, /* as an accuser */
	MEMBERS_RELAYS = 3,	       /* indirect probes */
	MEMBERS_CONFIRM = 3,  /* accusers beyond the first that count */
	MEMBERS_DECLARE = 3,  /* whose word for a refusal is as our own */
	MEMBERS_FANOUT = 3,   /* receivers of each round of news */
	MEMBERS_PROBES = 64,  /* under way at once: slots of a mask */
	MEMBERS_FAVOURS = 32, /* of them for others */
	MEMBERS_SENDS = 256,
	MEMBERS_EVENTS = 64,
	MEMBERS_RUMOURS = 512,
	MEMBERS_ILL = 8,
	MEMBERS_GREETS = 4,	/* pings to strangers in one round */
	MEMBERS_GREET_TRIES = 3 /* to one of them */
};

/* How often suspicions are looked at and strangers greeted. */
#define MEMBERS_ROUND (100 * PH_MILLISECOND)
/* One who never answered is not accused for so long: it may not know us. */
#define MEMBERS_GRACE (5 * PH_SECOND)
/* Our own silence with a member is worth an accusation for so long. */
#define MEMBERS_SILENCE (3 * PH_SECOND)
/* What was not told to enough by then is told no more. */
#define MEMBERS_RUMOUR_OLD (5 * PH_SECOND)
/* Between refutations, so that a liar cannot make us shout. */
#define MEMBERS_REFUTE (200 * PH_MILLISECOND)
/* Between bursts of pings to the dead, when one came back. */
#define MEMBERS_REVIVAL (10 * PH_SECOND)

/* What every datagram looks at stands first: tables of a large mesh are cold.
 */
struct member {
	uint8_t id[PH_NODE_ID_BYTES];
	uint64_t epoch;
	int64_t heard; /* its last fresh datagram, or bytes; 0 never */
	uint32_t incarnation;
	uint32_t handle;
	uint32_t sequence; /* the highest it used, in this epoch */
	uint16_t chain;	   /* next of its bucket, or of the free ones */
	uint8_t state;	   /* enum ph_member_state */
	uint8_t greets;
	bool used;
	bool stale;
	bool met; /* it sent a datagram in this epoch */
	bool sequence_known;
	bool refused; /* declared dead because its host refused */
	bool defies;  /* and lived: what its host says means nothing */
	uint8_t accuser_count;
	uint8_t looks;		/* before it is given up */
	uint8_t declarer_count; /* of a suspect */
	uint16_t accusers[MEMBERS_CONFIRM + 1];
	uint16_t declarers[MEMBERS_DECLARE]; /* its host refused them */
	uint16_t suspect_at;		     /* its place among the suspects */
	uint32_t word;	/* of its newest signed word that was passed on */
	uint32_t trip;	/* smoothed round trip, us; 0 not known */
	uint32_t swing; /* its variation, us */
	int64_t introduced;
	int64_t since;	    /* when it came into its state */
	int64_t silent;	    /* our last probe without an answer; 0 none */
	int64_t refused_at; /* our last ping that its host refused; 0 none */
	uint64_t seen;	    /* of the 64 sequences up to the highest: heard */
	uint64_t twice;	    /* and pings of them that were heard again */
	int64_t suspected;  /* when suspicion began; pauses move it */
	int64_t looked;	    /* the last look before it is given up */
};

static_assert(sizeof(struct member) <= 168, "with its indices below 200 bytes");

enum probe_kind {
	PROBE_PERIODIC,
	PROBE_HINT,   /* begins with relays */
	PROBE_GREET,  /* no answer means nothing */
	PROBE_FAVOUR, /* for another, who asked */
};

struct probe {
	int64_t begun;
	int64_t pinged;	  /* the last direct ping */
	int64_t deadline; /* of this stage */
	uint32_t sequence;
	uint32_t favour_sequence;
	uint16_t target;
	uint16_t favour; /* who asked for it */
	uint16_t relays[MEMBERS_RELAYS];
	uint8_t kind; /* enum probe_kind */
	uint8_t asked;
	uint8_t answered;   /* reports that came */
	uint8_t reported;   /* of whom: bits */
	uint8_t refusals;   /* relays whom its host refused */
	uint8_t refused;    /* how often it refused us */
	int64_t refused_at; /* the last time; 0 never */
	bool escalated;
	bool again; /* pinged twice: no round trip from it */
};

struct rumour {
	struct ph_swim_record record;
	int64_t born;
	uint16_t sent;
};

struct intent {
	uint32_t sequence;
	uint16_t to;
	uint16_t target;
	uint8_t type;
	uint8_t finding;
};

struct ph_members {
	struct ph_members_config config;
	uint64_t random;

	/* Slots, and lists of slots; all have room for `capacity`. */
	struct member *slots;
	uint16_t *ring;	 /* by id */
	uint16_t *order; /* the round of random probes */
	uint16_t *suspects;
	uint16_t *buckets;
	uint32_t capacity; /* a power of two */
	uint32_t count;
	uint32_t suspect_count;
	uint32_t in[PH_MEMBER_LEFT + 1]; /* by state */
	uint16_t free;
	uint32_t ring_self; /* where this node would stand */
	uint32_t order_next;
	uint32_t dead_next;   /* in the ring: whom to try for his return */
	uint32_t heard_next;  /* of the ring, likewise */
	uint32_t greet_next;  /* in the ring */
	uint32_t greet_count; /* members with greets left */

	/* This node. */
	uint32_t incarnation;
	uint32_t sequence;
	uint8_t ill;
	bool leaving;
	bool refute; /* as soon as `refute_next` */
	int64_t refute_next;
	int64_t revival_next;
	int64_t lag;

	/* Time. */
	int64_t period_begun;
	int64_t period_next;
	int64_t round_next; /* suspicions and greetings */
	int64_t news_next;  /* INT64_MAX: nothing to tell */
	int64_t due;	    /* as told; a pause is what is missed of it */
	uint64_t periods;
	uint32_t accused; /* suspicions begun in this period */

	struct probe probes[MEMBERS_PROBES];
	uint64_t probing; /* which are used */
	uint32_t favours;
	uint32_t trip; /* as of a member, over all */
	uint32_t swing;

	struct rumour *rumours;
	uint32_t rumour_count;
	uint32_t rumour_room;

	struct intent sends[MEMBERS_SENDS];
	uint32_t send_first;
	uint32_t send_count;
	struct ph_member_event events[MEMBERS_EVENTS];
	uint32_t event_first;
	uint32_t event_count;
};

/* --- members.c --- */

/* Every input begins here: notices when this process was stopped. */
void members_enter(struct ph_members *members, int64_t now);
uint32_t members_random(struct ph_members *members, uint32_t below);
/* Members that take part, and this node: N of every formula. */
uint32_t members_size(const struct ph_members *members);
/* Rounded down; of 0 it has none. */
static inline uint32_t members_log2(uint32_t n)
{
	return 31 - (uint32_t)__builtin_clz(n);
}
static inline int64_t members_least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}
static inline int64_t members_most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* --- members_table.c --- */

struct member *members_find(
	const struct ph_members *members, const uint8_t *id);
static inline uint16_t members_slot(
	const struct ph_members *members, const struct member *member)
{
	return (uint16_t)(member - members->slots);
}
static inline bool member_takes_part(const struct member *member)
{
	return member->state <= PH_MEMBER_SUSPECT;
}
void members_shuffle(struct ph_members *members);
/* Up to `want` members by chance, none twice, none `but`, none in a state worse
 * than that. */
unsigned members_pick(struct ph_members *members, uint16_t *out, unsigned want,
	uint16_t but, enum ph_member_state worst);
void members_greet_later(
	struct ph_members *members, struct member *member, uint8_t tries);
void members_event(struct ph_members *members, const struct member *member,
	int64_t now, enum ph_member_state from, enum ph_member_reason because,
	uint16_t by);

/* --- members_probe.c --- */

void probe_deadlines(struct ph_members *members, int64_t now);
int64_t probe_due(const struct ph_members *members);
/* NULL: as many as can be are under way. */
struct probe *probe_begin(struct ph_members *members, int64_t now,
	uint16_t target, enum probe_kind kind);
/* Ours about it that is not only a greeting. */
struct probe *probe_own(struct ph_members *members, uint16_t target);
/* Direct and by others, at once. */
void probe_hint(struct ph_members *members, int64_t now, struct member *member);
void probe_for(struct ph_members *members, int64_t now, struct member *member,
	uint16_t favour, uint32_t favour_sequence);
/* Both: true if it answers what we asked. */
bool probe_acked(struct ph_members *members, int64_t now, struct member *member,
	uint32_t sequence);
bool probe_reported(struct ph_members *members, int64_t now, uint16_t relay,
	struct member *member, const struct ph_swim *swim);
void probe_refused(
	struct ph_members *members, int64_t now, struct member *member);
/* What is under way about it is dropped. */
void probe_drop(struct ph_members *members, uint16_t slot);
void probe_drop_all(struct ph_members *members);
void probe_ill(struct ph_members *members, int by);

/* --- members_turn.c --- */

/* The next in the ring that is not suspected, or nobody. */
uint16_t turn_successor(const struct ph_members *members);
void turn_period(struct ph_members *members, int64_t now);
void turn_greet(struct ph_members *members, int64_t now);

/* --- members_judge.c --- */

/* The one door through which a member changes its state. */
void judge_enter(struct ph_members *members, int64_t now, struct member *member,
	enum ph_member_state to, enum ph_member_reason because, uint16_t by);
/* We accuse it, if the storm brake lets us. */
void judge_accuse(
	struct ph_members *members, int64_t now, struct member *member);
/* Our own signed word of it goes to all. */
void judge_say(struct ph_members *members, int64_t now,
	const struct member *member, enum ph_swim_state state,
	enum ph_swim_cause cause);
bool judge_has_accused(const struct member *member, uint16_t accuser);
/* false: he did before, or there are enough. */
bool judge_accuser_add(struct member *member, uint16_t accuser);

/* It is there: a datagram or announcement that is no repetition. */
void judge_contact(struct ph_members *members, int64_t now,
	struct member *member, enum ph_member_reason because);
/* Its own word that it is alive with this. */
void judge_alive(struct ph_members *members, int64_t now, struct member *member,
	uint64_t epoch, uint32_t incarnation);
/* It began an epoch. */
void judge_restart(struct ph_members *members, int64_t now,
	struct member *member, uint64_t epoch, enum ph_member_state to);
/* We got no answer. */
void judge_silence(
	struct ph_members *members, int64_t now, struct member *member);
void judge_refused(
	struct ph_members *members, int64_t now, struct member *member);
void judge_left(struct ph_members *members, int64_t now, struct member *member);
/* Somebody holds us suspect or dead. */
void judge_told(
	struct ph_members *members, int64_t now, uint32_t known, bool dead);
void judge_refute(struct ph_members *members, int64_t now);
/* Suspicions that ran out. */
void judge_round(struct ph_members *members, int64_t now);
/* The least time of a suspicion, ns. */
int64_t judge_shortest(const struct ph_members *members);
int64_t judge_ends(
	const struct ph_members *members, const struct member *member);
void judge_unsuspect(struct ph_members *members, struct member *member);

/* --- members_hearsay.c --- */

/* Our own ping was refused: enough, if somebody has declared it dead for that.
 * true: it is dead. */
bool hearsay_confirmed(
	struct ph_members *members, int64_t now, struct member *member);
/* What a record says; false: its signature is wrong. */
bool hearsay(struct ph_members *members, int64_t now,
	const struct ph_swim_record *record);

/* --- members_rumour.c --- */

/* Takes a copy; it is told from now on. */
void rumour_add(struct ph_members *members, int64_t now,
	const struct ph_swim_record *record);
/* What was said of it before (epoch, incarnation) is told no more. */
void rumour_outdate(struct ph_members *members, const uint8_t *subject,
	uint64_t epoch, uint32_t incarnation);
bool rumour_of(const struct ph_members *members, const uint8_t *subject,
	enum ph_swim_state state);
/* Fills in the records of a datagram. */
void rumour_pick(struct ph_members *members, int64_t now, struct ph_swim *swim);
void rumour_round(struct ph_members *members, int64_t now);
/* --- members_packet.c --- */

void packet_send(struct ph_members *members, uint8_t type, uint16_t to,
	uint32_t sequence);
void packet_send_about(struct ph_members *members, uint8_t type, uint16_t to,
	uint32_t sequence, uint16_t target, uint8_t finding);
void packet_drop(struct ph_members *members, uint16_t slot);
uint32_t packet_sequence(struct ph_members *members, unsigned slot);

#endif
