#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "discovery/inner.h"
#include "discovery/plausible.h"

/* A neighbour as its owner is told of it. */

char *id_text(char out[PH_NODE_ID_TEXT], const uint8_t id[PH_NODE_ID_BYTES])
{
	for (unsigned i = 0; i < PH_NODE_ID_BYTES; i++)
		snprintf(out + 2 * i, 3, "%02x", id[i]);
	return out;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int id_read(uint8_t out[PH_NODE_ID_BYTES], const char *text)
{
	memset(out, 0, PH_NODE_ID_BYTES);
	if (strlen(text) != PH_NODE_ID_TEXT - 1)
		return -EINVAL;
	for (unsigned i = 0; i < PH_NODE_ID_BYTES; i++) {
		int high = digit(text[2 * i]);
		int low = digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

const char *carrier_name(enum ph_carrier_kind carrier)
{
	static const char *const names[] = {
		[PH_HEARD_IPV4] = "multicast",
		[PH_HEARD_IPV6] = "multicast",
		[PH_HEARD_ETHERNET] = "ethernet",
		[PH_HEARD_UNICAST] = "seed",
		[PH_HEARD_LINE] = "line",
	};

	return names[carrier];
}

/* Where it was heard from, at the port that it listens on. */
static bool heard_at(const struct ph_neighbour *neighbour, uint16_t port,
	struct ph_address *out)
{
	struct ph_udp_end end = {.port = port};
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 16];

	if (!ph_via_is_ip(&neighbour->via) || !port)
		return false;
	memcpy(end.ip, neighbour->via.address, sizeof(end.ip));
	if (ph_udp_is_link_local(&end))
		end.zone = neighbour->via.interface;
	return !ph_address_parse(out, ph_udp_text(&end, text, sizeof(text)));
}

/* This machine's own loopback leads to the neighbour only if that is here. */
static bool is_here(const struct ph_via *via)
{
	struct ph_udp_end end = {0};

	if (!ph_via_is_ip(via))
		return via->carrier == PH_HEARD_LINE;
	memcpy(end.ip, via->address, sizeof(end.ip));
	return ph_udp_is_loopback(&end);
}

/* Nobody makes us knock at our own doors by what he says of himself; nor does
 * a stranger choose where else, or names that we look up. */
static bool is_dialable(const struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, const struct ph_locator *locator)
{
	struct ph_udp_end end = {.ip = {[10] = 0xff, [11] = 0xff}};

	if (locator->kind == PH_LOCATOR_NAME)
		return neighbour->standing != PH_STRANGER;
	if (locator->kind == PH_LOCATOR_IPV4)
		memcpy(end.ip + 12, locator->host, 4);
	else
		memcpy(end.ip, locator->host, sizeof(end.ip));
	if (neighbour->standing == PH_STRANGER)
		return ph_plausible(&end, &neighbour->via,
			discovery->watch
				? ph_interface_watch_table(discovery->watch)
				: NULL);
	return !ph_udp_is_loopback(&end) || is_here(&neighbour->via);
}

static bool same_place(const struct ph_address *a, const struct ph_address *b)
{
	return a->port == b->port && !strcmp(a->host, b->host);
}

/* Of its datagrams, and of its lines by tcp; 0: it has none. */
static uint16_t port_of(const struct ph_announcement *said)
{
	for (unsigned i = 0; i < said->locators; i++)
		if (said->locator[i].transport == PH_LOCATOR_TCP)
			return said->locator[i].port;
	return 0;
}

/* Best first: what leads where it was heard from, then its own order; an
 * address that only leads along one link last. */
static unsigned list_addresses(const struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour,
	const struct ph_announcement *said, struct ph_address *out)
{
	struct ph_address heard;
	char zone[IF_NAMESIZE] = "";
	bool link;
	unsigned count = 0;
	bool known = heard_at(neighbour, port_of(said), &heard);

	if (neighbour->via.interface)
		if_indextoname(neighbour->via.interface, zone);
	link = known && !strncmp(heard.host, "fe80:", 5);
	if (known && !link)
		out[count++] = heard;
	for (unsigned i = 0; i < said->locators; i++) {
		if (count == PH_DISCOVERY_ADDRESSES ||
			!is_dialable(discovery, neighbour, &said->locator[i]) ||
			ph_locator_address(
				&said->locator[i], zone, &out[count]))
			continue;
		if (!known || !same_place(&out[count], &heard))
			count++;
	}
	if (link && count < PH_DISCOVERY_ADDRESSES)
		out[count++] = heard;
	return count;
}

int view_of(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, struct view *view,
	struct ph_discovery_node *out)
{
	int error = ph_announcement_read(
		&view->said, NULL, neighbour->data, neighbour->length);

	if (error)
		return error;
	*out = (struct ph_discovery_node){.key = neighbour->key,
		.name = neighbour->name,
		.epoch = neighbour->epoch,
		.content = neighbour->content,
		.member = neighbour->standing == PH_MEMBER,
		.repeated = neighbour->repeated,
		.via = carrier_name(neighbour->via.carrier),
		.said = &view->said,
		.addresses = view->addresses,
		.bytes = neighbour->data,
		.length = neighbour->length};
	id_text(out->id, neighbour->id);
	out->address_count = list_addresses(
		discovery, neighbour, &view->said, view->addresses);
	out->state = membership_state(discovery, neighbour, &out->since);
	return 0;
}

static uint64_t known_epoch(
	struct ph_discovery *discovery, const char *id, bool *left)
{
	uint8_t bytes[PH_NODE_ID_BYTES];
	uint64_t heard, member;

	*left = false;
	if (id_read(bytes, id))
		return 0;
	heard = ph_neighbours_epoch(
		discovery->neighbours, bytes, ph_loop_now(discovery->loop));
	member = membership_epoch_of(discovery, bytes, left);
	*left &= member >= heard;
	return heard > member ? heard : member;
}

uint64_t ph_discovery_epoch(struct ph_discovery *discovery, const char *id)
{
	bool left;

	return known_epoch(discovery, id, &left);
}

bool ph_discovery_has_left(struct ph_discovery *discovery, const char *id)
{
	bool left;

	known_epoch(discovery, id, &left);
	return left;
}

const uint8_t *ph_discovery_announcement(
	struct ph_discovery *discovery, const char *id, size_t *length)
{
	const struct ph_neighbour *neighbour;
	uint8_t bytes[PH_NODE_ID_BYTES];

	*length = 0;
	if (!strcmp(id, discovery->id)) {
		*length = discovery->length;
		return discovery->length ? discovery->bytes : NULL;
	}
	if (id_read(bytes, id))
		return NULL;
	neighbour = ph_neighbours_find(discovery->neighbours, bytes);
	if (!neighbour || neighbour->standing != PH_MEMBER)
		return NULL;
	*length = neighbour->length;
	return neighbour->data;
}

void ph_discovery_each(struct ph_discovery *discovery,
	void (*visit)(void *context, const struct ph_discovery_node *node),
	void *context)
{
	const struct ph_neighbour *neighbour = NULL;
	struct ph_discovery_node node;
	struct view view;

	while ((neighbour =
			ph_neighbours_walk(discovery->neighbours, neighbour)))
		if (neighbour->standing == PH_MEMBER &&
			!view_of(discovery, neighbour, &view, &node))
			visit(context, &node);
}
