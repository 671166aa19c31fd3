/* executor.await: who asks hears of the ends of runs, once, with the cause. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/calls.h"
#include "proto/run_end.h"
#include "test/rig.h"

/* A question that is out. */
struct asking {
	unsigned answers;
	int status;
	unsigned count;
	uint64_t life;
	struct ph_run_end end; /* the first */
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	rig_open(rig);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	rig_close(*state);
	free(*state);
	return 0;
}

static void on_answer(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct asking *asking = context;
	struct ph_document *document;
	struct ph_value items;

	asking->answers++;
	asking->status = status;
	if (status)
		return;
	assert_int_equal(
		ph_document_read(&document, body, length, PH_SKIM_PEER), 0);
	items = ph_value_get(ph_document_root(document), "items");
	asking->life = ph_get_u64(ph_document_root(document), "life");
	asking->count = (unsigned)ph_value_count(items);
	ph_run_end_read(&asking->end, ph_value_at(items, 0));
	ph_document_free(document);
}

static bool is_answered(void *context)
{
	return ((struct asking *)context)->answers > 0;
}

static void ask(struct rig *rig, struct asking *asking, const char *node,
	uint64_t run, bool fresh, int64_t lasts)
{
	struct ph_caller caller = {.role = PH_ROLE_VIEW};
	struct ph_writer *writer;

	snprintf(caller.node, sizeof(caller.node), "%s", node);
	caller.line = *node ? 1 : 0;
	*asking = (struct asking){0};
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "servers");
	ph_write_map(writer);
	ph_put_text(writer, "server", "it");
	ph_put_u64(writer, "run", run);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_put_bool(writer, "fresh", fresh);
	ph_write_end(writer);
	assert_int_equal(
		ph_call_send(rig->door, &caller, "", PH_EXECUTOR_AWAIT, writer,
			ph_loop_now(rig->loop), lasts, on_answer, asking),
		0);
	ph_writer_free(writer);
}

static struct ph_run_end hear(struct rig *rig, struct asking *asking)
{
	rig_until(rig, is_answered, asking);
	assert_int_equal(asking->status, PH_CALL_OK);
	assert_int_equal(asking->count, 1);
	assert_true(asking->life);
	return asking->end;
}

static struct ph_run_end look(struct rig *rig)
{
	struct asking asking;

	ask(rig, &asking, "", 0, true, 10 * PH_SECOND);
	return hear(rig, &asking);
}

static void start(struct rig *rig, const char *restart)
{
	struct rig_spec spec = {.name = "it",
		.restart = restart,
		.argv = {"tail", "-f", "/dev/null"}};

	assert_int_equal(rig_start(rig, &spec), PH_CALL_OK);
	rig_wait_state(rig, "it", "running");
}

static void the_end_of_a_run_is_told_and_remembered(void **state)
{
	struct rig *rig = *state;
	struct asking asking;
	struct ph_run_end end;
	uint64_t run;

	assert_int_equal(look(rig).cause, PH_END_NO_SUCH);
	start(rig, "always");
	end = look(rig);
	run = end.run;
	assert_int_equal(end.cause, PH_END_NONE);
	ask(rig, &asking, "", run, false, 30 * PH_SECOND);
	assert_int_equal(look(rig).run, run);
	/* The later question of the same caller had the first one answered. */
	rig_until(rig, is_answered, &asking);
	assert_int_equal(asking.count, 0);

	ask(rig, &asking, "", run, false, 30 * PH_SECOND);
	kill((pid_t)ph_get_int(rig_server(rig, "it"), "pid"), SIGKILL);
	end = hear(rig, &asking);
	assert_int_equal(end.cause, PH_END_SIGNAL);
	assert_int_equal(end.signal, SIGKILL);
	assert_int_equal(end.run, run);

	/* It runs again, and its past is still known. */
	rig_wait_state(rig, "it", "running");
	assert_true(look(rig).run > run);
	ask(rig, &asking, "", run, false, 30 * PH_SECOND);
	assert_int_equal(hear(rig, &asking).cause, PH_END_SIGNAL);
	ask(rig, &asking, "", run + 1000, false, 30 * PH_SECOND);
	assert_int_equal(hear(rig, &asking).cause, PH_END_ENDED);
}

static void who_is_stopped_is_told_so(void **state)
{
	struct rig *rig = *state;
	struct asking own;
	struct asking peer;

	start(rig, "never");
	ask(rig, &own, "", look(rig).run, false, 30 * PH_SECOND);
	ask(rig, &peer, "beta", look(rig).run, false, 30 * PH_SECOND);
	/* Looking was a question of this node's own: it is asked again. */
	rig_until(rig, is_answered, &own);
	ask(rig, &own, "", look(rig).run, false, 30 * PH_SECOND);
	assert_int_equal(peer.answers, 0);
	assert_int_equal(rig_stop(rig, "it"), PH_CALL_OK);
	assert_int_equal(hear(rig, &own).cause, PH_END_STOPPED);
	assert_int_equal(hear(rig, &peer).cause, PH_END_STOPPED);
	assert_int_equal(own.answers + peer.answers, 2);
}

static void a_question_is_answered_before_its_deadline(void **state)
{
	struct rig *rig = *state;
	struct asking asking;

	start(rig, "never");
	ask(rig, &asking, "", look(rig).run, false, 700 * PH_MILLISECOND);
	assert_int_equal(hear(rig, &asking).cause, PH_END_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_end_of_a_run_is_told_and_remembered),
		TEST(who_is_stopped_is_told_so),
		TEST(a_question_is_answered_before_its_deadline),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
