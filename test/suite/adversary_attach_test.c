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
 * A trusted peer that turned: what it may claim with a carrier. Only its own
 * carrier ever goes.
 */

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
	id = end_call_map(end, PH_HOSTESS_RESERVE, writer);
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
	assert_int_equal(
		0, end_answer(&line,
			   end_call_map(&line, PH_HOSTESS_RELEASE, writer),
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

#define T(name) cmocka_unit_test_setup_teardown(name, prey_setup, prey_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(wrong_claims_are_refused_alike),
		T(only_newer_carriers_replace),
		T(strangers_may_not_attach),
		T(bookings_belong_to_their_node),
		T(noise_on_a_carrier),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name(
		"adversary_attach", tests, NULL, NULL);
}
