#include "node/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define SECOND	   INT64_C(1000000000)
#define MINUTE	   (60 * SECOND)
#define HOUR	   (60 * MINUTE)
#define FIRST_WAIT (10 * MINUTE)
/* A source is forgotten when it was quiet for so long. */
#define QUIET (24 * HOUR)
/* Sources that proved themselves lately, kept to be dropped last. */
#define KNOWN 256u

struct stranger {
	struct ph_source source;
	enum ph_phase phase;
	int64_t entered;
	ph_pending name; /* 0: free */
	unsigned share;	 /* pending connections of its source */
	bool known;
};

struct guesser {
	struct ph_source source;
	unsigned running; /* begun and not ended */
	unsigned failed;
	int64_t last; /* of failed */
};

/* What all sources of one way have used up. */
struct purse {
	int64_t failures[PH_LIMITS_HOURLY]; /* a ring of times */
	unsigned failure_next;
	unsigned failure_count;
	unsigned running;
};

struct ph_limits {
	struct stranger strangers[PH_LIMITS_PENDING];
	unsigned pending;
	ph_pending next;	       /* names are never used twice */
	struct ph_source known[KNOWN]; /* a ring */
	unsigned known_count;
	unsigned known_next;
	struct guesser guessers[PH_LIMITS_SOURCES];
	unsigned guesser_count;
	struct purse purses[2]; /* of who comes, of who is dialled */
};

int ph_limits_create(struct ph_limits **out)
{
	struct ph_limits *limits = calloc(1, sizeof(*limits));

	if (!limits)
		return -ENOMEM;
	limits->next = 1;
	*out = limits;
	return 0;
}

void ph_limits_destroy(struct ph_limits *limits)
{
	free(limits);
}

/* Pending connections. */

static struct stranger *stranger_find(struct ph_limits *limits, ph_pending name)
{
	for (unsigned i = 0; name && i < PH_LIMITS_PENDING; i++)
		if (limits->strangers[i].name == name)
			return &limits->strangers[i];
	return NULL;
}

static bool source_is_known(
	const struct ph_limits *limits, const struct ph_source *source)
{
	for (unsigned i = 0; i < limits->known_count; i++)
		if (ph_source_same(&limits->known[i], source))
			return true;
	return false;
}

static void source_remember(
	struct ph_limits *limits, const struct ph_source *source)
{
	if (source_is_known(limits, source))
		return;
	limits->known[limits->known_next] = *source;
	limits->known_next = (limits->known_next + 1) % KNOWN;
	if (limits->known_count < KNOWN)
		limits->known_count++;
}

static void share_set(struct ph_limits *limits, const struct ph_source *source,
	unsigned share)
{
	for (unsigned i = 0; i < PH_LIMITS_PENDING; i++)
		if (limits->strangers[i].name &&
			ph_source_same(&limits->strangers[i].source, source))
			limits->strangers[i].share = share;
}

static void stranger_remove(struct ph_limits *limits, struct stranger *stranger)
{
	unsigned share = stranger->share - 1;

	stranger->name = 0;
	limits->pending--;
	share_set(limits, &stranger->source, share);
}

/* Whether `a` is to go rather than `b`. */
static bool goes_first(const struct stranger *a, const struct stranger *b)
{
	if (a->known != b->known)
		return b->known;
	if (a->share != b->share)
		return a->share > b->share;
	if (a->phase != b->phase)
		return a->phase < b->phase;
	if (a->entered != b->entered)
		return a->entered < b->entered;
	return a->name < b->name;
}

static ph_pending victim_take(struct ph_limits *limits)
{
	struct stranger *victim = &limits->strangers[0];
	ph_pending name;

	for (unsigned i = 1; i < PH_LIMITS_PENDING; i++)
		if (goes_first(&limits->strangers[i], victim))
			victim = &limits->strangers[i];
	name = victim->name;
	stranger_remove(limits, victim);
	return name;
}

static unsigned share_of(
	const struct ph_limits *limits, const struct ph_source *source)
{
	for (unsigned i = 0; i < PH_LIMITS_PENDING; i++)
		if (limits->strangers[i].name &&
			ph_source_same(&limits->strangers[i].source, source))
			return limits->strangers[i].share;
	return 0;
}

ph_pending ph_limits_enter(struct ph_limits *limits, struct ph_source source,
	int64_t now, ph_pending *victim)
{
	struct stranger *free_one = limits->strangers;

	*victim = 0;
	if (limits->pending == PH_LIMITS_PENDING)
		*victim = victim_take(limits);
	while (free_one->name)
		free_one++;
	*free_one = (struct stranger){
		.source = source,
		.entered = now,
		.share = share_of(limits, &source) + 1,
		.known = source_is_known(limits, &source),
		.name = limits->next++,
	};
	limits->pending++;
	share_set(limits, &source, free_one->share);
	return free_one->name;
}

void ph_limits_advance(
	struct ph_limits *limits, ph_pending pending, enum ph_phase phase)
{
	struct stranger *stranger = stranger_find(limits, pending);

	if (stranger && phase > stranger->phase)
		stranger->phase = phase;
}

void ph_limits_leave(
	struct ph_limits *limits, ph_pending pending, bool proven, int64_t now)
{
	struct stranger *stranger = stranger_find(limits, pending);

	(void)now;
	if (!stranger)
		return;
	if (proven)
		source_remember(limits, &stranger->source);
	stranger_remove(limits, stranger);
}

static int64_t stranger_deadline(const struct stranger *stranger)
{
	return stranger->entered + (stranger->phase < PH_PHASE_HELLO
						   ? PH_LIMITS_HELLO
						   : PH_LIMITS_TOTAL);
}

ph_pending ph_limits_expired(struct ph_limits *limits, int64_t now)
{
	for (unsigned i = 0; limits->pending && i < PH_LIMITS_PENDING; i++) {
		struct stranger *stranger = &limits->strangers[i];
		ph_pending name = stranger->name;

		if (name && stranger_deadline(stranger) <= now) {
			stranger_remove(limits, stranger);
			return name;
		}
	}
	return 0;
}

int64_t ph_limits_deadline(const struct ph_limits *limits)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; limits->pending && i < PH_LIMITS_PENDING; i++) {
		const struct stranger *stranger = &limits->strangers[i];

		if (stranger->name && stranger_deadline(stranger) < next)
			next = stranger_deadline(stranger);
	}
	return next;
}

unsigned ph_limits_pending(const struct ph_limits *limits)
{
	return limits->pending;
}

/* Guesses. */

static struct guesser *guesser_find(
	struct ph_limits *limits, const struct ph_source *source)
{
	for (unsigned i = 0; i < limits->guesser_count; i++)
		if (ph_source_same(&limits->guessers[i].source, source))
			return &limits->guessers[i];
	return NULL;
}

static bool guesser_is_quiet(const struct guesser *guesser, int64_t now)
{
	return !guesser->running &&
	       (!guesser->failed || now - guesser->last >= QUIET);
}

static void guessers_sweep(struct ph_limits *limits, int64_t now)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < limits->guesser_count; i++)
		if (!guesser_is_quiet(&limits->guessers[i], now))
			limits->guessers[kept++] = limits->guessers[i];
	limits->guesser_count = kept;
}

/* NULL: the table is full of sources that guessed wrong today. */
static struct guesser *guesser_get(
	struct ph_limits *limits, const struct ph_source *source, int64_t now)
{
	struct guesser *guesser = guesser_find(limits, source);

	if (guesser && guesser_is_quiet(guesser, now))
		guesser->failed = 0;
	if (guesser)
		return guesser;
	if (limits->guesser_count == PH_LIMITS_SOURCES)
		guessers_sweep(limits, now);
	if (limits->guesser_count == PH_LIMITS_SOURCES)
		return NULL;
	guesser = &limits->guessers[limits->guesser_count++];
	*guesser = (struct guesser){.source = *source};
	return guesser;
}

/* How long after its last failure a source waits: 10, 20, 40, 60, 60... min. */
static int64_t guesser_wait(const struct guesser *guesser)
{
	unsigned beyond;

	if (guesser->failed < PH_LIMITS_BURST)
		return 0;
	beyond = guesser->failed - PH_LIMITS_BURST;
	return beyond < 3 ? FIRST_WAIT << beyond : HOUR;
}

static unsigned purse_used(const struct purse *purse, int64_t now)
{
	unsigned count = 0;

	for (unsigned i = 0; i < purse->failure_count; i++)
		if (now - purse->failures[i] < HOUR)
			count++;
	return count;
}

unsigned ph_limits_failures(const struct ph_limits *limits, int64_t now)
{
	return purse_used(&limits->purses[0], now) +
	       purse_used(&limits->purses[1], now);
}

/* The oldest failure within the hour: when it leaves, one more may come. */
static int64_t oldest_failure(const struct purse *purse, int64_t now)
{
	int64_t oldest = now;

	for (unsigned i = 0; i < purse->failure_count; i++)
		if (now - purse->failures[i] < HOUR &&
			purse->failures[i] < oldest)
			oldest = purse->failures[i];
	return oldest;
}

static enum ph_guess source_verdict(
	const struct guesser *guesser, int64_t now, int64_t *retry)
{
	int64_t wait = guesser_wait(guesser);

	if (wait && now - guesser->last < wait) {
		*retry = guesser->last + wait - now;
		return PH_GUESS_REFUSED;
	}
	/* Past the burst one run at a time, within it as many as are left. */
	if (guesser->running >= (wait ? 1 : PH_LIMITS_BURST - guesser->failed))
		return PH_GUESS_WAIT;
	return PH_GUESS_GO;
}

enum ph_guess ph_limits_guess(struct ph_limits *limits, struct ph_source source,
	int64_t now, int64_t *retry)
{
	struct guesser *guesser = guesser_get(limits, &source, now);
	struct purse *purse = &limits->purses[source.dialled];
	unsigned failures = purse_used(purse, now);
	enum ph_guess verdict;

	*retry = PH_LIMITS_AGAIN;
	if (failures >= PH_LIMITS_HOURLY || !guesser) {
		*retry = oldest_failure(purse, now) + HOUR - now;
		return PH_GUESS_PAUSED;
	}
	verdict = source_verdict(guesser, now, retry);
	if (verdict != PH_GUESS_GO)
		return verdict;
	if (failures + purse->running >= PH_LIMITS_HOURLY)
		return PH_GUESS_WAIT;
	guesser->running++;
	purse->running++;
	return PH_GUESS_GO;
}

static void failure_add(struct purse *purse, int64_t now)
{
	purse->failures[purse->failure_next] = now;
	purse->failure_next = (purse->failure_next + 1) % PH_LIMITS_HOURLY;
	if (purse->failure_count < PH_LIMITS_HOURLY)
		purse->failure_count++;
}

void ph_limits_guessed(struct ph_limits *limits, struct ph_source source,
	unsigned guesses, int64_t now)
{
	struct guesser *guesser = guesser_find(limits, &source);
	struct purse *purse = &limits->purses[source.dialled];

	/* A running guesser is never swept. */
	assert(guesser && guesser->running && purse->running);
	guesser->running--;
	purse->running--;
	for (unsigned i = 0; i < guesses; i++) {
		guesser->failed++;
		guesser->last = now;
		failure_add(purse, now);
	}
}
