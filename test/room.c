#include "test/room.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE (20 * PH_SECOND)

void room_open(struct room *room, bool virtual)
{
	struct ph_clock *clock = &ph_clock_real;

	memset(room, 0, sizeof(*room));
	if (virtual) {
		ph_virtual_clock_init(&room->clock, PH_SECOND);
		clock = &room->clock.clock;
	}
	assert_int_equal(ph_loop_create(&room->loop, clock), 0);
	assert_int_equal(
		ph_kernel_init(&room->kernel, ph_loop_hal(room->loop)), 0);
	assert_int_equal(ph_door_create(&room->door, &room->kernel), 0);
	assert_int_equal(ph_worker_create(&room->worker, room->loop), 0);
	assert_int_equal(ph_writer_create(&room->writer), 0);
}

void room_close(struct room *room)
{
	ph_worker_destroy(room->worker);
	for (unsigned i = 0; i < 8; i++)
		ph_loop_turn(room->loop, 0);
	ph_door_destroy(room->door);
	for (unsigned i = 0; i < 8; i++)
		ph_loop_turn(room->loop, 0);
	ph_writer_free(room->writer);
	ph_kernel_fini(&room->kernel);
	ph_loop_destroy(room->loop);
}

void room_advance(struct room *room, int64_t ns)
{
	room->clock.time += ns;
	for (unsigned i = 0; i < 8; i++) {
		ph_loop_turn(room->loop, 0);
		ph_door_expire(room->door, ph_loop_now(room->loop));
	}
}

struct ph_writer *room_map(struct room *room)
{
	ph_writer_reset(room->writer);
	ph_write_map(room->writer);
	return room->writer;
}

void answer_take(void *context, int status, const uint8_t *body, size_t length)
{
	struct answer *answer = context;

	assert_false(answer->come);
	answer->come = true;
	answer->status = status;
	answer->bytes = malloc(length + 1);
	answer->length = length;
	if (length)
		memcpy(answer->bytes, body, length);
	if (length && ph_document_read(&answer->document, answer->bytes, length,
			      PH_SKIM_TABLE) == 0)
		answer->body = ph_document_root(answer->document);
	if (status != PH_CALL_OK)
		ph_error_read(&answer->error, status, body, length);
}

static void room_dispatch(struct room *room, const struct ph_caller *caller,
	uint16_t method, struct answer *answer)
{
	memset(answer, 0, sizeof(*answer));
	ph_write_end(room->writer);
	assert_int_equal(
		ph_call_send(room->door, caller, "", method, room->writer,
			ph_loop_now(room->loop), PATIENCE, answer_take, answer),
		0);
}

void room_send(struct room *room, uint16_t method, struct answer *answer)
{
	struct ph_caller caller = {.role = PH_ROLE_EXEC};

	room_dispatch(room, &caller, method, answer);
}

void room_send_as(struct room *room, const char *node, uint16_t method,
	struct answer *answer)
{
	struct ph_caller caller = {.line = 1, .role = PH_ROLE_EXEC};

	strncpy(caller.node, node, sizeof(caller.node) - 1);
	room_dispatch(room, &caller, method, answer);
}

void room_wait(struct room *room, struct answer *answer)
{
	int64_t until = ph_clock_real.now(&ph_clock_real) + PATIENCE;

	while (!answer->come) {
		ph_loop_turn(room->loop,
			room->clock.time ? 0 : 100 * PH_MILLISECOND);
		assert_true(ph_clock_real.now(&ph_clock_real) < until);
	}
}

void room_call(struct room *room, uint16_t method, struct answer *answer)
{
	room_send(room, method, answer);
	room_wait(room, answer);
}

void answer_free(struct answer *answer)
{
	ph_document_free(answer->document);
	free(answer->bytes);
	memset(answer, 0, sizeof(*answer));
}

void room_call_ok(struct room *room, uint16_t method)
{
	struct answer answer;

	room_call(room, method, &answer);
	assert_string_equal(answer.error.what, "");
	assert_int_equal(answer.status, PH_CALL_OK);
	answer_free(&answer);
}

void room_call_exit(struct room *room, uint16_t method, int code)
{
	struct answer answer;

	room_call(room, method, &answer);
	assert_int_not_equal(answer.status, PH_CALL_OK);
	assert_int_equal(answer.error.exit, code);
	answer_free(&answer);
}
