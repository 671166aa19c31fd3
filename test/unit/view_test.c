#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "discovery/membership.h"
#include "kernel/clock.h"

/* Which of the addresses that a neighbour says are worth a dial. */

static void say(struct ph_announcement *said, const char *host)
{
	struct ph_locator *locator = &said->locator[said->locators++];

	*locator =
		(struct ph_locator){.transport = PH_LOCATOR_TCP, .port = 7677};
	if (inet_pton(AF_INET, host, locator->host) == 1) {
		locator->kind = PH_LOCATOR_IPV4;
		locator->length = 4;
	} else if (inet_pton(AF_INET6, host, locator->host) == 1) {
		locator->kind = PH_LOCATOR_IPV6;
		locator->length = 16;
	} else {
		locator->kind = PH_LOCATOR_NAME;
		locator->length = (uint8_t)strlen(host);
		memcpy(locator->host, host, locator->length);
	}
}

struct heard {
	enum ph_standing standing;
	enum ph_carrier_kind carrier;
	const char *from; /* as IPv6 */
	const char *dialled[5];
};

static void one(struct ph_discovery *discovery, const struct heard *heard)
{
	struct ph_announcement said = {
		.port = "p", .name = "n", .ttl = 20, .version = 1};
	struct ph_neighbour neighbour = {.standing = heard->standing,
		.via = {.carrier = heard->carrier}};
	uint8_t bytes[PH_ANNOUNCEMENT_MAX];
	struct ph_discovery_node node;
	struct view view;
	int length;

	say(&said, "10.0.0.9");
	say(&said, "127.0.0.1");
	say(&said, "::1");
	say(&said, "::ffff:127.0.0.2");
	say(&said, "localhost");
	length = ph_announcement_write(&said, bytes);
	assert_true(length > 0);
	neighbour.data = bytes;
	neighbour.length = (uint16_t)length;
	inet_pton(AF_INET6, heard->from, neighbour.via.address);
	assert_int_equal(view_of(discovery, &neighbour, &view, &node), 0);
	assert_true(heard->dialled[0] || !node.address_count);
	for (unsigned i = 0; i < 5 && heard->dialled[i]; i++) {
		assert_true(i < node.address_count);
		assert_string_equal(node.addresses[i].host, heard->dialled[i]);
		assert_true(heard->dialled[i + 1 < 5 ? i + 1 : i] ||
			    node.address_count == i + 1);
	}
}

static void own_doors_are_not_knocked_at(void **state)
{
	static const struct heard cases[] = {
		{PH_STRANGER, PH_HEARD_IPV4, "::ffff:10.0.0.9", {"10.0.0.9"}},
		{PH_STRANGER, PH_HEARD_UNICAST, "::ffff:10.0.0.9",
			{"10.0.0.9"}},
		{PH_STRANGER, PH_HEARD_UNICAST, "::ffff:10.0.0.8",
			{"10.0.0.8"}},
		{PH_STRANGER, PH_HEARD_ETHERNET, "::", {NULL}},
		{PH_MEMBER, PH_HEARD_IPV4, "::ffff:10.0.0.9",
			{"10.0.0.9", "localhost"}},
		{PH_STRANGER, PH_HEARD_UNICAST, "::ffff:127.0.0.1",
			{"127.0.0.1", "::1", "::ffff:127.0.0.2"}},
		{PH_MEMBER, PH_HEARD_LINE, "::",
			{"10.0.0.9", "127.0.0.1", "::1", "::ffff:127.0.0.2",
				"localhost"}},
	};
	struct membership membership = {0};
	struct ph_discovery discovery = {.membership = &membership};

	assert_int_equal(ph_loop_create(&discovery.loop, &ph_clock_real), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		one(&discovery, &cases[i]);
	ph_loop_destroy(discovery.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_doors_are_not_knocked_at),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
