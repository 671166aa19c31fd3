#include "discovery/announcer.h"

#include <assert.h>

#include "kernel/hal.h"
#include "kernel/log.h"

static const char *const state_names[] = {
#define X(ident, name) name,
	PH_ANNOUNCER_STATES(X)
#undef X
};

static const char *const event_names[] = {
#define X(ident, name) name,
	PH_ANNOUNCER_EVENTS(X)
#undef X
};

struct ph_announcer_config ph_announcer_defaults(uint64_t seed)
{
	return (struct ph_announcer_config){
		.interval = 5 * PH_SECOND,
		.per_second = 5,
		.hold = 4,
		.jitter = 10,
		.fast = 4,
		.crowd = 20,
		.crowd_fast = 1,
		.fast_interval = 250 * PH_MILLISECOND,
		.change_after = 50 * PH_MILLISECOND,
		.bucket = 5,
		.refill = PH_SECOND,
		.goodbyes = 3,
		.goodbye_interval = 20 * PH_MILLISECOND,
		.reinit = 2 * PH_SECOND,
		.seed = seed,
	};
}

const char *ph_announcer_state_name(enum ph_announcer_state state)
{
	return state_names[state];
}

void ph_announcer_init(struct ph_announcer *announcer,
	const struct ph_announcer_config *config)
{
	assert(config->interval > 0 && config->per_second && config->hold &&
		config->jitter < 100 && config->fast && config->crowd &&
		config->bucket && config->refill > 0);
	*announcer = (struct ph_announcer){
		.config = *config,
		.state = PH_ANNOUNCER_OFF,
		.next = INT64_MAX,
		.change = INT64_MAX,
		.bucket = ph_bucket(config->bucket, config->refill),
		.random = config->seed,
	};
}

/* splitmix64: any seed is a good one. */
static uint64_t random_next(struct ph_announcer *announcer)
{
	uint64_t z = announcer->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static int64_t random_below(struct ph_announcer *announcer, int64_t bound)
{
	return bound > 0 ? (int64_t)(random_next(announcer) % (uint64_t)bound)
			 : 0;
}

/* span +- jitter per cent. */
static int64_t jittered(struct ph_announcer *announcer, int64_t span)
{
	int64_t most = span / 100 * announcer->config.jitter;

	return span - most + random_below(announcer, 2 * most + 1);
}

static int64_t interval_of(const struct ph_announcer *announcer)
{
	const struct ph_announcer_config *config = &announcer->config;
	int64_t crowded =
		(int64_t)announcer->members * PH_SECOND / config->per_second;

	return crowded > config->interval ? crowded : config->interval;
}

static uint16_t ttl_of(const struct ph_announcer *announcer)
{
	int64_t hold = interval_of(announcer) * announcer->config.hold;
	int64_t seconds = (hold + PH_SECOND - 1) / PH_SECOND + 1;

	return seconds > UINT16_MAX ? UINT16_MAX : (uint16_t)seconds;
}

static void announcer_enter(struct ph_announcer *announcer,
	enum ph_announcer_state state, const char *because)
{
	ph_log_debug("discovery", "announcer.state from=%s to=%s because=%s",
		state_names[announcer->state], state_names[state], because);
	announcer->state = state;
	announcer->next = INT64_MAX;
	announcer->change = INT64_MAX;
	announcer->fast_left = 0;
}

static void fast_start(struct ph_announcer *announcer, int64_t now)
{
	announcer->fast_left = announcer->config.fast;
	announcer->next = now;
}

static void active_enter(
	struct ph_announcer *announcer, const char *because, int64_t now)
{
	announcer_enter(announcer, PH_ANNOUNCER_ACTIVE, because);
	announcer->up_again = false;
	fast_start(announcer, now);
}

static void reinit_enter(struct ph_announcer *announcer, int64_t now)
{
	announcer_enter(announcer, PH_ANNOUNCER_REINIT, "goodbyes are said");
	announcer->next = now + announcer->config.reinit;
}

/* A small mesh answers a newcomer at once; in a crowd everybody takes a moment
 * of its own, and says less. */
static void greet(struct ph_announcer *announcer, int64_t now)
{
	const struct ph_announcer_config *config = &announcer->config;
	bool crowd = announcer->members >= config->crowd;
	int64_t spread = config->fast_interval;
	int64_t at;

	if (announcer->fast_left || (crowd && !config->crowd_fast))
		return;
	if (!crowd)
		spread = spread / config->crowd * announcer->members;
	announcer->fast_left = crowd ? config->crowd_fast : config->fast;
	at = now + random_below(announcer, spread + 1);
	if (at < announcer->next)
		announcer->next = at;
}

static void active_step(struct ph_announcer *announcer,
	enum ph_announcer_event event, int64_t now)
{
	switch (event) {
	case PH_ANNOUNCER_ON_UP:
		fast_start(announcer, now);
		return;
	case PH_ANNOUNCER_ON_DOWN:
		announcer_enter(
			announcer, PH_ANNOUNCER_OFF, event_names[event]);
		return;
	case PH_ANNOUNCER_ON_CHANGED:
		if (announcer->change == INT64_MAX)
			announcer->change =
				now + announcer->config.change_after;
		return;
	case PH_ANNOUNCER_ON_NEWCOMER:
		greet(announcer, now);
		return;
	case PH_ANNOUNCER_ON_STOP:
		announcer_enter(
			announcer, PH_ANNOUNCER_LEAVING, event_names[event]);
		announcer->goodbyes_left = announcer->config.goodbyes;
		announcer->next = now;
		if (!announcer->goodbyes_left)
			reinit_enter(announcer, now);
		return;
	}
}

void ph_announcer_step(struct ph_announcer *announcer,
	enum ph_announcer_event event, int64_t now)
{
	switch (announcer->state) {
	case PH_ANNOUNCER_OFF:
		if (event == PH_ANNOUNCER_ON_UP)
			active_enter(announcer, event_names[event], now);
		return;
	case PH_ANNOUNCER_ACTIVE:
		active_step(announcer, event, now);
		return;
	case PH_ANNOUNCER_LEAVING:
	case PH_ANNOUNCER_REINIT:
		if (event == PH_ANNOUNCER_ON_UP)
			announcer->up_again = true;
		if (event == PH_ANNOUNCER_ON_STOP ||
			event == PH_ANNOUNCER_ON_DOWN)
			announcer->up_again = false;
		return;
	}
}

void ph_announcer_crowd(
	struct ph_announcer *announcer, unsigned members, int64_t now)
{
	int64_t before = interval_of(announcer), at;

	announcer->members = members;
	if (announcer->state != PH_ANNOUNCER_ACTIVE || announcer->fast_left ||
		interval_of(announcer) >= before)
		return;
	at = now + jittered(announcer, interval_of(announcer));
	if (at < announcer->next)
		announcer->next = at;
}

static bool active_due(
	struct ph_announcer *announcer, int64_t now, uint16_t *ttl)
{
	int64_t span;

	ph_bucket_take(&announcer->bucket, now);
	announcer->change = INT64_MAX;
	if (announcer->fast_left)
		announcer->fast_left--;
	span = announcer->fast_left ? announcer->config.fast_interval
				    : interval_of(announcer);
	announcer->next = now + jittered(announcer, span);
	*ttl = ttl_of(announcer);
	return true;
}

static bool goodbye_due(
	struct ph_announcer *announcer, int64_t now, uint16_t *ttl)
{
	*ttl = 0;
	announcer->next = now + announcer->config.goodbye_interval;
	if (--announcer->goodbyes_left == 0)
		reinit_enter(announcer, now);
	return true;
}

bool ph_announcer_due(
	struct ph_announcer *announcer, int64_t now, uint16_t *ttl)
{
	if (now < ph_announcer_deadline(announcer))
		return false;
	switch (announcer->state) {
	case PH_ANNOUNCER_OFF:
		return false;
	case PH_ANNOUNCER_ACTIVE:
		return active_due(announcer, now, ttl);
	case PH_ANNOUNCER_LEAVING:
		return goodbye_due(announcer, now, ttl);
	case PH_ANNOUNCER_REINIT:
		if (!announcer->up_again) {
			announcer_enter(
				announcer, PH_ANNOUNCER_OFF, "reinit is over");
			return false;
		}
		active_enter(announcer, "reinit is over", now);
		return ph_announcer_due(announcer, now, ttl);
	}
	return false;
}

int64_t ph_announcer_deadline(const struct ph_announcer *announcer)
{
	int64_t when = announcer->next;
	int64_t token = ph_bucket_at(&announcer->bucket);

	if (announcer->state != PH_ANNOUNCER_ACTIVE)
		return when;
	if (announcer->change < when)
		when = announcer->change;
	return token > when ? token : when;
}
