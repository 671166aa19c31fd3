#include "discovery/plausible.h"

#include <string.h>

enum {
	MAPPED = 12, /* bytes before an IPv4 address in 16 */
	BITS = 128
};

bool ph_via_is_ip(const struct ph_via *via)
{
	return via->carrier == PH_HEARD_IPV4 || via->carrier == PH_HEARD_IPV6 ||
	       via->carrier == PH_HEARD_UNICAST;
}

static bool same_network(
	const uint8_t a[16], const uint8_t b[16], unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return !rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* The address in 16 bytes; how many bits of them are its network's. */
static unsigned widen(
	uint8_t out[16], const struct ph_interface_address *address)
{
	static const uint8_t mapped[MAPPED] = {[10] = 0xff, [11] = 0xff};

	if (address->family == AF_INET6) {
		memcpy(out, &address->v6, 16);
		return address->prefix;
	}
	memcpy(out, mapped, MAPPED);
	memcpy(out + MAPPED, &address->v4, 4);
	return MAPPED * 8 + address->prefix;
}

enum reach {
	ELSEWHERE,
	ON_LINK,
	OUR_OWN
};

static enum reach reach_by(
	const struct ph_interface *interface, const struct ph_udp_end *end)
{
	enum reach reach = ELSEWHERE;
	uint8_t own[16];

	for (unsigned i = 0; i < interface->address_count; i++) {
		unsigned bits = widen(own, &interface->addresses[i]);

		if (!memcmp(own, end->ip, sizeof(own)))
			return OUR_OWN;
		if (bits && bits < BITS && same_network(own, end->ip, bits))
			reach = ON_LINK;
	}
	return reach;
}

/* An address of this machine is dialled for who is `here`. */
static bool is_on_link(const struct ph_udp_end *end, unsigned index, bool here,
	const struct ph_interfaces *interfaces)
{
	bool found = false;

	for (unsigned i = 0; i < PH_INTERFACES; i++) {
		const struct ph_interface *interface = &interfaces->all[i];
		enum reach reach =
			interface->index ? reach_by(interface, end) : ELSEWHERE;

		if (reach == OUR_OWN)
			return here;
		found |= reach == ON_LINK && interface->up &&
			 !interface->loopback &&
			 (!index || index == interface->index);
	}
	return found;
}

bool ph_plausible(const struct ph_udp_end *end, const struct ph_via *via,
	const struct ph_interfaces *interfaces)
{
	struct ph_udp_end from = {0};
	bool here;

	memcpy(from.ip, via->address, sizeof(from.ip));
	here = ph_via_is_ip(via) && ph_udp_is_loopback(&from);
	if (ph_via_is_ip(via) && !memcmp(end->ip, from.ip, sizeof(from.ip)))
		return true;
	if (ph_udp_is_loopback(end))
		return here;
	if (ph_udp_is_link_local(end))
		return via->interface != 0;
	return interfaces && is_on_link(end, via->interface, here, interfaces);
}
