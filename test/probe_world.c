#include "test/probe_world.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define LATENCY (INT64_C(1) * 1000000)

enum {
	TO_PROBE,
	TO_BEACON,
	CONNECTED,
	FAILED,
	PROBE_EOF,
	BEACON_EOF,
};

static uint64_t next_random(struct probe_world *world)
{
	uint64_t z = world->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void random_bytes(void *context, void *out, size_t length)
{
	uint8_t *at = out;

	while (length--)
		*at++ = (uint8_t)(next_random(context) >> 24);
}

static void random_scalar(void *context, uint8_t out[PH_CPACE_SCALAR])
{
	uint8_t wide[64];

	random_bytes(context, wide, sizeof(wide));
	crypto_core_ristretto255_scalar_reduce(out, wide);
}

static void orders(struct probe_world *world)
{
	struct ph_instruct *probe = &world->order[0];
	struct ph_instruct *beacon = &world->order[1];

	*probe = (struct ph_instruct){.first = WORLD_FIRST,
		.last = WORLD_FIRST + WORLD_PORTS - 1,
		.rate = 200,
		.in_flight = 32,
		.timeout_ms = 250,
		.deadline_ms = 30000,
		.mesh = "m0000000",
		.name = "alpha",
		.targets = {world->targets, 2},
		.allow = world->blocks,
		.allowed = 2};
	memset(probe->session, 0x5e, sizeof(probe->session));
	memset(probe->key, 1, sizeof(probe->key));
	memset(probe->peer, 2, sizeof(probe->peer));
	*beacon = *probe;
	memset(beacon->key, 2, sizeof(beacon->key));
	memset(beacon->peer, 1, sizeof(beacon->peer));
}

static void places(struct probe_world *world)
{
	static const char *const hosts[] = {"127.0.0.1", "10.0.0.1"};
	struct ph_point point;

	for (unsigned i = 0; i < 2; i++) {
		ph_point_parse(&point, hosts[i], 0);
		ph_point_write(&point, world->targets + i * PH_POINT);
		memcpy(world->blocks + i * PH_POINT_BLOCK, point.address, 16);
		world->blocks[i * PH_POINT_BLOCK + 16] = 128;
	}
}

void probe_world_init(struct probe_world *world, uint64_t seed)
{
	struct ph_probe_random random = {random_bytes, random_scalar, world};

	memset(world, 0, sizeof(*world));
	if (sodium_init() < 0)
		abort();
	world->random = seed;
	world->now = world->begun = 1000000000;
	world->exit = -1;
	world->events = calloc(WORLD_EVENTS, sizeof(*world->events));
	places(world);
	orders(world);
	world->probe_config = (struct ph_probe_config){
		.instruct = &world->order[0], .secrets = 1, .random = random};
	world->beacon_config = (struct ph_probe_config){
		.instruct = &world->order[1], .secrets = 1, .random = random};
	memset(world->probe_config.key, 0x33, PH_PROBE_KEY);
	memset(world->beacon_config.key, 0x33, PH_PROBE_KEY);
	memset(world->probe_config.secret[0], 0x77, PH_MESH_SECRET);
	memset(world->beacon_config.secret[0], 0x77, PH_MESH_SECRET);
}

static bool is_bound(enum point_kind kind)
{
	return kind == POINT_BEACON || kind == POINT_LOSSY ||
	       kind == POINT_DROPPED || kind == POINT_DENIED ||
	       kind == POINT_UNREACHABLE || kind == POINT_MAPPED;
}

void probe_world_start(struct probe_world *world)
{
	struct ph_point_list *bound = &world->order[0].bound;
	struct ph_point point;

	bound->data = world->bound;
	for (unsigned port = 0; port < WORLD_PORTS; port++)
		for (unsigned i = 0; i < 2; i++) {
			if (!is_bound(world->kinds[i][port]))
				continue;
			ph_point_at(&world->order[0].targets, i, &point);
			point.port = (uint16_t)(WORLD_FIRST + port);
			ph_point_write(&point,
				world->bound + bound->count++ * PH_POINT);
		}
	if (ph_probe_session_init(
		    &world->probe, &world->probe_config, world->now) ||
		ph_beacon_session_init(
			&world->beacon, &world->beacon_config, world->now))
		abort();
}

void probe_world_fini(struct probe_world *world)
{
	ph_probe_session_fini(&world->probe);
	ph_beacon_session_fini(&world->beacon);
	free(world->events);
}

static struct world_event *schedule(
	struct probe_world *world, int kind, unsigned slot, int64_t after)
{
	struct world_event *event = &world->events[world->event_count++];

	assert(world->event_count < WORLD_EVENTS);
	memset(event, 0, offsetof(struct world_event, data));
	event->kind = kind;
	event->slot = slot;
	event->generation = world->links[slot].generation;
	event->at = world->now + after;
	return event;
}

static void pass(struct probe_world *world, int kind, unsigned slot,
	const uint8_t *data, size_t length)
{
	struct world_event *event = schedule(world, kind, slot, LATENCY);

	assert(length <= WORLD_BYTES);
	memcpy(event->data, data, length);
	event->length = length;
	if (world->attack && !world->attack(world, kind == TO_PROBE, slot,
				     event->data, &event->length))
		event->length = 0;
}

void probe_world_inject(struct probe_world *world, unsigned slot,
	const uint8_t *data, size_t length)
{
	struct world_event *event = schedule(world, TO_PROBE, slot, 0);

	memcpy(event->data, data, length);
	event->length = length;
}

static unsigned address_of(
	const struct probe_world *world, const struct ph_point *point)
{
	struct ph_point target;

	for (unsigned i = 0; i < 2; i++) {
		ph_point_at(&world->order[0].targets, i, &target);
		if (!memcmp(target.address, point->address, 16))
			return i;
	}
	return 2;
}

static void fail(struct probe_world *world, unsigned slot, int error)
{
	schedule(world, FAILED, slot, LATENCY)->error = error;
}

static void do_connect(
	struct probe_world *world, const struct ph_probe_action *action)
{
	struct world_link *link = &world->links[action->slot];
	unsigned address = address_of(world, &action->point);
	unsigned port = action->point.port - WORLD_FIRST;

	if (world->starts < 8192)
		world->start_times[world->starts++] = world->now;
	link->generation++;
	link->open = false;
	link->connecting = true;
	link->beacon = -1;
	link->point = action->point;
	if (address == 2 || port >= WORLD_PORTS ||
		ph_point_forbidden(&action->point)) {
		world->off_list++;
		fail(world, action->slot, ENETUNREACH);
		return;
	}
	link->kind = world->kinds[address][port];
	switch (link->kind) {
	case POINT_REFUSED:
		fail(world, action->slot, ECONNREFUSED);
		break;
	case POINT_UNREACHABLE:
		fail(world, action->slot, EHOSTUNREACH);
		break;
	case POINT_DENIED:
		fail(world, action->slot, EACCES);
		break;
	case POINT_LOSSY:
		/* The first SYN is lost; so may be the search's. */
		if (world->tried[address][port]++ == 0)
			break;
		schedule(world, CONNECTED, action->slot, LATENCY);
		break;
	case POINT_DROPPED:
		break;
	default:
		schedule(world, CONNECTED, action->slot, LATENCY);
	}
}

static void do_send(
	struct probe_world *world, const struct ph_probe_action *action)
{
	struct world_link *link = &world->links[action->slot];

	if (link->kind == POINT_BEACON || link->kind == POINT_LOSSY ||
		link->kind == POINT_MAPPED) {
		pass(world, TO_BEACON, action->slot, action->data,
			action->length);
	} else {
		link->foreign_bytes += action->length;
		world->foreign_bytes += action->length;
	}
}

static void beacon_actions(struct probe_world *world)
{
	struct ph_beacon_action action;

	while (!world->mute &&
		ph_beacon_session_next(&world->beacon, &action)) {
		unsigned slot = 0;

		if (action.step == PH_BEACON_OVER) {
			world->beacon_over = true;
			continue;
		}
		while (slot < PH_PROBE_SLOTS &&
			!(world->links[slot].open &&
				world->links[slot].beacon == (int)action.slot))
			slot++;
		if (slot == PH_PROBE_SLOTS)
			continue;
		if (action.step == PH_BEACON_SEND) {
			if (action.length == PH_PROBE_BANNER) {
				memcpy(world->overheard, action.data,
					action.length);
				world->has_overheard = true;
			}
			pass(world, TO_PROBE, slot, action.data, action.length);
		} else if (action.step == PH_BEACON_DROP) {
			world->links[slot].beacon = -1;
			schedule(world, PROBE_EOF, slot, LATENCY);
		}
	}
}

static void probe_actions(struct probe_world *world)
{
	struct ph_probe_action action;

	while (ph_probe_session_next(&world->probe, world->now, &action)) {
		struct world_link *link = &world->links[action.slot];

		if (action.step == PH_PROBE_CONNECT) {
			do_connect(world, &action);
		} else if (action.step == PH_PROBE_SEND) {
			do_send(world, &action);
		} else if (action.step == PH_PROBE_CLOSE) {
			if (link->beacon >= 0)
				schedule(
					world, BEACON_EOF, action.slot, LATENCY)
					->error = link->beacon;
			link->beacon = -1;
			link->open = false;
			link->generation++;
		} else if (action.step == PH_PROBE_EXIT) {
			world->exit = action.exit;
		}
	}
}

static void accept_link(struct probe_world *world, unsigned slot)
{
	struct world_link *link = &world->links[slot];
	static const uint8_t hello[] = "SSH-2.0-OpenSSH_9.2p1 Debian\r\n";
	struct ph_point where = link->point;

	link->open = true;
	where.port += link->kind == POINT_MAPPED;
	if (link->kind == POINT_BEACON || link->kind == POINT_LOSSY ||
		link->kind == POINT_MAPPED) {
		if (!world->mute)
			link->beacon = ph_beacon_session_accepted(
				&world->beacon, &where, world->now);
		if (!world->mute && link->beacon < 0)
			schedule(world, PROBE_EOF, slot, LATENCY);
	} else if (link->kind == POINT_TALKER) {
		pass(world, TO_PROBE, slot, hello, sizeof(hello) - 1);
	} else if (link->kind == POINT_FAKE && world->has_overheard) {
		pass(world, TO_PROBE, slot, world->overheard, PH_PROBE_BANNER);
	} else if (link->kind == POINT_CLOSER) {
		schedule(world, PROBE_EOF, slot, LATENCY);
	}
}

static void happen(struct probe_world *world, struct world_event *event)
{
	struct world_link *link = &world->links[event->slot];
	struct ph_probe_session *probe = &world->probe;

	if (event->kind == BEACON_EOF) {
		if (!world->mute)
			ph_beacon_session_closed(&world->beacon,
				(unsigned)event->error, world->now);
		return;
	}
	if (event->generation != link->generation)
		return;
	if (event->kind == CONNECTED) {
		accept_link(world, event->slot);
		ph_probe_session_connected(probe, event->slot, world->now);
	} else if (event->kind == FAILED) {
		ph_probe_session_closed(
			probe, event->slot, event->error, world->now);
	} else if (event->kind == PROBE_EOF) {
		link->open = false;
		ph_probe_session_closed(probe, event->slot, 0, world->now);
	} else if (event->kind == TO_PROBE) {
		ph_probe_session_received(probe, event->slot, event->data,
			event->length, world->now);
	} else if (link->beacon >= 0 && !world->mute) {
		ph_beacon_session_received(&world->beacon,
			(unsigned)link->beacon, event->data, event->length,
			world->now);
	}
}

static size_t earliest(const struct probe_world *world)
{
	size_t best = 0;

	for (size_t i = 1; i < world->event_count; i++)
		if (world->events[i].at < world->events[best].at)
			best = i;
	return best;
}

/* One step of time: the next event, or the next deadline. */
static void step(struct probe_world *world, int64_t until)
{
	int64_t due = ph_probe_session_due(&world->probe);
	int64_t of_beacon = ph_beacon_session_due(&world->beacon);
	size_t at = earliest(world);
	static struct world_event event;

	if (of_beacon < due && !world->mute)
		due = of_beacon;
	if (due > until)
		due = until;
	if (world->event_count && world->events[at].at <= due) {
		event = world->events[at];
		memmove(&world->events[at], &world->events[at + 1],
			(--world->event_count - at) * sizeof(event));
		if (event.at > world->now)
			world->now = event.at;
		happen(world, &event);
		return;
	}
	if (due > world->now)
		world->now = due;
	ph_probe_session_tick(&world->probe, world->now);
	if (!world->mute)
		ph_beacon_session_tick(&world->beacon, world->now);
}

void probe_world_run(struct probe_world *world, int64_t most)
{
	int64_t until = world->now + most;

	probe_actions(world);
	while (world->exit < 0 && world->now < until) {
		step(world, until);
		probe_actions(world);
		beacon_actions(world);
	}
}

enum ph_verdict probe_world_verdict(
	struct probe_world *world, unsigned address, unsigned port)
{
	struct ph_probe_row row;
	enum ph_verdict verdict = PH_VERDICT_UNTRIED;

	for (uint32_t i = 0; i < world->probe.matrix.count; i++) {
		ph_probe_matrix_at(&world->probe.matrix, i, &row);
		if (row.point.port == WORLD_FIRST + port &&
			address_of(world, &row.point) == address) {
			assert(verdict == PH_VERDICT_UNTRIED);
			verdict = row.verdict;
		}
	}
	return verdict;
}
