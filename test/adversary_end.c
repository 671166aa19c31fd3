#include "test/adversary.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/keys.h"
#include "node/lines.h"
#include "transport/carrier.h"

struct mask *mask_open(struct prey *prey, const char *name)
{
	struct mask *mask = calloc(1, sizeof(*mask));
	uint8_t secret[64];

	assert_non_null(mask);
	snprintf(mask->name, sizeof(mask->name), "%s", name);
	randombytes_buf(mask->seed, sizeof(mask->seed));
	crypto_sign_seed_keypair(mask->key, secret, mask->seed);
	mask->host.loop = prey->node->loop;
	assert_int_equal(0, ph_pool_create(&mask->host.pool));
	assert_int_equal(0, ph_tls_create(&mask->host.tls, mask->seed));
	mask->next = prey->masks;
	prey->masks = mask;
	return mask;
}

static void end_on_open(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	end->opened = true;
	ph_carrier_info(carrier, &end->info);
	ph_carrier_admit(carrier, PH_FRAME_MAX);
	if (end->out.count)
		ph_carrier_send(carrier, &end->out);
}

static void end_on_frames(void *context, struct ph_carrier *carrier,
	const struct ph_segment *segment)
{
	struct end *end = context;
	const uint8_t *record = segment->buffer->data + segment->offset;
	const uint8_t *last = record + segment->length;

	while (record < last) {
		uint32_t length = ph_frame_length(record);
		struct taken *taken = &end->taken[end->count % END_TAKEN];

		assert_true(end->count - end->read < END_TAKEN);
		free(taken->data);
		taken->data = malloc(length + 1);
		memcpy(taken->data, record + PH_FRAME_HEADER, length);
		taken->length = length;
		taken->flags = record[3];
		end->count++;
		record += PH_FRAME_HEADER + length;
	}
}

static void end_on_room(void *context, struct ph_carrier *carrier)
{
	struct end *end = context;

	ph_carrier_send(carrier, &end->out);
}

static void end_on_closed(void *context, struct ph_carrier *carrier, int reason)
{
	struct end *end = context;

	end->closed = true;
	end->reason = reason;
	end->carrier = NULL;
}

static const struct ph_carrier_events end_events = {
	.on_open = end_on_open,
	.on_frames = end_on_frames,
	.on_room = end_on_room,
	.on_closed = end_on_closed,
};

/* A connected socket with a source address of its own. */
static int connect_from(const struct ph_endpoint *to, unsigned host)
{
	struct ph_endpoint from;
	int fd = ph_socket_open(to);
	char text[24];

	assert_true(fd >= 0);
	snprintf(text, sizeof(text), "127.0.0.%u", host);
	assert_int_equal(1, ph_endpoint_literal(&from, text, 0));
	assert_int_equal(0, bind(fd, &from.any, from.length));
	if (connect(fd, &to->any, to->length))
		assert_int_equal(errno, EINPROGRESS);
	return fd;
}

void end_dial(struct end *end, struct mask *mask, unsigned host)
{
	struct prey *prey = end->prey;
	struct ph_endpoint to;
	int fd;

	memset(end, 0, sizeof(*end));
	end->prey = prey;
	end->mask = mask;
	ph_queue_init(&end->out, mask->host.pool);
	assert_int_equal(1, ph_endpoint_literal(&to, prey->address.host,
				    prey->address.port));
	fd = connect_from(&to, host);
	assert_int_equal(0, ph_carrier_create(&mask->host, "tcp", &end_events,
				    end, &end->carrier));
	ph_carrier_connected(end->carrier, fd, &to, &ph_filter_tls, false);
}

static const struct ph_carrier_events *end_on_accept(
	void *context, const char *source, void **out)
{
	*out = context;
	return &end_events;
}

static void end_on_carrier(void *context, struct ph_carrier *carrier, void *own)
{
	((struct end *)own)->carrier = carrier;
}

struct ph_listener *end_listen(
	struct end *end, struct mask *mask, struct ph_address *at)
{
	static const struct ph_listener_events events = {
		end_on_accept, end_on_carrier};
	struct prey *prey = end->prey;
	struct ph_listener *listener;

	memset(end, 0, sizeof(*end));
	end->prey = prey;
	end->mask = mask;
	ph_queue_init(&end->out, mask->host.pool);
	assert_int_equal(0, ph_transport_tcp.listen(&mask->host, at, false,
				    &events, end, &listener));
	ph_listener_address(listener, at);
	return listener;
}

void end_open(struct end *end, struct mask *mask, unsigned host)
{
	end_dial(end, mask, host);
	prey_until(end->prey, end->opened || end->closed);
	assert_true(end->opened);
}

void end_send(struct end *end, uint8_t flags, const void *data, uint32_t length)
{
	if (!end->carrier)
		return;
	assert_int_equal(0, ph_queue_copy(&end->out, flags, data, length));
	ph_carrier_send(end->carrier, &end->out);
}

void end_close(struct end *end)
{
	if (end->carrier)
		ph_carrier_close(end->carrier);
	prey_until(end->prey, end->closed);
	prey_turn(end->prey);
	ph_queue_fini(&end->out);
	for (unsigned i = 0; i < END_TAKEN; i++)
		free(end->taken[i].data);
	memset(end->taken, 0, sizeof(end->taken));
}

const struct taken *end_take(struct end *end)
{
	prey_until(end->prey, end->read < end->count || end->closed);
	if (end->read == end->count)
		return NULL;
	return &end->taken[end->read++ % END_TAKEN];
}

void end_assert_refused(struct end *end)
{
	uint8_t close[PH_HANDSHAKE_MAX];
	size_t length = ph_handshake_close(close);
	const struct taken *taken = end_take(end);

	if (taken) {
		assert_int_equal(taken->flags, PH_FRAME_FIN);
		assert_int_equal(taken->length, length);
		assert_memory_equal(taken->data, close, length);
		assert_null(end_take(end));
	}
	assert_true(end->closed);
}

void end_begin(struct end *end, const uint8_t *secret, bool trusted)
{
	struct ph_handshake_config config = {
		.role = PH_DIALLER, .trusted = trusted};

	snprintf(config.name, sizeof(config.name), "%s", end->mask->name);
	memcpy(config.mesh, end->prey->node->mesh, sizeof(config.mesh));
	memcpy(config.key, end->mask->key, PH_PUBLIC_KEY);
	memcpy(config.peer_key, end->info.peer_key, PH_PUBLIC_KEY);
	memcpy(config.exporter, end->info.exporter, 32);
	snprintf(config.transport, sizeof(config.transport), "tcp");
	if (secret)
		memcpy(config.secret[0], secret, PH_MESH_SECRET);
	config.secrets = secret != NULL;
	randombytes_buf(config.nonce, sizeof(config.nonce));
	crypto_core_ristretto255_scalar_random(config.scalar);
	assert_int_equal(0, ph_handshake_init(&end->handshake, &config,
				    end->message, &end->length));
}

enum ph_handshake_verdict end_step(struct end *end)
{
	const struct taken *taken = end_take(end);

	if (!taken || taken->flags != PH_FRAME_FIN)
		return PH_HANDSHAKE_REFUSED;
	return ph_handshake_step(&end->handshake, taken->data, taken->length,
		end->message, &end->length);
}

enum ph_handshake_verdict end_shake(
	struct end *end, const uint8_t *secret, bool trusted)
{
	enum ph_handshake_verdict verdict = PH_HANDSHAKE_GOES_ON;

	end_begin(end, secret, trusted);
	while (verdict == PH_HANDSHAKE_GOES_ON) {
		end_send(
			end, PH_FRAME_FIN, end->message, (uint32_t)end->length);
		verdict = end_step(end);
	}
	return verdict;
}

void end_enrol(struct end *end, struct mask *mask, enum ph_role role)
{
	struct prey *prey = end->prey;
	unsigned before = prey->lines;

	prey->node->options.peer_role = role;
	end_open(end, mask, 1);
	assert_int_equal(end_shake(end, prey->secret, false), PH_HANDSHAKE_IN);
	prey_until(prey, prey->lines == before + 1);
	assert_false(end->closed);
}

void seal_init(struct seal *seal, const uint8_t exporter[32])
{
	static const uint8_t label[] = "posthouse/bind/v1";

	memset(seal, 0, sizeof(*seal));
	crypto_generichash(seal->key, sizeof(seal->key), label,
		sizeof(label) - 1, exporter, 32);
}

void seal_make(struct seal *seal, uint8_t *message, size_t length)
{
	crypto_generichash_state state;

	if (length < 32)
		return;
	crypto_generichash_init(&state, seal->key, sizeof(seal->key), 32);
	crypto_generichash_update(
		&state, seal->transcript, sizeof(seal->transcript));
	crypto_generichash_update(&state, message, length - 32);
	crypto_generichash_final(&state, message + length - 32, 32);
}

void seal_note(struct seal *seal, const uint8_t *message, size_t length)
{
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(
		&state, seal->transcript, sizeof(seal->transcript));
	crypto_hash_sha512_update(&state, message, length);
	crypto_hash_sha512_final(&state, seal->transcript);
}

uint32_t end_call(struct end *end, uint16_t method, const char *destination,
	const uint8_t *body, size_t length)
{
	static uint32_t last;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t size;

	assert_int_equal(0, ph_writer_create(&writer));
	assert_int_equal(0, ph_packet_write_call(writer, ++last, method,
				    destination, 5000, body, length));
	assert_int_equal(0, ph_writer_finish(writer, &data, &size));
	end_send(end, PH_FRAME_CALL | PH_FRAME_FIN, data, (uint32_t)size);
	ph_writer_free(writer);
	return last;
}

int end_answer(struct end *end, uint32_t id, struct ph_packet *packet)
{
	const struct taken *taken;

	while ((taken = end_take(end)) != NULL) {
		if (taken->flags != (PH_FRAME_CALL | PH_FRAME_FIN))
			continue;
		assert_int_equal(0, ph_packet_read(packet, taken->data,
					    taken->length, PH_SKIM_TABLE));
		if (packet->answer && packet->id == id)
			return 0;
	}
	return -1;
}

struct ph_writer *map_begin(void)
{
	struct ph_writer *writer;

	assert_int_equal(0, ph_writer_create(&writer));
	ph_write_map(writer);
	return writer;
}

uint32_t end_call_map(struct end *end, uint16_t method, struct ph_writer *map)
{
	const uint8_t *data;
	size_t length;
	uint32_t id;

	ph_write_end(map);
	assert_int_equal(0, ph_writer_finish(map, &data, &length));
	id = end_call(end, method, "", data, length);
	ph_writer_free(map);
	return id;
}
