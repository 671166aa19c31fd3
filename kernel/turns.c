#include "kernel/turns.h"

#include <errno.h>
#include <stdlib.h>

void ph_turns_fini(struct ph_turns *turns)
{
	free(turns->feeds);
	*turns = (struct ph_turns){0};
}

int ph_turns_make_place(struct ph_turns *turns)
{
	unsigned size = turns->size ? turns->size * 2 : 1;
	struct ph_feed *feeds;

	if (turns->count < turns->size)
		return 0;
	feeds = realloc(turns->feeds, size * sizeof(*feeds));
	if (!feeds)
		return -ENOMEM;
	turns->feeds = feeds;
	turns->size = size;
	return 0;
}

void ph_turns_add(struct ph_turns *turns, struct ph_pipe *pipe)
{
	turns->feeds[turns->count++] = (struct ph_feed){.pipe = pipe};
}

void ph_turns_remove(struct ph_turns *turns, const struct ph_pipe *pipe)
{
	unsigned index = 0;

	while (index < turns->count && turns->feeds[index].pipe != pipe)
		index++;
	if (index == turns->count)
		return;
	turns->count--;
	for (unsigned i = index; i < turns->count; i++)
		turns->feeds[i] = turns->feeds[i + 1];
	/* The turn stays with the pipe that had it, or ends with it. */
	if (index == turns->now)
		turns->inside = turns->shown = false;
	else if (index < turns->now)
		turns->now--;
	if (turns->now >= turns->count)
		turns->now = 0;
}

/* One round: gives everybody who has a message his worth, until one may take.
 * `least` is the smallest debt of those who may not. */
static struct ph_feed *pass_on(struct ph_turns *turns, int64_t *least)
{
	for (unsigned i = 1; i <= turns->count; i++) {
		unsigned next = (turns->now + i) % turns->count;
		struct ph_feed *feed = &turns->feeds[next];

		if (!ph_pipe_has_message(feed->pipe)) {
			/* Idle time is not saved up. */
			if (feed->balance > 0)
				feed->balance = 0;
			continue;
		}
		feed->balance += PH_TURN_BYTES;
		if (feed->balance > 0) {
			turns->now = next;
			return feed;
		}
		if (-feed->balance < *least)
			*least = -feed->balance;
	}
	return NULL;
}

/* All who could take are in debt: as many rounds pass as the first of them
 * needs. */
static void forgive(struct ph_turns *turns, int64_t least)
{
	int64_t rounds = least / PH_TURN_BYTES;

	for (unsigned i = 0; i < turns->count; i++)
		if (ph_pipe_has_message(turns->feeds[i].pipe))
			turns->feeds[i].balance += rounds * PH_TURN_BYTES;
}

static struct ph_feed *choose(struct ph_turns *turns)
{
	struct ph_feed *feed = &turns->feeds[turns->now];
	int64_t least = INT64_MAX;

	if (turns->inside || turns->shown || turns->count == 1)
		return feed;
	if (feed->balance > 0 && ph_pipe_has_message(feed->pipe))
		return feed;
	feed = pass_on(turns, &least);
	if (feed || least == INT64_MAX)
		return feed;
	forgive(turns, least);
	return pass_on(turns, &least);
}

struct ph_pipe *ph_turns_next(struct ph_turns *turns, struct ph_frame *frame)
{
	struct ph_feed *feed = turns->count ? choose(turns) : NULL;

	turns->shown = feed && ph_pipe_receive(feed->pipe, frame);
	return turns->shown ? feed->pipe : NULL;
}

void ph_turns_took(struct ph_turns *turns, uint8_t flags, uint32_t length)
{
	turns->shown = false;
	turns->inside = !(flags & PH_FRAME_FIN);
	if (turns->count > 1)
		turns->feeds[turns->now].balance -= PH_FRAME_HEADER + length;
}
