#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/transport_world.h"
#include "transport/http.h"
#include "transport/tls.h"

static const uint8_t seed[32] = {1, 2, 3};

/* --- ends --- */

void end_pump(struct end *end)
{
	static _Thread_local uint8_t payload[PH_FRAME_MAX];
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

const struct ph_carrier_events world_events = {
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
	assert_string_equal(source,
		ph_scheme_is_ip(world->row->scheme) ? "127.0.0.1" : "unix");
	if (world->refuse)
		return NULL;
	*out = &world->server;
	return &world_events;
}

static void on_carrier(
	void *context, struct ph_carrier *carrier, void *carrier_context)
{
	struct end *end = carrier_context;

	end->carrier = carrier;
}

const struct ph_listener_events world_listener_events = {
	.on_accept = on_accept,
	.on_carrier = on_carrier,
};

/* --- the world --- */

static const struct row *row_now;

void world_row(const struct row *row)
{
	row_now = row;
}

bool row_has_file(const struct row *row)
{
	return row->scheme == PH_ADDRESS_UNIX || row->scheme == PH_ADDRESS_SHM;
}

bool row_has_web(const struct row *row)
{
	return row->scheme == PH_ADDRESS_WS || row->scheme == PH_ADDRESS_WSS;
}

int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	world->row = *state ? *state : row_now;
	assert_int_equal(0, ph_loop_create(&world->loop, &ph_clock_real));
	world->host.loop = world->loop;
	assert_int_equal(0, ph_pool_create(&world->host.pool));
	assert_int_equal(0, ph_worker_create(&world->host.worker, world->loop));
	assert_int_equal(0, ph_tls_create(&world->host.tls, seed));
	if (row_has_web(world->row))
		assert_int_equal(0,
			ph_http_create(&world->host.http,
				&(struct ph_http_site){.loop = world->loop}));
	world->client.admit = world->server.admit = PH_FRAME_MAX;
	world->client.frame_size = world->server.frame_size = 1000;
	ph_queue_init(&world->client.out, world->host.pool);
	ph_queue_init(&world->server.out, world->host.pool);
	snprintf(world->directory, sizeof(world->directory),
		"/tmp/transport-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	world->address.scheme = world->row->scheme;
	if (row_has_file(world->row))
		snprintf(world->address.host, sizeof(world->address.host),
			"%s/socket", world->directory);
	else if (world->row->scheme == PH_ADDRESS_INPROC)
		memcpy(world->address.host, "world", 6);
	else
		memcpy(world->address.host, "127.0.0.1", 10);
	*state = world;
	return 0;
}

int64_t now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

void listen_here(struct world *world)
{
	assert_int_equal(
		0, world->row->transport->listen(&world->host, &world->address,
			   world->row->plain, &world_listener_events, world,
			   &world->listener));
	ph_listener_address(world->listener, &world->address);
}

void dial_here(struct world *world)
{
	struct ph_dial dial = {
		.address = world->address,
		.plain = world->row->plain,
	};

	assert_int_equal(0,
		world->row->transport->dial(&world->host, &dial, &world_events,
			&world->client, &world->client.carrier));
	assert_false(world->client.opened || world->client.closed);
}

void connect_both(struct world *world)
{
	listen_here(world);
	dial_here(world);
	turn_until(world, world->client.opened && world->server.opened);
}

int world_teardown(void **state)
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
	ph_http_destroy(world->host.http);
	ph_tls_destroy(world->host.tls);
	/* Asserts that every buffer came back. */
	ph_pool_destroy(world->host.pool);
	ph_loop_destroy(world->loop);
	if (row_has_file(world->row))
		assert_int_equal(-1, access(world->address.host, F_OK));
	rmdir(world->directory);
	free(world);
	*state = NULL;
	return 0;
}
