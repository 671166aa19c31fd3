#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "test/suite/tls_world.h"
#include "test/waited.h"

/* What TLS costs: strangers are cheap, and so is a carrier at rest. */

/* Ends of strangers: counted, not looked at. */
static void stranger_open(void *context, struct ph_carrier *carrier)
{
	((struct world *)context)->opened++;
}

static void stranger_closed(
	void *context, struct ph_carrier *carrier, int reason)
{
	((struct world *)context)->closed++;
}

static const struct ph_carrier_events stranger_events = {
	.on_open = stranger_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = stranger_closed,
};

static const struct ph_carrier_events *crowd_accept(
	void *context, const char *source, void **out)
{
	struct world *world = context;

	world->accepted++;
	*out = world;
	return &stranger_events;
}

static void crowd_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
}

static const struct ph_listener_events crowd_events = {
	.on_accept = crowd_accept,
	.on_carrier = crowd_carrier,
};

#define CROWD 1000

static const uint8_t hello_start[] = {0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3};

static size_t heap(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static size_t resident(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	unsigned long total, pages = 0;

	assert_int_equal(2, fscanf(file, "%lu %lu", &total, &pages));
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int64_t honest_dial(struct world *world)
{
	int64_t begun = now() - waited();

	dial_at(world, &world->address);
	turn_until(world, world->client.opened);
	begun = now() - waited() - begun;
	ph_carrier_close(world->client.carrier);
	turn_until(world, world->client.closed);
	return begun;
}

static void crowd_of_strangers(void **state)
{
	struct world *world = *state;
	struct rlimit files = {4096, 4096};
	static int fds[CROWD];
	size_t before, rss;
	int64_t worst = 0;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	listen_with(world, &crowd_events);
	honest_dial(world); /* what is paid once */
	before = heap();
	rss = resident();
	for (unsigned i = 0; i < CROWD; i++) {
		fds[i] = connect_raw(world->address.port);
		assert_true(fds[i] >= 0);
		if (i % 50 == 49)
			turn_until(world, world->accepted >= i + 2);
	}
	for (unsigned round = 0; round < sizeof(hello_start); round++) {
		int64_t took;

		/* Half of them never say a word. */
		for (unsigned i = 0; i < CROWD; i += 2)
			assert_int_equal(
				1, send(fds[i], hello_start + round, 1, 0));
		for (unsigned i = 0; i < 40; i++)
			ph_loop_turn(world->loop, 0);
		took = honest_dial(world);
		if (took > worst)
			worst = took;
	}
	assert_int_equal(world->accepted, CROWD + 1 + sizeof(hello_start));
	print_message("%u strangers: heap %zu KiB, resident %zu KiB, slowest "
		      "honest dial %d us\n",
		CROWD, (heap() - before) / 1024, (resident() - rss) / 1024,
		(int)(worst / 1000));
	assert_true(heap() - before < (size_t)16 * 1024 * 1024);
	assert_true(worst < 200 * PH_MILLISECOND);
	for (unsigned i = 0; i < CROWD; i++)
		close(fds[i]);
	turn_until(world, world->closed == world->accepted);
}

/* An open carrier at rest holds no buffer and little else. */
static void idle_cost(void **state)
{
	enum {
		MANY = 100
	};
	struct world *world = *state;
	static struct end ends[MANY];
	struct ph_dial dial = {0};
	size_t before;

	listen_with(world, &crowd_events);
	dial.address = world->address;
	honest_dial(world);
	ph_pool_trim(world->alpha.pool);
	ph_pool_trim(world->beta.pool);
	before = heap();
	for (unsigned i = 0; i < MANY; i++) {
		ends[i] = (struct end){0};
		assert_int_equal(
			0, ph_transport_tcp.dial(&world->alpha, &dial, &events,
				   &ends[i], &ends[i].carrier));
		turn_until(world, ends[i].opened && world->opened == i + 2);
	}
	ph_pool_trim(world->alpha.pool);
	ph_pool_trim(world->beta.pool);
	print_message("an idle TLS carrier: %zu bytes of heap an end\n",
		(heap() - before) / (2 * MANY));
	assert_true((heap() - before) / (2 * MANY) < 40 * 1024);
	for (unsigned i = 0; i < MANY; i++)
		ph_carrier_close(ends[i].carrier);
	turn_until(world, world->closed == MANY + 1);
	for (unsigned i = 0; i < MANY; i++)
		turn_until(world, ends[i].closed);
}

/* A hundred handshakes at once leave the loop's turns short. */
static void handshakes_share_turns(void **state)
{
	enum {
		MANY = 100
	};
	struct world *world = *state;
	static struct end ends[MANY];
	struct ph_dial dial = {0};
	struct ph_loop_stats before, stats;

	listen_with(world, &crowd_events);
	dial.address = world->address;
	for (unsigned i = 0; i < MANY; i++) {
		ends[i] = (struct end){0};
		assert_int_equal(
			0, ph_transport_tcp.dial(&world->alpha, &dial, &events,
				   &ends[i], &ends[i].carrier));
	}
	before = ph_loop_stats(world->loop, true);
	turn_until(world, world->opened == MANY);
	stats = ph_loop_stats(world->loop, false);
	assert_true(stats.turns - before.turns > 10);
	print_message("%d handshakes: %d turns, longest %d us\n", MANY,
		(int)(stats.turns - before.turns),
		(int)(stats.longest_turn / 1000));
	for (unsigned i = 0; i < MANY; i++)
		turn_until(world, ends[i].opened);
	for (unsigned i = 0; i < MANY; i++)
		ph_carrier_close(ends[i].carrier);
	turn_until(world, world->closed == MANY);
	for (unsigned i = 0; i < MANY; i++)
		turn_until(world, ends[i].closed);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(crowd_of_strangers),
		T(idle_cost),
		T(handshakes_share_turns),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("tls_crowd", tests, NULL, NULL);
}
