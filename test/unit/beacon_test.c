#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>

#include "beacon/beacon.h"
#include "beacon/listeners.h"
#include "kernel/kernel.h"
#include "proto/secret.h"

/*
 * A beacon's sockets when descriptors run out: before it is bound, and while it
 * listens.
 */
#define PORTS 40
#define SKIP  (PH_POINT + 2)

struct house {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_beacon *beacon;
	struct ph_instruct instruct;
	uint8_t target[PH_POINT];
	uint8_t block[PH_POINT_BLOCK];
	uint8_t key[PH_PROBE_KEY];
	uint8_t secret[2][PH_MESH_SECRET];
	struct rlimit files; /* as they were */
	int fd;		     /* somebody's who connects; -1: none */
};

static struct house house;
static uint16_t first; /* another for each process */

static void on_over(void *context, const struct ph_over *over,
	const struct ph_probe_matrix *matrix)
{
	(void)context;
	(void)over;
	(void)matrix;
}

static int set_up(void **state)
{
	struct ph_instruct *instruct = &house.instruct;
	struct ph_point point;

	(void)state;
	memset(&house, 0, sizeof(house));
	house.fd = -1;
	if (getrlimit(RLIMIT_NOFILE, &house.files) ||
		ph_loop_create(&house.loop, &ph_clock_real) ||
		ph_kernel_init(&house.kernel, ph_loop_hal(house.loop)))
		return -1;
	ph_point_parse(&point, "127.0.0.1", 0);
	ph_point_write(&point, house.target);
	memcpy(house.block, point.address, 16);
	house.block[16] = 128;
	*instruct = (struct ph_instruct){.first = first,
		.last = (uint16_t)(first + PORTS - 1),
		.deadline_ms = 60000,
		.mesh = "m0000000",
		.name = "alpha",
		.targets = {house.target, 1},
		.allow = house.block,
		.allowed = 1};
	return 0;
}

static void limit(rlim_t most)
{
	struct rlimit files = house.files;

	files.rlim_cur = most;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static int tear_down(void **state)
{
	(void)state;
	setrlimit(RLIMIT_NOFILE, &house.files);
	if (house.fd >= 0)
		close(house.fd);
	ph_beacon_destroy(house.beacon);
	ph_loop_turn(house.loop, 0);
	ph_kernel_fini(&house.kernel);
	ph_loop_destroy(house.loop);
	return 0;
}

static int open_beacon(void)
{
	struct ph_beacon_order order = {.instruct = &house.instruct,
		.key = house.key,
		.secret = house.secret,
		.secrets = 1,
		.on_over = on_over};

	return ph_beacon_create(
		&house.beacon, house.loop, house.kernel.pool, &order);
}

static rlim_t lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	assert_true(fd >= 0);
	close(fd);
	return (rlim_t)fd;
}

static int error_of(const struct ph_ready *ready, uint32_t skip)
{
	const uint8_t *at = ready->skips + (size_t)skip * SKIP + PH_POINT;

	return at[0] | at[1] << 8;
}

/* Of a range that is larger, the rest of the limit is left to others. */
static void binding_stops_below_the_limit(void **state)
{
	struct ph_ready ready;

	(void)state;
	limit(lowest_free() + 10 + PH_LISTENERS_SPARE);
	assert_int_equal(open_beacon(), 0);
	ph_beacon_ready(house.beacon, &ready);
	assert_in_range(ready.bound.count, 1, 10);
	assert_int_equal(ready.bound.count + ready.skipped, PORTS);
	assert_int_equal(error_of(&ready, ready.skipped - 1), EMFILE);
}

static void none_is_bound_where_all_are_spare(void **state)
{
	(void)state;
	limit(PH_LISTENERS_SPARE);
	assert_int_equal(open_beacon(), -EMFILE);
	assert_null(house.beacon);
}

static void a_limit_above_the_range_leaves_none_out(void **state)
{
	struct ph_ready ready;

	(void)state;
	limit(lowest_free() + 2 * PORTS + PH_LISTENERS_SPARE);
	assert_int_equal(open_beacon(), 0);
	ph_beacon_ready(house.beacon, &ready);
	assert_int_equal(ready.bound.count + ready.skipped, PORTS);
	for (uint32_t i = 0; i < ready.skipped; i++)
		assert_int_not_equal(error_of(&ready, i), EMFILE);
}

static void somebody_connects(void)
{
	struct ph_ready ready;
	struct ph_point point;
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	ph_beacon_ready(house.beacon, &ready);
	assert_true(ready.bound.count > 0);
	ph_point_at(&ready.bound, 0, &point);
	address.sin_port = htons(point.port);
	house.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		connect(house.fd, (struct sockaddr *)&address, sizeof(address)),
		0);
}

/* How many turns the loop has to make in so long. */
static unsigned turns(int64_t duration)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + duration;
	unsigned count = 0;

	while (ph_clock_real.now(&ph_clock_real) < until) {
		ph_loop_turn(house.loop, 50 * PH_MILLISECOND);
		count++;
	}
	return count;
}

/* Who cannot be accepted does not keep the loop awake, and is greeted when
 * there are descriptors again. */
static void a_listener_rests_without_descriptors(void **state)
{
	int64_t until;
	uint8_t banner[PH_PROBE_BANNER];
	ssize_t got = -1;

	(void)state;
	assert_int_equal(open_beacon(), 0);
	somebody_connects();
	limit(1);
	assert_in_range(turns(500 * PH_MILLISECOND), 1, 40);
	assert_int_equal(
		recv(house.fd, banner, sizeof(banner), MSG_DONTWAIT), -1);
	limit(house.files.rlim_cur);
	until = ph_clock_real.now(&ph_clock_real) + 60 * PH_SECOND;
	while (got < 0 && ph_clock_real.now(&ph_clock_real) < until) {
		ph_loop_turn(house.loop, 10 * PH_MILLISECOND);
		got = recv(house.fd, banner, sizeof(banner), MSG_DONTWAIT);
	}
	assert_int_equal(got, PH_PROBE_BANNER);
}

/* It may end while one rests. */
static void it_closes_while_it_rests(void **state)
{
	(void)state;
	assert_int_equal(open_beacon(), 0);
	somebody_connects();
	limit(1);
	turns(60 * PH_MILLISECOND);
	ph_beacon_destroy(house.beacon);
	house.beacon = NULL;
	assert_in_range(turns(200 * PH_MILLISECOND), 1, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
		T(binding_stops_below_the_limit),
		T(none_is_bound_where_all_are_spare),
		T(a_limit_above_the_range_leaves_none_out),
		T(a_listener_rests_without_descriptors),
		T(it_closes_while_it_rests),
	};

	first = (uint16_t)(11000 + getpid() % 200 * PORTS);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
