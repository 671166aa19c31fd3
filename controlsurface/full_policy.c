#include "controlsurface/full_policy.h"

#include <string.h>

/* A message that cannot fit whatever goes would drive out all others for
 * nothing. */
static enum ph_full_verdict drop_oldest(struct ph_pipe *pipe, uint32_t length)
{
	if (!ph_pipe_could_take(pipe, length) || !ph_pipe_drop_oldest(pipe))
		return PH_FULL_SKIP;
	return PH_FULL_RETRY;
}

static enum ph_full_verdict drop_newest(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_SKIP;
}

static enum ph_full_verdict disconnect(struct ph_pipe *pipe, uint32_t length)
{
	return PH_FULL_CLOSE;
}

static const struct ph_full_policy policies[] = {
	{.name = "block"},
	{.name = "drop-oldest", .on_full = drop_oldest},
	{.name = "drop-newest", .on_full = drop_newest},
	/* One waits, and the next drives it out. */
	{.name = "latest", .messages = 1, .on_full = drop_oldest},
	{.name = "disconnect", .on_full = disconnect},
};

const char *const ph_full_policy_names[] = {
	"block", "drop-oldest", "drop-newest", "latest", "disconnect", NULL};

const struct ph_full_policy *ph_full_policy_find(const char *name)
{
	for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++)
		if (!strcmp(policies[i].name, *name ? name : "block"))
			return &policies[i];
	return NULL;
}

bool ph_full_policy_blocks(const struct ph_full_policy *policy)
{
	return !policy || !policy->on_full;
}
