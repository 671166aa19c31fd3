/* The simulator's verbs, and what can be asked of it. */
#include "test/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/sim_inner.h"

/* How often a condition is looked at while time goes on. */
#define SIM_LOOK (10 * PH_MILLISECOND)
#define DOSE	 20

struct sim_config sim_lan(unsigned nodes, uint64_t seed)
{
	return (struct sim_config){
		.nodes = nodes,
		.seed = seed,
		.delay_least = 200 * PH_MICROSECOND,
		.delay_most = 2 * PH_MILLISECOND,
	};
}

unsigned sim_dose(unsigned full)
{
	const char *dose = getenv("PH_DOSE");

	if (dose && !strcmp(dose, "full"))
		return full;
	return full < DOSE ? 1 : full / DOSE;
}

/* Everyone dials some others: about log2 N + 2 lines each. */
static void lines_draw(struct sim *sim)
{
	unsigned want = 2, nodes = sim->config.nodes;

	for (unsigned n = nodes; n > 1; n /= 2)
		want++;
	if (want > nodes - 1)
		want = nodes - 1;
	for (unsigned a = 0; a < nodes; a++)
		for (unsigned i = 0; i < (want + 1) / 2; i++) {
			unsigned b = (unsigned)(sim_random(sim) % nodes);
			struct sim_node *from = &sim->nodes[a];
			struct sim_node *to = &sim->nodes[b];

			if (a == b || from->line_count == SIM_LINES ||
				to->line_count == SIM_LINES)
				continue;
			from->lines[from->line_count++] = b;
			to->lines[to->line_count++] = a;
		}
}

struct sim *sim_open(const struct sim_config *config)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	assert(sim && config->nodes > 1 && config->nodes <= SIM_MAX);
	printf("# sim: %u nodes, seed %" PRIu64 "\n", config->nodes,
		config->seed);
	fflush(stdout);
	sim->config = *config;
	sim->random = config->seed;
	sim->now = PH_SECOND;
	sim->tell = getenv("PH_SIM_TELL") != NULL;
	sim->nodes = calloc(config->nodes, sizeof(*sim->nodes));
	assert(sim->nodes);
	for (unsigned i = 0; i < config->nodes; i++) {
		struct sim_node *node = &sim->nodes[i];
		uint64_t words[2] = {sim_random(sim), sim_random(sim)};

		memcpy(node->id, words, sizeof(node->id));
		node->sim = sim;
		node->known = calloc(config->nodes, sizeof(*node->known));
		assert(node->known);
		node->inbox_end = &node->inbox;
		node->first_dead = -1;
		node->last_dead = -1;
	}
	if (!config->lineless)
		lines_draw(sim);
	return sim;
}

void sim_close(struct sim *sim)
{
	struct sim_event event;

	while (sim_pop(sim, INT64_MAX, &event))
		if (event.packet)
			sim_packet_put(sim, event.packet);
	for (unsigned i = 0; i < sim->config.nodes; i++) {
		node_end(sim, i);
		free(sim->nodes[i].known);
	}
	for (unsigned i = 0; i < SIM_KEPT; i++)
		if (sim->kept[i])
			sim_packet_put(sim, sim->kept[i]);
	while (sim->spare) {
		struct sim_packet *packet = sim->spare;

		sim->spare = packet->next;
		free(packet);
	}
	free(sim->cuts);
	free(sim->heap);
	free(sim->nodes);
	free(sim);
}

/* --- power --- */

void sim_start(struct sim *sim, unsigned node)
{
	node_begin(sim, node);
}

void sim_start_all(struct sim *sim, int64_t over)
{
	sim->starting = sim->config.nodes;
	for (unsigned i = 0; i < sim->config.nodes; i++)
		sim_push(sim,
			&(struct sim_event){
				.at = sim->now + over / sim->config.nodes * i,
				.kind = SIM_BEGIN,
				.node = i,
			});
}

void sim_kill(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];

	node_end(sim, index);
	for (unsigned i = 0; i < node->line_count; i++) {
		struct sim_event event = {
			.at = sim->now + sim_delay(sim),
			.kind = SIM_BROKEN,
			.node = node->lines[i],
			.other = index,
		};

		if (sim_connected(sim, index, event.node))
			sim_push(sim, &event);
	}
}

void sim_restart(struct sim *sim, unsigned node)
{
	sim_kill(sim, node);
	node_begin(sim, node);
}

void sim_restart_with_view(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];
	unsigned count = ph_members_count(node->members);
	struct ph_member_view *views = calloc(count + 1, sizeof(*views));

	assert(views);
	for (unsigned i = 0; i < count; i++)
		ph_members_view(node->members, i, &views[i]);
	sim_restart(sim, index);
	for (unsigned i = 0; i < count; i++)
		assert(!ph_members_import(node->members, sim->now, &views[i]));
	free(views);
	node_settle(sim, index);
}

void sim_leave(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];

	node->leaving = true;
	ph_members_leave(node->members, sim->now);
	ph_announcer_step(&node->announcer, PH_ANNOUNCER_ON_STOP, sim->now);
	node_settle(sim, index);
}

void sim_stop(struct sim *sim, unsigned index, int64_t time)
{
	struct sim_node *node = &sim->nodes[index];

	assert(node->power == SIM_UP);
	node->power = SIM_STOPPED;
	sim_push(sim, &(struct sim_event){
			      .at = sim->now + time,
			      .kind = SIM_RESUME,
			      .node = index,
			      .stamp = ++node->stops,
		      });
}

void sim_set_lag(struct sim *sim, unsigned node, int64_t lag)
{
	sim->nodes[node].lag = lag;
}

void sim_set_liar(struct sim *sim, unsigned node, bool liar)
{
	sim->nodes[node].liar = liar;
}

/* --- the network --- */

void sim_unplug(struct sim *sim, unsigned node)
{
	sim->nodes[node].unplugged = true;
}

void sim_plug(struct sim *sim, unsigned node)
{
	sim->nodes[node].unplugged = false;
}

void sim_cut(struct sim *sim, unsigned from, unsigned to, bool cut)
{
	size_t bits = (size_t)sim->config.nodes * sim->config.nodes;
	size_t bit = (size_t)from * sim->config.nodes + to;

	if (!sim->cuts)
		sim->cuts = calloc(1, bits / 8 + 1);
	assert(sim->cuts);
	if (cut)
		sim->cuts[bit / 8] |= (uint8_t)(1 << bit % 8);
	else
		sim->cuts[bit / 8] &= (uint8_t) ~(1 << bit % 8);
}

void sim_split(struct sim *sim, unsigned first)
{
	for (unsigned i = 0; i < sim->config.nodes; i++)
		sim->nodes[i].group = i >= first;
}

void sim_heal(struct sim *sim)
{
	sim_split(sim, 0);
	free(sim->cuts);
	sim->cuts = NULL;
}

void sim_set_loss(struct sim *sim, unsigned loss)
{
	sim->config.loss = loss;
}

void sim_record(struct sim *sim, unsigned from, unsigned to)
{
	sim->kept_from = from;
	sim->kept_to = to;
}

unsigned sim_replay(struct sim *sim)
{
	unsigned count = 0;

	for (unsigned i = 0; i < SIM_KEPT; i++) {
		const struct sim_packet *kept = sim->kept[i];
		struct sim_packet *packet;

		if (!kept)
			continue;
		packet = sim_packet_get(sim, kept->length);
		packet->from = kept->from;
		packet->to = kept->to;
		packet->epoch = kept->epoch;
		packet->announcement = kept->announcement;
		memcpy(packet->bytes, kept->bytes, kept->length);
		sim_push(sim, &(struct sim_event){
				      .at = sim->now,
				      .kind = SIM_DATAGRAM,
				      .node = kept->to,
				      .packet = packet,
			      });
		count++;
	}
	return count;
}

/* --- time --- */

static void run_until(struct sim *sim, int64_t until)
{
	struct sim_event event;

	while (sim_pop(sim, until, &event)) {
		sim->now = event.at;
		node_handle(sim, &event);
	}
	sim->now = until;
}

void sim_run(struct sim *sim, int64_t time)
{
	run_until(sim, sim->now + time);
}

static bool is_up(const struct sim_node *node)
{
	return node->power != SIM_OFF && !node->leaving;
}

unsigned sim_running(const struct sim *sim)
{
	unsigned count = 0;

	for (unsigned i = 0; i < sim->config.nodes; i++)
		count += is_up(&sim->nodes[i]);
	return count;
}

static bool mesh_is_full(const struct sim *sim, double share)
{
	double others = sim_running(sim) - 1;

	if (sim->starting)
		return false;
	for (unsigned i = 0; i < sim->config.nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];

		if (is_up(node) && ph_members_in(node->members,
					   PH_MEMBER_ALIVE) < others * share)
			return false;
	}
	return true;
}

bool sim_wait_fullmesh(struct sim *sim, double share, int64_t time)
{
	int64_t until = sim->now + time;

	while (!mesh_is_full(sim, share)) {
		if (sim->now >= until)
			return false;
		sim_run(sim, SIM_LOOK);
	}
	return true;
}

unsigned sim_holding(
	const struct sim *sim, unsigned subject, enum ph_member_state state)
{
	struct ph_member_view view;
	unsigned count = 0;

	for (unsigned i = 0; i < sim->config.nodes; i++) {
		const struct sim_node *node = &sim->nodes[i];

		if (i != subject && is_up(node) &&
			!ph_members_find(
				node->members, sim->nodes[subject].id, &view))
			count += view.state == state;
	}
	return count;
}

bool sim_wait_state(struct sim *sim, unsigned node, enum ph_member_state state,
	unsigned observers, int64_t time)
{
	int64_t until = sim->now + time;

	while (sim_holding(sim, node, state) < observers) {
		if (sim->now >= until)
			return false;
		sim_run(sim, SIM_LOOK);
	}
	return true;
}

/* --- what came of it --- */

int64_t sim_now(const struct sim *sim)
{
	return sim->now;
}

uint64_t sim_hash(const struct sim *sim)
{
	return sim->hash;
}

struct ph_members *sim_members(struct sim *sim, unsigned node)
{
	return sim->nodes[node].members;
}

unsigned sim_index(const struct sim *sim, const uint8_t *id)
{
	unsigned index = 0;

	while (memcmp(sim->nodes[index].id, id, PH_NODE_ID_BYTES) != 0)
		index++;
	return index;
}

const uint8_t *sim_id(const struct sim *sim, unsigned node)
{
	return sim->nodes[node].id;
}

void sim_watch(struct sim *sim, unsigned node)
{
	sim->nodes[node].first_dead = -1;
	sim->nodes[node].last_dead = -1;
}

int64_t sim_first_dead(const struct sim *sim, unsigned node)
{
	return sim->nodes[node].first_dead;
}

int64_t sim_last_dead(const struct sim *sim, unsigned node)
{
	return sim->nodes[node].last_dead;
}

struct sim_counts sim_counts(const struct sim *sim)
{
	struct sim_counts counts = sim->counts;

	for (unsigned i = 0; i < sim->config.nodes; i++)
		if (sim->nodes[i].members)
			counts.refutations +=
				ph_members_incarnation(sim->nodes[i].members);
	return counts;
}

void sim_counts_reset(struct sim *sim)
{
	sim->counts = (struct sim_counts){0};
}
