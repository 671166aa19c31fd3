/* Contacts: a table with a bound, in which those who live stay. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery/membership.h"
#include "kernel/clock.h"
#include "kernel/kernel.h"

static struct ph_kernel kernel;
static const struct ph_address here = {PH_ADDRESS_TCP, "127.0.0.1", 0};
static bool nowhere;	 /* nobody has a place for datagrams */
static unsigned carried; /* along the line */
static unsigned dialled; /* asked for a line */
static bool lined;

static int locate(void *context, const char *id, struct ph_address *out)
{
	*out = here;
	out->port = 9;
	return nowhere ? -ENOENT : 0;
}

static bool is_lined(void *context, const char *id)
{
	return lined;
}

static bool carry(void *context, const char *id, bool dials,
	const uint8_t *data, size_t length)
{
	dialled += dials;
	carried += lined;
	return lined;
}

static void moved(void *context, const struct ph_discovery_move *move)
{
}

static int setup(void **state)
{
	struct ph_discovery *discovery = calloc(1, sizeof(*discovery));
	struct ph_datagram_events events = {0};

	discovery->self[15] = 0xee;
	discovery->events.locate = locate;
	discovery->events.moved = moved;
	discovery->events.lined = is_lined;
	discovery->events.carry = carry;
	assert_int_equal(ph_loop_create(&discovery->loop, &ph_clock_real), 0);
	assert_int_equal(
		ph_kernel_init(&kernel, ph_loop_hal(discovery->loop)), 0);
	assert_int_equal(ph_door_create(&discovery->door, &kernel), 0);
	assert_int_equal(ph_udp_inbox_create(&discovery->inbox), 0);
	assert_int_equal(ph_datagrams_create(&discovery->datagrams,
				 discovery->loop, discovery->inbox, &events),
		0);
	assert_int_equal(ph_datagrams_bind(discovery->datagrams, &here), 0);
	assert_int_equal(membership_open(discovery), 0);
	nowhere = false;
	carried = 0;
	dialled = 0;
	lined = true;
	*state = discovery;
	return 0;
}

static int teardown(void **state)
{
	struct ph_discovery *discovery = *state;

	membership_close(discovery);
	ph_datagrams_destroy(discovery->datagrams);
	ph_udp_inbox_free(discovery->inbox);
	ph_door_destroy(discovery->door);
	ph_kernel_fini(&kernel);
	ph_loop_destroy(discovery->loop);
	free(discovery);
	return 0;
}

static struct ph_neighbour neighbour_of(
	unsigned number, uint8_t bytes[PH_ANNOUNCEMENT_MAX])
{
	struct ph_announcement said = {
		.port = "p", .name = "n", .ttl = 20, .version = 1};
	struct ph_neighbour neighbour = {.standing = PH_MEMBER,
		.epoch = 1,
		.via = {.carrier = PH_HEARD_IPV4}};

	memcpy(neighbour.id, &number, sizeof(number));
	neighbour.data = bytes;
	neighbour.length = (uint16_t)ph_announcement_write(&said, bytes);
	return neighbour;
}

static void tell(struct ph_discovery *discovery, unsigned number,
	enum ph_neighbour_event_kind kind)
{
	uint8_t bytes[PH_ANNOUNCEMENT_MAX];
	struct ph_neighbour neighbour = neighbour_of(number, bytes);
	struct ph_neighbour_event event = {
		.kind = kind, .neighbour = &neighbour};

	event.reason = PH_GONE_GOODBYE;
	membership_neighbour(discovery, &event);
}

static struct contact *contact(struct ph_discovery *discovery, unsigned number)
{
	uint8_t id[PH_NODE_ID_BYTES] = {0};

	memcpy(id, &number, sizeof(number));
	return contact_find(discovery->membership, id);
}

static void who_is_gone_makes_room(void **state)
{
	struct ph_discovery *discovery = *state;

	for (unsigned i = 1; i <= PH_MEMBERS_MAX; i++)
		tell(discovery, i, PH_NEIGHBOUR_NEW);
	assert_int_equal(
		HASH_COUNT(discovery->membership->contacts), PH_MEMBERS_MAX);
	tell(discovery, 5000, PH_NEIGHBOUR_NEW);
	assert_null(contact(discovery, 5000));
	tell(discovery, 7, PH_NEIGHBOUR_GONE);
	assert_non_null(contact(discovery, 7));
	tell(discovery, 5000, PH_NEIGHBOUR_NEW);
	assert_non_null(contact(discovery, 5000));
	assert_null(contact(discovery, 7));
	tell(discovery, 5001, PH_NEIGHBOUR_NEW);
	assert_null(contact(discovery, 5001));
	assert_int_equal(
		HASH_COUNT(discovery->membership->contacts), PH_MEMBERS_MAX);
}

static void who_is_gone_for_a_day_is_forgotten(void **state)
{
	struct ph_discovery *discovery = *state;
	int64_t day = 24 * 3600 * PH_SECOND;

	for (unsigned i = 1; i <= 3; i++)
		tell(discovery, i, PH_NEIGHBOUR_NEW);
	for (unsigned i = 2; i <= 3; i++)
		tell(discovery, i, PH_NEIGHBOUR_GONE);
	contact(discovery, 1)->since -= 2 * day;
	contact(discovery, 2)->since -= day + PH_SECOND;
	contact(discovery, 3)->since -= day - 60 * PH_SECOND;
	membership_age_out(discovery->membership);
	assert_non_null(contact(discovery, 1));
	assert_null(contact(discovery, 2));
	assert_non_null(contact(discovery, 3));
}

/* A node that is reached by ws alone is no member: who cannot be asked must not
 * be held for dead. */
static void who_has_no_place_takes_no_part(void **state)
{
	struct ph_discovery *discovery = *state;
	struct ph_member_view view;
	uint8_t id[PH_NODE_ID_BYTES] = {1};

	nowhere = true;
	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	assert_null(contact(discovery, 1));
	assert_int_not_equal(
		ph_members_find(discovery->membership->members, id, &view), 0);
	nowhere = false;
	tell(discovery, 1, PH_NEIGHBOUR_CHANGED);
	assert_non_null(contact(discovery, 1));
	nowhere = true;
	tell(discovery, 1, PH_NEIGHBOUR_CHANGED);
	assert_null(contact(discovery, 1));
	assert_int_not_equal(
		ph_members_find(discovery->membership->members, id, &view), 0);
}

static void say(struct ph_discovery *discovery, uint8_t type)
{
	const uint8_t data[] = "sealed";

	contact_send(discovery->membership, contact(discovery, 1), type, data,
		sizeof(data));
}

/* The first question goes as a datagram alone; only an answer by one ends what
 * has begun then. */
static void unanswered_questions_take_the_line(void **state)
{
	struct ph_discovery *discovery = *state;
	struct contact *one;

	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	one = contact(discovery, 1);
	one->asked = 0;
	say(discovery, PH_SWIM_NEWS);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(carried, i ? i - 1 : 0);
		say(discovery, PH_SWIM_PING);
	}
	assert_int_equal(carried, 2);
	contact_heard(one, &one->ends[0], PH_SWIM_PING);
	say(discovery, PH_SWIM_ASK);
	say(discovery, PH_SWIM_NEWS);
	assert_int_equal(carried, 4);
	contact_heard(one, &one->ends[0], PH_SWIM_ACK);
	say(discovery, PH_SWIM_PING);
	say(discovery, PH_SWIM_NEWS);
	assert_int_equal(carried, 4);
	/* No line: no harm. */
	lined = false;
	say(discovery, PH_SWIM_PING);
	assert_int_equal(carried, 4);
}

/* Who was heard by a datagram once is dead rather than shut off. */
static void who_never_answered_gets_a_line(void **state)
{
	struct ph_discovery *discovery = *state;
	struct contact *one;

	lined = false;
	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	one = contact(discovery, 1);
	one->asked = 0;
	for (unsigned i = 0; i < 4; i++)
		say(discovery, PH_SWIM_PING);
	assert_int_equal(dialled, 0);
	say(discovery, PH_SWIM_PING);
	assert_int_equal(dialled, 1);
	contact_heard(one, &one->ends[0], PH_SWIM_PING);
	for (unsigned i = 0; i < 9; i++)
		say(discovery, PH_SWIM_PING);
	assert_int_equal(dialled, 1);
}

/* As the question came, for a while, and nowhere else. */
static void answers_take_the_line_of_the_question(void **state)
{
	struct ph_discovery *discovery = *state;
	struct membership *membership = discovery->membership;
	struct ph_swim swim = {.type = PH_SWIM_ACK, .sequence = 64};
	struct contact *one;

	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	one = contact(discovery, 1);
	say(discovery, PH_SWIM_ACK);
	assert_int_equal(carried, 0);
	contact_carried(membership, one, &swim, true);
	assert_true(one->by_line);
	say(discovery, PH_SWIM_ACK);
	assert_int_equal(carried, 0);
	swim.type = PH_SWIM_PING;
	contact_carried(membership, one, &swim, false);
	say(discovery, PH_SWIM_ACK);
	assert_int_equal(carried, 1);
	one->line_until = membership_now(membership);
	say(discovery, PH_SWIM_ACK);
	assert_int_equal(carried, 1);
}

/* The datagram's copy of what a line brought says that the way is open: once,
 * and from where the contact may be. */
static void copies_that_come_late_count_once(void **state)
{
	struct ph_discovery *discovery = *state;
	struct ph_swim swim = {.type = PH_SWIM_ACK, .sequence = 64};
	struct ph_udp_end other = {.port = 9};
	struct contact *one;

	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	one = contact(discovery, 1);
	assert_false(contact_overtaken(one, &swim, &one->ends[0]));
	contact_carried(discovery->membership, one, &swim, true);
	assert_false(contact_overtaken(one, &swim, &other));
	swim.sequence = 128;
	assert_false(contact_overtaken(one, &swim, &one->ends[0]));
	swim.sequence = 64;
	assert_true(contact_overtaken(one, &swim, &one->ends[0]));
	assert_false(contact_overtaken(one, &swim, &one->ends[0]));
}

/* A line brings only what its own peer says. */
static void lines_bring_no_others_datagrams(void **state)
{
	struct ph_discovery *discovery = *state;
	struct ph_swim swim = {.type = PH_SWIM_PING,
		.held = PH_SWIM_ALIVE,
		.epoch = 1,
		.sequence = 64,
		.sender = {1}};
	uint8_t bytes[PH_SWIM_MAX];
	size_t length = ph_swim_write(&swim, bytes);
	char id[PH_NODE_ID_TEXT];

	tell(discovery, 1, PH_NEIGHBOUR_NEW);
	contact(discovery, 1)->paired = true; /* and no ring that fits */
	ph_discovery_carried(
		discovery, id_text(id, (uint8_t[16]){2}), bytes, length);
	ph_discovery_carried(discovery, "nobody", bytes, length);
	ph_discovery_carried(discovery, id_text(id, swim.sender), bytes, 3);
	assert_int_equal(discovery->membership->counted.received, 0);
	ph_discovery_carried(
		discovery, id_text(id, swim.sender), bytes, length);
	assert_int_equal(discovery->membership->counted.received, 1);
	assert_int_equal(contact(discovery, 1)->line_until, 0);
}

/* Who was never heard from is refused when every place refuses. */
static void all_places_refuse(void **state)
{
	struct contact contact = {.end_count = 3};
	struct ph_udp_end other = {.port = 9};

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		contact.ends[i].port = (uint16_t)(1 + i);
	for (unsigned round = 0; round < 2; round++) {
		assert_false(contact_refuses(&contact, &contact.ends[0]));
		assert_false(contact_refuses(&contact, &contact.ends[0]));
		assert_false(contact_refuses(&contact, &other));
		assert_false(contact_refuses(&contact, &contact.ends[2]));
		assert_true(contact_refuses(&contact, &contact.ends[1]));
	}
	contact_heard(&contact, &contact.ends[1], PH_SWIM_PING);
	assert_false(contact_refuses(&contact, &contact.ends[0]));
	assert_true(contact_refuses(&contact, &contact.ends[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			unanswered_questions_take_the_line, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_never_answered_gets_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(
			copies_that_come_late_count_once, setup, teardown),
		cmocka_unit_test_setup_teardown(
			answers_take_the_line_of_the_question, setup, teardown),
		cmocka_unit_test_setup_teardown(
			lines_bring_no_others_datagrams, setup, teardown),
		cmocka_unit_test(all_places_refuse),
		cmocka_unit_test_setup_teardown(
			who_has_no_place_takes_no_part, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_gone_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(
			who_is_gone_for_a_day_is_forgotten, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
