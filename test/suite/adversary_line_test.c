#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/gate.h"
#include "node/lines.h"
#include "node/wires.h"
#include "proto/attach.h"
#include "test/adversary.h"
#include "transport/carrier.h"

/*
 * A trusted peer that turned: what it may call, what it may claim, and what its
 * nonsense costs. Only its own line or carrier ever goes.
 */
static int setup(void **state)
{
	struct prey *prey = calloc(1, sizeof(*prey));

	prey_open(prey, "prey");
	*state = prey;
	return 0;
}

static int teardown(void **state)
{
	prey_close(*state);
	free(*state);
	return 0;
}

static struct ph_writer *map_begin(void)
{
	struct ph_writer *writer;

	assert_int_equal(0, ph_writer_create(&writer));
	ph_write_map(writer);
	return writer;
}

/* Ends the map and calls with it. */
static uint32_t map_call(
	struct end *end, uint16_t method, struct ph_writer *writer)
{
	const uint8_t *data;
	size_t length;
	uint32_t id;

	ph_write_end(writer);
	assert_int_equal(0, ph_writer_finish(writer, &data, &length));
	id = end_call(end, method, "", data, length);
	ph_writer_free(writer);
	return id;
}

/* --- what a peer may call --- */

static void every_call_of_every_role(void **state)
{
	struct prey *prey = *state;
	static struct end ends[4];
	static const char *const names[] = {"view", "operate", "wire", "exec"};

	for (unsigned role = PH_ROLE_VIEW; role <= PH_ROLE_EXEC; role++) {
		ends[role].prey = prey;
		end_enrol(&ends[role], mask_open(prey, names[role]), role);
	}
	for (uint16_t method = 0; method < PH_METHODS; method++) {
		const struct ph_call_type *type = ph_call_type(method);

		for (unsigned role = 0; role < 4; role++) {
			bool may = role >= type->role &&
				   type->reach == PH_REACH_MESH;
			struct ph_packet packet;
			uint32_t id =
				end_call(&ends[role], method, "", NULL, 0);

			assert_int_equal(
				0, end_answer(&ends[role], id, &packet));
			if ((packet.status == PH_CALL_DENIED) == may)
				fail_msg("%s by %s: status %d", type->name,
					names[role], packet.status);
		}
	}
	prey_assert_healthy(prey, 4);
	for (unsigned role = 0; role < 4; role++)
		end_close(&ends[role]);
}

/* It would travel on under this node's name. */
static void calls_are_not_passed_on(void **state)
{
	struct prey *prey = *state;
	static struct end ends[2];
	const char *const to[] = {"second", "prey", "nobody"};

	for (unsigned i = 0; i < 2; i++) {
		ends[i].prey = prey;
		end_enrol(&ends[i], mask_open(prey, i ? "second" : "first"),
			PH_ROLE_EXEC);
	}
	for (unsigned i = 0; i < 3; i++) {
		struct ph_packet packet;
		uint32_t id =
			end_call(&ends[0], PH_NODE_STATUS, to[i], NULL, 0);

		assert_int_equal(0, end_answer(&ends[0], id, &packet));
		assert_int_equal(packet.status, PH_CALL_DENIED);
	}
	end_close(&ends[0]);
	end_close(&ends[1]);
}

/* --- nonsense on a line --- */

static const uint8_t wide_list[] = {0xdd, 0x04, 0, 0, 0};
static const uint8_t wide_map[] = {0xdf, 0x02, 0, 0, 0};
static const uint8_t long_text[] = {0xdb, 0xff, 0xff, 0xff, 0xff};
static const uint8_t long_bytes[] = {0xc6, 0xff, 0xff, 0xff, 0xff};
static const uint8_t extension[] = {0xc7, 1, 1, 0};

struct bomb {
	const uint8_t *data;
	size_t length;
	bool inside; /* as the arguments of a call */
};

static void throw_bomb(struct end *end, const struct bomb *bomb)
{
	/* [0, 1, "node.health", "", 1, */
	static const uint8_t head[] = {0x96, 0, 1, 0xab, 'n', 'o', 'd', 'e',
		'.', 'h', 'e', 'a', 'l', 't', 'h', 0xa0, 1};
	uint8_t *packet = malloc(sizeof(head) + bomb->length);
	size_t length = bomb->inside ? sizeof(head) : 0;

	memcpy(packet, head, length);
	memcpy(packet + length, bomb->data, bomb->length);
	end_send(end, PH_FRAME_CALL | PH_FRAME_FIN, packet,
		(uint32_t)(length + bomb->length));
	free(packet);
}

/* Lists in lists, each claiming as much as it may. */
static void nest(uint8_t *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++) {
		out[3 * i] = 0xdc;
		out[3 * i + 1] = 0xff;
		out[3 * i + 2] = 0xff;
	}
}

static void bombs_close_their_line_only(void **state)
{
	struct prey *prey = *state;
	static uint8_t nested[93], deep[4000], nil[1 << 17];
	const struct bomb bombs[] = {
		{wide_list, sizeof(wide_list), false},
		{wide_map, sizeof(wide_map), false},
		{long_text, sizeof(long_text), false},
		{long_bytes, sizeof(long_bytes), false},
		{extension, sizeof(extension), false},
		{nested, sizeof(nested), false},
		{deep, sizeof(deep), false},
		{nil, sizeof(nil), false},
		{(const uint8_t *)"", 0, false},
		{wide_list, sizeof(wide_list), true},
		{wide_map, sizeof(wide_map), true},
		{long_text, sizeof(long_text), true},
		{long_bytes, sizeof(long_bytes), true},
		{extension, sizeof(extension), true},
		{nested, sizeof(nested), true},
	};
	struct end good = {.prey = prey};
	struct end bad = {.prey = prey};
	struct mask *turned = mask_open(prey, "turned");
	size_t before;
	size_t most = 0;

	nest(nested, sizeof(nested) / 3);
	memset(deep, 0x91, sizeof(deep));
	memset(nil, 0xc0, sizeof(nil));
	end_enrol(&good, mask_open(prey, "good"), PH_ROLE_EXEC);
	end_enrol(&bad, turned, PH_ROLE_EXEC);
	end_close(&bad);
	prey_until(prey, ph_lines_up(prey->node->lines) == 1);
	for (unsigned i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		unsigned lines = prey->lines;

		end_open(&bad, turned, 1);
		assert_int_equal(end_shake(&bad, NULL, true), PH_HANDSHAKE_IN);
		prey_until(prey, prey->lines == lines + 1);
		before = adversary_heap();
		throw_bomb(&bad, &bombs[i]);
		while (!bad.closed) {
			prey_turn(prey);
			if (adversary_heap() > before + most)
				most = adversary_heap() - before;
		}
		end_close(&bad);
		prey_until(prey, ph_lines_up(prey->node->lines) == 1);
		assert_false(good.closed);
	}
	print_message(
		"bombs on a line: %zu KiB of heap at most\n", most / 1024);
	assert_true(most < 1024 * 1024);
	prey_assert_healthy(prey, 1);
	end_close(&good);
}

/* Sound but over the limits: an error, and the line stands. Who may run
 * programs here may send long tables. */
static void long_calls_are_answered(void **state)
{
	struct prey *prey = *state;
	static struct end ends[2];

	for (unsigned i = 0; i < 2; i++) {
		ends[i].prey = prey;
		end_enrol(&ends[i], mask_open(prey, i ? "exec" : "wire"),
			i ? PH_ROLE_EXEC : PH_ROLE_WIRE);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct ph_writer *writer = map_begin();
		struct ph_packet packet;
		uint32_t id;

		ph_put_list(writer, "much");
		for (unsigned k = 0; k < 20000; k++)
			ph_write_u64(writer, k % 10);
		ph_write_end(writer);
		id = map_call(&ends[i], PH_NODE_HEALTH, writer);
		assert_int_equal(0, end_answer(&ends[i], id, &packet));
		assert_int_equal(
			packet.status, i ? PH_CALL_OK : PH_CALL_FAILED);
	}
	prey_assert_healthy(prey, 2);
	end_close(&ends[0]);
	end_close(&ends[1]);
}

/* Answers nobody asked for, frames of every kind, packets of any bytes. */
static void noise_on_a_line(void **state)
{
	struct prey *prey = *state;
	struct dice dice = {.state = 8};
	struct mask *turned = mask_open(prey, "turned");
	struct end good = {.prey = prey};
	struct end bad = {.prey = prey};
	unsigned runs = adversary_dose(300, 10000);

	end_enrol(&good, mask_open(prey, "good"), PH_ROLE_VIEW);
	end_enrol(&bad, turned, PH_ROLE_VIEW);
	end_close(&bad);
	for (unsigned i = 0; i < runs; i++) {
		uint8_t bytes[600];
		uint8_t flags = PH_FRAME_CALL | PH_FRAME_FIN;
		unsigned frames = 1 + dice_below(&dice, 4);

		end_open(&bad, turned, 1);
		assert_int_equal(end_shake(&bad, NULL, true), PH_HANDSHAKE_IN);
		while (frames--) {
			uint32_t length = dice_below(&dice, sizeof(bytes));

			dice_fill(&dice, bytes, length);
			if (length && dice_below(&dice, 2))
				bytes[0] = 0x94 + 2 * dice_below(&dice, 2);
			if (length > 1)
				bytes[1] = (uint8_t)dice_below(&dice, 3);
			if (!dice_below(&dice, 3))
				flags = (uint8_t)dice_below(&dice, 256);
			end_send(&bad, flags, bytes, length);
		}
		prey_turn(prey);
		end_close(&bad);
	}
	assert_false(good.closed);
	prey_until(prey, ph_lines_up(prey->node->lines) == 1);
	prey_assert_healthy(prey, 1);
	end_close(&good);
}

/* Packets that never end are cut off at the limit. */
static void endless_packets(void **state)
{
	struct prey *prey = *state;
	struct end bad = {.prey = prey};
	uint8_t *block = calloc(1, PH_FRAME_MAX);
	size_t before;

	end_enrol(&bad, mask_open(prey, "turned"), PH_ROLE_EXEC);
	before = adversary_heap();
	for (unsigned i = 0; i < 40 && !bad.closed; i++) {
		end_send(&bad, PH_FRAME_CALL, block, PH_FRAME_MAX);
		prey_until(prey, !bad.out.count || bad.closed);
		assert_true(adversary_heap() - before < (size_t)16 << 20);
	}
	prey_until(prey, bad.closed);
	end_close(&bad);
	prey_assert_healthy(prey, 0);
	free(block);
}

/* Calls without an end, and answers that are never read: past the backlog the
 * line is hung up. */
static void a_peer_that_never_reads(void **state)
{
	struct prey *prey = *state;
	struct end good = {.prey = prey};
	struct end bad = {.prey = prey};
	unsigned calls = 0;
	size_t before;
	size_t most = 0;

	end_enrol(&good, mask_open(prey, "good"), PH_ROLE_EXEC);
	end_enrol(&bad, mask_open(prey, "turned"), PH_ROLE_EXEC);
	ph_carrier_pause(bad.carrier, true);
	before = adversary_heap();
	while (ph_lines_up(prey->node->lines) == 2) {
		assert_true(++calls < 5000000);
		end_call(&bad, PH_MESH_PEERS, "", NULL, 0);
		if (calls % 100)
			continue;
		ph_loop_turn(prey->node->loop, 0);
		if (adversary_heap() > before + most)
			most = adversary_heap() - before;
	}
	print_message("hung up after %u calls; at most %zu KiB of heap\n",
		calls, most / 1024);
	assert_true(most < (size_t)32 << 20);
	assert_false(good.closed);
	prey_assert_healthy(prey, 1);
	ph_queue_clear(&bad.out);
	ph_carrier_fail(bad.carrier, 0);
	prey_until(prey, bad.closed);
	end_close(&bad);
	end_close(&good);
}

/* --- ATTACH --- */

struct heard {
	bool come;
	int status;
};

static void on_heard(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct heard *heard = context;

	heard->come = true;
	heard->status = status;
}

static void start_null(struct prey *prey)
{
	struct ph_writer *writer = map_begin();
	struct heard heard = {0};

	ph_put_map(writer, "spec");
	ph_put_text(writer, "name", "sink");
	ph_put_text(writer, "scope", "test");
	ph_put_text(writer, "use", "null");
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(0, ph_call_send(prey->node->door, &ph_node_self, "",
				    PH_EXECUTOR_START, writer, adversary_now(),
				    5 * PH_SECOND, on_heard, &heard));
	prey_until(prey, heard.come);
	assert_int_equal(heard.status, 0);
	ph_writer_free(writer);
}

/* Books sink:in for a connection; the status, and the token. */
static int reserve(
	struct end *end, const char *connection, uint8_t token[PH_ATTACH_TOKEN])
{
	struct ph_writer *writer = map_begin();
	struct ph_document *document;
	struct ph_packet packet;
	const uint8_t *bytes;
	size_t length;
	uint32_t id;

	ph_put_text(writer, "connection", connection);
	ph_put_text(writer, "server", "sink");
	ph_put_text(writer, "terminal", "in");
	id = map_call(end, PH_HOSTESS_RESERVE, writer);
	assert_int_equal(0, end_answer(end, id, &packet));
	if (packet.status)
		return packet.status;
	assert_int_equal(0, ph_document_read(&document, packet.body,
				    packet.length, PH_SKIM_PEER));
	bytes = ph_value_bytes(
		ph_value_get(ph_document_root(document), "token"), &length);
	assert_int_equal(length, PH_ATTACH_TOKEN);
	memcpy(token, bytes, PH_ATTACH_TOKEN);
	ph_document_free(document);
	return 0;
}

/* Dials a carrier and attaches; the answer's frame. */
static const struct taken *attach(struct end *end, struct mask *mask,
	const char *connection, const uint8_t token[PH_ATTACH_TOKEN],
	uint32_t generation)
{
	struct ph_attach attach = {.generation = generation};
	uint8_t bytes[PH_ATTACH_MAX];

	strncpy(attach.connection, connection, sizeof(attach.connection) - 1);
	memcpy(attach.token, token, PH_ATTACH_TOKEN);
	end_open(end, mask, 1);
	end_send(end, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes,
		(uint32_t)ph_attach_write(&attach, bytes));
	return end_take(end);
}

static void assert_attached(
	const struct taken *taken, uint32_t generation, uint8_t status)
{
	struct ph_attached attached;

	assert_non_null(taken);
	assert_int_equal(taken->flags, PH_FRAME_ATTACH | PH_FRAME_FIN);
	assert_int_equal(
		0, ph_attached_read(&attached, taken->data, taken->length));
	assert_int_equal(attached.status, status);
	assert_int_equal(attached.generation, generation);
	assert_true(attached.next == 0);
}

struct seat {
	struct mask *mask;
	struct end line;
	struct end carrier;
	uint8_t token[PH_ATTACH_TOKEN];
};

/* An honest peer "owner" whose connection owner#1.1 is seated. */
static void seat_open(struct seat *seat, struct prey *prey)
{
	memset(seat, 0, sizeof(*seat));
	seat->line.prey = seat->carrier.prey = prey;
	seat->mask = mask_open(prey, "owner");
	start_null(prey);
	end_enrol(&seat->line, seat->mask, PH_ROLE_EXEC);
	assert_int_equal(0, reserve(&seat->line, "owner#1.1", seat->token));
	assert_attached(
		attach(&seat->carrier, seat->mask, "owner#1.1", seat->token, 1),
		1, 0);
	end_send(&seat->carrier, PH_FRAME_BEGIN | PH_FRAME_FIN, NULL, 0);
}

/* Its frames arrive, and are acknowledged. */
static void seat_assert_flows(struct seat *seat)
{
	end_send(&seat->carrier, PH_FRAME_FIN, "word", 4);
	assert_false(seat->carrier.closed);
	seat->carrier.read = seat->carrier.count;
	assert_int_equal(
		end_take(&seat->carrier)->flags, PH_FRAME_ACK | PH_FRAME_FIN);
}

static void wrong_claims_are_refused_alike(void **state)
{
	struct prey *prey = *state;
	static struct seat seat;
	struct mask *turned = mask_open(prey, "turned");
	static const uint8_t zero[PH_ATTACH_TOKEN];
	struct end line = {.prey = prey};
	const struct {
		struct mask *mask;
		const char *connection;
		const uint8_t *token;
		uint32_t generation;
	} claims[] = {
		{turned, "owner#1.1", zero, 9},
		{turned, "owner#1.1", zero, 1},
		{turned, "owner#1.1", seat.token, 9},
		{turned, "owner#1.2", zero, 1},
		{turned, "turned#1.1", zero, 1},
	};

	seat_open(&seat, prey);
	end_enrol(&line, turned, PH_ROLE_EXEC);
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct end end = {.prey = prey};

		assert_attached(
			attach(&end, claims[i].mask, claims[i].connection,
				claims[i].token, claims[i].generation),
			claims[i].generation, 1);
		assert_null(end_take(&end));
		end_close(&end);
		seat_assert_flows(&seat);
	}
	assert_int_equal(ph_wires_count(prey->node->wires), 1);
	end_close(&line);
	end_close(&seat.line);
	end_close(&seat.carrier);
}

/* The owner's own: an old generation no, a newer one yes, and then the older
 * carrier goes. */
static void only_newer_carriers_replace(void **state)
{
	struct prey *prey = *state;
	static struct seat seat;
	struct end end = {.prey = prey};

	seat_open(&seat, prey);
	assert_attached(
		attach(&end, seat.mask, "owner#1.1", seat.token, 1), 1, 1);
	end_close(&end);
	seat_assert_flows(&seat);
	assert_non_null(attach(&end, seat.mask, "owner#1.1", seat.token, 2));
	prey_until(prey, seat.carrier.closed);
	end_close(&end);
	end_close(&seat.line);
	end_close(&seat.carrier);
	prey_until(prey, ph_wires_count(prey->node->wires) == 0);
}

static void strangers_may_not_attach(void **state)
{
	struct prey *prey = *state;
	static struct seat seat;
	struct end end = {.prey = prey};
	struct mask *thief = mask_open(prey, "thief");
	uint8_t close[PH_HANDSHAKE_MAX];
	const struct taken *taken;

	seat_open(&seat, prey);
	taken = attach(&end, thief, "owner#1.1", seat.token, 2);
	assert_non_null(taken);
	assert_int_equal(taken->length, ph_handshake_close(close));
	assert_memory_equal(taken->data, close, taken->length);
	end_close(&end);
	seat_assert_flows(&seat);
	end_close(&seat.line);
	end_close(&seat.carrier);
}

/* Bookings of others cannot be asked for, nor given back. */
static void bookings_belong_to_their_node(void **state)
{
	struct prey *prey = *state;
	static struct seat seat;
	struct end line = {.prey = prey};
	uint8_t token[PH_ATTACH_TOKEN];
	struct ph_writer *writer;
	struct ph_packet packet;

	seat_open(&seat, prey);
	end_enrol(&line, mask_open(prey, "turned"), PH_ROLE_EXEC);
	assert_int_equal(PH_CALL_FAILED, reserve(&line, "owner#1.1", token));
	writer = map_begin();
	ph_put_text(writer, "connection", "owner#1.1");
	assert_int_equal(0,
		end_answer(&line, map_call(&line, PH_HOSTESS_RELEASE, writer),
			&packet));
	assert_int_equal(packet.status, PH_CALL_FAILED);
	seat_assert_flows(&seat);
	end_close(&line);
	end_close(&seat.line);
	end_close(&seat.carrier);
}

/* Any frames on a seated carrier. */
static void noise_on_a_carrier(void **state)
{
	struct prey *prey = *state;
	struct dice dice = {.state = 31};
	static struct seat seat;
	unsigned runs = adversary_dose(100, 3000);
	uint32_t generation = 1;

	seat_open(&seat, prey);
	for (unsigned i = 0; i < runs; i++) {
		const struct taken *taken;
		struct ph_attached attached;
		uint8_t bytes[2000];

		for (unsigned k = 0; k < 12; k++) {
			uint32_t length = dice_below(&dice, sizeof(bytes));

			dice_fill(&dice, bytes, length);
			end_send(&seat.carrier, (uint8_t)dice_below(&dice, 256),
				bytes, dice_below(&dice, 2) ? length : 0);
		}
		for (unsigned k = 0; k < 6; k++)
			prey_turn(prey);
		seat.carrier.read = seat.carrier.count;
		end_close(&seat.carrier);
		/* It may have ended its stream well: then book anew. */
		assert_int_equal(
			0, reserve(&seat.line, "owner#1.1", seat.token));
		for (unsigned tries = 0;; tries++) {
			assert_true(tries < 1000);
			taken = attach(&seat.carrier, seat.mask, "owner#1.1",
				seat.token, ++generation);
			assert_non_null(taken);
			assert_int_equal(
				0, ph_attached_read(&attached, taken->data,
					   taken->length));
			if (!attached.status)
				break;
			end_close(&seat.carrier);
			if (tries % 8 == 7)
				reserve(&seat.line, "owner#1.1", seat.token);
		}
	}
	prey_assert_healthy(prey, 1);
	end_close(&seat.line);
	end_close(&seat.carrier);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(every_call_of_every_role),
		T(calls_are_not_passed_on),
		T(bombs_close_their_line_only),
		T(long_calls_are_answered),
		T(noise_on_a_line),
		T(endless_packets),
		T(a_peer_that_never_reads),
		T(wrong_claims_are_refused_alike),
		T(only_newer_carriers_replace),
		T(strangers_may_not_attach),
		T(bookings_belong_to_their_node),
		T(noise_on_a_carrier),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("adversary_line", tests, NULL, NULL);
}
