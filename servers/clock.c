#include "servers/servers.h"

#include <stddef.h>
#include <stdio.h>
#include <time.h>

/* The time of day, once every `every`. A tick that finds no room, or nobody,
 * is dropped: an old time is of no use. */
struct clock {
	struct ph_timer timer;
	struct ph_server *server;
	int64_t every;
};

static void clock_due(struct ph_timer *timer)
{
	struct clock *clock =
		(struct clock *)((char *)timer - offsetof(struct clock, timer));
	struct ph_server *server = clock->server;
	int64_t wall = ph_clock_wall();
	int64_t now = ph_loop_now(server->loop);
	time_t seconds = (time_t)(wall / PH_SECOND);
	struct tm parts;
	char text[64];
	size_t length;

	gmtime_r(&seconds, &parts);
	length = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
	length += (size_t)snprintf(text + length, sizeof(text) - length,
		".%03dZ\n", (int)(wall % PH_SECOND / PH_MILLISECOND));
	ph_terminal_send(
		server->terminals[0], PH_FRAME_FIN, text, (uint32_t)length);
	/* On the beat, whatever the last turn took; beats missed are gone. */
	timer->due += clock->every;
	if (timer->due <= now)
		timer->due = now + clock->every;
	ph_timer_start(server->loop, timer, timer->due);
}

static int clock_open(struct ph_server *server, struct ph_error *error)
{
	struct clock *clock = server->state;
	const char *every = ph_server_parameter(server, "every");

	clock->server = server;
	clock->every = PH_SECOND;
	if (every && (ph_parse_duration(&clock->every, every) ||
			     clock->every < PH_MILLISECOND))
		return ph_fail(error, PH_EXIT_WIRING, server->name,
			"write it like 250ms, 1 ms at least", "not a time: %s",
			every);
	clock->timer.on_due = clock_due;
	ph_timer_start(server->loop, &clock->timer,
		ph_loop_now(server->loop) + clock->every);
	return 0;
}

static void clock_close(struct ph_server *server)
{
	struct clock *clock = server->state;

	ph_timer_stop(server->loop, &clock->timer);
	server->closed(server);
}

static const struct ph_terminal_type clock_terminals[] = {
	{"out", PH_OUT, "text/plain"},
};

static const struct ph_parameter_type clock_parameters[] = {
	{"every", PH_PARAMETER_DURATION, false, "time between two ticks: 1s"},
};

const struct ph_server_type ph_server_clock = {
	.name = "clock",
	.sentence = "tells the time again and again",
	.class = PH_CLASS_SOURCE,
	.terminals = clock_terminals,
	.terminal_count = 1,
	.parameters = clock_parameters,
	.parameter_count = 1,
	.state_size = sizeof(struct clock),
	.open = clock_open,
	.close = clock_close,
};
