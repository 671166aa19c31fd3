#ifndef PH_TEST_CRASH_MESH_H
#define PH_TEST_CRASH_MESH_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "test/unit/crash_node.h"

/* Three of them, and the road between. */

/* --- the road --- */

struct word {
	struct mesh *mesh;
	unsigned from;
	unsigned to;
	uint64_t epoch; /* of the asker */
	ph_handle ticket;
};

static inline bool reach(const struct node *one, const struct node *other)
{
	return one->up && other->up && !one->dead && !other->dead &&
	       !one->cut && !other->cut;
}

static inline void word_answered(
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

/* The road has many ways to say it: one it does not know any more (it was
 * forgotten, or has another name) is no such node, and a line may have too much
 * to do. */
static inline void no_line(struct node *from, const char *to, ph_handle ticket)
{
	struct ph_error error;

	switch (from->mesh->step % 4) {
	case 0:
		ph_fail(&error, PH_EXIT_UNREACHABLE, to, "", "no line");
		break;
	case 1:
		ph_fail(&error, PH_EXIT_NOT_FOUND, to, "", "no such node");
		break;
	case 2:
		ph_fail(&error, PH_EXIT_DENIED, "", "", "too many calls");
		break;
	default:
		ph_door_answer(
			from->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	ph_answer_error(from->door, ticket, &error);
}

static inline void road(
	void *context, ph_handle ticket, const struct ph_call *call)
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
		no_line(from, to->name, ticket);
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

static inline void alarm_due(struct ph_timer *timer)
{
	struct node *node =
		(struct node *)(void *)((char *)timer -
					offsetof(struct node, alarm));
	int64_t next =
		ph_door_expire(node->door, ph_loop_now(node->mesh->loop));

	if (next != INT64_MAX)
		ph_timer_start(node->mesh->loop, &node->alarm, next);
}

static inline void alarm_set(void *context, int64_t when)
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

static inline void node_up(struct node *node)
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

static inline void node_down(struct node *node)
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

static inline void mesh_turn(struct mesh *mesh)
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

static inline void settle(struct mesh *mesh, int64_t time)
{
	int64_t end = mesh->clock.time + time;

	while (mesh->clock.time < end)
		mesh_turn(mesh);
}

static inline struct mesh *mesh_make(void)
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

static inline void mesh_free(struct mesh *mesh)
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

#endif
