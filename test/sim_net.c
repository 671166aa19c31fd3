/* The network of the simulator, and the queue of what will happen. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim_inner.h"

enum {
	SMALL = 80, /* most datagrams; those are kept for reuse */
	TEN_THOUSAND = 10000
};

uint64_t sim_random(struct sim *sim)
{
	uint64_t z = sim->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

int64_t sim_between(struct sim *sim, int64_t least, int64_t most)
{
	return least +
	       (int64_t)(sim_random(sim) % (uint64_t)(most - least + 1));
}

int64_t sim_delay(struct sim *sim)
{
	return sim_between(
		sim, sim->config.delay_least, sim->config.delay_most);
}

static bool chance(struct sim *sim, unsigned of_ten_thousand)
{
	return of_ten_thousand &&
	       sim_random(sim) % TEN_THOUSAND < of_ten_thousand;
}

bool sim_lost(struct sim *sim)
{
	return chance(sim, sim->config.loss);
}

void sim_trace(struct sim *sim, uint64_t a, uint64_t b)
{
	uint64_t hash = sim->hash;

	hash = (hash ^ (uint64_t)sim->now) * UINT64_C(0x9e3779b97f4a7c15);
	hash = (hash ^ (hash >> 29) ^ a) * UINT64_C(0xc2b2ae3d27d4eb4f);
	hash = (hash ^ (hash >> 31) ^ b) * UINT64_C(0x165667b19e3779f9);
	sim->hash = hash;
}

/* --- a heap by (at, order): what was put in first comes first --- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_push(struct sim *sim, const struct sim_event *event)
{
	size_t at = sim->heap_count++;

	if (at == sim->heap_size) {
		sim->heap_size = sim->heap_size ? sim->heap_size * 2 : 1024;
		sim->heap =
			realloc(sim->heap, sim->heap_size * sizeof(*sim->heap));
		assert(sim->heap);
	}
	sim->heap[at] = *event;
	sim->heap[at].order = sim->order++;
	while (at) {
		size_t parent = (at - 1) / 4;
		struct sim_event moved = sim->heap[at];

		if (!before(&moved, &sim->heap[parent]))
			break;
		sim->heap[at] = sim->heap[parent];
		sim->heap[parent] = moved;
		at = parent;
	}
}

static void heap_sink(struct sim *sim, struct sim_event event)
{
	size_t at = 0;

	for (;;) {
		size_t least = at * 4 + 1, last = least + 4;

		if (least >= sim->heap_count)
			break;
		if (last > sim->heap_count)
			last = sim->heap_count;
		for (size_t child = least + 1; child < last; child++)
			if (before(&sim->heap[child], &sim->heap[least]))
				least = child;
		if (!before(&sim->heap[least], &event))
			break;
		sim->heap[at] = sim->heap[least];
		at = least;
	}
	sim->heap[at] = event;
}

bool sim_pop(struct sim *sim, int64_t until, struct sim_event *out)
{
	struct sim_event last;

	if (!sim->heap_count || sim->heap[0].at > until)
		return false;
	*out = sim->heap[0];
	last = sim->heap[--sim->heap_count];
	if (sim->heap_count)
		heap_sink(sim, last);
	return true;
}

/* --- packets --- */

struct sim_packet *sim_packet_get(struct sim *sim, size_t length)
{
	struct sim_packet *packet = sim->spare;
	bool large = length > SMALL;

	if (packet && !large)
		sim->spare = packet->next;
	else
		packet = malloc(sizeof(*packet) + (large ? length : SMALL));
	assert(packet);
	*packet = (struct sim_packet){
		.length = (uint16_t)length,
		.large = large,
	};
	return packet;
}

void sim_packet_put(struct sim *sim, struct sim_packet *packet)
{
	if (packet->large) {
		free(packet);
		return;
	}
	packet->next = sim->spare;
	sim->spare = packet;
}

bool sim_connected(const struct sim *sim, unsigned from, unsigned to)
{
	const struct sim_node *a = &sim->nodes[from], *b = &sim->nodes[to];
	size_t bit = (size_t)from * sim->config.nodes + to;

	return !a->unplugged && !b->unplugged && a->group == b->group &&
	       !(sim->cuts && sim->cuts[bit / 8] >> bit % 8 & 1);
}

static struct sim_packet *packet_copy(
	struct sim *sim, const struct sim_packet *packet)
{
	struct sim_packet *copy = sim_packet_get(sim, packet->length);

	copy->from = packet->from;
	copy->to = packet->to;
	copy->announcement = packet->announcement;
	memcpy(copy->bytes, packet->bytes, packet->length);
	return copy;
}

static void send_one(struct sim *sim, struct sim_packet *packet)
{
	struct sim_event event = {
		.at = sim->now + sim_delay(sim),
		.kind = SIM_DATAGRAM,
		.node = packet->to,
		.packet = packet,
	};

	if (chance(sim, sim->config.late))
		event.at += sim_between(sim, 0, 50 * PH_MILLISECOND);
	if (!sim_connected(sim, packet->from, packet->to) || sim_lost(sim))
		sim_packet_put(sim, packet);
	else
		sim_push(sim, &event);
}

void sim_send(struct sim *sim, struct sim_packet *packet)
{
	if (chance(sim, sim->config.twice))
		send_one(sim, packet_copy(sim, packet));
	send_one(sim, packet);
}
