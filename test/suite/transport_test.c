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
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/loop.h"
#include "transport/socket.h"
#include "transport/tls.h"
#include "transport/transport.h"

/*
 * What every transport must do. A transport joins by a row in `rows`; every
 * test below then runs on it. Two ends live in one loop, so a test is a list
 * of steps and of conditions to turn the loop for.
 */
struct row {
	const char *name;
	const struct ph_transport *transport;
	enum ph_address_scheme scheme;
	bool plain;
};

static const struct row rows[] = {
	{"tcp", &ph_transport_tcp, PH_ADDRESS_TCP, true},
	{"tcp-tls", &ph_transport_tcp, PH_ADDRESS_TCP, false},
	{"unix", &ph_transport_unix, PH_ADDRESS_UNIX, true},
	{"unix-tls", &ph_transport_unix, PH_ADDRESS_UNIX, false},
};

struct end {
	struct ph_carrier *carrier;
	struct ph_queue out;
	bool opened;
	bool closed;
	int reason;
	uint32_t admit;	    /* at on_open; 0: stay a stranger */
	bool pause_at_once; /* in on_frames */
	bool close_at_once;
	unsigned closes;
	unsigned frames_after_close;
	unsigned rooms;
	uint64_t bytes; /* payload received */
	uint64_t frames;
	uint64_t messages;
	uint64_t counted; /* as the segments said */
	uint32_t sequence;
	bool sequenced;	  /* each frame begins with its number */
	uint64_t to_send; /* bytes still to put into `out` */
	uint32_t frame_size;
};

struct world {
	const struct row *row;
	struct ph_loop *loop;
	struct ph_transport_host host;
	struct ph_listener *listener;
	struct ph_address address;
	struct end client;
	struct end server;
	unsigned accepted;
	bool refuse;
	char directory[64];
};

static const uint8_t seed[32] = {1, 2, 3};

/* --- ends --- */

static void end_pump(struct end *end)
{
	static uint8_t payload[PH_FRAME_MAX];
	int error = 0;

	while (error == 0 && (end->to_send || end->out.count)) {
		uint32_t size = end->frame_size;

		while (end->to_send && end->out.bytes < 512 * 1024) {
			if (size > end->to_send)
				size = (uint32_t)end->to_send;
			if (size >= 4)
				memcpy(payload, &end->sequence, 4);
			end->sequence++;
			end->to_send -= size;
			assert_int_equal(
				0, ph_queue_copy(&end->out,
					   end->to_send ? 0 : PH_FRAME_FIN,
					   payload, size));
		}
		error = ph_carrier_send(end->carrier, &end->out);
	}
}

static void on_open(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	assert_false(end->opened);
	assert_false(end->closed);
	assert_ptr_equal(carrier, end->carrier);
	end->opened = true;
	if (end->admit)
		ph_carrier_admit(carrier, end->admit);
	end_pump(end);
}

static void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct end *end = context;
	const uint8_t *at = segment->buffer->data + segment->offset;
	const uint8_t *last = at + segment->length;
	unsigned frames = 0;

	assert_true(end->opened);
	assert_false(end->closed);
	if (end->frames_after_close)
		fail_msg("frames after close");
	for (; at < last; frames++) {
		uint32_t length = ph_frame_length(at), number;

		if (end->sequenced && length >= 4) {
			memcpy(&number, at + PH_FRAME_HEADER, 4);
			assert_int_equal(number, end->frames);
		}
		end->messages += at[3] & PH_FRAME_FIN;
		end->bytes += length;
		end->frames++;
		at += PH_FRAME_HEADER + length;
	}
	assert_ptr_equal(at, last);
	assert_int_equal(frames, segment->frames);
	end->counted += segment->messages;
	if (end->pause_at_once)
		ph_carrier_pause(carrier, true);
	if (end->close_at_once) {
		ph_carrier_close(carrier);
		end->frames_after_close = 1;
	}
}

static void on_room(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	assert_true(end->opened);
	end->rooms++;
	end_pump(end);
}

static void on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct end *end = context;

	assert_ptr_equal(carrier, end->carrier);
	end->closes++;
	assert_int_equal(end->closes, 1);
	end->closed = true;
	end->reason = reason;
	ph_carrier_close(carrier); /* idempotent, even here */
}

static const struct ph_carrier_events events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

static const struct ph_carrier_events *on_accept(
	void *context, const char *source, void **out)
{
	struct world *world = context;

	world->accepted++;
	if (world->row->scheme == PH_ADDRESS_UNIX)
		assert_string_equal(source, "unix");
	else
		assert_string_equal(source, "127.0.0.1");
	if (world->refuse)
		return NULL;
	*out = &world->server;
	return &events;
}

static void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	struct end *end = carrier_context;

	end->carrier = carrier;
}

static const struct ph_listener_events listener_events = {
	.on_accept = on_accept,
	.on_carrier = on_carrier,
};

/* --- the world --- */

static const struct row *row_now;

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->row = *state ? *state : row_now;
	assert_int_equal(0, ph_loop_create(&world->loop, &ph_clock_real));
	world->host.loop = world->loop;
	assert_int_equal(0, ph_pool_create(&world->host.pool));
	assert_int_equal(0, ph_worker_create(&world->host.worker, world->loop));
	assert_int_equal(0, ph_tls_create(&world->host.tls, seed));
	world->client.admit = world->server.admit = PH_FRAME_MAX;
	world->client.frame_size = world->server.frame_size = 1000;
	ph_queue_init(&world->client.out, world->host.pool);
	ph_queue_init(&world->server.out, world->host.pool);
	snprintf(world->directory, sizeof(world->directory),
		"/tmp/transport-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	world->address.scheme = world->row->scheme;
	if (world->row->scheme == PH_ADDRESS_UNIX)
		snprintf(world->address.host, sizeof(world->address.host),
			"%s/socket", world->directory);
	else
		memcpy(world->address.host, "127.0.0.1", 10);
	*state = world;
	return 0;
}

/* Turns until the condition holds; the deadline is for a defect only. */
#define turn_until(world, condition)                                           \
	do {                                                                   \
		int64_t limit = now() + 20 * PH_SECOND;                        \
		while (!(condition)) {                                         \
			if (now() > limit)                                     \
				fail_msg("%s: never: %s", (world)->row->name,  \
					#condition);                           \
			ph_loop_turn((world)->loop, PH_SECOND / 10);           \
		}                                                              \
	} while (0)

static int64_t now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

static void listen_here(struct world *world)
{
	assert_int_equal(0, world->row->transport->listen(&world->host,
				    &world->address, world->row->plain,
				    &listener_events, world, &world->listener));
	ph_listener_address(world->listener, &world->address);
}

static void dial_here(struct world *world)
{
	struct ph_dial dial = {
		.address = world->address,
		.plain = world->row->plain,
	};

	assert_int_equal(
		0, world->row->transport->dial(&world->host, &dial, &events,
			   &world->client, &world->client.carrier));
	assert_false(world->client.opened || world->client.closed);
}

static void connect_both(struct world *world)
{
	listen_here(world);
	dial_here(world);
	turn_until(world, world->client.opened && world->server.opened);
}

static int teardown(void **state)
{
	struct world *world = *state;

	if (world->client.carrier && !world->client.closed)
		ph_carrier_close(world->client.carrier);
	if (world->server.carrier && !world->server.closed)
		ph_carrier_close(world->server.carrier);
	turn_until(world,
		(!world->client.carrier || world->client.closed) &&
			(!world->server.carrier || world->server.closed));
	ph_listener_close(world->listener);
	ph_queue_fini(&world->client.out);
	ph_queue_fini(&world->server.out);
	turn_until(world, !ph_worker_pending(world->host.worker));
	ph_loop_turn(world->loop, 0);
	ph_worker_destroy(world->host.worker);
	ph_tls_destroy(world->host.tls);
	/* Asserts that every buffer came back. */
	ph_pool_destroy(world->host.pool);
	ph_loop_destroy(world->loop);
	if (world->row->scheme == PH_ADDRESS_UNIX)
		assert_int_equal(-1, access(world->address.host, F_OK));
	rmdir(world->directory);
	free(world);
	*state = NULL;
	return 0;
}

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
	assert_int_equal(info.has_uid, world->row->scheme == PH_ADDRESS_UNIX);
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

static void refused_dial(void **state)
{
	struct world *world = *state;

	listen_here(world); /* for a port that is surely free afterwards */
	ph_listener_close(world->listener);
	world->listener = NULL;
	dial_here(world);
	turn_until(world, world->client.closed);
	assert_false(world->client.opened);
	assert_int_equal(world->client.reason,
		world->row->scheme == PH_ADDRESS_UNIX ? -ENOENT
						      : -ECONNREFUSED);
}

static void refused_by_owner(void **state)
{
	struct world *world = *state;

	world->refuse = true;
	listen_here(world);
	dial_here(world);
	turn_until(world, world->client.closed);
	assert_int_equal(world->accepted, 1);
	assert_int_equal(
		world->client.opened, world->row->plain); /* TLS: never */
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

	if (world->row->scheme == PH_ADDRESS_UNIX)
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

	if (world->row->scheme == PH_ADDRESS_UNIX)
		return;
	memcpy(dial.address.host, "name.invalid", 13);
	assert_int_equal(
		0, world->row->transport->dial(&world->host, &dial, &events,
			   &world->client, &world->client.carrier));
	turn_until(world, world->client.closed);
	assert_false(world->client.opened);
	assert_true(world->client.reason == -ENXIO ||
		    world->client.reason == -ETIMEDOUT);
}

/* A listener that accepts in the operating system and never in the program. */
static void dial_deadline(void **state)
{
	struct world *world = *state;
	struct ph_dial dial = {.address = world->address};
	struct ph_endpoint endpoint, bound = {.length = sizeof(bound.storage)};
	int fd;

	if (world->row->plain)
		return; /* connected is open there */
	if (world->row->scheme == PH_ADDRESS_UNIX)
		ph_endpoint_local(&endpoint, world->address.host);
	else
		ph_endpoint_literal(&endpoint, world->address.host, 0);
	fd = ph_socket_open(&endpoint);
	assert_int_equal(0, bind(fd, &endpoint.any, endpoint.length));
	assert_int_equal(0, listen(fd, 1));
	getsockname(fd, &bound.any, &bound.length);
	dial.address.port = ph_endpoint_port(&bound);
	dial.deadline = now() + PH_SECOND / 5;
	assert_int_equal(
		0, world->row->transport->dial(&world->host, &dial, &events,
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

	if (world->row->scheme == PH_ADDRESS_UNIX)
		ph_endpoint_local(&endpoint, world->address.host);
	else
		ph_endpoint_literal(
			&endpoint, world->address.host, world->address.port);
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

	listen_here(world);
	fd = raw_connect(world);
	assert_int_equal(sizeof(part), send(fd, part, sizeof(part), 0));
	close(fd);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason,
		world->row->plain ? -ECONNRESET : -EPROTO);
	assert_int_equal(world->server.frames, 0);
}

/* A frame that comes byte by byte is a frame. */
static void trickled_frame(void **state)
{
	struct world *world = *state;
	static const uint8_t frame[] = {3, 0, 0, PH_FRAME_FIN, 'a', 'b', 'c'};
	int fd;

	if (!world->row->plain)
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

	if (!world->row->plain)
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
	assert_int_equal(-EADDRINUSE,
		world->row->transport->listen(&world->host, &world->address,
			world->row->plain, &listener_events, world, &second));
	assert_null(second);
	if (world->row->scheme == PH_ADDRESS_UNIX) {
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

	if (world->row->scheme != PH_ADDRESS_UNIX)
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

	if (world->row->scheme != PH_ADDRESS_UNIX)
		return;
	fd = open(world->address.host, O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(-EADDRINUSE,
		world->row->transport->listen(&world->host, &world->address,
			world->row->plain, &listener_events, world, &listener));
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
	assert_int_equal(0, setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER,
				    &program, sizeof(program)));
	world->server.to_send = 1000;
	end_pump(&world->server);
	begun = now();
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -ETIMEDOUT);
	assert_true(now() - begun < 16 * PH_SECOND);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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
	int failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		row_now = &rows[i];
		failed += cmocka_run_group_tests_name(
			rows[i].name, tests, NULL, NULL);
	}
	return failed;
}
