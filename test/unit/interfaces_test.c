#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "discovery/interfaces.h"
#include "discovery/multicast.h"

/* Netlink messages as the kernel makes them, built by hand. */
struct message {
	union {
		struct nlmsghdr header;
		uint8_t bytes[512];
	};
};

static void begin(struct message *m, uint16_t type, const void *body, size_t n)
{
	memset(m, 0, sizeof(*m));
	m->header.nlmsg_type = type;
	memcpy(m->bytes + NLMSG_HDRLEN, body, n);
	m->header.nlmsg_len = (uint32_t)NLMSG_SPACE(n);
}

static struct rtattr *put(
	struct message *m, uint16_t type, const void *value, size_t n)
{
	struct rtattr *at =
		(struct rtattr *)(m->bytes + NLMSG_ALIGN(m->header.nlmsg_len));

	at->rta_type = type;
	at->rta_len = (uint16_t)RTA_LENGTH(n);
	memcpy(RTA_DATA(at), value, n);
	m->header.nlmsg_len =
		(uint32_t)(NLMSG_ALIGN(m->header.nlmsg_len) + RTA_SPACE(n));
	return at;
}

static int tell(struct ph_interfaces *table, const struct message *m)
{
	return ph_interfaces_hear(table, m, m->header.nlmsg_len);
}

static void link_message(
	struct message *m, int index, const char *name, unsigned flags)
{
	struct ifinfomsg info = {.ifi_type = ARPHRD_ETHER,
		.ifi_index = index,
		.ifi_flags = flags};
	uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)index};

	begin(m, RTM_NEWLINK, &info, sizeof(info));
	put(m, IFLA_ADDRESS, mac, sizeof(mac));
	put(m, IFLA_IFNAME, name, strlen(name) + 1);
}

static void address_message(struct message *m, bool gone, unsigned index,
	const char *text, uint32_t flags)
{
	struct ifaddrmsg info = {
		.ifa_family = strchr(text, ':') ? AF_INET6 : AF_INET,
		.ifa_index = index,
		.ifa_prefixlen = strchr(text, ':') ? 64 : 24,
		.ifa_flags = (uint8_t)flags};
	uint8_t bytes[16];

	inet_pton(info.ifa_family, text, bytes);
	begin(m, gone ? RTM_DELADDR : RTM_NEWADDR, &info, sizeof(info));
	put(m, info.ifa_family == AF_INET ? IFA_LOCAL : IFA_ADDRESS, bytes,
		info.ifa_family == AF_INET ? 4 : 16);
	put(m, IFA_FLAGS, &flags, sizeof(flags));
}

#define RUNNING (IFF_UP | IFF_RUNNING | IFF_MULTICAST)

static void set_up(struct ph_interfaces *table)
{
	struct message m;

	ph_interfaces_init(table);
	link_message(&m, 2, "eth0", RUNNING);
	assert_int_equal(tell(table, &m), 0);
	address_message(&m, false, 2, "192.0.2.7", 0);
	assert_int_equal(tell(table, &m), 0);
	address_message(&m, false, 2, "fe80::7", 0);
	assert_int_equal(tell(table, &m), 0);
}

static void a_link_with_addresses_is_a_segment(void **state)
{
	struct ph_interfaces table;
	const struct ph_interface *eth0;

	set_up(&table);
	eth0 = ph_interfaces_find(&table, 2);
	assert_non_null(eth0);
	assert_string_equal(eth0->name, "eth0");
	assert_true(ph_interface_is_segment(eth0));
	assert_true(eth0->ethernet);
	assert_int_equal(eth0->mac[5], 2);
	assert_int_equal(eth0->address_count, 2);
	assert_non_null(ph_interface_source(eth0, AF_INET, false));
	assert_non_null(ph_interface_source(eth0, AF_INET6, true));
	assert_null(ph_interface_source(eth0, AF_INET6, false));
	assert_null(ph_interfaces_find(&table, 3));
	assert_null(ph_interfaces_find(&table, 0));
}

static void what_is_no_segment(void **state)
{
	static const unsigned flags[] = {
		IFF_UP | IFF_MULTICAST,	     /* no carrier */
		IFF_RUNNING | IFF_MULTICAST, /* switched off */
		IFF_UP | IFF_RUNNING,	     /* no multicast */
		RUNNING | IFF_LOOPBACK};
	struct ph_interfaces table;
	struct message m;

	ph_interfaces_init(&table);
	for (unsigned i = 0; i < 4; i++) {
		link_message(&m, 2, "eth0", flags[i]);
		assert_int_equal(tell(&table, &m), 0);
		assert_false(
			ph_interface_is_segment(ph_interfaces_find(&table, 2)));
	}
}

/* IFLA_LINKINFO { IFLA_INFO_SLAVE_KIND kind } with a master. */
static void slave_message(struct message *m, const char *kind)
{
	uint8_t nested[64] = {0};
	struct rtattr *inner = (struct rtattr *)nested;
	uint32_t master = 9;

	link_message(m, 2, "eth0", RUNNING);
	put(m, IFLA_MASTER, &master, sizeof(master));
	inner->rta_type = IFLA_INFO_SLAVE_KIND;
	inner->rta_len = (uint16_t)RTA_LENGTH(strlen(kind) + 1);
	memcpy(RTA_DATA(inner), kind, strlen(kind) + 1);
	put(m, IFLA_LINKINFO, nested, RTA_SPACE(strlen(kind) + 1));
}

static void a_bridge_stands_for_its_ports(void **state)
{
	struct ph_interfaces table;
	struct message m;

	ph_interfaces_init(&table);
	slave_message(&m, "bridge");
	assert_int_equal(tell(&table, &m), 0);
	assert_false(ph_interface_is_segment(ph_interfaces_find(&table, 2)));
	slave_message(&m, "vrf");
	assert_int_equal(tell(&table, &m), 0);
	assert_true(ph_interface_is_segment(ph_interfaces_find(&table, 2)));
}

static void changes_move_the_revision_and_repeats_do_not(void **state)
{
	struct ph_interfaces table;
	struct message m;
	uint64_t revision;

	set_up(&table);
	revision = table.revision;
	link_message(&m, 2, "eth0", RUNNING);
	tell(&table, &m);
	address_message(&m, false, 2, "192.0.2.7", 0);
	tell(&table, &m);
	assert_int_equal(table.revision, revision);
	address_message(&m, true, 2, "192.0.2.7", 0);
	tell(&table, &m);
	assert_true(table.revision > revision);
	assert_null(ph_interface_source(
		ph_interfaces_find(&table, 2), AF_INET, false));
	revision = table.revision;
	link_message(&m, 2, "lan0", RUNNING);
	tell(&table, &m);
	assert_true(table.revision > revision);
	assert_string_equal(ph_interfaces_find(&table, 2)->name, "lan0");
}

static void an_address_under_detection_is_not_used(void **state)
{
	struct ph_interfaces table;
	struct message m;

	set_up(&table);
	address_message(&m, false, 2, "2001:db8::1", IFA_F_TENTATIVE);
	tell(&table, &m);
	assert_null(ph_interface_source(
		ph_interfaces_find(&table, 2), AF_INET6, false));
	address_message(&m, false, 2, "2001:db8::1", 0);
	tell(&table, &m);
	assert_non_null(ph_interface_source(
		ph_interfaces_find(&table, 2), AF_INET6, false));
	address_message(&m, false, 2, "2001:db8::1", IFA_F_DADFAILED);
	tell(&table, &m);
	assert_null(ph_interface_source(
		ph_interfaces_find(&table, 2), AF_INET6, false));
}

static void a_dump_takes_away_what_it_does_not_name(void **state)
{
	struct ph_interfaces table;
	struct message m;

	set_up(&table);
	link_message(&m, 3, "eth1", RUNNING);
	tell(&table, &m);
	ph_interfaces_begin(&table);
	link_message(&m, 2, "eth0", RUNNING);
	tell(&table, &m);
	address_message(&m, false, 2, "fe80::7", 0);
	tell(&table, &m);
	/* Until it is over, everything stands. */
	assert_non_null(ph_interfaces_find(&table, 3));
	assert_int_equal(ph_interfaces_find(&table, 2)->address_count, 2);
	ph_interfaces_end(&table);
	assert_null(ph_interfaces_find(&table, 3));
	assert_int_equal(ph_interfaces_find(&table, 2)->address_count, 1);
	assert_null(ph_interface_source(
		ph_interfaces_find(&table, 2), AF_INET, false));
}

static void the_table_is_bounded(void **state)
{
	struct ph_interfaces table;
	struct message m;
	char text[16];

	set_up(&table);
	for (int i = 0; i < (int)PH_INTERFACES + 10; i++) {
		link_message(&m, 100 + i, "veth", RUNNING);
		assert_int_equal(tell(&table, &m), 0);
	}
	assert_int_equal(table.refused, 11);
	for (unsigned i = 0; i < PH_INTERFACE_ADDRESSES; i++) {
		snprintf(text, sizeof(text), "198.51.100.%u", i);
		address_message(&m, false, 2, text, 0);
		assert_int_equal(tell(&table, &m), 0);
	}
	assert_int_equal(ph_interfaces_find(&table, 2)->address_count,
		PH_INTERFACE_ADDRESSES);
	assert_int_equal(table.refused, 13);
}

/* Cut anywhere, or with any length that lies, it is refused or harmless. */
static void lengths_that_lie(void **state)
{
	struct ph_interfaces table;
	struct message m;
	struct message broken;

	set_up(&table);
	slave_message(&m, "bridge");
	for (size_t cut = 0; cut < m.header.nlmsg_len; cut++)
		assert_int_equal(ph_interfaces_hear(&table, &m, cut), -EBADMSG);
	for (size_t at = NLMSG_HDRLEN + sizeof(struct ifinfomsg);
		at + 2 <= m.header.nlmsg_len; at += 2) {
		broken = m;
		broken.bytes[at] = 0xff;
		broken.bytes[at + 1] = 0xff;
		tell(&table, &broken);
		broken.bytes[at] = 1;
		broken.bytes[at + 1] = 0;
		tell(&table, &broken);
	}
	m.header.nlmsg_len = NLMSG_HDRLEN + 4;
	assert_int_equal(tell(&table, &m), -EBADMSG);
}

static void names_in_a_list(void **state)
{
	assert_true(ph_names_have(NULL, "eth0"));
	assert_true(ph_names_have("eth0", "eth0"));
	assert_true(ph_names_have("lo,eth0,wlan0", "eth0"));
	assert_true(ph_names_have("lo,eth0", "eth0"));
	assert_false(ph_names_have("eth01,eth", "eth0"));
	assert_false(ph_names_have("", "eth0"));
}

static void ends_are_read_and_written(void **state)
{
	static const char *const texts[] = {
		"192.0.2.7:7678", "[2001:db8::1]:80", "[fe80::1%lo]:7678"};
	struct ph_address address;
	struct ph_udp_end end;
	struct ph_udp_end back;
	struct sockaddr_storage name;
	char text[80];

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(ph_address_parse(&address, texts[i]), 0);
		assert_int_equal(ph_udp_parse(&end, &address), 0);
		assert_string_equal(
			ph_udp_text(&end, text, sizeof(text)), texts[i]);
		assert_true(ph_udp_write(&end, AF_INET6, &name));
		ph_udp_read(&back, (struct sockaddr *)&name);
		assert_true(ph_udp_same(&end, &back));
	}
	assert_int_equal(ph_address_parse(&address, "[fe80::1]:7678"), 0);
	assert_int_equal(ph_udp_parse(&end, &address), -EINVAL);
	assert_int_equal(ph_address_parse(&address, "host:7678"), 0);
	assert_int_equal(ph_udp_parse(&end, &address), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_link_with_addresses_is_a_segment),
		cmocka_unit_test(what_is_no_segment),
		cmocka_unit_test(a_bridge_stands_for_its_ports),
		cmocka_unit_test(changes_move_the_revision_and_repeats_do_not),
		cmocka_unit_test(an_address_under_detection_is_not_used),
		cmocka_unit_test(a_dump_takes_away_what_it_does_not_name),
		cmocka_unit_test(the_table_is_bounded),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(names_in_a_list),
		cmocka_unit_test(ends_are_read_and_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
