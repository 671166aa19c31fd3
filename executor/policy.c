#include "executor/policy.h"

#include <string.h>

static const char *const state_names[] = {
#define X(ident, name) [PH_POLICY_##ident] = name,
	PH_POLICY_STATES(X)
#undef X
};

const char *ph_policy_state_name(enum ph_policy_state state)
{
	return state_names[state];
}

bool ph_policy_is_up(const struct ph_policy *policy)
{
	return policy->state == PH_POLICY_STARTING ||
	       policy->state == PH_POLICY_RUNNING;
}

void ph_policy_init(
	struct ph_policy *policy, enum ph_restart restart, uint64_t seed)
{
	*policy = (struct ph_policy){
		.restart = restart, .seed = seed, .delay = PH_POLICY_FIRST};
}

/* splitmix64: good enough to keep restarts of many servers apart. */
static uint64_t next_random(struct ph_policy *policy)
{
	uint64_t value = policy->seed += 0x9e3779b97f4a7c15u;

	value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
	value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
	return value ^ (value >> 31);
}

static void enter(
	struct ph_policy *policy, int64_t now, enum ph_policy_state state)
{
	policy->state = state;
	policy->since = now;
}

static enum ph_policy_action run(struct ph_policy *policy, int64_t now)
{
	if (!policy->lost) {
		memmove(policy->starts + 1, policy->starts,
			sizeof(policy->starts) - sizeof(policy->starts[0]));
		policy->starts[0] = now;
		if (policy->start_count < PH_POLICY_CHANCES)
			policy->start_count++;
	}
	policy->lost = false;
	policy->began = now;
	enter(policy, now, PH_POLICY_STARTING);
	return PH_POLICY_RUN;
}

/* Would one more start be one too many within the window? */
static bool has_no_chance(const struct ph_policy *policy, int64_t when)
{
	return policy->start_count == PH_POLICY_CHANCES &&
	       when - policy->starts[PH_POLICY_CHANCES - 1] < PH_POLICY_WINDOW;
}

static enum ph_policy_action back_off(
	struct ph_policy *policy, int64_t now, bool lost)
{
	int64_t delay;

	if (now - policy->began >= PH_POLICY_WINDOW)
		policy->delay = PH_POLICY_FIRST;
	delay = policy->delay * 3 / 4 +
		(int64_t)(next_random(policy) %
			  (uint64_t)(policy->delay / 2 + 1));
	/* Backoff and limit are looked at together: at the cap alone, starts
	 * would fit below the limit for ever. */
	if (!lost && has_no_chance(policy, now + delay)) {
		enter(policy, now, PH_POLICY_FAILED);
		return PH_POLICY_NOTHING;
	}
	policy->delay *= 2;
	if (policy->delay > PH_POLICY_MOST)
		policy->delay = PH_POLICY_MOST;
	policy->lost = lost;
	policy->restarts++;
	policy->due = now + delay;
	enter(policy, now, PH_POLICY_BACKOFF);
	return PH_POLICY_WAIT;
}

static enum ph_policy_action end_of_run(
	struct ph_policy *policy, int64_t now, enum ph_policy_event event)
{
	if (event == PH_POLICY_SUCCEEDED &&
		policy->restart != PH_RESTART_ALWAYS) {
		enter(policy, now, PH_POLICY_FINISHED);
		return PH_POLICY_NOTHING;
	}
	if (policy->restart == PH_RESTART_NEVER) {
		enter(policy, now, PH_POLICY_FAILED);
		return PH_POLICY_NOTHING;
	}
	return back_off(policy, now, event == PH_POLICY_LOST);
}

static enum ph_policy_action stop(struct ph_policy *policy, int64_t now)
{
	if (policy->state == PH_POLICY_STOPPING ||
		policy->state == PH_POLICY_STOPPED)
		return PH_POLICY_NOTHING;
	enter(policy, now, PH_POLICY_STOPPING);
	return PH_POLICY_END;
}

/* A finished server runs again when somebody wires it again: its stream
 * starts over. It has earned no backoff. */
static enum ph_policy_action wake(struct ph_policy *policy, int64_t now)
{
	if (policy->state != PH_POLICY_FINISHED ||
		policy->restart == PH_RESTART_NEVER)
		return PH_POLICY_NOTHING;
	policy->restarts++;
	/* Nor used up one of its chances. */
	policy->lost = true;
	return run(policy, now);
}

static enum ph_policy_action again(struct ph_policy *policy, int64_t now)
{
	if (ph_policy_is_up(policy) || policy->state == PH_POLICY_IDLE ||
		policy->state == PH_POLICY_STOPPING)
		return PH_POLICY_NOTHING;
	if (policy->state != PH_POLICY_BACKOFF && policy->start_count)
		policy->restarts++;
	policy->delay = PH_POLICY_FIRST;
	policy->start_count = 0;
	policy->lost = false;
	return run(policy, now);
}

enum ph_policy_action ph_policy_step(
	struct ph_policy *policy, int64_t now, enum ph_policy_event event)
{
	switch (event) {
	case PH_POLICY_START:
		return policy->state == PH_POLICY_IDLE ? run(policy, now)
						       : PH_POLICY_NOTHING;
	case PH_POLICY_STARTED:
		if (policy->state == PH_POLICY_STARTING)
			enter(policy, now, PH_POLICY_RUNNING);
		return PH_POLICY_NOTHING;
	case PH_POLICY_SUCCEEDED:
	case PH_POLICY_BROKE:
	case PH_POLICY_LOST:
		return ph_policy_is_up(policy) ? end_of_run(policy, now, event)
					       : PH_POLICY_NOTHING;
	case PH_POLICY_DUE:
		return policy->state == PH_POLICY_BACKOFF ? run(policy, now)
							  : PH_POLICY_NOTHING;
	case PH_POLICY_WAKE:
		return wake(policy, now);
	case PH_POLICY_STOP:
		return stop(policy, now);
	case PH_POLICY_AGAIN:
		return again(policy, now);
	case PH_POLICY_GONE:
		if (policy->state == PH_POLICY_STOPPING)
			enter(policy, now, PH_POLICY_STOPPED);
		return PH_POLICY_NOTHING;
	}
	return PH_POLICY_NOTHING;
}
