#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test/unit/crash_mesh.h"

/*
 * Three control surfaces on one virtual clock, each with a disk that outlives
 * it. A change of a scope that all three have is begun on alpha, and at the
 * n-th step (a word between nodes, or a write, before it or after it) one of
 * them is killed, or cut off from the others. Every n is tried until the change
 * goes through without coming to it. Once all are back, all have the change or
 * none has, and nothing is left of it.
 */

/* --- what is applied --- */

#define FILE_OF(server)                                                        \
	"wiring: 1\nname: demo\n"                                              \
	"hosts: {alpha: {}, beta: {}, gamma: {}}\nservers:\n"                  \
	"  " server "-a: {host: alpha, use: source}\n"                         \
	"  " server "-b: {host: beta, use: sink}\n"                            \
	"  " server "-c: {host: gamma, use: sink}\n"                           \
	"wires:\n  - " server "-a:out -> " server "-b:in\n"

struct reply {
	bool done;
	int status;
};

static void replied(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct reply *reply = context;

	reply->done = true;
	reply->status = status;
}

static const struct ph_caller self = {.role = PH_ROLE_EXEC};

static void apply(struct mesh *mesh, const char *text, struct reply *reply)
{
	struct node *alpha = &mesh->nodes[0];
	struct ph_writer *writer;

	*reply = (struct reply){0};
	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_text(writer, "text", text);
	ph_write_end(writer);
	assert_int_equal(ph_call_send(alpha->door, &self, "", PH_CONTROL_APPLY,
				 writer, ph_loop_now(mesh->loop),
				 30 * PH_SECOND, replied, reply),
		0);
	ph_writer_free(writer);
	while (!reply->done)
		mesh_turn(mesh);
}

static bool holds(const struct kept *kept, const char *text)
{
	return kept && memmem(kept->value, kept->length, text, strlen(text));
}

/* How many have the new part. */
static unsigned renewed(struct mesh *mesh)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NODES; i++) {
		struct kept *kept =
			kept_find(&mesh->nodes[i], "wiring", "demo");
		bool new = holds(kept, "new-");

		assert_true(new != holds(kept, "old-"));
		count += new;
	}
	return count;
}

static unsigned left_over(struct mesh *mesh)
{
	unsigned count = 0;

	for (unsigned i = 0; i < NODES; i++)
		count += kept_count(&mesh->nodes[i], "transactions") +
			 kept_count(&mesh->nodes[i], "decisions");
	return count;
}

static void tell_left(const struct mesh *mesh)
{
	for (unsigned i = 0; i < NODES; i++) {
		const struct node *node = &mesh->nodes[i];

		for (unsigned k = 0; k < node->kept_count; k++)
			print_message("%s (%s) keeps %s %s\n", node->name,
				node->up ? "up" : "down", node->kept[k].space,
				node->kept[k].key);
	}
}

static void mend(struct mesh *mesh)
{
	settle(mesh, mesh->mishap == KILL   ? 8 * PH_SECOND
		     : mesh->mishap == LATE ? 60 * PH_SECOND
					    : 40 * PH_SECOND);
	mesh->victim->cut = false;
	if (!mesh->victim->up)
		node_up(mesh->victim);
	settle(mesh, 5 * PH_SECOND);
	if (mesh->other && !mesh->other->up)
		node_up(mesh->other);
}

/* Begins the change, and has it happen. */
static void live_through(struct mesh *mesh, unsigned *committed)
{
	struct reply reply;
	unsigned new;

	apply(mesh, FILE_OF("new"), &reply);
	mend(mesh);
	settle(mesh, 30 * PH_SECOND);
	mesh->second = 0;
	if (mesh->other && !mesh->other->up)
		node_up(mesh->other);
	settle(mesh, 90 * PH_SECOND);
	/* Who was away when all were told that it is over asks ever later. */
	for (unsigned i = 0; renewed(mesh) && left_over(mesh) && i < 1500; i++)
		settle(mesh, PH_SECOND);
	new = renewed(mesh);
	if (new % NODES || left_over(mesh) > (new ? 0 : NODES))
		tell_left(mesh);
	/* A promise never to prepare is kept for an hour. */
	if (new % NODES || left_over(mesh) > (new ? 0 : NODES))
		fail_msg("mishap %d of %s at step %u, and step %u: %u of %d "
			 "have the change, %u records are left",
			mesh->mishap, mesh->victim->name, mesh->fatal,
			mesh->second, new, NODES, left_over(mesh));
	if (!reply.status && !new)
		fail_msg("mishap %d of %s at step %u: acknowledged, and lost",
			mesh->mishap, mesh->victim->name, mesh->fatal);
	*committed += new == NODES;
}

static struct mesh *mesh_with_old(void)
{
	struct mesh *mesh = mesh_make();
	struct reply reply;

	apply(mesh, FILE_OF("old"), &reply);
	assert_int_equal(reply.status, PH_CALL_OK);
	settle(mesh, 5 * PH_SECOND);
	assert_int_equal(left_over(mesh), 0);
	return mesh;
}

/* Returns whether the step was reached. */
static bool try_step(enum mishap mishap, unsigned victim, unsigned fatal,
	unsigned *committed)
{
	struct mesh *mesh = mesh_with_old();
	bool happened;

	mesh->mishap = mishap;
	mesh->victim = &mesh->nodes[victim];
	mesh->fatal = fatal;
	live_through(mesh, committed);
	happened = mesh->happened;
	mesh_free(mesh);
	return happened;
}

static uint64_t random_state;

static unsigned any(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)((random_state >> 16) % below);
}

/* A second one dies, perhaps while the first is away or has just come back. */
static void two_mishaps(void **state)
{
	const char *dose = getenv("PH_DOSE");
	unsigned rounds = dose && !strcmp(dose, "full") ? 20000 : 1000;
	unsigned committed = 0;

	random_state = getenv("PH_SEED") ? strtoull(getenv("PH_SEED"), NULL, 10)
					 : (uint64_t)time(NULL) | 1;
	print_message("seed %llu\n", (unsigned long long)random_state);
	for (unsigned i = 0; i < rounds; i++) {
		struct mesh *mesh = mesh_with_old();

		mesh->mishap = any(MISHAPS);
		mesh->victim = &mesh->nodes[any(NODES)];
		mesh->fatal = 1 + any(46);
		mesh->second = mesh->fatal + any(60);
		mesh->other = &mesh->nodes[any(NODES)];
		live_through(mesh, &committed);
		mesh_free(mesh);
	}
	print_message(
		"%u of %u with the change in the end\n", committed, rounds);
	assert_in_range(committed, rounds / 10, rounds - rounds / 10);
}

static void every_step(enum mishap mishap, unsigned victim)
{
	unsigned fatal = 1;
	unsigned committed = 0;

	while (try_step(mishap, victim, fatal, &committed))
		fatal++;
	print_message("%u steps, %u of them with the change in the end\n",
		fatal - 1, committed - 1);
	/* Both ends are seen, or the steps are not where it matters. */
	assert_true(fatal > 30);
	assert_in_range(committed, 2, fatal - 1);
}

#define TEST_OF(name, mishap)                                                  \
	static void name##_coordinator(void **state)                           \
	{                                                                      \
		every_step(mishap, 0);                                         \
	}                                                                      \
	static void name##_owner(void **state)                                 \
	{                                                                      \
		every_step(mishap, 1);                                         \
	}                                                                      \
	static void name##_other(void **state)                                 \
	{                                                                      \
		every_step(mishap, 2);                                         \
	}

TEST_OF(killed_and_soon_back, KILL)
TEST_OF(killed_and_back_late, LATE)
TEST_OF(cut_off, CUT)

int main(void)
{
#define THREE(name)                                                            \
	cmocka_unit_test(name##_coordinator), cmocka_unit_test(name##_owner),  \
		cmocka_unit_test(name##_other)
	const struct CMUnitTest tests[] = {
		THREE(killed_and_soon_back),
		THREE(killed_and_back_late),
		THREE(cut_off),
		cmocka_unit_test(two_mishaps),
	};

	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	return cmocka_run_group_tests_name("apply_crash", tests, NULL, NULL);
}
