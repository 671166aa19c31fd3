#include "discovery/inner.h"

#include <string.h>

#include "kernel/log.h"

/* What comes in: to the table of neighbours, and from there to membership, the
 * node, and the announcer. */

/* Newcomers among so many are answered within 50 ms. */
#define ANSWERED_CROWD 8u

#define MEMBER(pointer, type, field)                                           \
	((type *)((char *)(pointer)-offsetof(type, field)))

static void tell_heard(
	struct ph_discovery *discovery, const struct ph_neighbour *neighbour)
{
	struct view view;
	struct ph_discovery_node node;

	if (!view_of(discovery, neighbour, &view, &node))
		discovery->events.heard(discovery->events.context, &node);
}

/* What strangers do must not fill the log of a quiet node. */
static void log_neighbour(
	const struct ph_neighbour *neighbour, const char *what, const char *why)
{
	bool stranger = neighbour->standing == PH_STRANGER;
	char id[PH_NODE_ID_TEXT];

	ph_log_write(stranger ? PH_LOG_DEBUG : PH_LOG_INFO, "discovery",
		"neighbour.%s name=%s id=%.8s standing=%s via=%s%s%s", what,
		neighbour->name, id_text(id, neighbour->id),
		ph_standing_name(neighbour->standing),
		carrier_name(neighbour->via.carrier), why[0] ? " because=" : "",
		why);
}

/* It shall hear us soon, too: of two that start together, the one who heard the
 * other may be the one who waits to be dialled. A crowd has others to say it.
 */
static void greet_newcomer(struct ph_discovery *discovery)
{
	unsigned crowd =
		ph_neighbours_count(discovery->neighbours, PH_MEMBER) +
		ph_neighbours_count(discovery->neighbours, PH_STRANGER);

	announcer_event(discovery, PH_ANNOUNCER_ON_NEWCOMER);
	if (crowd <= ANSWERED_CROWD)
		announcer_event(discovery, PH_ANNOUNCER_ON_CHANGED);
}

static void neighbour_event(
	struct ph_discovery *discovery, const struct ph_neighbour_event *event)
{
	const struct ph_neighbour *neighbour = event->neighbour;
	char id[PH_NODE_ID_TEXT];

	switch (event->kind) {
	case PH_NEIGHBOUR_NEW:
		log_neighbour(neighbour, "new", "");
		if (neighbour->standing != PH_FOREIGN &&
			neighbour->via.carrier != PH_HEARD_LINE)
			greet_newcomer(discovery);
		break;
	case PH_NEIGHBOUR_GONE:
		log_neighbour(neighbour, "gone", ph_gone_name(event->reason));
		if (neighbour->standing == PH_STRANGER)
			discovery->events.unheard(discovery->events.context,
				id_text(id, neighbour->id));
		break;
	default:
		break;
	}
	if (neighbour->standing != PH_FOREIGN)
		membership_neighbour(discovery, event);
	if (neighbour->standing != PH_FOREIGN &&
		event->kind != PH_NEIGHBOUR_GONE)
		tell_heard(discovery, neighbour);
}

void neighbours_settle(struct ph_discovery *discovery)
{
	struct ph_neighbour_event event;
	int64_t due;

	while (ph_neighbours_next(discovery->neighbours, &event))
		neighbour_event(discovery, &event);
	due = ph_neighbours_deadline(discovery->neighbours);
	if (due == INT64_MAX)
		ph_timer_stop(discovery->loop, &discovery->age);
	else
		ph_timer_start(discovery->loop, &discovery->age, due);
}

void neighbours_due(struct ph_timer *timer)
{
	struct ph_discovery *discovery =
		MEMBER(timer, struct ph_discovery, age);

	ph_neighbours_step(discovery->neighbours, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}

static enum ph_hearing hear(struct ph_discovery *discovery, const uint8_t *data,
	size_t length, const struct ph_via *via)
{
	enum ph_hearing hearing = ph_neighbours_hear(discovery->neighbours,
		data, length, via, ph_loop_now(discovery->loop));

	neighbours_settle(discovery);
	return hearing;
}

void hear_multicast(void *context, const struct ph_udp_datagram *datagram)
{
	struct ph_discovery *discovery = context;
	struct ph_via via = {.carrier = ph_udp_is_v4(&datagram->from)
						? PH_HEARD_IPV4
						: PH_HEARD_IPV6,
		.interface = datagram->interface,
		.port = datagram->from.port};

	memcpy(via.address, datagram->from.ip, sizeof(via.address));
	if (discovery->hearing)
		hear(discovery, datagram->data, datagram->length, &via);
}

void hear_unicast(void *context, const struct ph_udp_datagram *datagram)
{
	struct ph_discovery *discovery = context;
	struct ph_via via = {.carrier = PH_HEARD_UNICAST,
		.interface = datagram->interface,
		.port = datagram->from.port};

	if (!discovery->hearing || membership_hear(discovery, datagram))
		return;
	memcpy(via.address, datagram->from.ip, sizeof(via.address));
	hear(discovery, datagram->data, datagram->length, &via);
}

void hear_refused(void *context, const struct ph_udp_end *end)
{
	membership_refused(context, end);
}

void hear_frame(void *context, unsigned interface, const uint8_t source[6],
	const uint8_t *lldpdu, size_t length)
{
	struct ph_via via = {
		.carrier = PH_HEARD_ETHERNET, .interface = interface};

	memcpy(via.address, source, 6);
	hear(context, lldpdu, length, &via);
}

enum ph_hearing ph_discovery_hear(struct ph_discovery *discovery,
	const uint8_t *bytes, size_t length, const char *teller)
{
	struct ph_via via = {.carrier = PH_HEARD_LINE};

	id_read(via.address, teller);
	return hear(discovery, bytes, length, &via);
}

void ph_discovery_review(struct ph_discovery *discovery)
{
	ph_neighbours_review(
		discovery->neighbours, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}

void ph_discovery_forget(struct ph_discovery *discovery, const char *id)
{
	uint8_t bytes[PH_NODE_ID_BYTES];

	if (id_read(bytes, id))
		return;
	membership_forget(discovery, bytes);
	ph_neighbours_forget(
		discovery->neighbours, bytes, ph_loop_now(discovery->loop));
	neighbours_settle(discovery);
}
