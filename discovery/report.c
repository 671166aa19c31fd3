#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "discovery/inner.h"
#include "kernel/log.h"
#include "proto/calls.h"

/* The calls: discovery.neighbours (who is heard, others' LLDP too) and
 * discovery.status (by what, and what became of all that was heard). */

static int64_t wall_of(const struct ph_discovery *discovery, int64_t at)
{
	return at ? ph_clock_wall() - (ph_loop_now(discovery->loop) - at) : 0;
}

void report_caps(struct ph_writer *writer, const struct ph_announcement *said)
{
	const char *cap;
	uint16_t at = 0;

	ph_put_list(writer, "caps");
	while ((cap = ph_announcement_cap_next(said, &at)))
		ph_write_text(writer, cap);
	ph_write_end(writer);
}

void report_addresses(
	struct ph_writer *writer, const struct ph_discovery_node *node)
{
	char text[128];

	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < node->address_count; i++)
		ph_write_text(writer, ph_address_format(&node->addresses[i],
					      text, sizeof(text)));
	ph_write_end(writer);
}

static void write_ours(struct ph_writer *writer, struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour)
{
	struct ph_discovery_node node;
	struct view view;

	if (view_of(discovery, neighbour, &view, &node))
		return;
	ph_put_text(writer, "node", node.name);
	ph_put_text(writer, "id", node.id);
	ph_put_text(writer, "state", node.state);
	ph_put_u64(writer, "epoch", node.epoch);
	ph_put_u64(writer, "content", node.content);
	ph_put_u64(writer, "menu", view.said.menu.version);
	ph_put_text(writer, "description", view.said.description);
	report_addresses(writer, &node);
	report_caps(writer, &view.said);
}

static void write_foreign(
	struct ph_writer *writer, const struct ph_neighbour *neighbour)
{
	struct ph_lldp lldp;
	char text[300];

	if (ph_lldp_read(&lldp, neighbour->data, neighbour->length))
		return;
	ph_put_text(writer, "node",
		ph_lldp_bytes_text(lldp.name, text, sizeof(text)));
	ph_put_text(writer, "id",
		ph_lldp_chassis_text(&lldp.chassis, text, sizeof(text)));
	ph_put_text(writer, "state", "heard");
	ph_put_text(writer, "port",
		ph_lldp_port_text(&lldp.port, text, sizeof(text)));
	ph_put_text(writer, "description",
		ph_lldp_bytes_text(lldp.description, text, sizeof(text)));
	ph_put_list(writer, "addresses");
	for (unsigned i = 0; i < lldp.managements && i < PH_LLDP_MANAGEMENT;
		i++)
		ph_write_text(writer, ph_lldp_address_text(&lldp.management[i],
					      text, sizeof(text)));
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	if (lldp.enabled & PH_LLDP_CAN_BRIDGE)
		ph_write_text(writer, "bridge");
	if (lldp.enabled & PH_LLDP_CAN_ROUTE)
		ph_write_text(writer, "router");
	if (lldp.enabled & PH_LLDP_CAN_STATION)
		ph_write_text(writer, "station");
	ph_write_end(writer);
}

static void write_carriers(
	struct ph_writer *writer, unsigned carriers, const char *key)
{
	const char *last = "";

	ph_put_list(writer, key);
	for (unsigned i = PH_HEARD_IPV4; i <= PH_HEARD_LINE; i++) {
		const char *name = carrier_name((enum ph_carrier_kind)i);

		if (carriers & 1u << i && strcmp(name, last) != 0)
			ph_write_text(writer, name);
		if (carriers & 1u << i)
			last = name;
	}
	ph_write_end(writer);
}

static void write_neighbour(struct ph_writer *writer,
	struct ph_discovery *discovery, const struct ph_neighbour *neighbour)
{
	char zone[IF_NAMESIZE] = "";

	if (neighbour->via.interface)
		if_indextoname(neighbour->via.interface, zone);
	ph_write_map(writer);
	ph_put_text(writer, "standing", ph_standing_name(neighbour->standing));
	if (neighbour->standing == PH_FOREIGN)
		write_foreign(writer, neighbour);
	else
		write_ours(writer, discovery, neighbour);
	ph_put_text(writer, "interface", zone);
	write_carriers(writer, neighbour->carriers, "carriers");
	ph_put_int(writer, "since", wall_of(discovery, neighbour->since));
	ph_put_int(writer, "heard", wall_of(discovery, neighbour->heard));
	ph_write_end(writer);
}

static void serve_neighbours(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_discovery *discovery = context;
	const struct ph_neighbour *neighbour = NULL;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "items");
	while ((neighbour =
			ph_neighbours_walk(discovery->neighbours, neighbour)))
		write_neighbour(writer, discovery, neighbour);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(discovery->door, ticket, writer);
	ph_writer_free(writer);
}

static void write_hearings(
	struct ph_writer *writer, const struct ph_discovery *discovery)
{
	ph_put_map(writer, "heard");
	for (unsigned i = 0; i < PH_HEARINGS_COUNT; i++)
		ph_put_u64(writer, ph_hearing_name((enum ph_hearing)i),
			ph_neighbours_counted(
				discovery->neighbours, (enum ph_hearing)i));
	ph_write_end(writer);
}

static const char *const l2_names[] = {"off", "listen", "emit"};

static void write_status(
	struct ph_writer *writer, struct ph_discovery *discovery)
{
	struct ph_datagram_stats stats =
		ph_datagrams_stats(discovery->datagrams);

	ph_write_map(writer);
	ph_put_list(writer, "segments");
	if (discovery->multicast)
		ph_multicast_report(discovery->multicast, writer);
	ph_write_end(writer);
	ph_put_text(
		writer, "l2", l2_names[ph_ethernet_mode(discovery->ethernet)]);
	ph_put_u64(writer, "announced", discovery->own.seq);
	ph_put_u64(writer, "content", discovery->own.content);
	ph_put_u64(writer, "announcement_bytes", discovery->length);
	ph_put_u64(writer, "members",
		ph_neighbours_count(discovery->neighbours, PH_MEMBER));
	ph_put_u64(writer, "strangers",
		ph_neighbours_count(discovery->neighbours, PH_STRANGER));
	ph_put_u64(writer, "foreign",
		ph_neighbours_count(discovery->neighbours, PH_FOREIGN));
	ph_put_map(writer, "datagrams");
	ph_put_u64(writer, "sent", stats.sent);
	ph_put_u64(writer, "sent_bytes", stats.sent_bytes);
	ph_put_u64(writer, "received", stats.received);
	ph_put_u64(writer, "lost", stats.lost);
	ph_write_end(writer);
	write_hearings(writer, discovery);
	membership_report(discovery, writer);
	ph_write_end(writer);
}

static void serve_status(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_discovery *discovery = context;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_list(writer, "items");
	write_status(writer, discovery);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(discovery->door, ticket, writer);
	ph_writer_free(writer);
}

int report_serve(struct ph_discovery *discovery)
{
	int error = ph_door_serve(discovery->door, PH_DISCOVERY_NEIGHBOURS,
		serve_neighbours, discovery);

	return error ? error
		     : ph_door_serve(discovery->door, PH_DISCOVERY_STATUS,
			       serve_status, discovery);
}

static const struct ph_neighbour *named(
	struct ph_discovery *discovery, const char *id)
{
	uint8_t bytes[PH_NODE_ID_BYTES];

	return id_read(bytes, id)
		       ? NULL
		       : ph_neighbours_find(discovery->neighbours, bytes);
}

void ph_discovery_write_caps(struct ph_discovery *discovery, const char *id,
	struct ph_writer *writer)
{
	const struct ph_neighbour *neighbour = named(discovery, id);
	struct ph_announcement said;

	if (neighbour && !ph_announcement_read(&said, NULL, neighbour->data,
				 neighbour->length)) {
		report_caps(writer, &said);
		return;
	}
	ph_put_list(writer, "caps");
	ph_write_end(writer);
}

void ph_discovery_describe(struct ph_discovery *discovery, const char *id,
	struct ph_writer *writer)
{
	const struct ph_neighbour *neighbour = named(discovery, id);
	const char *watched_by = ph_discovery_watched_by(discovery, id);

	if (!neighbour)
		return;
	ph_put_text(writer, "standing", ph_standing_name(neighbour->standing));
	write_carriers(writer, neighbour->carriers, "carriers");
	ph_put_int(writer, "heard", wall_of(discovery, neighbour->heard));
	membership_describe(discovery, neighbour->id, writer);
	if (watched_by)
		ph_put_text(writer, "watched_by", watched_by);
}
