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

#include "controlsurface/control.h"
#include "kernel/log.h"
#include "proto/calls.h"

/*
 * Three control surfaces on one virtual clock, each with a disk that outlives
 * it. A change of a scope that all three have is begun on alpha, and at the
 * n-th step (a word between nodes, or a write, before it or after it) one of
 * them is killed, or cut off from the others. Every n is tried until the change
 * goes through without coming to it. Once all are back, all have the change or
 * none has, and nothing is left of it.
 */
#define NODES 3
#define KEPT  32

enum mishap {
	KILL, /* at once, back after 8 s */
	LATE, /* at once, back after 60 s */
	CUT,  /* no words to and from the others for 40 s */
	MISHAPS
};

struct kept {
	char space[40];
	char key[96];
	uint8_t *value;
	size_t length;
};

struct mesh;

struct node {
	struct mesh *mesh;
	const char *name;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_timer alarm;
	struct ph_control *control;
	uint64_t epoch;
	bool up;
	bool dead; /* killed; what is left of it is cleared away soon */
	bool cut;
	struct kept kept[KEPT];
	unsigned kept_count;
};

struct mesh {
	struct ph_virtual_clock clock;
	struct ph_loop *loop;
	struct node nodes[NODES];
	unsigned step;
	unsigned fatal; /* the step at which it happens; 0: never */
	struct node *victim;
	enum mishap mishap;
	bool happened;
	unsigned second; /* the step at which another one is killed; 0: none */
	struct node *other;
};

/* True when the node is (now) out of the world. */
static bool step(struct node *node)
{
	struct mesh *mesh = node->mesh;

	mesh->step += mesh->fatal != 0;
	if (mesh->second && mesh->step == mesh->second)
		mesh->other->dead = true;
	if (!mesh->happened && mesh->fatal && mesh->step == mesh->fatal) {
		mesh->happened = true;
		if (mesh->mishap == CUT)
			mesh->victim->cut = true;
		else
			mesh->victim->dead = true;
	}
	return node->dead;
}

/* --- the disk --- */

static struct kept *kept_find(
	struct node *node, const char *space, const char *key)
{
	for (unsigned i = 0; i < node->kept_count; i++) {
		if (!strcmp(node->kept[i].space, space) &&
			!strcmp(node->kept[i].key, key))
			return &node->kept[i];
	}
	return NULL;
}

static unsigned kept_count(const struct node *node, const char *space)
{
	unsigned found = 0;

	for (unsigned i = 0; i < node->kept_count; i++)
		found += !strcmp(node->kept[i].space, space);
	return found;
}

static void kept_drop(struct node *node, struct kept *kept)
{
	free(kept->value);
	*kept = node->kept[--node->kept_count];
}

static void kept_put(struct node *node, const char *space, const char *key,
	struct ph_value value)
{
	struct kept *kept = kept_find(node, space, key);
	size_t length;
	const uint8_t *bytes = ph_value_bytes(value, &length);

	assert_non_null(bytes);
	if (kept)
		kept_drop(node, kept);
	assert_true(node->kept_count < KEPT);
	kept = &node->kept[node->kept_count++];
	snprintf(kept->space, sizeof(kept->space), "%s", space);
	snprintf(kept->key, sizeof(kept->key), "%s", key);
	kept->value = malloc(length ? length : 1);
	memcpy(kept->value, bytes, length);
	kept->length = length;
}

static void list_kept(struct node *node, ph_handle ticket, const char *space)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < node->kept_count; i++) {
		if (strcmp(node->kept[i].space, space))
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "key", node->kept[i].key);
		ph_put_bytes(writer, "value", node->kept[i].value,
			node->kept[i].length);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(node->door, ticket, writer);
	ph_writer_free(writer);
}

static void play_store(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct node *node = context;
	struct ph_request request;
	char space[40];
	char key[96];

	if (ph_request_open(&request, node->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "space", space, sizeof(space));
	ph_get_copy(request.arguments, "key", key, sizeof(key));
	if (call->method == PH_STORE_LIST) {
		list_kept(node, ticket, space);
	} else if (!step(node)) {
		if (call->method == PH_STORE_PUT)
			kept_put(node, space, key,
				ph_value_get(request.arguments, "value"));
		else if (kept_find(node, space, key))
			kept_drop(node, kept_find(node, space, key));
		/* On the disk, and then it dies: nobody hears of it. */
		if (!step(node))
			ph_answer_ok(node->door, ticket, NULL);
	}
	ph_request_close(&request);
}

static void play_yes(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct node *node = context;
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_u64(writer, "handle", 7);
	ph_put_text(writer, "direction", "out");
	ph_put_bytes(writer, "token", "0123456789abcdef", 16);
	ph_write_end(writer);
	ph_answer_ok(node->door, ticket, writer);
	ph_writer_free(writer);
}

/* --- the road --- */

struct word {
	struct mesh *mesh;
	unsigned from;
	unsigned to;
	uint64_t epoch; /* of the asker */
	ph_handle ticket;
};

static bool reach(const struct node *one, const struct node *other)
{
	return one->up && other->up && !one->dead && !other->dead &&
	       !one->cut && !other->cut;
}

static void word_answered(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct word *word = context;
	struct node *from = &word->mesh->nodes[word->from];
	struct node *to = &word->mesh->nodes[word->to];

	step(to);
	if (from->up && from->epoch == word->epoch) {
		if (reach(from, to))
			ph_door_answer(
				from->door, word->ticket, status, body, length);
		else
			ph_door_answer(from->door, word->ticket,
				PH_CALL_UNREACHABLE, NULL, 0);
	}
	free(word);
}

/* The road has two ways to say it. */
static void no_line(struct node *from, ph_handle ticket)
{
	struct ph_error error;

	if (from->mesh->step % 2) {
		ph_door_answer(
			from->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	ph_fail(&error, PH_EXIT_UNREACHABLE, "there", "", "no line");
	ph_answer_error(from->door, ticket, &error);
}

static void road(void *context, ph_handle ticket, const struct ph_call *call)
{
	struct node *from = context;
	struct mesh *mesh = from->mesh;
	struct ph_caller caller = {.role = PH_ROLE_EXEC};
	struct ph_call copy = *call;
	struct node *to = NULL;
	struct word *word;

	for (unsigned i = 0; i < NODES; i++) {
		if (!strcmp(mesh->nodes[i].name, call->destination))
			to = &mesh->nodes[i];
	}
	assert_non_null(to);
	step(from);
	if (!reach(from, to)) {
		no_line(from, ticket);
		return;
	}
	caller.line = 1 + (uint64_t)(from - mesh->nodes);
	snprintf(caller.node, sizeof(caller.node), "%s", from->name);
	copy.caller = &caller;
	copy.destination = "";
	word = calloc(1, sizeof(*word));
	*word = (struct word){mesh, (unsigned)(from - mesh->nodes),
		(unsigned)(to - mesh->nodes), from->epoch, ticket};
	if (ph_door_call(to->door, &copy, word_answered, word)) {
		ph_door_answer(
			from->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		free(word);
	}
}

/* --- life --- */

static void alarm_due(struct ph_timer *timer)
{
	struct node *node =
		(struct node *)(void *)((char *)timer -
					offsetof(struct node, alarm));
	int64_t next =
		ph_door_expire(node->door, ph_loop_now(node->mesh->loop));

	if (next != INT64_MAX)
		ph_timer_start(node->mesh->loop, &node->alarm, next);
}

static void alarm_set(void *context, int64_t when)
{
	struct node *node = context;

	ph_timer_start(node->mesh->loop, &node->alarm, when);
}

static const struct ph_terminal_type source_terminals[] = {{"out", PH_OUT, ""}};
static const struct ph_terminal_type sink_terminals[] = {{"in", PH_IN, ""}};
static const struct ph_server_type source_type = {
	.name = "source", .terminals = source_terminals, .terminal_count = 1};
static const struct ph_server_type sink_type = {
	.name = "sink", .terminals = sink_terminals, .terminal_count = 1};
static const struct ph_server_type *const bundled[] = {
	&source_type, &sink_type, NULL};

static const uint16_t yes[] = {PH_EXECUTOR_CHECK, PH_EXECUTOR_START,
	PH_EXECUTOR_STOP, PH_HOSTESS_FIND, PH_HOSTESS_CHECK, PH_HOSTESS_RESERVE,
	PH_HOSTESS_RELEASE, PH_WIRE_OPEN, PH_WIRE_CLOSE, PH_WIRE_FLOWS,
	PH_STORE_NOTE};
static const uint16_t stores[] = {PH_STORE_PUT, PH_STORE_DELETE, PH_STORE_LIST};

static void node_up(struct node *node)
{
	struct mesh *mesh = node->mesh;
	struct ph_control_config config = {.loop = mesh->loop,
		.kernel = &node->kernel,
		.node = node->name,
		.epoch = ++node->epoch,
		.bundled = bundled};

	assert_int_equal(
		ph_kernel_init(&node->kernel, ph_loop_hal(mesh->loop)), 0);
	assert_int_equal(ph_worker_create(&node->worker, mesh->loop), 0);
	assert_int_equal(ph_door_create(&node->door, &node->kernel), 0);
	node->alarm = (struct ph_timer){.on_due = alarm_due};
	ph_door_set_alarm(node->door, alarm_set, node);
	ph_door_set_road(node->door, road, node);
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ph_door_serve(node->door, yes[i], play_yes, node);
	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		ph_door_serve(node->door, stores[i], play_store, node);
	node->dead = false;
	node->up = true;
	config.worker = node->worker;
	config.door = node->door;
	assert_int_equal(ph_control_create(&node->control, &config), 0);
	ph_control_start(node->control);
}

static void node_down(struct node *node)
{
	node->dead = true;
	ph_control_destroy(node->control);
	ph_worker_destroy(node->worker);
	ph_door_destroy(node->door);
	node->up = false;
	ph_timer_stop(node->mesh->loop, &node->alarm);
	ph_loop_turn(node->mesh->loop, 0);
	ph_kernel_fini(&node->kernel);
}

static void mesh_turn(struct mesh *mesh)
{
	bool busy = false;

	for (unsigned i = 0; i < NODES; i++) {
		if (mesh->nodes[i].up && mesh->nodes[i].dead)
			node_down(&mesh->nodes[i]);
		busy |= mesh->nodes[i].up &&
			ph_worker_pending(mesh->nodes[i].worker);
	}
	/* While the worker reads a file, time stands still. */
	if (busy) {
		ph_loop_turn(mesh->loop, 0);
		sched_yield();
	} else {
		ph_loop_turn(mesh->loop, 20 * PH_MILLISECOND);
	}
}

static void settle(struct mesh *mesh, int64_t time)
{
	int64_t end = mesh->clock.time + time;

	while (mesh->clock.time < end)
		mesh_turn(mesh);
}

static struct mesh *mesh_make(void)
{
	static const char *const names[NODES] = {"alpha", "beta", "gamma"};
	struct mesh *mesh = calloc(1, sizeof(*mesh));

	ph_virtual_clock_init(&mesh->clock, PH_SECOND);
	assert_int_equal(ph_loop_create(&mesh->loop, &mesh->clock.clock), 0);
	for (unsigned i = 0; i < NODES; i++) {
		mesh->nodes[i].mesh = mesh;
		mesh->nodes[i].name = names[i];
		node_up(&mesh->nodes[i]);
	}
	settle(mesh, PH_SECOND);
	return mesh;
}

static void mesh_free(struct mesh *mesh)
{
	for (unsigned i = 0; i < NODES; i++) {
		if (mesh->nodes[i].up)
			node_down(&mesh->nodes[i]);
	}
	for (unsigned i = 0; i < NODES; i++) {
		while (mesh->nodes[i].kept_count)
			kept_drop(&mesh->nodes[i], mesh->nodes[i].kept);
	}
	ph_loop_destroy(mesh->loop);
	free(mesh);
}

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
