#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "proto/resume.h"

/* The machines of a resumed stream, rule by rule; what both make of a bad
 * network together is in resume_test.c. */
#define MS PH_MILLISECOND

static struct ph_resume_outputs out_step(struct ph_resume_out *out, int64_t now,
	struct ph_resume_out_event event)
{
	struct ph_resume_outputs outputs;

	ph_resume_out_step(out, now, &event, &outputs);
	return outputs;
}

static void flowing(struct ph_resume_out *out)
{
	ph_resume_out_init(out, 3, 1);
	assert_true(out->generation == UINT64_C(3) << 32);
	assert_int_equal(PH_RESUME_DO_ATTACH | PH_RESUME_DO_ARM,
		out_step(out, PH_SECOND,
			(struct ph_resume_out_event){.kind = PH_RESUME_OPENED})
			.actions);
	assert_int_equal(PH_RESUME_DO_BEGIN,
		out_step(out, PH_SECOND,
			(struct ph_resume_out_event){.kind = PH_RESUME_ATTACHED,
				.welcome = true,
				.generation = out->generation})
			.actions);
}

/* What a false receiver may say; none of it is believed. */
static void lies_end_the_stream(void **state)
{
	static const struct ph_resume_out_event lies[] = {
		{.kind = PH_RESUME_ACKED, .next = 11, .given = 10},
		{.kind = PH_RESUME_ACKED, .next = 4, .given = 10},
		{.kind = PH_RESUME_ATTACHED, .welcome = true, .next = 5},
		{.kind = PH_RESUME_REFUSED},
	};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		struct ph_resume_out out;

		flowing(&out);
		out_step(&out, PH_SECOND,
			(struct ph_resume_out_event){.kind = PH_RESUME_ACKED,
				.next = 5,
				.given = 10});
		assert_int_equal(PH_RESUME_DO_HANG_UP | PH_RESUME_DO_FAIL,
			out_step(&out, PH_SECOND, lies[i]).actions);
	}
}

static void end_counts_when_acknowledged(void **state)
{
	struct ph_resume_out out;
	struct ph_resume_out_event acked = {
		.kind = PH_RESUME_ACKED, .next = 10, .given = 10};

	flowing(&out);
	assert_int_equal(
		PH_RESUME_DO_RELEASE, out_step(&out, PH_SECOND, acked).actions);
	acked.finished = true;
	acked.given = 11;
	assert_int_equal(
		PH_RESUME_DO_RELEASE, out_step(&out, PH_SECOND, acked).actions);
	acked.next = 11;
	assert_int_equal(PH_RESUME_DO_RELEASE | PH_RESUME_DO_HANG_UP |
				 PH_RESUME_DO_FINISH,
		out_step(&out, PH_SECOND, acked).actions);
}

/* Ten minutes without a carrier, and no wait is longer than it may be. */
static void patience_has_an_end(void **state)
{
	struct ph_resume_out out;
	struct ph_resume_out_event lost = {
		.kind = PH_RESUME_LOST, .reason = "away"};
	int64_t now = PH_SECOND;
	unsigned dials = 0;

	flowing(&out);
	for (;; dials++) {
		struct ph_resume_outputs outputs = out_step(&out, now, lost);

		if (outputs.actions & PH_RESUME_DO_FAIL)
			break;
		assert_true(outputs.actions & PH_RESUME_DO_ARM);
		assert_true(outputs.due - now <= PH_RESUME_MOST * 6 / 5);
		now = outputs.due;
		assert_int_equal(PH_RESUME_DO_DIAL,
			out_step(&out, now,
				(struct ph_resume_out_event){
					.kind = PH_RESUME_DUE})
				.actions);
	}
	assert_true(now - PH_SECOND >= PH_RESUME_KEPT);
	assert_true(now - PH_SECOND < PH_RESUME_KEPT + 3 * PH_SECOND);
	assert_true(dials > 250);
	assert_true(out.generation == (UINT64_C(3) << 32) + dials);
}

/* The machine's own fence, whatever the Hostess said. */
static void only_newer_carriers_go_on(void **state)
{
	struct ph_resume_in in;
	struct ph_resume_outputs outputs;
	struct ph_resume_in_event event = {
		.kind = PH_RESUME_CLAIMED, .resume = true, .generation = 7};

	ph_resume_in_init(&in, 7);
	ph_resume_in_step(&in, PH_SECOND, &event, &outputs);
	assert_int_equal(PH_RESUME_DO_REFUSE, outputs.actions);
	event.generation = 8;
	event.next = 1; /* behind what came */
	ph_resume_in_step(&in, PH_SECOND, &event, &outputs);
	assert_int_equal(PH_RESUME_DO_REFUSE, outputs.actions);
	event.next = 0;
	ph_resume_in_step(&in, PH_SECOND, &event, &outputs);
	assert_int_equal(
		PH_RESUME_DO_HANG_UP | PH_RESUME_DO_WELCOME | PH_RESUME_DO_ACK,
		outputs.actions);
	event.resume = false;
	event.generation = 9;
	ph_resume_in_step(&in, PH_SECOND, &event, &outputs);
	assert_int_equal(
		PH_RESUME_DO_HANG_UP | PH_RESUME_DO_REPLACE, outputs.actions);
}

/* The receiver is silent when there is nothing to tell. */
static void idle_has_no_timer(void **state)
{
	struct ph_resume_in in;
	struct ph_resume_outputs outputs;
	struct ph_resume_in_event event = {.kind = PH_RESUME_CAME, .frames = 1};
	int64_t now = PH_SECOND;

	ph_resume_in_init(&in, 1);
	ph_resume_in_step(&in, now, &event, &outputs);
	assert_int_equal(PH_RESUME_DO_ARM, outputs.actions);
	event = (struct ph_resume_in_event){.kind = PH_RESUME_TAKEN,
		.taken = {.frames = 1, .bytes = PH_RESUME_ACK_BYTES - 1}};
	ph_resume_in_step(&in, now, &event, &outputs);
	assert_int_equal(0, outputs.actions);
	event.taken.bytes++;
	ph_resume_in_step(&in, now, &event, &outputs);
	assert_int_equal(PH_RESUME_DO_ACK, outputs.actions);
	event.kind = PH_RESUME_TICK;
	event.taken.frames = 2;
	ph_resume_in_step(&in, now += PH_RESUME_ACK_EVERY, &event, &outputs);
	assert_int_equal(PH_RESUME_DO_ACK | PH_RESUME_DO_ARM, outputs.actions);
	ph_resume_in_step(&in, now += PH_RESUME_ACK_EVERY, &event, &outputs);
	assert_int_equal(0, outputs.actions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_end_the_stream),
		cmocka_unit_test(end_counts_when_acknowledged),
		cmocka_unit_test(patience_has_an_end),
		cmocka_unit_test(only_newer_carriers_go_on),
		cmocka_unit_test(idle_has_no_timer),
	};

	return cmocka_run_group_tests_name("resume rules", tests, NULL, NULL);
}
