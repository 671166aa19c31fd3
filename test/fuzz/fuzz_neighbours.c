/*
 * The neighbour table as a whole. The input is a script: an operation, its
 * argument, and for announcements some bytes that change one; small quotas, so
 * that everything is soon full. After each step what must hold is looked at.
 */
#include <stdlib.h>

#include "kernel/hal.h"
#include "test/crier.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MEMBERS	  6
#define STRANGERS 5
#define FOREIGN	  4

struct script {
	const uint8_t *data;
	size_t left;
	struct ph_neighbours *table;
	int64_t now;
	/* The highest (epoch, seq) seen of each id that `say` invents. */
	struct {
		uint64_t epoch;
		uint32_t seq;
	} highest[256];
};

static void must(bool holds)
{
	if (!holds)
		abort();
}

static uint8_t take(struct script *script)
{
	if (!script->left)
		return 0;
	script->left--;
	return *script->data++;
}

static void drain(struct script *script)
{
	struct ph_neighbour_event event;

	while (ph_neighbours_next(script->table, &event)) {
		const struct ph_neighbour *one = event.neighbour;

		must(one->data && one->length);
		if (event.kind == PH_NEIGHBOUR_WISH)
			must(one->standing != PH_FOREIGN);
		ph_gone_name(event.reason);
	}
}

/* Of those that `say` invents; bytes turned over may be anybody. */
static void grows(struct script *script, const struct ph_neighbour *one)
{
	struct ph_announcement known = crier_member(one->id[0]);
	uint64_t *epoch = &script->highest[one->id[0]].epoch;
	uint32_t *seq = &script->highest[one->id[0]].seq;

	if (memcmp(known.id, one->id, sizeof(known.id)) != 0)
		return;
	must(one->epoch > *epoch || (one->epoch == *epoch && one->seq >= *seq));
	*epoch = one->epoch;
	*seq = one->seq;
}

static void check(struct script *script)
{
	const struct ph_neighbour *one = NULL;
	unsigned count[PH_MEMBER + 1] = {0};

	while ((one = ph_neighbours_walk(script->table, one))) {
		count[one->standing]++;
		must(one->expires > script->now);
		must(one->expires >= ph_neighbours_deadline(script->table));
		if (one->standing == PH_FOREIGN)
			continue;
		must(ph_neighbours_find(script->table, one->id) == one);
		grows(script, one);
	}
	must(count[PH_MEMBER] <= MEMBERS && count[PH_STRANGER] <= STRANGERS &&
		count[PH_FOREIGN] <= FOREIGN);
	for (unsigned i = 0; i <= PH_MEMBER; i++)
		must(count[i] == ph_neighbours_count(script->table, i));
	must(ph_neighbours_memory(script->table) < 4 * 1024 * 1024);
}

/* An announcement of one of few, with a few fields as the script says. */
static size_t say(struct script *script, uint8_t out[PH_ANNOUNCEMENT_MAX])
{
	uint8_t who = take(script), how = take(script);
	struct ph_announcement one =
		how & 1 ? crier_member(who % 32) : crier_stranger(who % 32);

	one.seq = take(script);
	one.content = take(script) % 4;
	one.epoch = take(script) % 4;
	one.ttl = how & 2 ? 0 : take(script);
	if (how & 4)
		one.key[31] = take(script) % 3;
	if (how & 8)
		one.signature[0] = 0;
	if (how & 16)
		one.mac[0] = 0;
	return (size_t)ph_announcement_write(&one, out);
}

static void hear(struct script *script, const uint8_t *data, size_t length)
{
	uint8_t from = take(script);
	struct ph_via via = crier_via(from >> 3);
	enum ph_hearing hearing;

	via.carrier = (from & 7) % 5;
	hearing = ph_neighbours_hear(
		script->table, data, length, &via, script->now);
	must(hearing < PH_HEARINGS_COUNT);
}

static void raw(struct script *script)
{
	size_t length = take(script) | (size_t)(take(script) & 3) << 8;

	if (length > script->left)
		length = script->left;
	script->data += length;
	script->left -= length;
	hear(script, script->data - length, length);
}

static void turn(struct script *script)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX], operation = take(script);
	struct ph_announcement one = crier_member(operation >> 3);
	size_t length;

	switch (operation & 7) {
	case 0:
	case 1:
		length = say(script, out);
		hear(script, out, length);
		break;
	case 2:
		length = say(script, out);
		out[take(script) % length] ^= take(script);
		hear(script, out, length);
		break;
	case 3:
		raw(script);
		break;
	case 4:
		script->now += take(script) * (PH_SECOND / 4);
		break;
	case 5:
		ph_neighbours_keep(script->table, one.id,
			script->now + take(script) * PH_SECOND);
		break;
	case 6:
		ph_neighbours_forget(script->table, one.id, script->now);
		break;
	case 7:
		if (operation >> 3 & 1)
			ph_neighbours_review(script->table, script->now);
		else
			ph_neighbours_floor(script->table, one.id,
				take(script) % 4, take(script), script->now);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_neighbours_config config = ph_neighbours_defaults();
	struct crier_judge judge = {0};
	struct script script = {.data = data, .left = size, .now = PH_SECOND};

	memcpy(config.mesh, crier_mesh, PH_MESH_BYTES);
	memset(config.self, 0xee, sizeof(config.self));
	config.judge = &crier_judge;
	config.context = &judge;
	config.members = MEMBERS;
	config.strangers = STRANGERS;
	config.foreigners = FOREIGN;
	config.per_source = 3;
	config.floor_for = INT64_MAX / 2; /* longer than any script */
	config.fingerprints = 64;
	config.stranger_burst = 4;
	must(ph_neighbours_create(&script.table, &config) == 0);
	while (script.left) {
		turn(&script);
		ph_neighbours_step(script.table, script.now);
		if (script.left % 4)
			drain(&script);
		check(&script);
	}
	ph_neighbours_destroy(script.table);
	return 0;
}
