#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdlib.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/transport_world.h"
#include "test/waited.h"
#include "transport/socket.h"

/*
 * What every transport must do. A transport joins by a row in `rows`; every
 * test below then runs on it. Two ends live in one loop, so a test is a list
 * of steps and of conditions to turn the loop for.
 */
static const struct row rows[] = {
	{"tcp", &ph_transport_tcp, PH_ADDRESS_TCP, true, false},
	{"tcp-tls", &ph_transport_tcp, PH_ADDRESS_TCP, false, true},
	{"unix", &ph_transport_unix, PH_ADDRESS_UNIX, true, false},
	{"unix-tls", &ph_transport_unix, PH_ADDRESS_UNIX, false, true},
	{"shm", &ph_transport_shm, PH_ADDRESS_SHM, true, true},
	{"inproc", &ph_transport_inproc, PH_ADDRESS_INPROC, true, true},
	{"ws-tls", &ph_transport_ws, PH_ADDRESS_WS, false, true},
	{"wss", &ph_transport_wss, PH_ADDRESS_WSS, true, true},
	/* Long dose: */
	{"ws", &ph_transport_ws, PH_ADDRESS_WS, true, true},
	{"wss-tls", &ph_transport_wss, PH_ADDRESS_WSS, false, true},
};

#define LONG 2u

/* --- what must hold --- */

static void exchange(void **state)
{
	struct world *world = *state;
	struct ph_carrier_info info;

	world->client.to_send = 10000;
	world->server.to_send = 5000;
	connect_both(world);
	turn_until(world,
		world->server.bytes == 10000 && world->client.bytes == 5000);
	assert_int_equal(world->server.messages, 1);
	assert_int_equal(world->server.counted, 1);
	ph_carrier_info(world->server.carrier, &info);
	assert_string_equal(info.scheme, world->row->transport->scheme);
	assert_int_equal(info.tls, !world->row->plain);
	assert_int_equal(info.has_uid, !ph_scheme_is_ip(world->row->scheme));
	if (info.has_uid) {
		assert_int_equal(info.uid, getuid());
		assert_int_equal(info.pid, getpid());
		assert_string_equal(info.peer, "unix");
	}
	ph_carrier_close(world->client.carrier);
	turn_until(world, world->client.closed && world->server.closed);
	assert_int_equal(world->client.reason, 0);
	assert_int_equal(world->server.reason, 0);
}

static void huge_message(void **state)
{
	struct world *world = *state;
	const uint64_t huge = (uint64_t)64 * 1024 * 1024;

	world->server.sequenced = true;
	world->client.to_send = huge;
	world->client.frame_size = PH_FRAME_MAX;
	connect_both(world);
	turn_until(world, world->server.bytes == huge);
	assert_int_equal(world->server.messages, 1);
	assert_int_equal(world->server.frames, huge / PH_FRAME_MAX);
}

/* Frames of many sizes keep their order, both ways at once. */
static void order(void **state)
{
	static const uint32_t sizes[] = {
		4, 5, 63, 1000, 16383, 16384, 16385, 65532, 65536, 200000};
	struct world *world = *state;
	uint64_t sent = 0;

	world->server.sequenced = world->client.sequenced = true;
	connect_both(world);
	for (unsigned i = 0; i < 300; i++) {
		uint32_t size = sizes[i % (sizeof(sizes) / sizeof(*sizes))];

		world->client.frame_size = world->server.frame_size = size;
		world->client.to_send = world->server.to_send = size;
		sent += size;
		end_pump(&world->client);
		end_pump(&world->server);
		if (i % 7 == 0)
			ph_loop_turn(world->loop, 0);
		turn_until(world,
			!world->client.to_send && !world->server.to_send);
	}
	turn_until(world,
		world->server.bytes == sent && world->client.bytes == sent);
	assert_int_equal(world->server.frames, 300);
	assert_int_equal(world->client.messages, 300);
}

static void many_small(void **state)
{
	struct world *world = *state;

	world->server.sequenced = true;
	world->client.to_send = 64 * 100000;
	world->client.frame_size = 64;
	connect_both(world);
	turn_until(world, world->server.frames == 100000);
}

static void endpoint_of(const struct world *world, struct ph_endpoint *out)
{
	const struct ph_address *address = &world->address;

	if (row_has_file(world->row))
		ph_endpoint_local(out, address->host);
	else if (world->row->scheme == PH_ADDRESS_INPROC)
		ph_endpoint_inproc(out, address->host);
	else
		ph_endpoint_literal(out, address->host, address->port);
}

/* Has the port, and does not listen. */
static int hold_silently(const struct world *world)
{
	struct ph_endpoint endpoint;
	int fd;

	if (!ph_scheme_is_ip(world->row->scheme))
		return -1;
	endpoint_of(world, &endpoint);
	fd = ph_socket_open(&endpoint);
	assert_true(fd >= 0);
	assert_int_equal(0, bind(fd, &endpoint.any, endpoint.length));
	return fd;
}

static void refused_dial(void **state)
{
	struct world *world = *state;
	int held;

	listen_here(world); /* for a port, which is kept from others */
	ph_listener_close(world->listener);
	world->listener = NULL;
	held = hold_silently(world);
	dial_here(world);
	turn_until(world, world->client.closed);
	close(held);
	assert_false(world->client.opened);
	assert_int_equal(world->client.reason,
		row_has_file(world->row) ? -ENOENT : -ECONNREFUSED);
}

static void refused_by_owner(void **state)
{
	struct world *world = *state;

	world->refuse = true;
	listen_here(world);
	dial_here(world);
	turn_until(world, world->client.closed);
	assert_int_equal(world->accepted, 1);
	/* A WebSocket stands before its owner is asked; TLS inside does not. */
	assert_int_equal(world->client.opened,
		!world->row->handshakes ||
			(row_has_web(world->row) && world->row->plain));
}

static void cancel_dial(void **state)
{
	struct world *world = *state;

	listen_here(world);
	dial_here(world);
	ph_carrier_close(world->client.carrier);
	ph_carrier_close(world->client.carrier);
	assert_false(world->client.closed);
	turn_until(world, world->client.closed);
	assert_false(world->client.opened);
	assert_int_equal(world->client.reason, 0);
}

static void cancel_name(void **state)
{
	struct world *world = *state;

	if (!ph_scheme_is_ip(world->row->scheme))
		return;
	memcpy(world->address.host, "name.invalid", 13);
	world->address.port = 1;
	dial_here(world);
	ph_carrier_close(world->client.carrier);
	turn_until(world, world->client.closed);
	assert_int_equal(world->client.reason, 0);
}

static void names(void **state)
{
	struct world *world = *state;
	struct ph_dial dial = {.address.port = 1, .plain = true};

	dial.address.scheme = world->row->scheme;
	if (!ph_scheme_is_ip(world->row->scheme))
		return;
	memcpy(dial.address.host, "name.invalid", 13);
	assert_int_equal(0,
		world->row->transport->dial(&world->host, &dial, &world_events,
			&world->client, &world->client.carrier));
	turn_until(world, world->client.closed);
	assert_false(world->client.opened);
	assert_true(world->client.reason == -ENXIO ||
		    world->client.reason == -ENONET);
	assert_non_null(strstr(
		ph_transport_reason(world->client.reason), "this name has"));
}

/* A listener that accepts in the operating system and never in the program. */
static void dial_deadline(void **state)
{
	struct world *world = *state;
	struct ph_dial dial = {
		.address = world->address,
		.plain = world->row->plain,
	};
	struct ph_endpoint endpoint, bound = {.length = sizeof(bound.storage)};
	int fd;

	if (!world->row->handshakes)
		return; /* connected is open there */
	endpoint_of(world, &endpoint);
	fd = ph_socket_open(&endpoint);
	assert_int_equal(0, bind(fd, &endpoint.any, endpoint.length));
	assert_int_equal(0, listen(fd, 1));
	getsockname(fd, &bound.any, &bound.length);
	dial.address.port = ph_endpoint_port(&bound);
	dial.deadline = now() + PH_SECOND / 5;
	assert_int_equal(0,
		world->row->transport->dial(&world->host, &dial, &world_events,
			&world->client, &world->client.carrier));
	turn_until(world, world->client.closed);
	assert_int_equal(world->client.reason, -ETIMEDOUT);
	close(fd);
	unlink(world->address.host);
}

static void close_while_sending(void **state)
{
	struct world *world = *state;

	world->client.to_send = 100 * 1024 * 1024;
	world->client.frame_size = 100000;
	connect_both(world);
	turn_until(world, world->server.bytes > 1000000);
	ph_carrier_close(world->client.carrier);
	world->client.to_send = 0;
	assert_int_equal(-EPIPE,
		ph_carrier_send(world->client.carrier, &world->client.out));
	turn_until(world, world->client.closed && world->server.closed);
	assert_int_equal(world->client.reason, 0);
	/* In mid-frame, or by luck between two. */
	assert_true(world->server.reason == -ECONNRESET ||
		    world->server.reason == 0);
}

/* The receiver closes under a stream of frames. */
static void close_while_receiving(void **state)
{
	struct world *world = *state;

	world->client.to_send = 100 * 1024 * 1024;
	world->client.frame_size = 5000;
	connect_both(world);
	turn_until(world, world->server.bytes > 1000000);
	world->server.close_at_once = true;
	turn_until(world, world->client.closed && world->server.closed);
	assert_int_equal(world->server.reason, 0);
	world->client.to_send = 0;
}

static void backpressure(void **state)
{
	struct world *world = *state;
	uint64_t before;
	int64_t until;

	world->server.sequenced = true;
	world->server.pause_at_once = true;
	world->client.to_send = 32 * 1024 * 1024;
	world->client.frame_size = 65536;
	connect_both(world);
	/* Full when half a second brings nothing new. */
	do {
		before = world->client.to_send;
		for (until = now() + PH_SECOND / 2; now() < until;)
			ph_loop_turn(world->loop, PH_SECOND / 10);
	} while (before != world->client.to_send);
	assert_true(world->client.to_send > 16 * 1024 * 1024);
	assert_true(world->server.bytes < 1024 * 1024);
	assert_false(world->client.closed);
	world->server.pause_at_once = false;
	ph_carrier_pause(world->server.carrier, false);
	turn_until(world, world->server.messages == 1);
	assert_int_equal(world->server.frames, 512);
	assert_true(world->client.rooms > 0);
}

/* A paused carrier whose peer died: nothing spins, what came stays. */
static void death_while_paused(void **state)
{
	struct world *world = *state;
	struct ph_loop_stats before, after;
	int64_t until;

	world->client.to_send = 100000;
	world->server.pause_at_once = true;
	connect_both(world);
	turn_until(world, world->server.frames > 0);
	ph_carrier_close(world->client.carrier);
	turn_until(world, world->client.closed);
	before = ph_loop_stats(world->loop, false);
	for (until = now() + PH_SECOND / 3; now() < until;)
		ph_loop_turn(world->loop, PH_SECOND / 10);
	after = ph_loop_stats(world->loop, false);
	assert_true(after.turns - before.turns < 20);
	assert_false(world->server.closed);
	world->server.pause_at_once = false;
	ph_carrier_pause(world->server.carrier, false);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, 0);
	assert_int_equal(world->server.bytes, 100000);
}

/* --- a peer that is only a socket --- */

static int raw_connect(struct world *world)
{
	struct ph_endpoint endpoint;
	int fd;

	endpoint_of(world, &endpoint);
	fd = ph_socket_open(&endpoint);
	assert_true(fd >= 0);
	if (connect(fd, &endpoint.any, endpoint.length))
		assert_int_equal(errno, EINPROGRESS);
	turn_until(world, world->accepted == 1);
	return fd;
}

static void dies_in_mid_frame(void **state)
{
	struct world *world = *state;
	static const uint8_t part[] = {100, 0, 0, PH_FRAME_FIN, 'h', 'a'};
	int fd;

	if (row_has_web(world->row))
		return; /* a bare socket is no WebSocket */
	listen_here(world);
	fd = raw_connect(world);
	assert_int_equal(sizeof(part), send(fd, part, sizeof(part), 0));
	close(fd);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason,
		world->row->handshakes ? -EPROTO : -ECONNRESET);
	assert_int_equal(world->server.frames, 0);
}

/* A frame that comes byte by byte is a frame. */
static void trickled_frame(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[] = {3, 0, 0, PH_FRAME_FIN, 'a', 'b', 'c'};
	int fd;

	if (world->row->handshakes)
		return;
	listen_here(world);
	fd = raw_connect(world);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < sizeof(frame); i++) {
			assert_int_equal(1, send(fd, frame + i, 1, 0));
			ph_loop_turn(world->loop, PH_SECOND / 10);
			assert_int_equal(0, ph_pool_live(world->host.pool));
		}
	turn_until(world, world->server.messages == 3);
	close(fd);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, 0);
}

/* The largest length a header can say, to a stranger and to a friend. */
static void oversized_frame(void **state)
{
	struct world *world = *state;
	static const uint8_t header[] = {0xff, 0xff, 0xff, PH_FRAME_FIN};
	int fd;

	if (world->row->handshakes)
		return;
	listen_here(world);
	fd = raw_connect(world);
	assert_int_equal(sizeof(header), send(fd, header, sizeof(header), 0));
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -EPROTO);
	assert_int_equal(0, ph_pool_live(world->host.pool));
	close(fd);
}

static void stranger_limit(void **state)
{
	struct world *world = *state;

	world->server.admit = 0;
	world->client.frame_size = PH_CARRIER_STRANGER;
	world->client.to_send = PH_CARRIER_STRANGER;
	connect_both(world);
	turn_until(world, world->server.frames == 1);
	world->client.frame_size = PH_CARRIER_STRANGER + 1;
	world->client.to_send = PH_CARRIER_STRANGER + 1;
	end_pump(&world->client);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -EPROTO);
	assert_int_equal(world->server.frames, 1);
}

static void listener_in_use(void **state)
{
	struct world *world = *state;
	struct ph_listener *second = NULL;

	listen_here(world);
	assert_int_equal(
		-EADDRINUSE, world->row->transport->listen(&world->host,
				     &world->address, world->row->plain,
				     &world_listener_events, world, &second));
	assert_null(second);
	if (row_has_file(world->row)) {
		/* Whether somebody listens is found out by connecting. */
		turn_until(world, world->server.closed);
		memset(&world->server, 0, sizeof(world->server));
		ph_queue_init(&world->server.out, world->host.pool);
	}
	dial_here(world);
	turn_until(world, world->server.opened);
}

static void stale_socket(void **state)
{
	struct world *world = *state;
	struct ph_endpoint endpoint;
	struct stat status;
	int fd;

	if (!row_has_file(world->row))
		return;
	ph_endpoint_local(&endpoint, world->address.host);
	fd = ph_socket_open(&endpoint);
	assert_int_equal(0, bind(fd, &endpoint.any, endpoint.length));
	close(fd); /* died without unlink */
	connect_both(world);
	assert_int_equal(0, stat(world->address.host, &status));
	if (world->row->plain)
		assert_int_equal(status.st_mode & 0777, 0600);
}

static void not_a_socket(void **state)
{
	struct world *world = *state;
	struct ph_listener *listener;
	int fd;

	if (!row_has_file(world->row))
		return;
	fd = open(world->address.host, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(
		-EADDRINUSE, world->row->transport->listen(&world->host,
				     &world->address, world->row->plain,
				     &world_listener_events, world, &listener));
	assert_int_equal(0, unlink(world->address.host));
}

/* The peer's host vanished: nothing it receives is ever acknowledged. */
static void half_open_peer(void **state)
{
	struct world *world = *state;
	struct sock_filter deaf[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
	struct sock_fprog program = {.len = 1, .filter = deaf};
	int64_t begun;
	int fd;

	if (world->row->scheme != PH_ADDRESS_TCP || !world->row->plain)
		return;
	listen_here(world);
	fd = raw_connect(world);
	turn_until(world, world->server.opened);
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
		    sizeof(program))) {
		/* Some kernels let only root filter. */
		assert_int_equal(EPERM, errno);
		close(fd);
		skip();
	}
	world->server.to_send = 1000;
	end_pump(&world->server);
	begun = now() - waited();
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -ETIMEDOUT);
	assert_true(now() - waited() - begun < 16 * PH_SECOND);
	close(fd);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

/* They wait more than they work, for the time of a dead peer to run out: beside
 * each other, each in a process. What a row says comes in one piece. */
static pid_t row_begin(const struct row *row, const struct CMUnitTest *tests,
	size_t count, FILE *said)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid)
		return pid;
	dup2(fileno(said), STDOUT_FILENO);
	dup2(fileno(said), STDERR_FILENO);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	world_row(row);
	exit(_cmocka_run_group_tests(row->name, tests, count, NULL, NULL) != 0);
}

/* Returns how many failed, 0 or 1. */
static int row_end(const struct row *row, pid_t pid, FILE *said)
{
	int status = -1;
	int c;

	if (pid > 0)
		waitpid(pid, &status, 0);
	rewind(said);
	while ((c = getc(said)) != EOF)
		putchar(c);
	fclose(said);
	if (status && WIFSIGNALED(status))
		printf("# %s: ended by signal %d\n", row->name,
			WTERMSIG(status));
	return status != 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(exchange),
		T(huge_message),
		T(order),
		T(many_small),
		T(refused_dial),
		T(refused_by_owner),
		T(cancel_dial),
		T(cancel_name),
		T(names),
		T(dial_deadline),
		T(close_while_sending),
		T(close_while_receiving),
		T(backpressure),
		T(death_while_paused),
		T(dies_in_mid_frame),
		T(trickled_frame),
		T(oversized_frame),
		T(stranger_limit),
		T(listener_in_use),
		T(stale_socket),
		T(not_a_socket),
		T(half_open_peer),
	};
	const char *dose = getenv("PH_DOSE");
	size_t count = sizeof(rows) / sizeof(*rows);
	FILE *said[sizeof(rows) / sizeof(*rows)];
	pid_t pids[sizeof(rows) / sizeof(*rows)];
	int failed = 0;

	if (!dose || strcmp(dose, "full") != 0)
		count -= LONG;
	for (size_t i = 0; i < count; i++) {
		said[i] = tmpfile();
		if (!said[i])
			return 1;
		pids[i] = row_begin(&rows[i], tests,
			sizeof(tests) / sizeof(*tests), said[i]);
	}
	for (size_t i = 0; i < count; i++)
		failed += row_end(&rows[i], pids[i], said[i]);
	return failed;
}
