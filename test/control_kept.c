#include "test/control_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The store, played: what is kept outlives restarts. */

static struct kept *kept_find(
	struct world *world, const char *space, const char *key)
{
	for (unsigned i = 0; i < world->kept_count; i++) {
		if (!strcmp(world->kept[i].space, space) &&
			!strcmp(world->kept[i].key, key))
			return &world->kept[i];
	}
	return NULL;
}

unsigned world_kept(const struct world *world, const char *space)
{
	unsigned found = 0;

	for (unsigned i = 0; i < world->kept_count; i++)
		found += !strcmp(world->kept[i].space, space);
	return found;
}

void kept_drop(struct world *world, struct kept *kept)
{
	free(kept->value);
	*kept = world->kept[--world->kept_count];
}

static void kept_put(struct world *world, const char *space, const char *key,
	struct ph_value value)
{
	struct kept *kept = kept_find(world, space, key);
	size_t length;
	const uint8_t *bytes = ph_value_bytes(value, &length);

	assert_non_null(bytes);
	if (kept)
		kept_drop(world, kept);
	assert_true(world->kept_count < KEPT);
	kept = &world->kept[world->kept_count++];
	snprintf(kept->space, sizeof(kept->space), "%s", space);
	snprintf(kept->key, sizeof(kept->key), "%s", key);
	kept->value = malloc(length);
	memcpy(kept->value, bytes, length);
	kept->length = length;
}

static void kept_list(struct world *world, ph_handle ticket, const char *space)
{
	struct ph_writer *writer;

	assert_int_equal(ph_writer_create(&writer), 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < world->kept_count; i++) {
		if (strcmp(world->kept[i].space, space))
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "key", world->kept[i].key);
		ph_put_bytes(writer, "value", world->kept[i].value,
			world->kept[i].length);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(world->door, ticket, writer);
	ph_writer_free(writer);
}

void world_play_store(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct world *world = context;
	struct ph_request request;
	char space[40];
	char key[96];
	char what[256];

	if (ph_request_open(&request, world->door, ticket, call))
		return;
	ph_get_copy(request.arguments, "space", space, sizeof(space));
	ph_get_copy(request.arguments, "key", key, sizeof(key));
	if (call->method == PH_STORE_LIST) {
		kept_list(world, ticket, space);
		goto out;
	}
	if (call->method == PH_STORE_NOTE) {
		world_note(world, "note %s",
			ph_get_copy(
				request.arguments, "what", what, sizeof(what)));
	} else if (world->store_fails) {
		world->store_fails--;
		world_refuse(world, ticket, PH_EXIT_NEGATIVE, "disk full");
		goto out;
	} else if (call->method == PH_STORE_PUT) {
		world_note(world, "put %s %s", space, key);
		kept_put(world, space, key,
			ph_value_get(request.arguments, "value"));
	} else {
		world_note(world, "delete %s %s", space, key);
		if (kept_find(world, space, key))
			kept_drop(world, kept_find(world, space, key));
	}
	ph_answer_ok(world->door, ticket, NULL);
out:
	ph_request_close(&request);
}
