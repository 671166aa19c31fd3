#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controlsurface/part.h"

static const struct ph_terminal_type sink_terminals[] = {
	{"in", PH_IN, ""},
};
static const struct ph_server_type sink_type = {
	.name = "sink",
	.terminals = sink_terminals,
	.terminal_count = 1,
};
static const struct ph_server_type *const bundled[] = {&sink_type, NULL};

/* What a test changes of a good part. */
struct recipe {
	const char *scope;
	const char *server;
	const char *use;
	const char *from;
	const char *to;
	const char *needs; /* what `server` needs; NULL: nothing */
};

static const struct recipe good = {
	"demo", "dst", "sink", "src:stdout", "beta/dst:in", "src"};

static void write_servers(struct ph_writer *writer, const struct recipe *recipe)
{
	ph_put_list(writer, "servers");
	ph_write_map(writer);
	ph_put_text(writer, "name", "src");
	ph_put_text(writer, "scope", "demo");
	ph_put_list(writer, "exec");
	ph_write_text(writer, "cat");
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_map(writer);
	ph_put_text(writer, "name", recipe->server);
	ph_put_text(writer, "scope", "demo");
	ph_put_text(writer, "use", recipe->use);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void write_part(struct ph_writer *writer, const struct recipe *recipe)
{
	ph_write_map(writer);
	ph_put_text(writer, "scope", recipe->scope);
	ph_put_list(writer, "hosts");
	ph_write_text(writer, "alpha");
	ph_write_text(writer, "beta");
	ph_write_end(writer);
	ph_put_map(writer, "at");
	ph_put_text(writer, "beta", "127.0.0.1:7002");
	ph_write_end(writer);
	write_servers(writer, recipe);
	if (recipe->needs) {
		ph_put_map(writer, "needs");
		ph_put_list(writer, recipe->server);
		ph_write_text(writer, recipe->needs);
		ph_write_end(writer);
		ph_write_end(writer);
	}
	ph_put_list(writer, "wires");
	ph_write_map(writer);
	ph_put_text(writer, "from", recipe->from);
	ph_put_text(writer, "to", recipe->to);
	ph_put_u64(writer, "queue", 4096);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

static int read_bytes(struct ph_part **part, const uint8_t *data, size_t length,
	struct ph_error *error)
{
	struct ph_document *document;
	int status = ph_document_read(&document, data, length, PH_SKIM_PEER);

	if (status)
		return status;
	status = ph_part_read(
		part, ph_document_root(document), "alpha", bundled, error);
	ph_document_free(document);
	return status;
}

static int read_recipe(struct ph_part **part, const struct recipe *recipe,
	struct ph_error *error)
{
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	int status;

	assert_int_equal(ph_writer_create(&writer), 0);
	write_part(writer, recipe);
	assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
	status = read_bytes(part, data, length, error);
	ph_writer_free(writer);
	return status;
}

static void a_good_part_is_read(void **state)
{
	struct ph_part *part;
	struct ph_part_server *source;

	assert_int_equal(read_recipe(&part, &good, NULL), 0);
	assert_int_equal(part->host_count, 2);
	assert_string_equal(part->hosts[0].at, "");
	assert_string_equal(part->hosts[1].at, "127.0.0.1:7002");
	source = ph_part_server(part, "src");
	assert_non_null(source);
	assert_int_equal(ph_part_terminal(source, "stderr")->direction, PH_OUT);
	assert_null(ph_part_terminal(source, "video"));
	assert_int_equal(
		ph_part_terminal(ph_part_server(part, "dst"), "in")->direction,
		PH_IN);
	assert_int_equal(source->need_count, 0);
	assert_int_equal(ph_part_server(part, "dst")->need_count, 1);
	assert_ptr_equal(
		&part->servers[ph_part_server(part, "dst")->needs[0]], source);
	assert_int_equal(source->height, 1); /* the other one stands on it */
	assert_int_equal(ph_part_server(part, "dst")->height, 0);
	assert_string_equal(part->wires[0].to.node, "beta");
	assert_string_equal(part->wires[0].from.node, "");
	assert_int_equal(part->wires[0].queue, 4096);
	ph_part_free(part);
}

static void nonsense_is_named(void **state)
{
	static const struct {
		struct recipe recipe;
		const char *what;
	} cases[] = {
		{{"", "dst", "sink", "src:out", "b/c:d", NULL}, "scope"},
		{{"de mo", "dst", "sink", "src:out", "b/c:d", NULL}, "scope"},
		{{"other", "dst", "sink", "src:out", "b/c:d", NULL}, "scope"},
		{{"demo", "d/t", "sink", "src:out", "b/c:d", NULL}, "d/t"},
		{{"demo", "src", "sink", "src:out", "b/c:d", NULL}, "twice"},
		{{"demo", "dst", "gone", "src:out", "b/c:d", NULL}, "gone"},
		{{"demo", "dst", "sink", "src", "b/c:d", NULL}, "src"},
		{{"demo", "dst", "sink", "src:out", "b/c:d", "nobody"},
			"nobody"},
		{{"demo", "dst", "sink", "beta/src:out", "b/c:d", NULL},
			"beta"},
		{{"demo", "dst", "sink", "src:out", "b/c", NULL}, "b/c"},
		{{"demo", "dst", "sink", "src:out", "b/c:d:e", NULL},
			"b/c:d:e"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ph_part *part;
		struct ph_error error;

		assert_int_equal(
			read_recipe(&part, &cases[i].recipe, &error), -1);
		assert_int_equal(error.exit, PH_EXIT_WIRING);
		assert_non_null(strstr(error.what, cases[i].what));
	}
}

/* A peer may send anything: it is read whole or refused. */
static void mutated_parts_do_no_harm(void **state)
{
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;
	uint64_t random = 88172645463325252u;
	unsigned taken = 0;

	assert_int_equal(ph_writer_create(&writer), 0);
	write_part(writer, &good);
	assert_int_equal(ph_writer_finish(writer, &data, &length), 0);
	for (unsigned i = 0; i < 50000; i++) {
		uint8_t *copy = malloc(length);
		struct ph_error error;
		struct ph_part *part;

		memcpy(copy, data, length);
		for (unsigned flips = 0; flips <= i % 3; flips++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[random % length] = (uint8_t)(random >> 32);
		}
		if (!read_bytes(&part, copy, length, &error)) {
			ph_part_free(part);
			taken++;
		}
		free(copy);
	}
	assert_true(taken > 0);
	ph_writer_free(writer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_part_is_read),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(mutated_parts_do_no_harm),
	};

	return cmocka_run_group_tests_name("part", tests, NULL, NULL);
}
