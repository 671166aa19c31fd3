#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "beacon/beacon.h"
#include "kernel/kernel.h"
#include "node/probe_child.h"
#include "probe/process.h"
#include "probe/session.h"
#include "proto/secret.h"

/*
 * The probe as the process that it is (this test, executed again), over real
 * sockets, with a beacon on a loop that the test turns, or does not.
 */
#define PORTS 20

static uint16_t first; /* another for each process */

struct house {
	struct ph_loop *loop;	     /* the node's */
	struct ph_loop *beacon_loop; /* turned on its own */
	struct ph_kernel kernel;
	struct ph_beacon *beacon;
	struct probe_child child;
	struct ph_instruct order[2];
	uint8_t target[PH_POINT];
	uint8_t block[PH_POINT_BLOCK];
	struct ph_probe_secrets secrets;
	struct ph_probe_intake report;
	struct ph_over over;
	unsigned told; /* orders that came */
	bool ended;
	bool beacon_over;
	int code;
};

static struct house house;

static void on_order(struct probe_child *child, const struct ph_order *order)
{
	(void)child;
	house.told++;
	if (order->type == PH_PROBE_REPORT)
		ph_probe_intake_take(&house.report, order->body, order->length);
	else if (order->type == PH_PROBE_OVER)
		ph_over_read(&house.over, order->body, order->length);
}

static void on_end(struct probe_child *child, int code)
{
	(void)child;
	house.ended = true;
	house.code = code;
}

static void on_over(void *context, const struct ph_over *over,
	const struct ph_probe_matrix *matrix)
{
	(void)context;
	(void)over;
	(void)matrix;
	house.beacon_over = true;
}

static int set_up(void **state)
{
	struct ph_instruct *order = &house.order[0];
	struct ph_point point;

	(void)state;
	memset(&house, 0, sizeof(house));
	if (ph_loop_create(&house.loop, &ph_clock_real) ||
		ph_loop_create(&house.beacon_loop, &ph_clock_real) ||
		ph_kernel_init(&house.kernel, ph_loop_hal(house.beacon_loop)))
		return -1;
	ph_point_parse(&point, "127.0.0.1", 0);
	ph_point_write(&point, house.target);
	memcpy(house.block, point.address, 16);
	house.block[16] = 128;
	*order = (struct ph_instruct){.first = first,
		.last = (uint16_t)(first + PORTS - 1),
		.rate = 200,
		.in_flight = 32,
		.timeout_ms = 250,
		.deadline_ms = 20000,
		.mesh = "m0000000",
		.name = "alpha",
		.targets = {house.target, 1},
		.allow = house.block,
		.allowed = 1};
	ph_random(order->session, sizeof(order->session));
	memset(order->key, 1, sizeof(order->key));
	memset(order->peer, 2, sizeof(order->peer));
	house.order[1] = *order;
	memset(house.order[1].key, 2, sizeof(order->key));
	memset(house.order[1].peer, 1, sizeof(order->peer));
	house.secrets.count = 1;
	ph_random(house.secrets.key, sizeof(house.secrets.key));
	ph_random(house.secrets.secret[0], PH_MESH_SECRET);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	probe_child_stop(&house.child);
	ph_beacon_destroy(house.beacon);
	ph_probe_matrix_fini(&house.report.matrix);
	ph_loop_turn(house.beacon_loop, 0);
	ph_kernel_fini(&house.kernel);
	ph_loop_destroy(house.beacon_loop);
	ph_loop_destroy(house.loop);
	return 0;
}

static void open_beacon(void)
{
	struct ph_beacon_order order = {.instruct = &house.order[1],
		.key = house.secrets.key,
		.secret = house.secrets.secret,
		.secrets = 1,
		.on_over = on_over};
	struct ph_ready ready;

	assert_int_equal(ph_beacon_create(&house.beacon, house.beacon_loop,
				 house.kernel.pool, &order),
		0);
	ph_beacon_ready(house.beacon, &ready);
	house.order[0].bound = ready.bound;
}

static void start_probe(void)
{
	static uint8_t bytes[PH_ORDER_HEADER + PH_ORDER_MOST];
	int length = ph_instruct_write(&house.order[0], bytes, sizeof(bytes));

	assert_true(length > 0);
	house.child.on_order = on_order;
	house.child.on_end = on_end;
	assert_int_equal(
		probe_child_start(&house.child, house.loop, PH_PROBE_VERB,
			bytes, (size_t)length, &house.secrets),
		0);
}

/* The beacon's loop is turned while `*mute` (NULL: nothing) is false. */
static void run(const bool *mute)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + 60 * PH_SECOND;

	while (!house.ended) {
		assert_true(ph_clock_real.now(&ph_clock_real) < until);
		ph_loop_turn(house.loop, PH_MILLISECOND);
		if (house.beacon && !house.beacon_over && !(mute && *mute))
			ph_loop_turn(house.beacon_loop, 0);
	}
}

static void it_runs_to_its_end(void **state)
{
	(void)state;
	open_beacon();
	start_probe();
	run(NULL);
	assert_int_equal(house.code, PH_PROBE_TERMINATED);
	assert_true(house.report.ended);
	assert_int_equal(house.over.exit, PH_PROBE_TERMINATED);
	assert_int_equal(
		house.report.matrix.counts[PH_VERDICT_OPEN_VERIFIED], PORTS);
}

static void a_wrong_passphrase_ends_it(void **state)
{
	(void)state;
	open_beacon();
	house.secrets.secret[0][0] ^= 1;
	start_probe();
	run(NULL);
	assert_int_equal(house.code, PH_PROBE_NOT_PROVEN);
	assert_in_range(house.over.connects, 1, 5);
	assert_int_equal(house.report.matrix.counts[PH_VERDICT_SKIPPED], PORTS);
}

/* Its beacon falls silent in the middle: it goes at its deadline. */
static void an_orphan_goes_at_its_deadline(void **state)
{
	int64_t begin = ph_clock_real.now(&ph_clock_real);
	bool mute = false;

	(void)state;
	open_beacon();
	house.order[0].deadline_ms = 700;
	house.order[0].rate = 20;
	start_probe();
	while (!house.told && !house.ended) {
		ph_loop_turn(house.loop, PH_MILLISECOND);
		ph_loop_turn(house.beacon_loop, 0);
	}
	mute = true;
	run(&mute);
	assert_int_equal(house.code, PH_PROBE_DEADLINE);
	assert_true(ph_clock_real.now(&ph_clock_real) - begin >=
		    700 * PH_MILLISECOND);
	assert_true(house.report.ended);
}

/* What is not allowed is not even connected to: somebody listens there. */
static void off_the_list_there_is_no_socket(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_port = htons(first),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1;

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	house.block[15] ^= 2;
	start_probe();
	run(NULL);
	assert_int_equal(house.code, PH_PROBE_DEADLINE);
	assert_int_equal(house.over.connects, 0);
	assert_int_equal(house.report.matrix.counts[PH_VERDICT_SKIPPED], PORTS);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	close(fd);
}

static void instructions_that_are_none_are_refused(void **state)
{
	(void)state;
	house.order[0].first = 80;
	house.order[0].last = 90;
	start_probe();
	run(NULL);
	assert_int_equal(house.code, PH_PROBE_BAD_ORDER);
	assert_int_equal(house.told, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		T(it_runs_to_its_end),
		T(a_wrong_passphrase_ends_it),
		T(an_orphan_goes_at_its_deadline),
		T(off_the_list_there_is_no_socket),
		T(instructions_that_are_none_are_refused),
	};

	first = (uint16_t)(21000 + getpid() % 400 * PORTS);
	if (sodium_init() < 0)
		return 1;
	if (argc > 1 && !strcmp(argv[1], PH_PROBE_VERB))
		return ph_probe_main(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
