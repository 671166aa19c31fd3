#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/door.h"

/* An operating system of one page: time is a number, tasks are a list. */
struct world {
	struct ph_kernel kernel;
	struct ph_door *door;
	struct ph_task *tasks;
	int64_t time;
	int64_t alarm;
	unsigned alarms;
};

static int64_t world_now(void *context)
{
	return ((struct world *)context)->time;
}

static void world_defer(void *context, struct ph_task *task)
{
	struct ph_task **at = &((struct world *)context)->tasks;

	if (task->queued)
		return;
	while (*at)
		at = &(*at)->next;
	task->next = NULL;
	task->queued = true;
	*at = task;
}

static void world_cancel(void *context, struct ph_task *task)
{
	struct ph_task **at = &((struct world *)context)->tasks;

	for (; *at; at = &(*at)->next)
		if (*at == task) {
			*at = task->next;
			task->queued = false;
			return;
		}
}

static void world_turn(struct world *world)
{
	struct ph_task *task = world->tasks;

	world->tasks = NULL;
	while (task) {
		struct ph_task *next = task->next;

		task->queued = false;
		task->run(task);
		task = next;
	}
}

static void world_alarm(void *context, int64_t when)
{
	struct world *world = context;

	world->alarm = when;
	world->alarms++;
}

static void world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->time = 100;
	world->kernel.hal = (struct ph_hal){.now = world_now,
		.defer = world_defer,
		.cancel = world_cancel,
		.context = world};
	assert_int_equal(ph_handles_create(&world->kernel.handles), 0);
	assert_int_equal(ph_door_create(&world->door, &world->kernel), 0);
	ph_door_set_alarm(world->door, world_alarm, world);
}

static void world_close(struct world *world)
{
	ph_door_destroy(world->door);
	assert_null(world->tasks);
	assert_int_equal(ph_handles_count(world->kernel.handles), 0);
	ph_handles_destroy(world->kernel.handles);
}

/* What came back. */
struct got {
	unsigned answers;
	int status;
	char body[64];
	size_t length;
};

static void got_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct got *got = context;

	got->answers++;
	got->status = status;
	got->length = length;
	assert_true(length < sizeof(got->body));
	if (length)
		memcpy(got->body, body, length);
	got->body[length] = '\0';
}

/* A callee: answers at once, or keeps the ticket. */
struct callee {
	struct world *world;
	unsigned served;
	bool at_once;
	ph_handle ticket;
	char arguments[64];
	char destination[64];
	char node[40];
	uint64_t line;
};

static void callee_serve(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct callee *self = context;

	self->served++;
	self->ticket = ticket;
	snprintf(self->arguments, sizeof(self->arguments), "%.*s",
		(int)call->length, (const char *)call->arguments);
	snprintf(self->destination, sizeof(self->destination), "%s",
		call->destination);
	snprintf(self->node, sizeof(self->node), "%s", call->caller->node);
	self->line = call->caller->line;
	if (!self->at_once)
		return;
	assert_int_equal(
		ph_door_answer(self->world->door, ticket, PH_CALL_OK, "yes", 3),
		0);
	/* The call stands until the handler returns. */
	assert_memory_equal(call->arguments, self->arguments, call->length);
}

static const struct ph_caller here = {.role = 4};

static int ask_as(struct world *world, const struct ph_caller *caller,
	uint16_t method, const char *destination, int64_t deadline,
	struct got *got)
{
	char arguments[] = "hello";
	struct ph_caller copy = *caller;
	struct ph_call call = {.method = method,
		.caller = &copy,
		.destination = destination,
		.arguments = (const uint8_t *)arguments,
		.length = 5,
		.deadline = deadline};
	int error = ph_door_call(world->door, &call, got_answer, got);

	/* It was copied: what the caller gave may go at once. */
	memset(arguments, 'x', sizeof(arguments));
	memset(&copy, 'x', sizeof(copy));
	return error;
}

static int ask(struct world *world, uint16_t method, struct got *got)
{
	return ask_as(world, &here, method, "", world->time + 50, got);
}

static void test_answered_once_and_never_within(void **state)
{
	struct world world;
	struct callee callee = {.world = &world, .at_once = true};
	struct got got = {0};

	world_open(&world);
	assert_int_equal(
		ph_door_serve(world.door, 7, callee_serve, &callee), 0);
	assert_int_equal(ask(&world, 7, &got), 0);
	assert_int_equal(callee.served, 0);
	assert_int_equal(ph_door_pending(world.door), 1);
	world_turn(&world);
	assert_int_equal(callee.served, 1);
	assert_string_equal(callee.arguments, "hello");
	assert_string_equal(callee.node, "");
	assert_int_equal(got.answers, 0);
	assert_int_equal(ph_door_pending(world.door), 0);
	world_turn(&world);
	assert_int_equal(got.answers, 1);
	assert_int_equal(got.status, PH_CALL_OK);
	assert_string_equal(got.body, "yes");
	assert_null(world.tasks);
	world_close(&world);
	assert_int_equal(got.answers, 1);
}

static void test_second_answer_is_stale(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct got got = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	ask(&world, 7, &got);
	world_turn(&world);
	assert_int_equal(ph_door_answer(world.door, callee.ticket,
				 PH_CALL_FAILED, "no", 2),
		0);
	assert_int_equal(
		ph_door_answer(world.door, callee.ticket, PH_CALL_OK, "yes", 3),
		-ESTALE);
	assert_int_equal(ph_door_stats(world.door).late, 1);
	world_turn(&world);
	assert_int_equal(got.answers, 1);
	assert_int_equal(got.status, PH_CALL_FAILED);
	assert_string_equal(got.body, "no");
	world_close(&world);
}

static void test_deadline_answers(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct got early = {0}, late = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	assert_int_equal(ask_as(&world, &here, 7, "", 300, &late), 0);
	assert_int_equal(world.alarm, 300);
	assert_int_equal(ask_as(&world, &here, 7, "", 200, &early), 0);
	assert_int_equal(world.alarm, 200);
	assert_int_equal(ask_as(&world, &here, 7, "", 400, &late), 0);
	assert_int_equal(world.alarms, 2); /* only when it moves forward */
	world_turn(&world);
	assert_int_equal(ph_door_expire(world.door, 199), 200);
	assert_int_equal(ph_door_expire(world.door, 200), 300);
	assert_int_equal(early.answers, 0);
	world_turn(&world);
	assert_int_equal(early.answers, 1);
	assert_int_equal(early.status, PH_CALL_TIMEOUT);
	assert_int_equal(ph_door_expire(world.door, 500), INT64_MAX);
	/* The callee was slower than the deadline. */
	assert_int_equal(
		ph_door_answer(world.door, callee.ticket, PH_CALL_OK, "", 0),
		-ESTALE);
	world_turn(&world);
	assert_int_equal(late.answers, 2);
	assert_int_equal(ph_door_stats(world.door).expired, 3);
	world_close(&world);
}

/* Expired before its turn came: it is not served any more. */
static void test_expired_call_is_not_served(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct got got = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	ask(&world, 7, &got);
	ph_door_expire(world.door, 1000);
	world_turn(&world);
	world_turn(&world);
	assert_int_equal(callee.served, 0);
	assert_int_equal(got.answers, 1);
	assert_int_equal(got.status, PH_CALL_TIMEOUT);
	world_close(&world);
}

static void test_refused_calls_never_answer(void **state)
{
	struct world world;
	struct got got = {0};

	world_open(&world);
	assert_int_equal(
		ask_as(&world, &here, 7, "", world.time, &got), -ETIMEDOUT);
	world_turn(&world);
	world_close(&world);
	assert_int_equal(got.answers, 0);
}

static void test_unknown_method_and_destination(void **state)
{
	struct world world;
	struct got method = {0}, huge = {0}, destination = {0};

	world_open(&world);
	assert_int_equal(ask(&world, 7, &method), 0);
	assert_int_equal(ask(&world, 60000, &huge), 0);
	assert_int_equal(
		ask_as(&world, &here, 7, "beta", 200, &destination), 0);
	world_turn(&world);
	world_turn(&world);
	assert_int_equal(method.status, PH_CALL_UNKNOWN);
	assert_int_equal(huge.status, PH_CALL_UNKNOWN);
	assert_int_equal(destination.status, PH_CALL_UNKNOWN);
	assert_int_equal(ph_door_stats(world.door).refused, 3);
	world_close(&world);
}

static void test_destination_takes_the_road(void **state)
{
	struct world world;
	struct callee local = {.world = &world, .at_once = true};
	struct callee road = {.world = &world, .at_once = true};
	struct got got = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &local);
	ph_door_set_road(world.door, callee_serve, &road);
	/* The road knows methods that this node may not. */
	assert_int_equal(ask_as(&world, &here, 999, "beta", 200, &got), 0);
	world_turn(&world);
	world_turn(&world);
	assert_int_equal(local.served, 0);
	assert_int_equal(road.served, 1);
	assert_string_equal(road.destination, "beta");
	assert_int_equal(got.answers, 1);
	world_close(&world);
}

struct guard {
	unsigned asked;
	uint32_t least;
};

static int guard_role(void *context, const struct ph_call *call)
{
	struct guard *guard = context;

	guard->asked++;
	return call->caller->role < guard->least ? PH_CALL_DENIED : 0;
}

static void test_guards_refuse_in_order(void **state)
{
	struct world world;
	struct callee callee = {.world = &world, .at_once = true};
	struct ph_caller peer = {.line = 9, .role = 1, .node = "beta"};
	struct guard first = {.least = 2}, second = {.least = 0};
	struct got denied = {0}, passed = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	assert_int_equal(ph_door_guard(world.door, guard_role, &first), 0);
	assert_int_equal(ph_door_guard(world.door, guard_role, &second), 0);
	ask_as(&world, &peer, 7, "", 200, &denied);
	world_turn(&world);
	world_turn(&world);
	assert_int_equal(denied.status, PH_CALL_DENIED);
	assert_int_equal(callee.served, 0);
	assert_int_equal(second.asked, 0);
	peer.role = 2;
	ask_as(&world, &peer, 7, "", 200, &passed);
	world_turn(&world);
	world_turn(&world);
	assert_int_equal(passed.status, PH_CALL_OK);
	assert_int_equal(second.asked, 1);
	assert_string_equal(callee.node, "beta");
	assert_int_equal(callee.line, 9);
	for (unsigned i = 2; i < PH_DOOR_GUARDS; i++)
		assert_int_equal(
			ph_door_guard(world.door, guard_role, &second), 0);
	assert_int_equal(
		ph_door_guard(world.door, guard_role, &second), -ENOSPC);
	world_close(&world);
}

static void test_one_callee_per_method(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};

	world_open(&world);
	assert_int_equal(
		ph_door_serve(world.door, 7, callee_serve, &callee), 0);
	assert_int_equal(
		ph_door_serve(world.door, 7, callee_serve, &callee), -EEXIST);
	assert_int_equal(ph_door_serve(world.door, PH_DOOR_METHODS,
				 callee_serve, &callee),
		-ERANGE);
	world_close(&world);
}

/* The line broke: nobody is called back, the other lines are untouched. */
static void test_forgotten_line_hears_nothing(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct ph_caller gone = {.line = 1}, stays = {.line = 2};
	struct got lost = {0}, kept = {0}, settled = {0};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	ask_as(&world, &gone, 7, "", 200, &settled);
	world_turn(&world);
	ph_door_answer(world.door, callee.ticket, PH_CALL_OK, NULL, 0);
	ask_as(&world, &gone, 7, "", 200, &lost);
	ask_as(&world, &stays, 7, "", 200, &kept);
	ph_door_forget(world.door, 1);
	world_turn(&world);
	ph_door_expire(world.door, 500);
	world_turn(&world);
	assert_int_equal(settled.answers, 0);
	assert_int_equal(lost.answers, 0);
	assert_int_equal(kept.answers, 1);
	world_close(&world);
}

struct nested {
	struct world *world;
	struct got got;
	int error;
};

static void nested_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct nested *self = context;

	got_answer(&self->got, status, body, length);
	self->error = ask(self->world, 7, &self->got);
}

static void test_destroy_answers_unreachable(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct nested nested = {.world = &world};
	struct got waiting = {0}, unserved = {0}, answered = {0};
	struct ph_call call = {.method = 7, .caller = &here, .deadline = 200};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	ask(&world, 7, &answered);
	world_turn(&world);
	ph_door_answer(world.door, callee.ticket, PH_CALL_OK, "yes", 3);
	ask(&world, 7, &waiting);
	assert_int_equal(
		ph_door_call(world.door, &call, nested_answer, &nested), 0);
	ask(&world, 7, &unserved);
	world_close(&world);
	assert_int_equal(answered.status, PH_CALL_OK);
	assert_int_equal(waiting.status, PH_CALL_UNREACHABLE);
	assert_int_equal(unserved.status, PH_CALL_UNREACHABLE);
	assert_int_equal(nested.got.answers, 1);
	assert_int_equal(nested.error, -ESHUTDOWN);
}

/* An answer that calls again does so in the next turn, not in this one. */
static void test_chain_of_calls_lets_turns_end(void **state)
{
	struct world world;
	struct callee callee = {.world = &world, .at_once = true};
	struct nested nested = {.world = &world};
	struct ph_call call = {.method = 7, .caller = &here, .deadline = 200};

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	ph_door_call(world.door, &call, nested_answer, &nested);
	for (unsigned i = 0; i < 4; i++) {
		world_turn(&world);
		assert_int_equal(callee.served, i / 2 + 1);
	}
	assert_int_equal(nested.got.answers, 2);
	world_close(&world);
}

static void test_door_is_bounded(void **state)
{
	struct world world;
	struct callee callee = {.world = &world};
	struct ph_caller peer = {.line = 1};
	struct got got = {0};
	unsigned taken = 0;

	world_open(&world);
	ph_door_serve(world.door, 7, callee_serve, &callee);
	while (ask_as(&world, &peer, 7, "", 200, &got) == 0)
		taken++;
	assert_int_equal(taken, PH_DOOR_PENDING / 4 * 3);
	assert_int_equal(ask_as(&world, &peer, 7, "", 200, &got), -EAGAIN);
	while (ask(&world, 7, &got) == 0)
		taken++;
	assert_int_equal(taken, PH_DOOR_PENDING);
	assert_int_equal(ask(&world, 7, &got), -EAGAIN);
	ph_door_expire(world.door, 200);
	world_turn(&world);
	assert_int_equal(got.answers, taken);
	assert_int_equal(ask(&world, 7, &got), 0);
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answered_once_and_never_within),
		cmocka_unit_test(test_second_answer_is_stale),
		cmocka_unit_test(test_deadline_answers),
		cmocka_unit_test(test_expired_call_is_not_served),
		cmocka_unit_test(test_refused_calls_never_answer),
		cmocka_unit_test(test_unknown_method_and_destination),
		cmocka_unit_test(test_destination_takes_the_road),
		cmocka_unit_test(test_guards_refuse_in_order),
		cmocka_unit_test(test_one_callee_per_method),
		cmocka_unit_test(test_forgotten_line_hears_nothing),
		cmocka_unit_test(test_destroy_answers_unreachable),
		cmocka_unit_test(test_chain_of_calls_lets_turns_end),
		cmocka_unit_test(test_door_is_bounded),
	};

	return cmocka_run_group_tests_name("kernel_door", tests, NULL, NULL);
}
