#ifndef PH_TEST_TLS_WORLD_H
#define PH_TEST_TLS_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/loop.h"
#include "transport/socket.h"
#include "transport/tls.h"
#include "transport/transport.h"

/* Two hosts with TLS, and an honest carrier between them. */

struct end {
	struct ph_carrier *carrier;
	bool opened;
	bool closed;
	int reason;
	uint64_t bytes;
	struct ph_carrier_info info;
	struct ph_queue out;
};

struct world {
	struct ph_loop *loop;
	struct ph_transport_host alpha; /* dials */
	struct ph_transport_host beta;	/* listens */
	struct ph_listener *listener;
	struct ph_address address;
	struct end client;
	struct end server;
	unsigned accepted;
	unsigned opened;
	unsigned closed;
};

static const uint8_t alpha_seed[32] = {1};
static const uint8_t beta_seed[32] = {2};

static inline int64_t now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

#define turn_until(world, condition)                                           \
	do {                                                                   \
		int64_t limit = now() + 60 * PH_SECOND;                        \
		while (!(condition)) {                                         \
			if (now() > limit)                                     \
				fail_msg("never: %s", #condition);             \
			ph_loop_turn((world)->loop, PH_SECOND / 100);          \
		}                                                              \
	} while (0)

static inline void on_open(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	end->opened = true;
	ph_carrier_info(carrier, &end->info);
	ph_carrier_admit(carrier, PH_FRAME_MAX);
	if (end->out.count)
		ph_carrier_send(carrier, &end->out);
}

static inline void on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct end *end = context;

	end->bytes += segment->length - PH_FRAME_HEADER * segment->frames;
}

static inline void on_room(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	ph_carrier_send(carrier, &end->out);
}

static inline void on_closed(
	void *context, struct ph_carrier *carrier, int reason)
{
	struct end *end = context;

	end->closed = true;
	end->reason = reason;
}

static const struct ph_carrier_events events = {
	.on_open = on_open,
	.on_frames = on_frames,
	.on_room = on_room,
	.on_closed = on_closed,
};

static inline const struct ph_carrier_events *on_accept(
	void *context, const char *source, void **out)
{
	struct world *world = context;

	world->accepted++;
	*out = &world->server;
	return &events;
}

static inline void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	struct end *end = carrier_context;

	end->carrier = carrier;
}

static const struct ph_listener_events listener_events = {
	.on_accept = on_accept,
	.on_carrier = on_carrier,
};

static inline void host_init(struct world *world,
	struct ph_transport_host *host, const uint8_t *seed)
{
	host->loop = world->loop;
	assert_int_equal(0, ph_pool_create(&host->pool));
	assert_int_equal(0, ph_tls_create(&host->tls, seed));
}

static inline void listen_with(
	struct world *world, const struct ph_listener_events *who)
{
	struct ph_address any = {PH_ADDRESS_TCP, "127.0.0.1", 0};

	assert_int_equal(0, ph_transport_tcp.listen(&world->beta, &any, false,
				    who, world, &world->listener));
	ph_listener_address(world->listener, &world->address);
}

static inline int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	signal(SIGPIPE, SIG_IGN); /* for the tests' own bare sockets */
	assert_int_equal(0, ph_loop_create(&world->loop, &ph_clock_real));
	host_init(world, &world->alpha, alpha_seed);
	host_init(world, &world->beta, beta_seed);
	ph_queue_init(&world->client.out, world->alpha.pool);
	ph_queue_init(&world->server.out, world->beta.pool);
	*state = world;
	return 0;
}

static inline void end_fini(struct end *end)
{
	if (end->carrier && !end->closed)
		ph_carrier_close(end->carrier);
}

static inline int teardown(void **state)
{
	struct world *world = *state;

	end_fini(&world->client);
	end_fini(&world->server);
	ph_listener_close(world->listener);
	turn_until(world,
		(!world->client.carrier || world->client.closed) &&
			(!world->server.carrier || world->server.closed));
	ph_loop_turn(world->loop, 0);
	ph_queue_fini(&world->client.out);
	ph_queue_fini(&world->server.out);
	ph_tls_destroy(world->alpha.tls);
	ph_tls_destroy(world->beta.tls);
	ph_pool_destroy(world->alpha.pool);
	ph_pool_destroy(world->beta.pool);
	ph_loop_destroy(world->loop);
	free(world);
	return 0;
}

static inline void dial_at(
	struct world *world, const struct ph_address *address)
{
	struct ph_dial dial = {.address = *address};

	memset(&world->client.info, 0, sizeof(world->client.info));
	world->client.opened = world->client.closed = false;
	assert_int_equal(0, ph_transport_tcp.dial(&world->alpha, &dial, &events,
				    &world->client, &world->client.carrier));
}

static inline int connect_raw(uint16_t port)
{
	struct ph_endpoint endpoint;
	int fd;

	ph_endpoint_literal(&endpoint, "127.0.0.1", port);
	fd = ph_socket_open(&endpoint);
	(void)connect(fd, &endpoint.any, endpoint.length);
	return fd;
}

#endif
