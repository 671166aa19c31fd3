#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "test/control_world.h"

/*
 * Records of changes that cannot be read when a node starts: a word that was
 * given counts neither as none nor as another, people are told, and what is on
 * the disk stays until it is known, or decided, that it may go.
 */
static const struct ph_caller coordinator = {
	.line = 8, .role = PH_ROLE_EXEC, .node = "beta"};
static const struct ph_caller other = {
	.line = 9, .role = PH_ROLE_EXEC, .node = "gamma"};

#define RUBBISH "\xc1 no map"

static void plant(struct world *world, const char *space, const char *key,
	const void *bytes, size_t length)
{
	struct kept *kept = &world->kept[world->kept_count++];

	snprintf(kept->space, sizeof(kept->space), "%s", space);
	snprintf(kept->key, sizeof(kept->key), "%s", key);
	kept->value = malloc(length);
	memcpy(kept->value, bytes, length);
	kept->length = length;
}

/* Starts the node with such a record on its disk. */
static void begin_with(struct world *world, const char *space, const char *key,
	const void *bytes, size_t length)
{
	world_down(world);
	plant(world, space, key, bytes, length);
	world_up(world);
	world_settle(world, PH_SECOND);
}

/* A word of a version to come, about "demo". */
static void begin_with_newer(struct world *world, const char *key)
{
	struct ph_writer *writer = world_arguments("state", "half prepared");
	const uint8_t *data;
	size_t length;

	ph_put_text(writer, "scope", "demo");
	ph_put_text(writer, "coordinator", "beta");
	ph_write_end(writer);
	assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
	begin_with(world, "transactions", key, data, length);
	ph_writer_free(writer);
}

static void ask(struct world *world, const struct ph_caller *caller,
	uint16_t method, const char *id, const char *outcome,
	struct answer *answer)
{
	struct ph_writer *writer = world_arguments("transaction", id);

	ph_put_text(writer, "scope", "demo");
	if (outcome)
		ph_put_text(writer, "outcome", outcome);
	ph_write_end(writer);
	world_send(world, caller, method, writer, answer);
	world_await(world, answer);
}

/* What another node is told of it. */
static void assert_outcome(
	struct world *world, const char *id, const char *expected)
{
	struct answer answer;
	char text[32];

	ask(world, &other, PH_CONTROL_OUTCOME, id, NULL, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	assert_string_equal(
		ph_get_copy(answer.body, "outcome", text, sizeof(text)),
		expected);
	world_answer_free(&answer);
}

static void resolve(struct world *world, const char *id, const char *outcome,
	enum ph_exit expected)
{
	struct answer answer;

	ask(world, &world_self, PH_CONTROL_RESOLVE, id, outcome, &answer);
	assert_int_equal(answer.status ? answer.error.exit : 0, expected);
	world_answer_free(&answer);
}

/* The one line of the status says this. */
static void assert_line(struct world *world, const char *what)
{
	struct ph_writer *writer = world_arguments(NULL, NULL);
	struct answer answer;
	struct ph_value lines;
	char text[512] = "";

	ph_put_bool(writer, "counts", true);
	ph_write_end(writer);
	world_send(world, &world_self, PH_CONTROL_LIST, writer, &answer);
	world_await(world, &answer);
	lines = ph_value_get(answer.body, "in_doubt");
	ph_value_copy(ph_value_at(lines, 0), text, sizeof(text));
	if (what)
		assert_non_null(strstr(text, what));
	else
		assert_int_equal(ph_value_count(lines), 0);
	world_answer_free(&answer);
}

static unsigned open_changes(struct world *world)
{
	struct answer answer;
	unsigned count;

	world_call(world, PH_CONTROL_TRANSACTIONS, NULL, NULL, &answer);
	count = (unsigned)ph_value_count(ph_value_get(answer.body, "items"));
	world_answer_free(&answer);
	return count;
}

static void assert_untouched(struct world *world, const char *space)
{
	for (unsigned i = 0; i < world->kept_count; i++) {
		if (strcmp(world->kept[i].space, space) != 0)
			continue;
		assert_int_equal(world->kept[i].length, sizeof(RUBBISH) - 1);
		assert_memory_equal(
			world->kept[i].value, RUBBISH, sizeof(RUBBISH) - 1);
	}
	assert_int_equal(world_kept(world, space), 1);
}

/* Others may have committed it, or may be told not to by what is said here. */
static void a_word_that_cannot_be_read_is_not_taken_back(void **state)
{
	struct world *world = *state;
	struct answer answer;

	world->beta_knows = true; /* it began the change, and decided it */
	begin_with(world, "transactions", "beta@1.1", RUBBISH,
		sizeof(RUBBISH) - 1);
	assert_outcome(world, "beta@1.1", "unheard");
	/* The coordinator is not told that it is refused for good. */
	ask(world, &coordinator, PH_CONTROL_COMMIT, "beta@1.1", NULL, &answer);
	assert_int_equal(answer.status, PH_CALL_FAILED);
	assert_int_equal(answer.error.exit, PH_EXIT_NEGATIVE);
	world_answer_free(&answer);
	world_settle(world, 60 * PH_SECOND);
	assert_untouched(world, "transactions");
	assert_int_equal(open_changes(world), 1);
	assert_line(world, "beta@1.1 of a scope: its record here cannot");
	/* A person cannot have it, and can let it go. */
	resolve(world, "beta@1.1", "commit", PH_EXIT_CONFLICT);
	resolve(world, "beta@1.1", "abort", PH_EXIT_OK);
	assert_int_equal(world_kept(world, "transactions"), 0);
	assert_int_equal(open_changes(world), 0);
	assert_line(world, NULL);
}

static void a_word_of_a_newer_version_holds_its_scope(void **state)
{
	struct world *world = *state;
	struct ph_error error;

	world->beta_away = UINT32_MAX;
	begin_with_newer(world, "beta@1.2");
	assert_outcome(world, "beta@1.2", "unheard");
	assert_int_equal(
		world_apply(world, world_here, &error), PH_CALL_FAILED);
	assert_int_equal(error.exit, PH_EXIT_CONFLICT);
	assert_line(world, "beta@1.2 of demo: its record here cannot");
	assert_int_equal(world_kept(world, "transactions"), 1);
	/* It is over as soon as its coordinator says that it never was. */
	world->beta_away = 0;
	world_settle(world, 30 * PH_SECOND);
	assert_int_equal(world_kept(world, "transactions"), 0);
	assert_int_equal(world_apply(world, world_here, &error), PH_CALL_OK);
}

/* That there is a record says that it was decided. */
static void a_decision_that_cannot_be_read_was_made(void **state)
{
	struct world *world = *state;

	begin_with(
		world, "decisions", "alpha@1.1", RUBBISH, sizeof(RUBBISH) - 1);
	assert_outcome(world, "alpha@1.1", "committed");
	world_settle(world, 60 * PH_SECOND);
	assert_untouched(world, "decisions");
	assert_line(world, "alpha@1.1 of a scope: decided");
	assert_int_equal(open_changes(world), 1);
	resolve(world, "alpha@1.1", "abort", PH_EXIT_CONFLICT);
	assert_outcome(world, "alpha@1.1", "committed");
	resolve(world, "alpha@1.1", "commit", PH_EXIT_OK);
	assert_int_equal(world_kept(world, "decisions"), 0);
	assert_line(world, NULL);
	assert_outcome(world, "alpha@1.1", "none");
}

/* The node that decided took part as well: what it has done itself is no
 * hindrance. */
static void a_decision_of_one_who_took_part_can_be_let_go(void **state)
{
	struct world *world = *state;
	struct ph_writer *writer = world_arguments("state", "noting");
	const uint8_t *data;
	size_t length;

	ph_put_text(writer, "scope", "demo");
	ph_put_text(writer, "coordinator", "alpha");
	ph_put_list(writer, "nodes");
	ph_write_text(writer, "alpha");
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
	world_down(world);
	plant(world, "decisions", "alpha@1.1", RUBBISH, sizeof(RUBBISH) - 1);
	plant(world, "transactions", "alpha@1.1", data, length);
	ph_writer_free(writer);
	world_up(world);
	world_settle(world, 60 * PH_SECOND);
	assert_line(world, "alpha@1.1 of a scope: decided");
	resolve(world, "alpha@1.1", "abort", PH_EXIT_CONFLICT);
	resolve(world, "alpha@1.1", "commit", PH_EXIT_OK);
	assert_int_equal(world_kept(world, "decisions"), 0);
	assert_line(world, NULL);
	/* Nothing is left to ask, here neither. */
	world_settle(world, 1200 * PH_SECOND);
	assert_int_equal(world_kept(world, "transactions"), 0);
}

/* What was applied and cannot be read is told, until it is applied anew. */
static void a_part_that_cannot_be_read_is_told(void **state)
{
	struct world *world = *state;
	struct answer answer;
	struct ph_value rules;
	char text[64];

	begin_with(world, "wiring", "demo", RUBBISH, sizeof(RUBBISH) - 1);
	assert_line(world, "apply FILE of demo once more");
	world_call(world, PH_CONTROL_ALARMS, NULL, NULL, &answer);
	rules = ph_value_get(answer.body, "items");
	assert_int_equal(ph_value_count(rules), 1);
	assert_string_equal(ph_get_copy(ph_value_at(rules, 0), "trouble", text,
				    sizeof(text)),
		"part");
	world_answer_free(&answer);
	assert_untouched(world, "wiring");
	assert_int_equal(world_apply(world, world_here, NULL), PH_CALL_OK);
	assert_line(world, NULL);
}

int main(void)
{
#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_word_that_cannot_be_read_is_not_taken_back),
		TEST(a_word_of_a_newer_version_holds_its_scope),
		TEST(a_decision_that_cannot_be_read_was_made),
		TEST(a_decision_of_one_who_took_part_can_be_let_go),
		TEST(a_part_that_cannot_be_read_is_told),
	};

	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	return cmocka_run_group_tests_name("unreadable", tests, NULL, NULL);
}
