#include "test/houses.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define UUID	 "6ba7b810-9dad-51d1-80b4-00c04fd430c8"
#define PATIENCE (7200 * PH_SECOND)

static const char *const names[HOUSES] = {"alpha", "beta", "gamma"};

/* --- the road */

struct trip {
	struct house *to;
	bool holds;
	struct ph_door *door; /* it comes back to that; NULL: not any more */
	ph_handle ticket;
	struct trip *prev, *next;
};

static void trip_back(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct trip *trip = context;

	DL_DELETE(trip->to->trips, trip);
	if (!trip->door) {
		free(trip);
		return;
	}
	if (trip->holds && trip->to->loses && !status) {
		trip->to->loses--;
		trip->to->away = true;
		status = PH_CALL_UNREACHABLE;
		body = NULL;
		length = 0;
	}
	ph_door_answer(trip->door, trip->ticket, status, body, length);
	free(trip);
}

void house_lose(struct house *house)
{
	struct trip *trip;

	house->away = true;
	DL_FOREACH(house->trips, trip)
	{
		ph_door_answer(
			trip->door, trip->ticket, PH_CALL_UNREACHABLE, NULL, 0);
		trip->door = NULL;
	}
}

static struct house *house_named(struct houses *all, const char *name)
{
	for (unsigned i = 0; i < HOUSES; i++)
		if (strcmp(names[i], name) == 0)
			return &all->house[i];
	return NULL;
}

static void road(void *context, ph_handle ticket, const struct ph_call *call)
{
	struct house *from = context;
	struct house *to = house_named(from->all, call->destination);
	struct ph_caller caller = {.line = 1, .role = PH_ROLE_EXEC};
	struct ph_call onward = *call;
	struct trip *trip;

	if (!to || to->away || from->away) {
		ph_door_answer(
			from->door, ticket, PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (call->method == PH_HOSTESS_HOLD) {
		to->holds_asked++;
		if (from->all->asked < sizeof(from->all->order) - 1)
			from->all->order[from->all->asked++] = to->name[0];
	}
	snprintf(caller.node, sizeof(caller.node), "%s", from->name);
	onward.caller = &caller;
	onward.destination = "";
	trip = malloc(sizeof(*trip));
	*trip = (struct trip){to, call->method == PH_HOSTESS_HOLD, from->door,
		ticket, NULL, NULL};
	DL_APPEND(to->trips, trip);
	if (ph_door_call(to->door, &onward, trip_back, trip) < 0)
		trip_back(trip, PH_CALL_UNREACHABLE, NULL, 0);
}

static void serve_peers(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct house *house = context;
	struct ph_writer *writer;

	ph_writer_create(&writer);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < HOUSES; i++) {
		struct house *at = &house->all->house[i];

		if (at == house)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "node", at->name);
		ph_put_text(writer, "line",
			at->away || house->away ? "down" : "up");
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(house->door, ticket, writer);
	ph_writer_free(writer);
}

/* --- the store */

static struct house_record *record_find(
	struct house *house, const char *space, const char *key)
{
	for (unsigned i = 0; i < house->records; i++)
		if (!strcmp(house->store[i].space, space) &&
			!strcmp(house->store[i].key, key))
			return &house->store[i];
	return NULL;
}

static void record_put(struct house *house, struct ph_value map)
{
	char space[16], key[128];
	size_t length;
	const uint8_t *value =
		ph_value_bytes(ph_value_get(map, "value"), &length);
	struct house_record *at = record_find(house,
		ph_get_copy(map, "space", space, sizeof(space)),
		ph_get_copy(map, "key", key, sizeof(key)));

	if (!at) {
		assert_in_range(house->records, 0, HOUSE_RECORD - 1);
		at = &house->store[house->records++];
	}
	free(at->value);
	memcpy(at->space, space, sizeof(space));
	memcpy(at->key, key, sizeof(key));
	at->value = malloc(length + 1);
	at->length = length;
	if (length)
		memcpy(at->value, value, length);
}

static void record_drop(struct house *house, struct ph_value map)
{
	char space[16], key[128];
	struct house_record *at = record_find(house,
		ph_get_copy(map, "space", space, sizeof(space)),
		ph_get_copy(map, "key", key, sizeof(key)));

	if (!at)
		return;
	free(at->value);
	*at = house->store[--house->records];
	memset(&house->store[house->records], 0, sizeof(*at));
}

static void records_write(
	struct house *house, const char *space, struct ph_writer *writer)
{
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < house->records; i++) {
		const struct house_record *at = &house->store[i];

		if (strcmp(at->space, space) != 0)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "key", at->key);
		ph_put_bytes(writer, "value", at->value, at->length);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void serve_store(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct house *house = context;
	struct ph_request request;
	struct ph_writer *writer;
	char space[16];

	if (ph_request_open(&request, house->door, ticket, call))
		return;
	if (house->broken && call->method != PH_STORE_LIST) {
		ph_door_answer(house->door, ticket, PH_CALL_TIMEOUT, NULL, 0);
		ph_request_close(&request);
		return;
	}
	ph_writer_create(&writer);
	ph_write_map(writer);
	if (call->method == PH_STORE_PUT)
		record_put(house, request.arguments);
	else if (call->method == PH_STORE_DELETE)
		record_drop(house, request.arguments);
	else if (call->method == PH_STORE_NOTE)
		house->notes++;
	else
		records_write(house,
			ph_get_copy(request.arguments, "space", space,
				sizeof(space)),
			writer);
	ph_write_end(writer);
	ph_request_close(&request);
	ph_answer_ok(house->door, ticket, writer);
	ph_writer_free(writer);
}

/* --- life */

static void on_evict(void *context, const char *connection)
{
	struct house *house = context;

	snprintf(house->evicted, sizeof(house->evicted), "%s", connection);
}

static void house_build(struct house *house)
{
	static const uint16_t store[] = {
		PH_STORE_PUT, PH_STORE_DELETE, PH_STORE_LIST, PH_STORE_NOTE};
	struct houses *all = house->all;
	char site[16];
	const char *caps[] = {site, "gpu=nvenc"};
	struct ph_hostess_config config = {.loop = all->room.loop,
		.node = house->name,
		.epoch = house->epoch,
		.caps = caps,
		.cap_count = house->name[0] == 'g' ? 2 : 1};

	snprintf(site, sizeof(site), "site=%s", house->name);

	if (house == all->house)
		house->door = all->room.door;
	else
		assert_int_equal(
			ph_door_create(&house->door, &all->room.kernel), 0);
	config.door = house->door;
	ph_door_set_road(house->door, road, house);
	for (unsigned i = 0; i < sizeof(store) / sizeof(store[0]); i++)
		ph_door_serve(house->door, store[i], serve_store, house);
	ph_door_serve(house->door, PH_MESH_PEERS, serve_peers, house);
	assert_int_equal(ph_hostess_create(&house->hostess, &config), 0);
	ph_hostess_set_evict(house->hostess, on_evict, house);
}

static void turn(struct houses *houses)
{
	ph_loop_turn(houses->room.loop, 0);
	for (unsigned i = 0; i < HOUSES; i++)
		if (houses->house[i].door)
			ph_door_expire(houses->house[i].door,
				ph_loop_now(houses->room.loop));
}

void houses_advance(struct houses *houses, int64_t ns)
{
	houses->room.clock.time += ns;
	for (unsigned i = 0; i < 24; i++)
		turn(houses);
}

int houses_setup(void **state)
{
	struct houses *houses = calloc(1, sizeof(*houses));

	room_open(&houses->room, true);
	for (unsigned i = 0; i < HOUSES; i++) {
		struct house *house = &houses->house[i];

		house->all = houses;
		house->name = names[i];
		house->epoch = 7;
		house_build(house);
	}
	*state = houses;
	return 0;
}

void house_start(struct house *house)
{
	ph_hostess_start(house->hostess);
	houses_advance(house->all, 0);
}

static void house_close(struct house *house)
{
	ph_hostess_destroy(house->hostess);
	house->hostess = NULL;
	for (unsigned i = 0; i < 8; i++)
		turn(house->all);
	if (house->door == house->all->room.door)
		return;
	ph_door_destroy(house->door);
	house->door = NULL;
	for (unsigned i = 0; i < 8; i++)
		turn(house->all);
}

void house_restart(struct house *house)
{
	/* The room keeps alpha's door. */
	assert_ptr_not_equal(house, house->all->house);
	house_close(house);
	house->epoch++;
	house_build(house);
	house_start(house);
}

int houses_teardown(void **state)
{
	struct houses *houses = *state;

	for (unsigned i = HOUSES; i-- > 0;) {
		struct house *house = &houses->house[i];

		house_close(house);
		for (unsigned j = 0; j < house->records; j++)
			free(house->store[j].value);
	}
	room_close(&houses->room);
	free(houses);
	return 0;
}

/* --- what is asked */

static void terminal_put(struct ph_writer *writer, const char *name,
	const char *direction, unsigned handle)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", name);
	ph_put_text(writer, "direction", direction);
	ph_put_text(writer, "type", "text/plain");
	ph_put_int(writer, "handle", handle);
	ph_write_end(writer);
}

static const char *identity_auth(const char *auth)
{
	return !auth ? "no:none"
	       : strstr(auth, "token")
		       ? *auth == 'o' ? "optional:token" : "yes:token"
	       : strncmp(auth, "opt", 3) ? "yes:peer"
					 : "optional:peer";
}

void house_register(struct house *house, const char *server, const char *cap,
	const char *auth)
{
	struct ph_writer *writer = room_map(&house->all->room);
	char identity[160];

	snprintf(identity, sizeof(identity), "%s.example:%s:2a:ops:%s:" UUID,
		house->name, server, identity_auth(auth));
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "server", server);
	if (auth)
		ph_put_text(writer, "auth", auth);
	ph_put_list(writer, "terminals");
	terminal_put(writer, "in", "in", 11);
	terminal_put(writer, "merge", "combine", 12);
	terminal_put(writer, "out", "out", 13);
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	ph_write_text(writer, cap);
	ph_write_end(writer);
	assert_int_equal(house_exit(house, NULL, PH_HOSTESS_REGISTER), 0);
}

void house_unregister(struct house *house, const char *server)
{
	ph_put_text(room_map(&house->all->room), "server", server);
	assert_int_equal(house_exit(house, NULL, PH_HOSTESS_UNREGISTER), 0);
}

void house_state(struct house *house, const char *server, const char *state)
{
	struct ph_writer *writer = room_map(&house->all->room);

	ph_put_text(writer, "server", server);
	ph_put_text(writer, "state", state);
	assert_int_equal(house_exit(house, NULL, PH_HOSTESS_STATE), 0);
}

void house_send(struct house *house, const char *from, uint16_t method,
	struct answer *answer)
{
	struct ph_caller caller = {.role = PH_ROLE_EXEC, .line = from != NULL};
	struct room *room = &house->all->room;

	snprintf(caller.node, sizeof(caller.node), "%s", from ? from : "");
	memset(answer, 0, sizeof(*answer));
	ph_write_end(room->writer);
	assert_int_equal(
		ph_call_send(house->door, &caller, "", method, room->writer,
			ph_loop_now(room->loop), PATIENCE, answer_take, answer),
		0);
	/* It is there before the time goes on. */
	houses_advance(house->all, 0);
}

void house_wait(struct house *house, struct answer *answer)
{
	for (unsigned i = 0; i < 64 && !answer->come; i++)
		turn(house->all);
	assert_true(answer->come);
}

void house_call(struct house *house, const char *from, uint16_t method,
	struct answer *answer)
{
	house_send(house, from, method, answer);
	house_wait(house, answer);
}

int house_exit(struct house *house, const char *from, uint16_t method)
{
	struct answer answer;
	int code;

	house_call(house, from, method, &answer);
	code = answer.status ? (int)answer.error.exit : 0;
	answer_free(&answer);
	return code;
}

struct ph_writer *house_ask(
	struct houses *houses, const char *server, const char *terminal)
{
	struct ph_writer *writer = room_map(&houses->room);

	ph_put_text(writer, "server", server);
	if (terminal)
		ph_put_text(writer, "terminal", terminal);
	return writer;
}

struct ph_writer *house_ask_mask(
	struct houses *houses, const char *mask, int count)
{
	struct ph_writer *writer = room_map(&houses->room);

	ph_put_text(writer, "mask", mask);
	ph_put_int(writer, "count", count);
	return writer;
}

struct ph_value house_item(const struct answer *answer, unsigned index)
{
	struct ph_value items = ph_value_get(answer->body, "items");

	assert_in_range(index, 0, ph_value_count(items) - 1);
	return ph_value_at(items, index);
}

size_t house_count(struct house *house, const char *mask)
{
	struct answer answer;
	size_t count;

	ph_put_text(room_map(&house->all->room), "mask", mask);
	house_call(house, NULL, PH_HOSTESS_GUESTS, &answer);
	assert_int_equal(answer.status, PH_CALL_OK);
	count = ph_value_count(ph_value_get(answer.body, "items"));
	answer_free(&answer);
	return count;
}
