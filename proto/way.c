#include "proto/way.h"

static void dial(struct ph_way_attempt *attempt, int64_t now,
	const struct ph_way_event *event, struct ph_way_outputs *outputs)
{
	attempt->state = PH_WAY_DIALING;
	attempt->dialled = now;
	attempt->has_dialled = true;
	outputs->action = PH_WAY_DO_DIAL;
	if (event->can_ask && !attempt->has_asked)
		outputs->due = now + PH_WAY_DIAL;
}

static void ask(struct ph_way_attempt *attempt, int64_t now,
	struct ph_way_outputs *outputs)
{
	attempt->state = PH_WAY_ASKING;
	attempt->has_asked = true;
	outputs->action = PH_WAY_DO_ASK;
	outputs->due = now + PH_WAY_ASK;
}

/* A dial that was refused says that no node is there only where one was
 * dialled before: behind a wall that refuses it says nothing. */
static void fail(const struct ph_way *way, struct ph_way_attempt *attempt,
	struct ph_way_outputs *outputs)
{
	attempt->state = PH_WAY_IDLE;
	outputs->action = PH_WAY_DO_FAIL;
	outputs->absent = attempt->refused && !attempt->denied && way->dialled;
}

static bool asks_first(const struct ph_way *way, int64_t now)
{
	return way->turned && now - way->worked < PH_WAY_KEPT;
}

/* What was not tried yet and can be. */
static void go_on(const struct ph_way *way, struct ph_way_attempt *attempt,
	int64_t now, const struct ph_way_event *event,
	struct ph_way_outputs *outputs)
{
	bool can_dial = event->can_dial && !attempt->has_dialled;
	bool can_ask = event->can_ask && !attempt->has_asked;

	if (can_ask && (!can_dial || asks_first(way, now)))
		ask(attempt, now, outputs);
	else if (can_dial)
		dial(attempt, now, event, outputs);
	else
		fail(way, attempt, outputs);
}

/* While nobody could be asked a dial has all the time the transport gives it,
 * which is minutes behind a wall that drops: not while somebody can. */
static void there(const struct ph_way *way, struct ph_way_attempt *attempt,
	int64_t now, const struct ph_way_event *event,
	struct ph_way_outputs *outputs)
{
	if (attempt->state != PH_WAY_DIALING || !event->can_ask)
		return;
	/* Asked before it may be: that was over another line. */
	if (asks_first(way, now) || now - attempt->dialled >= PH_WAY_DIAL)
		ask(attempt, now, outputs);
	else
		outputs->due = attempt->dialled + PH_WAY_DIAL;
}

static void got_through(struct ph_way *way, struct ph_way_attempt *attempt,
	int64_t now, bool turned)
{
	attempt->state = PH_WAY_IDLE;
	way->dialled = way->dialled || !turned;
	way->turned = turned;
	way->worked = now;
}

void ph_way_step(struct ph_way *way, struct ph_way_attempt *attempt,
	int64_t now, const struct ph_way_event *event,
	struct ph_way_outputs *outputs)
{
	enum ph_way_state state = attempt->state;

	*outputs = (struct ph_way_outputs){0};
	switch (event->kind) {
	case PH_WAY_WANTED:
		*attempt = (struct ph_way_attempt){0};
		go_on(way, attempt, now, event, outputs);
		return;
	case PH_WAY_OPENED:
		if (state == PH_WAY_DIALING)
			got_through(way, attempt, now, false);
		return;
	case PH_WAY_CAME:
		if (state == PH_WAY_ASKING)
			got_through(way, attempt, now, true);
		return;
	case PH_WAY_FAILED:
		attempt->refused = attempt->refused || event->refused;
		if (state == PH_WAY_DIALING)
			go_on(way, attempt, now, event, outputs);
		return;
	case PH_WAY_DENIED:
	case PH_WAY_UNHEARD:
		attempt->denied = attempt->denied ||
				  (state == PH_WAY_ASKING &&
					  event->kind == PH_WAY_DENIED);
		if (state == PH_WAY_ASKING)
			go_on(way, attempt, now, event, outputs);
		return;
	case PH_WAY_THERE:
		there(way, attempt, now, event, outputs);
		return;
	case PH_WAY_LEFT:
		attempt->state = PH_WAY_IDLE;
		return;
	}
}
