#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "controlsurface/connection.h"
#include "kernel/hal.h"

/* A connection and what its last step wanted. */
struct bench {
	struct ph_connection connection;
	struct ph_connection_outputs outputs;
	struct ph_jitter jitter;
	int64_t now;
};

static void bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	bench->jitter.state = 42;
	bench->now = PH_SECOND;
	ph_connection_init(
		&bench->connection, "alpha#1.1", 0, false, bench->now);
}

static void bench_event(struct bench *bench, struct ph_connection_event event)
{
	ph_connection_step(&bench->connection, bench->now, &event,
		&bench->jitter, &bench->outputs);
}

static void on(struct bench *bench, enum ph_connection_event_kind kind)
{
	bench_event(bench, (struct ph_connection_event){
				   .kind = kind,
				   .attempt = bench->connection.attempt,
				   .reason = "because",
				   .output = 7,
				   .type = "text/plain",
				   .token = (const uint8_t *)"0123456789abcdef",
			   });
}

/* Moves the clock to the deadline and says so. */
static void due(struct bench *bench)
{
	assert_int_not_equal(bench->connection.deadline, 0);
	bench->now = bench->connection.deadline;
	on(bench, PH_CONNECTION_ON_DUE);
}

static bool wants(const struct bench *bench, enum ph_connection_action action)
{
	for (unsigned i = 0; i < bench->outputs.count; i++) {
		if (bench->outputs.items[i] == action)
			return true;
	}
	return false;
}

#define assert_state(bench, name)                                              \
	assert_string_equal(                                                   \
		ph_connection_state_name((bench)->connection.state), name)

static void to_open(struct bench *bench)
{
	on(bench, PH_CONNECTION_ON_BEGIN);
	if (wants(bench, PH_CONNECTION_DO_RECORD))
		on(bench, PH_CONNECTION_ON_RECORDED);
	on(bench, PH_CONNECTION_ON_FOUND);
	on(bench, PH_CONNECTION_ON_BOOKED);
	on(bench, PH_CONNECTION_ON_ATTACHED);
	assert_state(bench, "open");
}

static void opens_step_by_step(void **state)
{
	struct bench bench;

	bench_init(&bench);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	assert_state(&bench, "declared");
	assert_true(wants(&bench, PH_CONNECTION_DO_RECORD));
	assert_false(wants(&bench, PH_CONNECTION_DO_FIND));
	on(&bench, PH_CONNECTION_ON_RECORDED);
	assert_state(&bench, "reserving");
	assert_true(wants(&bench, PH_CONNECTION_DO_FIND));
	on(&bench, PH_CONNECTION_ON_FOUND);
	assert_true(wants(&bench, PH_CONNECTION_DO_RESERVE));
	assert_int_equal(bench.connection.output, 7);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	assert_state(&bench, "dialing");
	assert_true(wants(&bench, PH_CONNECTION_DO_OPEN));
	assert_int_equal(bench.connection.generation, 1);
	on(&bench, PH_CONNECTION_ON_ATTACHED);
	assert_state(&bench, "open");
	assert_int_equal(bench.connection.deadline, 0);
}

static void every_waiting_state_has_a_deadline(void **state)
{
	static const enum ph_connection_event_kind path[] = {
		PH_CONNECTION_ON_BEGIN,
		PH_CONNECTION_ON_RECORDED,
		PH_CONNECTION_ON_FOUND,
		PH_CONNECTION_ON_BOOKED,
	};

	for (size_t length = 1; length <= 4; length++) {
		struct bench bench;

		bench_init(&bench);
		for (size_t i = 0; i < length; i++)
			on(&bench, path[i]);
		due(&bench);
		assert_state(&bench, "failed");
		assert_true(wants(&bench, PH_CONNECTION_DO_ARM));
		due(&bench);
		assert_true(bench.connection.state == PH_CONNECTION_DECLARED ||
			    bench.connection.state == PH_CONNECTION_RESERVING);
	}
}

static void a_timer_that_was_moved_does_nothing(void **state)
{
	struct bench bench;

	bench_init(&bench);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	bench.now = bench.connection.deadline - 1;
	on(&bench, PH_CONNECTION_ON_DUE);
	assert_state(&bench, "declared");
	assert_int_equal(bench.outputs.count, 0);
}

static int64_t pause_after(uint32_t failures, struct ph_jitter *jitter)
{
	struct ph_connection connection = {.failures = failures};

	return ph_connection_backoff(&connection, jitter);
}

static void a_wire_may_say_its_own_pauses(void **state)
{
	struct ph_connection connection = {
		.retry_first = PH_SECOND,
		.retry_most = 4 * PH_SECOND,
	};
	static const int64_t wanted[] = {1, 2, 4, 4, 4};
	struct ph_jitter jitter = {7};

	for (size_t i = 0; i < 5; i++) {
		int64_t pause;

		connection.failures++;
		pause = ph_connection_backoff(&connection, &jitter);
		assert_in_range(pause, wanted[i] * PH_SECOND / 5 * 4,
			wanted[i] * PH_SECOND / 5 * 6);
	}
}

static void backoff_doubles_within_its_jitter(void **state)
{
	struct ph_jitter jitter = {1};
	int64_t expected = 100 * PH_MILLISECOND;
	int64_t least = INT64_MAX;
	int64_t most = 0;

	for (uint32_t failures = 1; failures < 12; failures++) {
		int64_t wait = pause_after(failures, &jitter);

		assert_in_range(wait, expected / 5 * 4, expected / 5 * 6);
		expected = expected * 2 > 5 * PH_SECOND ? 5 * PH_SECOND
							: expected * 2;
	}
	for (int i = 0; i < 1000; i++) {
		int64_t wait = pause_after(100, &jitter);

		least = wait < least ? wait : least;
		most = wait > most ? wait : most;
	}
	assert_true(least < 4100 * PH_MILLISECOND);
	assert_true(most > 5900 * PH_MILLISECOND);
	assert_in_range(most, 0, 6 * PH_SECOND);
}

static void a_broken_carrier_is_redialled(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	on(&bench, PH_CONNECTION_ON_BROKE);
	assert_state(&bench, "failed");
	assert_string_equal(bench.connection.reason, "because");
	assert_true(wants(&bench, PH_CONNECTION_DO_NOTE));
	due(&bench);
	assert_state(&bench, "reserving");
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	assert_int_equal(bench.connection.generation, 2);
	assert_string_equal(bench.connection.id, "alpha#1.1");
	on(&bench, PH_CONNECTION_ON_REFUSED);
	assert_state(&bench, "failed");
	/* One line for one trouble; and a dial that may yet succeed is taken
	 * back. */
	assert_false(wants(&bench, PH_CONNECTION_DO_NOTE));
	assert_true(wants(&bench, PH_CONNECTION_DO_CLOSE));
	assert_int_equal(bench.connection.failures, 2);
}

static void the_first_cause_stays_to_be_seen(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	on(&bench, PH_CONNECTION_ON_BROKE);
	due(&bench);
	assert_string_equal(
		bench.connection.reason, "once more; at first: because");
	due(&bench);
	assert_state(&bench, "failed");
	assert_string_equal(bench.connection.reason,
		"no booking in time; at first: because");
	due(&bench);
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	assert_string_equal(
		bench.connection.reason, "booked; at first: because");
	on(&bench, PH_CONNECTION_ON_ATTACHED);
	assert_string_equal(bench.connection.reason, "attached");
	bench_event(&bench, (struct ph_connection_event){
				    .kind = PH_CONNECTION_ON_BROKE,
				    .attempt = bench.connection.attempt,
				    .reason = "another",
			    });
	assert_string_equal(bench.connection.reason, "another");
}

/* The stream stands: no new booking, no new generation, no back-off. */
static void a_lost_carrier_is_no_end(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	on(&bench, PH_CONNECTION_ON_LOST);
	assert_state(&bench, "dialing");
	assert_false(wants(&bench, PH_CONNECTION_DO_OPEN));
	assert_false(wants(&bench, PH_CONNECTION_DO_CLOSE));
	assert_true(bench.connection.deadline > 0);
	on(&bench, PH_CONNECTION_ON_BACK);
	assert_state(&bench, "open");
	assert_int_equal(bench.connection.deadline, 0);
	assert_int_equal(bench.connection.generation, 1);
	assert_int_equal(bench.connection.failures, 0);
	on(&bench, PH_CONNECTION_ON_LOST);
	on(&bench, PH_CONNECTION_ON_BROKE);
	assert_state(&bench, "failed");
	due(&bench);
	assert_state(&bench, "reserving");
}

static void steady_service_forgives(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	bench.connection.failures = 6;
	bench.now += PH_SECOND;
	on(&bench, PH_CONNECTION_ON_BROKE);
	assert_int_equal(bench.connection.failures, 7);
	due(&bench);
	to_open(&bench);
	bench.now += 10 * PH_SECOND;
	on(&bench, PH_CONNECTION_ON_BROKE);
	assert_int_equal(bench.connection.failures, 1);
}

static void late_answers_change_nothing(void **state)
{
	struct bench bench;
	uint64_t old;

	bench_init(&bench);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	on(&bench, PH_CONNECTION_ON_RECORDED);
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	old = bench.connection.attempt;
	due(&bench);
	due(&bench);
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	assert_state(&bench, "dialing");
	bench_event(&bench, (struct ph_connection_event){
				    .kind = PH_CONNECTION_ON_ATTACHED,
				    .attempt = old,
			    });
	assert_state(&bench, "dialing");
	bench_event(&bench, (struct ph_connection_event){
				    .kind = PH_CONNECTION_ON_REFUSED,
				    .attempt = old,
				    .reason = "old",
			    });
	assert_state(&bench, "dialing");
}

static void an_end_is_final_and_recorded(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	on(&bench, PH_CONNECTION_ON_ENDED);
	assert_state(&bench, "closed");
	assert_string_equal(bench.connection.reason, "end");
	assert_true(wants(&bench, PH_CONNECTION_DO_RECORD));
	/* The disk is full: it asks until it is durable. */
	on(&bench, PH_CONNECTION_ON_REFUSED);
	due(&bench);
	assert_true(wants(&bench, PH_CONNECTION_DO_RECORD));
	on(&bench, PH_CONNECTION_ON_RECORDED);
	assert_true(bench.connection.recorded);
	assert_int_equal(bench.connection.deadline, 0);
	on(&bench, PH_CONNECTION_ON_BROKE);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	assert_state(&bench, "closed");
}

/* The end may overtake the answer that the carrier is there. */
static void an_end_while_dialing_counts(void **state)
{
	struct bench bench;

	bench_init(&bench);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	on(&bench, PH_CONNECTION_ON_RECORDED);
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	on(&bench, PH_CONNECTION_ON_ENDED);
	assert_state(&bench, "closed");
	assert_true(bench.connection.ended);
}

static void a_restart_keeps_generations_growing(void **state)
{
	struct bench bench;
	uint32_t before;

	bench_init(&bench);
	to_open(&bench);
	before = bench.connection.generation;
	assert_in_range(before, 1, bench.connection.ceiling);
	ph_connection_init(&bench.connection, "alpha#1.1",
		bench.connection.ceiling, false, bench.now);
	on(&bench, PH_CONNECTION_ON_BEGIN);
	/* The new ceiling is durable before a generation is used. */
	assert_true(wants(&bench, PH_CONNECTION_DO_RECORD));
	assert_state(&bench, "declared");
	on(&bench, PH_CONNECTION_ON_RECORDED);
	on(&bench, PH_CONNECTION_ON_FOUND);
	on(&bench, PH_CONNECTION_ON_BOOKED);
	assert_true(bench.connection.generation > before);
}

static void a_used_up_ceiling_is_raised_first(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	for (unsigned i = 0; i < 2 * PH_CONNECTION_CEILING; i++) {
		on(&bench, PH_CONNECTION_ON_BROKE);
		due(&bench);
		if (wants(&bench, PH_CONNECTION_DO_RECORD))
			on(&bench, PH_CONNECTION_ON_RECORDED);
		on(&bench, PH_CONNECTION_ON_FOUND);
		on(&bench, PH_CONNECTION_ON_BOOKED);
		on(&bench, PH_CONNECTION_ON_ATTACHED);
		assert_true(bench.connection.generation <=
			    bench.connection.ceiling);
	}
	assert_int_equal(
		bench.connection.generation, 2 * PH_CONNECTION_CEILING + 1);
}

static void withdrawn_in_any_state_leaves_nothing(void **state)
{
	static const enum ph_connection_event_kind path[] = {
		PH_CONNECTION_ON_BEGIN,
		PH_CONNECTION_ON_RECORDED,
		PH_CONNECTION_ON_FOUND,
		PH_CONNECTION_ON_BOOKED,
		PH_CONNECTION_ON_ATTACHED,
		PH_CONNECTION_ON_ENDED,
	};

	for (size_t length = 0; length <= 6; length++) {
		struct bench bench;
		unsigned forgets = 0;

		bench_init(&bench);
		for (size_t i = 0; i < length; i++)
			on(&bench, path[i]);
		on(&bench, PH_CONNECTION_ON_WITHDRAWN);
		assert_int_equal(wants(&bench, PH_CONNECTION_DO_RELEASE),
			length >= 3 && length < 6);
		assert_int_equal(wants(&bench, PH_CONNECTION_DO_CLOSE),
			length >= 4 && length < 6);
		while (bench.connection.state == PH_CONNECTION_DRAINING) {
			forgets += wants(&bench, PH_CONNECTION_DO_FORGET);
			on(&bench, PH_CONNECTION_ON_GONE);
		}
		assert_int_equal(forgets, length >= 1);
		assert_state(&bench, "closed");
		assert_string_equal(bench.connection.reason, "withdrawn");
	}
}

static void to_draining(struct bench *bench)
{
	bench_init(bench);
	to_open(bench);
	on(bench, PH_CONNECTION_ON_WITHDRAWN);
	on(bench, PH_CONNECTION_ON_GONE); /* the pipe */
	assert_state(bench, "draining");
}

/* Else the input would be in use for ten minutes more. */
static void a_release_that_nobody_heard_is_repeated(void **state)
{
	struct bench bench;

	to_draining(&bench);
	for (int i = 0; i < 5; i++) {
		on(&bench, PH_CONNECTION_ON_UNHEARD);
		assert_state(&bench, "draining");
		assert_string_equal(bench.connection.reason,
			"withdrawn; not yet given back: because");
		assert_false(wants(&bench, PH_CONNECTION_DO_FORGET));
		assert_in_range(bench.connection.deadline - bench.now, 1,
			6 * PH_SECOND);
		due(&bench);
		assert_true(wants(&bench, PH_CONNECTION_DO_RELEASE));
	}
	on(&bench, PH_CONNECTION_ON_GONE);
	assert_true(wants(&bench, PH_CONNECTION_DO_FORGET));
	on(&bench, PH_CONNECTION_ON_GONE);
	assert_state(&bench, "closed");
}

/* No booking stands longer than the Hostess hears nothing of it. */
static void a_release_is_not_repeated_for_ever(void **state)
{
	struct bench bench;
	int64_t begun;

	to_draining(&bench);
	begun = bench.now;
	do {
		on(&bench, PH_CONNECTION_ON_UNHEARD);
		if (!wants(&bench, PH_CONNECTION_DO_FORGET))
			due(&bench);
		assert_in_range(bench.now - begun, 0, 700 * PH_SECOND);
	} while (!wants(&bench, PH_CONNECTION_DO_FORGET));
	assert_in_range(bench.now - begun, 600 * PH_SECOND, 700 * PH_SECOND);
	on(&bench, PH_CONNECTION_ON_GONE);
	assert_state(&bench, "closed");
}

/* Its last life may have died before the release was heard. */
static void what_was_kept_is_given_back(void **state)
{
	struct bench bench;

	bench_init(&bench);
	ph_connection_init(&bench.connection, "alpha#1.1",
		PH_CONNECTION_CEILING, false, bench.now);
	on(&bench, PH_CONNECTION_ON_WITHDRAWN);
	assert_true(wants(&bench, PH_CONNECTION_DO_RELEASE));
	assert_false(wants(&bench, PH_CONNECTION_DO_FORGET));
}

/* What is on its way comes first; its booking and its record stand until then,
 * or until its time is over. */
static void gently_it_delivers_first(void **state)
{
	for (int late = 0; late < 2; late++) {
		struct bench bench;

		bench_init(&bench);
		to_open(&bench);
		bench_event(&bench, (struct ph_connection_event){
					    .kind = PH_CONNECTION_ON_WITHDRAWN,
					    .gently = true});
		assert_state(&bench, "draining");
		assert_true(wants(&bench, PH_CONNECTION_DO_LEAVE));
		assert_false(wants(&bench, PH_CONNECTION_DO_CLOSE));
		assert_false(wants(&bench, PH_CONNECTION_DO_RELEASE));
		assert_false(wants(&bench, PH_CONNECTION_DO_FORGET));
		/* News of the stream are old by now. */
		on(&bench, PH_CONNECTION_ON_BROKE);
		assert_state(&bench, "draining");
		if (late)
			due(&bench);
		else
			on(&bench, PH_CONNECTION_ON_GONE);
		assert_int_equal(wants(&bench, PH_CONNECTION_DO_CLOSE), late);
		assert_true(wants(&bench, PH_CONNECTION_DO_RELEASE));
		for (unsigned i = bench.connection.leaving; i > 0; i--)
			on(&bench, PH_CONNECTION_ON_GONE);
		assert_true(wants(&bench, PH_CONNECTION_DO_FORGET));
		on(&bench, PH_CONNECTION_ON_GONE);
		assert_state(&bench, "closed");
	}
}

static void draining_ends_without_answers(void **state)
{
	struct bench bench;

	bench_init(&bench);
	to_open(&bench);
	on(&bench, PH_CONNECTION_ON_WITHDRAWN);
	due(&bench);
	assert_true(wants(&bench, PH_CONNECTION_DO_FORGET));
	due(&bench);
	assert_state(&bench, "closed");
}

/* Whatever comes in whatever order: it asserts nothing, it never waits without
 * a deadline, and the generation never falls nor passes the ceiling. */
static void any_order_of_events_keeps_the_invariants(void **state)
{
	struct ph_jitter random = {.state = 20260101};
	struct bench bench;
	uint32_t generation = 0;

	bench_init(&bench);
	for (int i = 0; i < 200000; i++) {
		uint64_t dice = (uint64_t)pause_after(1, &random);
		enum ph_connection_event_kind kind =
			(enum ph_connection_event_kind)(
				dice % (PH_CONNECTION_ON_GONE + 1));

		if (dice / 100 % 3 == 0 && bench.connection.deadline)
			bench.now = bench.connection.deadline;
		on(&bench, kind);
		assert_true(bench.connection.generation >= generation);
		assert_true(bench.connection.generation <=
			    bench.connection.ceiling);
		generation = bench.connection.generation;
		switch (bench.connection.state) {
		case PH_CONNECTION_RESERVING:
		case PH_CONNECTION_DIALING:
		case PH_CONNECTION_DRAINING:
		case PH_CONNECTION_FAILED:
			assert_int_not_equal(bench.connection.deadline, 0);
			break;
		case PH_CONNECTION_CLOSED:
			bench_init(&bench);
			generation = 0;
			break;
		default:
			break;
		}
	}
}

static void shown_names_what_the_counters_tell(void **state)
{
	struct bench bench;
	struct ph_connection_look look = {0};

	bench_init(&bench);
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_DECLARED);
	to_open(&bench);
	look.moved = true;
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_FLOWING);
	bench.now += 2 * PH_SECOND;
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_OPEN);
	look.known = true;
	look.blocked = true;
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_FLOWING);
	look.moved = false;
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_BLOCKED);
	look.blocked = false;
	assert_int_equal(
		ph_connection_shown(&bench.connection, bench.now, look),
		PH_CONNECTION_IDLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_step_by_step),
		cmocka_unit_test(every_waiting_state_has_a_deadline),
		cmocka_unit_test(a_timer_that_was_moved_does_nothing),
		cmocka_unit_test(backoff_doubles_within_its_jitter),
		cmocka_unit_test(a_wire_may_say_its_own_pauses),
		cmocka_unit_test(a_broken_carrier_is_redialled),
		cmocka_unit_test(the_first_cause_stays_to_be_seen),
		cmocka_unit_test(a_lost_carrier_is_no_end),
		cmocka_unit_test(steady_service_forgives),
		cmocka_unit_test(late_answers_change_nothing),
		cmocka_unit_test(an_end_is_final_and_recorded),
		cmocka_unit_test(an_end_while_dialing_counts),
		cmocka_unit_test(a_restart_keeps_generations_growing),
		cmocka_unit_test(a_used_up_ceiling_is_raised_first),
		cmocka_unit_test(withdrawn_in_any_state_leaves_nothing),
		cmocka_unit_test(gently_it_delivers_first),
		cmocka_unit_test(draining_ends_without_answers),
		cmocka_unit_test(a_release_that_nobody_heard_is_repeated),
		cmocka_unit_test(a_release_is_not_repeated_for_ever),
		cmocka_unit_test(what_was_kept_is_given_back),
		cmocka_unit_test(any_order_of_events_keeps_the_invariants),
		cmocka_unit_test(shown_names_what_the_counters_tell),
	};

	return cmocka_run_group_tests_name("connection", tests, NULL, NULL);
}
