#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/clock.h"
#include "test/probe_world.h"

/* A probe and a beacon in one process, on a virtual clock. */

#define SECOND INT64_C(1000000000)

static struct probe_world world;

static int set_up(void **state)
{
	(void)state;
	probe_world_init(&world, 7);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_world_fini(&world);
	return 0;
}

static void run(void)
{
	probe_world_start(&world);
	probe_world_run(&world, 60 * SECOND);
}

/* What a point must come to. */
static enum ph_verdict truth(enum point_kind kind)
{
	switch (kind) {
	case POINT_BEACON:
	case POINT_LOSSY:
	case POINT_MAPPED:
		return PH_VERDICT_OPEN_VERIFIED;
	case POINT_REFUSED:
		return PH_VERDICT_REFUSED;
	case POINT_DROPPED:
		return PH_VERDICT_TIMEOUT;
	case POINT_UNREACHABLE:
		return PH_VERDICT_UNREACHABLE;
	case POINT_DENIED:
		return PH_VERDICT_DENIED;
	default:
		return PH_VERDICT_OPEN_FOREIGN;
	}
}

static void assert_matrix(void)
{
	for (unsigned i = 0; i < 2; i++)
		for (unsigned port = 0; port < WORLD_PORTS; port++)
			assert_int_equal(probe_world_verdict(&world, i, port),
				truth(world.kinds[i][port]));
}

static void an_open_house(void **state)
{
	(void)state;
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_matrix();
	/* One for the primary. */
	assert_int_equal(world.probe.counters.connects, 2 * WORLD_PORTS + 1);
	assert_int_equal(world.probe.counters.forged, 0);
	assert_int_equal(world.beacon.counters.forged, 0);
	assert_int_equal(world.beacon.counters.guesses, 0);
}

static void both_ends_have_the_same_matrix(void **state)
{
	uint8_t mine[PH_PROBE_DIGEST];
	uint8_t theirs[PH_PROBE_DIGEST];

	(void)state;
	world.kinds[1][3] = POINT_REFUSED;
	run();
	ph_probe_matrix_digest(&world.probe.matrix, mine);
	ph_probe_matrix_digest(&world.beacon.report.matrix, theirs);
	assert_memory_equal(mine, theirs, sizeof(mine));
	assert_int_equal(
		world.beacon.report.matrix.counts[PH_VERDICT_REFUSED], 1);
}

/* Every kind, on both addresses, the first points blocked. */
static void every_verdict_is_right(void **state)
{
	static const enum point_kind kinds[] = {POINT_DROPPED, POINT_REFUSED,
		POINT_SILENT, POINT_TALKER, POINT_CLOSER, POINT_UNREACHABLE,
		POINT_DENIED, POINT_LOSSY, POINT_BEACON, POINT_FAKE};

	(void)state;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned port = 0; port < WORLD_PORTS; port++)
			world.kinds[i][port] = kinds[(port + 3 * i) % 10];
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_matrix();
}

static void foreign_services_see_no_byte(void **state)
{
	(void)state;
	for (unsigned port = 0; port < WORLD_PORTS - 1; port++)
		world.kinds[port & 1][port] =
			port % 3 ? POINT_SILENT : POINT_TALKER;
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_int_equal(world.foreign_bytes, 0);
	assert_matrix();
}

/* Beyond a NAT the port may be another; without leave it is a stranger's. */
static void a_mapped_port_is_told(void **state)
{
	struct ph_probe_row row;

	(void)state;
	world.kinds[1][4] = POINT_MAPPED;
	world.order[0].mapped = true;
	run();
	assert_matrix();
	for (uint32_t i = 0; i < world.probe.matrix.count; i++) {
		ph_probe_matrix_at(&world.probe.matrix, i, &row);
		if (row.met)
			assert_int_equal(row.met, WORLD_FIRST + 5);
	}
}

static void another_ports_greeting_is_a_strangers(void **state)
{
	(void)state;
	world.kinds[1][4] = POINT_MAPPED;
	run();
	assert_int_equal(
		probe_world_verdict(&world, 1, 4), PH_VERDICT_OPEN_FOREIGN);
	assert_int_equal(world.probe.counters.forged, 1);
}

/* 200 a second, no burst, never more than 32 at once. */
static void the_rate_is_kept(void **state)
{
	uint32_t most = 0;
	int64_t took;

	(void)state;
	run();
	for (uint32_t i = 0; i < world.starts; i++) {
		uint32_t in_second = 0;

		while (i + in_second < world.starts &&
			world.start_times[i + in_second] <
				world.start_times[i] + SECOND)
			in_second++;
		most = in_second > most ? in_second : most;
	}
	assert_in_range(most, 1, 205);
	took = world.start_times[world.starts - 1] - world.start_times[0];
	assert_in_range(took, (world.starts - 2) * SECOND / 205,
		(world.starts + 2) * SECOND / 195);
}

static void nothing_off_the_list_is_tried(void **state)
{
	static const char *const bad[] = {"224.0.0.1", "255.255.255.255",
		"169.254.169.254", "fe80::1", "ff02::1", "0.0.0.0",
		"::", "fd00:ec2::254", "64:ff9b::a9fe:a9fe", "10.0.0.2"};
	struct ph_point point;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t targets[PH_POINT];

		ph_point_parse(&point, bad[i], 0);
		ph_point_write(&point, targets);
		memcpy(world.targets + PH_POINT, targets, PH_POINT);
		/* Even on the list, all but the last are refused. */
		memcpy(world.blocks + PH_POINT_BLOCK, point.address, 16);
		world.blocks[2 * PH_POINT_BLOCK - 1] = 128;
		if (i == sizeof(bad) / sizeof(bad[0]) - 1)
			world.blocks[2 * PH_POINT_BLOCK - 5] ^= 1;
		run();
		assert_int_equal(world.off_list, 0);
		assert_int_equal(world.exit, PH_PROBE_TERMINATED);
		assert_int_equal(world.probe.matrix.counts[PH_VERDICT_SKIPPED],
			WORLD_PORTS);
		probe_world_fini(&world);
		probe_world_init(&world, 7 + i);
	}
}

static void privileged_ports_are_refused(void **state)
{
	uint8_t bytes[1024];
	struct ph_instruct read;
	int length;

	(void)state;
	world.order[0].first = 1023;
	length = ph_instruct_write(&world.order[0], bytes, sizeof(bytes));
	assert_true(length > 0);
	assert_true(ph_instruct_read(&read, bytes + PH_ORDER_HEADER,
			    (size_t)length - PH_ORDER_HEADER) < 0);
	world.order[0].first = 1024;
	world.order[0].last = 1030;
	length = ph_instruct_write(&world.order[0], bytes, sizeof(bytes));
	assert_int_equal(ph_instruct_read(&read, bytes + PH_ORDER_HEADER,
				 (size_t)length - PH_ORDER_HEADER),
		0);
}

static void an_orphan_ends_at_its_deadline(void **state)
{
	(void)state;
	world.order[0].deadline_ms = 3000;
	probe_world_start(&world);
	probe_world_run(&world, SECOND / 10);
	assert_int_equal(world.exit, -1);
	world.mute = true;
	probe_world_run(&world, 60 * SECOND);
	assert_int_equal(world.exit, PH_PROBE_DEADLINE);
	assert_in_range(world.now - world.begun, 3 * SECOND - 1, 3 * SECOND);
}

static void without_a_beacon_there_is_a_matrix_still(void **state)
{
	(void)state;
	for (unsigned port = 0; port < WORLD_PORTS; port++) {
		world.kinds[0][port] = POINT_REFUSED;
		world.kinds[1][port] = POINT_DROPPED;
	}
	run();
	assert_int_equal(world.exit, PH_PROBE_DEADLINE);
	assert_matrix();
}

/* What is known is not tried again; the beacon is found all the same. */
static void what_is_known_is_left_out(void **state)
{
	uint8_t known[2 * WORLD_PORTS / 8 + 1];

	(void)state;
	memset(known, 0xff, sizeof(known));
	known[2] = 0xfe;
	world.order[0].known = known;
	run();
	assert_int_equal(world.exit, PH_PROBE_TERMINATED);
	assert_int_equal(world.probe.counters.connects, 2);
	assert_int_equal(world.probe.matrix.counts[PH_VERDICT_SKIPPED],
		2 * WORLD_PORTS - 1);
	assert_int_equal(
		world.probe.matrix.counts[PH_VERDICT_OPEN_VERIFIED], 1);
}

/* Points that are not tried when its time is over are told as such. */
static void what_was_not_tried_is_skipped(void **state)
{
	(void)state;
	world.order[0].deadline_ms = 100;
	run();
	assert_int_equal(world.exit, PH_PROBE_DEADLINE);
	assert_int_equal(world.probe.matrix.count, 2 * WORLD_PORTS);
	assert_true(world.probe.matrix.counts[PH_VERDICT_SKIPPED] > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		T(an_open_house),
		T(both_ends_have_the_same_matrix),
		T(every_verdict_is_right),
		T(foreign_services_see_no_byte),
		T(a_mapped_port_is_told),
		T(another_ports_greeting_is_a_strangers),
		T(the_rate_is_kept),
		T(nothing_off_the_list_is_tried),
		T(privileged_ports_are_refused),
		T(an_orphan_ends_at_its_deadline),
		T(without_a_beacon_there_is_a_matrix_still),
		T(what_is_known_is_left_out),
		T(what_was_not_tried_is_skipped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
