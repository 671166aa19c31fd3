/* Where a stranger may be dialled: a host on two networks, 192.0.2.7/24 and
 * 2001:db8::7/64 on interface 2, 198.51.100.7/25 on interface 3. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "discovery/plausible.h"

static void add_address(
	struct ph_interface *interface, const char *text, uint8_t prefix)
{
	struct ph_interface_address *address =
		&interface->addresses[interface->address_count++];

	address->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	address->prefix = prefix;
	address->usable = true;
	assert_int_equal(inet_pton(address->family, text, &address->v4), 1);
}

static void set_up(struct ph_interfaces *table)
{
	memset(table, 0, sizeof(*table));
	for (unsigned i = 0; i < 3; i++) {
		table->all[i].index = i + 1;
		table->all[i].up = true;
	}
	table->all[0].loopback = true;
	add_address(&table->all[0], "127.0.0.1", 8);
	add_address(&table->all[1], "192.0.2.7", 24);
	add_address(&table->all[1], "2001:db8::7", 64);
	add_address(&table->all[1], "fe80::7", 64);
	add_address(&table->all[2], "198.51.100.7", 25);
}

static struct ph_udp_end end_of(const char *host)
{
	struct ph_udp_end end = {
		.ip = {[10] = 0xff, [11] = 0xff}, .port = 7678};
	bool six = strchr(host, ':') != NULL;

	assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, host,
				 six ? end.ip : end.ip + 12),
		1);
	return end;
}

static void places(void **state)
{
	static const struct {
		enum ph_carrier_kind carrier;
		unsigned interface;
		const char *from;
		const char *at;
		bool plausible;
	} cases[] = {
		/* Whence it came, wherever that is. */
		{PH_HEARD_IPV4, 2, "192.0.2.9", "192.0.2.9", true},
		{PH_HEARD_UNICAST, 2, "203.0.113.9", "203.0.113.9", true},
		{PH_HEARD_UNICAST, 1, "127.0.0.1", "127.0.0.1", true},
		{PH_HEARD_IPV4, 2, "192.0.2.7", "192.0.2.7", true},
		{PH_HEARD_UNICAST, 1, "127.0.0.1", "127.0.0.2", true},
		{PH_HEARD_UNICAST, 1, "127.0.0.1", "::1", true},
		{PH_HEARD_UNICAST, 1, "127.0.0.1", "192.0.2.7", true},
		{PH_HEARD_UNICAST, 1, "127.0.0.1", "203.0.113.9", false},
		/* The same networks, and no others. */
		{PH_HEARD_IPV4, 2, "192.0.2.9", "192.0.2.10", true},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "2001:db8::9", true},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "203.0.113.9", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "2001:db8:0:1::9", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "198.51.100.9", false},
		{PH_HEARD_IPV4, 3, "198.51.100.9", "198.51.100.9", true},
		{PH_HEARD_IPV4, 3, "198.51.100.9", "198.51.100.200", false},
		{PH_HEARD_ETHERNET, 2, "::", "192.0.2.10", true},
		{PH_HEARD_ETHERNET, 3, "::", "192.0.2.10", false},
		{PH_HEARD_UNICAST, 0, "203.0.113.9", "198.51.100.9", true},
		/* A link has no others. */
		{PH_HEARD_IPV6, 2, "fe80::9", "fe80::10", true},
		{PH_HEARD_UNICAST, 0, "203.0.113.9", "fe80::10", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "169.254.169.254", false},
		/* Our own doors. */
		{PH_HEARD_IPV4, 2, "192.0.2.9", "127.0.0.1", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "::1", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "192.0.2.7", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "198.51.100.7", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "0.0.0.0", false},
		{PH_HEARD_IPV4, 2, "192.0.2.9", "::", false},
	};
	struct ph_interfaces table;

	(void)state;
	set_up(&table);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ph_udp_end from = end_of(cases[i].from);
		struct ph_udp_end at = end_of(cases[i].at);
		struct ph_via via = {.carrier = cases[i].carrier,
			.interface = cases[i].interface};

		memcpy(via.address, from.ip, sizeof(via.address));
		if (ph_plausible(&at, &via, &table) != cases[i].plausible)
			fail_msg(
				"%s heard from %s", cases[i].at, cases[i].from);
	}
}

/* Without a table only whence it came is known. */
static void without_interfaces(void **state)
{
	struct ph_udp_end from = end_of("192.0.2.9");
	struct ph_udp_end other = end_of("192.0.2.10");
	struct ph_via via = {.carrier = PH_HEARD_IPV4, .interface = 2};

	(void)state;
	memcpy(via.address, from.ip, sizeof(via.address));
	assert_true(ph_plausible(&from, &via, NULL));
	assert_false(ph_plausible(&other, &via, NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(without_interfaces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
