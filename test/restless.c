#include "test/restless.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/log.h"
#include "node/boot.h"

#define BATCH 50u /* calls under way at once */

static const char *const kinds[] = {"clock", "clock", "clock", "zero", "lines",
	"lines", "lines", "null", "null", "null"};

static unsigned roll(struct restless *restless, unsigned below)
{
	restless->seed ^= restless->seed << 13;
	restless->seed ^= restless->seed >> 7;
	restless->seed ^= restless->seed << 17;
	return (unsigned)(restless->seed >> 11) % below;
}

/* --- the node --- */

static void silent(void *context, enum ph_log_level level, const char *topic,
	const char *line)
{
}

void restless_open(struct restless *restless, uint64_t seed)
{
	struct ph_options options;
	struct ph_error error = {0};
	char state[80], socket[90];
	char *words[] = {(char *)"up", (char *)"--name", (char *)"alpha",
		(char *)"--state", state, (char *)"--socket", socket,
		(char *)"--listen", (char *)"127.0.0.1:0", (char *)"--http",
		(char *)"off", (char *)"--discovery", (char *)"off"};
	const char *room = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";

	snprintf(restless->directory, sizeof(restless->directory),
		"%s/listing.XXXXXX", room);
	assert_non_null(mkdtemp(restless->directory));
	snprintf(state, sizeof(state), "%s/state", restless->directory);
	snprintf(socket, sizeof(socket), "%s/socket", restless->directory);
	assert_int_equal(
		ph_options_read(&options, sizeof(words) / sizeof(words[0]),
			words, &error),
		0);
	restless->seed = seed;
	ph_log_open(silent, NULL, PH_LOG_ERROR);
	if (ph_node_create(&restless->node, &options, &error))
		fail_msg("%s: %s", error.where, error.what);
	ph_boot_open(restless->node);
	restless->room.loop = restless->node->loop;
	restless->room.kernel = restless->node->kernel;
	restless->room.door = restless->node->door;
	assert_int_equal(ph_writer_create(&restless->room.writer), 0);
}

void restless_close(struct restless *restless)
{
	char command[100];

	ph_node_stop(restless->node, "the test is over");
	while (!restless->node->stopped)
		ph_loop_turn(restless->node->loop, 20 * PH_MILLISECOND);
	ph_node_destroy(restless->node);
	ph_writer_free(restless->room.writer);
	snprintf(command, sizeof(command), "rm -rf '%s'", restless->directory);
	assert_int_equal(system(command), 0);
}

/* --- changes --- */

static void put_server(
	struct restless *restless, const char *key, unsigned server)
{
	char name[8];

	snprintf(name, sizeof(name), "s%u", server);
	ph_put_text(restless->room.writer, key, name);
}

static unsigned any_server(struct restless *restless)
{
	return roll(restless, RESTLESS_SERVERS);
}

/* Mostly one that has what is wanted. */
static unsigned fitting_server(
	struct restless *restless, const char *one, const char *other)
{
	unsigned server = any_server(restless);

	for (unsigned i = 0; i < 8; i++) {
		const char *kind = restless->kinds[server];

		if (kind && (!strcmp(kind, one) || !strcmp(kind, other)))
			break;
		server = any_server(restless);
	}
	return server;
}

static void put_terminal(
	struct restless *restless, const char *key, bool output)
{
	unsigned server =
		fitting_server(restless, output ? "clock" : "null", "lines");
	char text[40];

	snprintf(text, sizeof(text), "%ss%u:%s", output ? "" : "alpha/", server,
		output ? "out" : "in");
	ph_put_text(restless->room.writer, key, text);
}

static void put_id(struct restless *restless)
{
	ph_put_text(restless->room.writer, "connection",
		restless->id_count
			? restless->ids[roll(restless, restless->id_count)]
			: "alpha#1.1");
}

static void put_start(struct restless *restless)
{
	struct ph_writer *writer = restless->room.writer;
	const char *kind = kinds[roll(restless, 10)];
	unsigned server = any_server(restless);

	restless->kinds[server] = kind;
	ph_put_map(writer, "spec");
	put_server(restless, "name", server);
	ph_put_text(writer, "scope", "test");
	ph_put_text(writer, "use", kind);
	ph_put_text(writer, "restart", "always");
	ph_put_map(writer, "with");
	if (!strcmp(kind, "clock"))
		ph_put_text(writer, "every", roll(restless, 2) ? "1h" : "2s");
	if (!strcmp(kind, "zero"))
		ph_put_text(writer, "bytes", "100kB");
	ph_write_end(writer);
	ph_write_end(writer);
}

static void put_stop(struct restless *restless)
{
	put_server(restless, "server", any_server(restless));
}

static void put_connect(struct restless *restless)
{
	put_terminal(restless, "from", true);
	put_terminal(restless, "to", false);
}

static void put_move(struct restless *restless)
{
	put_id(restless);
	put_terminal(restless, "to", false);
}

static void put_filter(struct restless *restless)
{
	put_id(restless);
	put_server(
		restless, "server", fitting_server(restless, "lines", "lines"));
}

static void put_revert(struct restless *restless)
{
	ph_put_text(restless->room.writer, "override",
		restless->override_count ? restless->overrides[roll(restless,
						   restless->override_count)]
					 : "none");
}

static void put_apply(struct restless *restless)
{
	char text[300];

	snprintf(text, sizeof(text),
		"wiring: 1\nname: file\nservers:\n"
		"  f: {use: clock, with: {every: 1h}}\n"
		"  g: {use: lines}\n  h: {use: \"null\"}\n"
		"wires:\n  - %s\n",
		roll(restless, 2) ? "f:out -> h:in" : "f:out -> g:in");
	ph_put_text(restless->room.writer, "text", text);
}

static void put_unapply(struct restless *restless)
{
	ph_put_text(restless->room.writer, "name", "file");
}

static const struct change {
	uint16_t method;
	unsigned weight;
	void (*put)(struct restless *restless);
} changes[] = {
	{PH_EXECUTOR_START, 5, put_start},
	{PH_EXECUTOR_STOP, 2, put_stop},
	{PH_CONTROL_CONNECT, 48, put_connect},
	{PH_CONTROL_DISCONNECT, 7, put_id},
	{PH_CONTROL_MOVE, 12, put_move},
	{PH_CONTROL_INTERPOSE, 17, put_filter},
	{PH_CONTROL_WITHDRAW, 5, put_filter},
	{PH_CONTROL_REVERT, 2, put_revert},
	{PH_CONTROL_APPLY, 1, put_apply},
	{PH_CONTROL_UNAPPLY, 1, put_unapply},
};

static void change(struct restless *restless, struct answer *answer)
{
	unsigned pick = roll(restless, 100);
	const struct change *one = changes;

	while (pick >= one->weight)
		pick -= one++->weight;
	room_map(&restless->room);
	one->put(restless);
	room_send(&restless->room, one->method, answer);
}

void restless_change(struct restless *restless)
{
	struct answer answers[BATCH];

	for (unsigned i = 0; i < BATCH; i++)
		change(restless, &answers[i]);
	for (unsigned i = 0; i < BATCH; i++) {
		room_wait(&restless->room, &answers[i]);
		if (answers[i].status == PH_CALL_OK)
			restless->changes++;
		else
			restless->refused++;
		answer_free(&answers[i]);
	}
}
