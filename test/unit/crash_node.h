#ifndef PH_TEST_CRASH_NODE_H
#define PH_TEST_CRASH_NODE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controlsurface/control.h"
#include "proto/calls.h"

/* A node of a mesh that crashes, and its disk, which outlives it. */

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
static inline bool step(struct node *node)
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

static inline struct kept *kept_find(
	struct node *node, const char *space, const char *key)
{
	for (unsigned i = 0; i < node->kept_count; i++) {
		if (!strcmp(node->kept[i].space, space) &&
			!strcmp(node->kept[i].key, key))
			return &node->kept[i];
	}
	return NULL;
}

static inline unsigned kept_count(const struct node *node, const char *space)
{
	unsigned found = 0;

	for (unsigned i = 0; i < node->kept_count; i++)
		found += !strcmp(node->kept[i].space, space);
	return found;
}

static inline void kept_drop(struct node *node, struct kept *kept)
{
	free(kept->value);
	*kept = node->kept[--node->kept_count];
}

static inline void kept_put(struct node *node, const char *space,
	const char *key, struct ph_value value)
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

static inline void list_kept(
	struct node *node, ph_handle ticket, const char *space)
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

static inline void play_store(
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

static inline void play_yes(
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

#endif
