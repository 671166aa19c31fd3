/*
 * One node of the simulator: what a shell does around the cores, without
 * sockets.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "test/sim_inner.h"

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* --- a fake signature: a hash with the signer's secret in it --- */

static uint64_t fake_signature(
	const struct ph_swim_record *record, uint64_t secret)
{
	uint8_t text[PH_SWIM_SIGNED];
	uint64_t hash = secret * UINT64_C(0x9e3779b97f4a7c15), word;

	ph_swim_record_text(record, text);
	for (size_t at = 0; at < sizeof(text); at += sizeof(word)) {
		memcpy(&word, text + at, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0xc2b2ae3d27d4eb4f);
		hash ^= hash >> 29;
	}
	return hash;
}

static bool fake_verify(
	void *context, const struct ph_swim_record *record, uint32_t handle)
{
	uint64_t signature;

	(void)context;
	memcpy(&signature, record->signature, sizeof(signature));
	return signature == fake_signature(record, handle);
}

static void fake_sign(void *context, struct ph_swim_record *record)
{
	const struct sim_node *node = context;
	uint32_t self = (uint32_t)(node - node->sim->nodes);
	uint64_t signature = fake_signature(record, self) ^ node->liar;

	memset(record->signature, 0, sizeof(record->signature));
	memcpy(record->signature, &signature, sizeof(signature));
}

/* --- life --- */

static void node_create(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];
	struct ph_members_config config = {
		.epoch = node->epoch,
		.seed = sim_random(sim),
		.timers = ph_members_timers_default(),
		.seam = {node, fake_verify, fake_sign},
	};
	struct ph_announcer_config announcer =
		ph_announcer_defaults(sim_random(sim));

	memset(node->known, 0, sim->config.nodes * sizeof(*node->known));
	memcpy(config.self, node->id, sizeof(config.self));
	assert(!ph_members_create(&node->members, &config, sim->now));
	ph_announcer_init(&node->announcer, &announcer);
	ph_announcer_step(&node->announcer, PH_ANNOUNCER_ON_UP, sim->now);
	if (sim->config.tables)
		table_open(sim, node);
}

void node_begin(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];

	assert(node->power == SIM_OFF);
	node->power = SIM_UP;
	node->epoch++;
	node->announcement = 0;
	node->wake = INT64_MAX;
	node->reachable = sim->now;
	node_create(sim, index);
	node_settle(sim, index);
}

void node_inbox_drop(struct sim *sim, struct sim_node *node)
{
	while (node->inbox) {
		struct sim_packet *packet = node->inbox;

		node->inbox = packet->next;
		sim_packet_put(sim, packet);
	}
	node->inbox_end = &node->inbox;
	node->inbox_count = 0;
}

void node_end(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];

	ph_members_destroy(node->members);
	ph_neighbours_destroy(node->neighbours);
	node->members = NULL;
	node->neighbours = NULL;
	node->power = SIM_OFF;
	node->stops++;
	node_inbox_drop(sim, node);
}

/* --- out --- */

static void send_datagram(
	struct sim *sim, unsigned from, const struct ph_members_send *send)
{
	uint8_t bytes[PH_SWIM_MAX];
	size_t length = ph_swim_write(&send->swim, bytes);
	struct sim_packet *packet = sim_packet_get(sim, length);

	packet->from = from;
	packet->to = send->handle;
	packet->epoch = send->epoch;
	memcpy(packet->bytes, bytes, length);
	sim->counts.datagrams++;
	sim->counts.bytes += length;
	sim_send(sim, packet);
}

/* One transmission, heard by all that are up. */
static void announce(struct sim *sim, unsigned from, uint16_t ttl)
{
	struct sim_node *node = &sim->nodes[from];
	struct sim_event event = {
		.kind = SIM_ANNOUNCED,
		.other = from,
		.stamp = node->epoch,
	};

	node->announcement++;
	if (sim->config.tables) {
		table_announce(sim, from, ttl);
		return;
	}
	if (!ttl)
		return;
	for (unsigned to = 0; to < sim->config.nodes; to++) {
		/* Lines lose nothing. */
		if (to == from || sim->nodes[to].power == SIM_OFF ||
			!sim_connected(sim, from, to) ||
			(!sim->config.hearsay && sim_lost(sim)))
			continue;
		event.node = to;
		event.at = sim->now + sim_delay(sim);
		/* By another's line: once it was told there. */
		if (sim->config.hearsay)
			event.at += sim_between(sim, 0, 50 * PH_MILLISECOND);
		sim_push(sim, &event);
	}
}

static void node_tell(const struct sim *sim, const struct sim_node *node,
	const struct ph_member_event *event)
{
	printf("# %10.4f node %u: %u %s -> %s because %s\n",
		(double)sim->now / (double)PH_SECOND,
		(unsigned)(node - sim->nodes), event->handle,
		ph_member_state_name(event->from),
		ph_member_state_name(event->to),
		ph_member_reason_text(event->because));
}

static void node_observe(struct sim *sim, struct sim_node *node,
	const struct ph_member_event *event)
{
	struct sim_node *subject = &sim->nodes[event->handle];
	bool alive = subject->power != SIM_OFF &&
		     subject->epoch == event->epoch && !subject->unplugged &&
		     !node->unplugged && subject->group == node->group &&
		     !sim->cuts && !subject->leaving;

	sim_trace(sim, (uint64_t)(node - sim->nodes) << 32 | event->handle,
		(uint64_t)event->from << 32 | event->to);
	if (sim->tell)
		node_tell(sim, node, event);
	if (event->to == PH_MEMBER_SUSPECT && alive)
		sim->counts.suspicions++;
	if (event->to != PH_MEMBER_DEAD || event->from == PH_MEMBER_DEAD)
		return;
	if (alive)
		sim->counts.deaths++;
	if (subject->first_dead < 0)
		subject->first_dead = sim->now;
	subject->last_dead = sim->now;
}

/* Takes all that the cores have to say, and has them woken in time. */
void node_settle(struct sim *sim, unsigned index)
{
	struct sim_node *node = &sim->nodes[index];
	struct ph_member_event event;
	struct ph_members_send send;
	uint16_t ttl;
	int64_t due;

	while (ph_members_take_event(node->members, &event))
		node_observe(sim, node, &event);
	while (ph_members_take_send(node->members, sim->now, &send))
		send_datagram(sim, index, &send);
	while (ph_announcer_due(&node->announcer, sim->now, &ttl))
		announce(sim, index, ttl);
	due = least(ph_members_due(node->members),
		ph_announcer_deadline(&node->announcer));
	if (node->neighbours)
		due = least(due, ph_neighbours_deadline(node->neighbours));
	if (due < sim->now)
		due = sim->now;
	if (due < node->wake) {
		node->wake = due;
		sim_push(sim, &(struct sim_event){
				      .at = due,
				      .kind = SIM_WAKE,
				      .node = index,
				      .stamp = (uint64_t)due,
			      });
	}
}

/* --- in --- */

static void node_datagram(
	struct sim *sim, struct sim_node *node, struct sim_packet *packet)
{
	struct ph_swim swim;

	if (packet->announcement)
		table_hear(sim, node, packet);
	else if (packet->epoch == node->epoch &&
		 ph_swim_read(&swim, packet->bytes, packet->length) == 0)
		ph_members_receive(node->members, sim->now, &swim);
}

static void node_refuses(struct sim *sim, const struct sim_packet *packet)
{
	struct sim_event event = {
		.at = sim->now + sim_delay(sim),
		.kind = SIM_REFUSED,
		.node = packet->from,
		.other = packet->to,
	};

	if (!sim->config.speechless &&
		sim_connected(sim, packet->to, packet->from) && !sim_lost(sim))
		sim_push(sim, &event);
}

static void keep(struct sim *sim, struct sim_packet *packet)
{
	unsigned at;

	if (packet->from != sim->kept_from || packet->to != sim->kept_to) {
		sim_packet_put(sim, packet);
		return;
	}
	at = sim->kept_next++ % SIM_KEPT;
	if (sim->kept[at])
		sim_packet_put(sim, sim->kept[at]);
	sim->kept[at] = packet;
}

static void node_packet(
	struct sim *sim, struct sim_node *node, struct sim_packet *packet)
{
	uint64_t words[2];

	memcpy(words, packet->bytes + 32, sizeof(words));
	sim_trace(sim, (uint64_t)packet->from << 32 | packet->to,
		words[0] ^ words[1] ^ packet->length);
	if (node->power == SIM_OFF) {
		if (!packet->announcement)
			node_refuses(sim, packet);
		sim_packet_put(sim, packet);
		return;
	}
	if (node->power == SIM_STOPPED) {
		if (node->inbox_count == SIM_INBOX) {
			sim_packet_put(sim, packet);
			return;
		}
		packet->next = NULL;
		*node->inbox_end = packet;
		node->inbox_end = &packet->next;
		node->inbox_count++;
		return;
	}
	node_datagram(sim, node, packet);
	keep(sim, packet);
}

void node_introduce(
	struct sim *sim, struct sim_node *node, unsigned other, uint64_t epoch)
{
	struct ph_member_introduction introduction = {
		.epoch = epoch,
		.handle = other,
		.direct = !sim->config.hearsay,
	};

	memcpy(introduction.id, sim->nodes[other].id, sizeof(introduction.id));
	assert(!ph_members_introduce(node->members, sim->now, &introduction));
	if (node->known[other] >= epoch)
		return;
	node->known[other] = epoch;
	ph_announcer_step(&node->announcer, PH_ANNOUNCER_ON_NEWCOMER, sim->now);
	ph_announcer_crowd(&node->announcer,
		ph_members_count(node->members) + 1, sim->now);
}

static void node_wake(struct sim *sim, struct sim_node *node)
{
	ph_members_tick(node->members, sim->now, node->lag);
	table_step(sim, node);
}

/* Timers first or datagrams first: a loop may do either. */
static void node_resume(struct sim *sim, struct sim_node *node)
{
	struct sim_packet *packet = node->inbox;
	bool timers_first = sim_random(sim) & 1;

	node->power = SIM_UP;
	if (timers_first)
		node_wake(sim, node);
	while (packet) {
		struct sim_packet *next = packet->next;

		node_datagram(sim, node, packet);
		sim_packet_put(sim, packet);
		packet = next;
		node->inbox = packet;
	}
	node_inbox_drop(sim, node);
	if (!timers_first)
		node_wake(sim, node);
	node->wake = INT64_MAX;
}

void node_handle(struct sim *sim, const struct sim_event *event)
{
	struct sim_node *node = &sim->nodes[event->node];

	switch ((enum sim_event_kind)event->kind) {
	case SIM_DATAGRAM:
		node_packet(sim, node, event->packet);
		break;
	case SIM_BEGIN:
		sim->starting--;
		if (node->power == SIM_OFF)
			node_begin(sim, event->node);
		return;
	case SIM_RESUME:
		if (node->power == SIM_STOPPED && node->stops == event->stamp)
			node_resume(sim, node);
		break;
	case SIM_WAKE:
		if (node->power != SIM_UP ||
			node->wake != (int64_t)event->stamp)
			return;
		node->wake = INT64_MAX;
		node_wake(sim, node);
		break;
	case SIM_ANNOUNCED:
		if (node->power != SIM_UP ||
			node->known[event->other] >= event->stamp)
			return; /* only what is new goes to the members */
		sim->counts.announced++;
		node_introduce(sim, node, event->other, event->stamp);
		break;
	case SIM_REFUSED:
	case SIM_BROKEN:
		if (node->power == SIM_UP)
			ph_members_hint(node->members, sim->now,
				sim->nodes[event->other].id,
				event->kind == SIM_REFUSED
					? PH_MEMBER_REFUSED
					: PH_MEMBER_LINE_BROKEN);
		break;
	}
	if (node->power == SIM_UP)
		node_settle(sim, event->node);
}
