/*
 * Announcements as bytes: each node writes its own, and hears those of others
 * through its table of neighbours, as the product does.
 */
#include <assert.h>

#include "test/crier.h"
#include "test/sim_inner.h"

void table_open(struct sim *sim, struct sim_node *node)
{
	struct ph_neighbours_config config = ph_neighbours_defaults();

	memcpy(config.mesh, crier_mesh, sizeof(config.mesh));
	memcpy(config.self, node->id, sizeof(config.self));
	config.judge = &crier_judge;
	config.context = &node->judged;
	config.seed = sim_random(sim);
	assert(!ph_neighbours_create(&node->neighbours, &config));
}

static int announcement_write(
	const struct sim_node *node, uint16_t ttl, uint8_t *out)
{
	struct ph_announcement announcement = crier_member(0);

	memcpy(announcement.id, node->id, sizeof(announcement.id));
	memcpy(announcement.key, node->id, sizeof(announcement.id));
	announcement.ttl = ttl;
	announcement.epoch = node->epoch;
	announcement.seq = node->announcement;
	return ph_announcement_write(&announcement, out);
}

void table_announce(struct sim *sim, unsigned from, uint16_t ttl)
{
	uint8_t bytes[PH_ANNOUNCEMENT_MAX];
	int length = announcement_write(&sim->nodes[from], ttl, bytes);

	assert(length > 0);
	for (unsigned to = 0; to < sim->config.nodes; to++) {
		struct sim_packet *packet;

		if (to == from || sim->nodes[to].power == SIM_OFF)
			continue;
		packet = sim_packet_get(sim, (size_t)length);
		packet->from = from;
		packet->to = to;
		packet->announcement = true;
		memcpy(packet->bytes, bytes, (size_t)length);
		sim_send(sim, packet);
	}
}

static void table_events(struct sim *sim, struct sim_node *node)
{
	struct ph_neighbour_event event;

	while (ph_neighbours_next(node->neighbours, &event)) {
		const struct ph_neighbour *neighbour = event.neighbour;

		if (event.kind == PH_NEIGHBOUR_GONE &&
			event.reason == PH_GONE_GOODBYE)
			ph_members_goodbye(node->members, sim->now,
				neighbour->id, neighbour->epoch);
		if (event.kind == PH_NEIGHBOUR_NEW ||
			event.kind == PH_NEIGHBOUR_CHANGED)
			node_introduce(sim, node, sim_index(sim, neighbour->id),
				neighbour->epoch);
	}
}

void table_hear(
	struct sim *sim, struct sim_node *node, const struct sim_packet *packet)
{
	struct ph_via via = crier_via(packet->from);
	enum ph_hearing hearing = ph_neighbours_hear(node->neighbours,
		packet->bytes, packet->length, &via, sim->now);

	sim->counts.announced +=
		hearing == PH_HEARD_NEW || hearing == PH_HEARD_CHANGED ||
		hearing == PH_HEARD_REFRESHED || hearing == PH_HEARD_GOODBYE;
	table_events(sim, node);
}

void table_step(struct sim *sim, struct sim_node *node)
{
	if (!node->neighbours ||
		sim->now < ph_neighbours_deadline(node->neighbours))
		return;
	ph_neighbours_step(node->neighbours, sim->now);
	table_events(sim, node);
}
