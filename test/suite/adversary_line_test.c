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
 * A trusted peer that turned: what it may call, and what its nonsense costs.
 * Only its own line ever goes.
 */

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
		id = end_call_map(&ends[i], PH_NODE_HEALTH, writer);
		assert_int_equal(0, end_answer(&ends[i], id, &packet));
		assert_int_equal(
			packet.status, i ? PH_CALL_OK : PH_CALL_FAILED);
	}
	prey_assert_healthy(prey, 2);
	end_close(&ends[0]);
	end_close(&ends[1]);
}

/* More at once than a line may have: those are told to ask again, as after a
 * timeout; it is nobody's refusal. */
static void too_many_calls_are_put_off(void **state)
{
	struct prey *prey = *state;
	struct end end = {.prey = prey};
	unsigned calls = 400;
	unsigned put_off = 0;

	end_enrol(&end, mask_open(prey, "hasty"), PH_ROLE_EXEC);
	for (unsigned i = 0; i < calls; i++)
		end_call(&end, PH_NODE_HEALTH, "", (const uint8_t *)"\x80", 1);
	for (unsigned answers = 0; answers < calls;) {
		const struct taken *taken = end_take(&end);
		struct ph_packet packet;
		struct ph_error error;

		assert_non_null(taken);
		assert_int_equal(0, ph_packet_read(&packet, taken->data,
					    taken->length, PH_SKIM_TABLE));
		answers += packet.answer;
		if (!packet.answer || !packet.status)
			continue;
		ph_error_read(
			&error, packet.status, packet.body, packet.length);
		assert_int_equal(error.exit, PH_EXIT_TIMEOUT);
		put_off++;
	}
	assert_in_range(put_off, 1, calls - 256);
	prey_assert_healthy(prey, 1);
	end_close(&end);
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

/* Some 150,000 fill the sockets' buffers and the backlog. */
#define NEVER_READ 1000000u

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
		assert_true(++calls < NEVER_READ);
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

#define T(name) cmocka_unit_test_setup_teardown(name, prey_setup, prey_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(every_call_of_every_role),
		T(calls_are_not_passed_on),
		T(bombs_close_their_line_only),
		T(long_calls_are_answered),
		T(too_many_calls_are_put_off),
		T(noise_on_a_line),
		T(endless_packets),
		T(a_peer_that_never_reads),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("adversary_line", tests, NULL, NULL);
}
