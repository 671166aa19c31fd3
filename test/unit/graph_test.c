#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "controlsurface/graph.h"

/*
 * One picture in three languages, compared with files that a renderer has
 * drawn (test/golden/). PH_GOLDEN=write makes them anew, for looking at.
 */
struct book {
	struct ph_writer *writer;
	struct ph_document *document;
};

static void book_open(struct book *book)
{
	assert_int_equal(ph_writer_create(&book->writer), 0);
	ph_write_list(book->writer);
}

static struct ph_value book_close(struct book *book)
{
	ph_write_end(book->writer);
	assert_int_equal(ph_document_written(
				 &book->document, book->writer, PH_SKIM_TABLE),
		0);
	return ph_document_root(book->document);
}

static void book_free(struct book *book)
{
	ph_document_free(book->document);
	ph_writer_free(book->writer);
}

/* "video/mjpeg:mux:video" and so on, ended by NULL. */
static void guest(struct book *book, const char *node, const char *server, ...)
{
	struct ph_writer *writer = book->writer;
	const char *name;
	va_list list;

	ph_write_map(writer);
	ph_put_text(writer, "node", node);
	ph_put_text(writer, "server", server);
	ph_put_list(writer, "terminals");
	va_start(list, server);
	while ((name = va_arg(list, const char *))) {
		ph_write_map(writer);
		ph_put_text(writer, "name", name);
		ph_put_text(writer, "direction", va_arg(list, const char *));
		ph_put_text(writer, "type", "text/plain");
		ph_write_end(writer);
	}
	va_end(list);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void wire(struct book *book, const char *id, const char *from,
	const char *to, const char *state, uint64_t rate, const char *scope)
{
	struct ph_writer *writer = book->writer;

	ph_write_map(writer);
	ph_put_text(writer, "id", id);
	ph_put_text(writer, "from", from);
	ph_put_text(writer, "to", to);
	ph_put_text(writer, "state", state);
	ph_put_text(writer, "transport", "tcp");
	ph_put_text(writer, "scope", scope);
	ph_put_map(writer, "rate");
	ph_put_u64(writer, "sent_bps", rate);
	ph_put_u64(writer, "received_bps", rate);
	ph_write_end(writer);
	ph_write_end(writer);
}

/* A camera that feeds two, two that feed one, and one that is not there. */
static struct ph_graph *camera(bool turned)
{
	struct book guests;
	struct book wires;
	struct ph_graph *graph;

	book_open(&guests);
	book_open(&wires);
	if (turned)
		guest(&guests, "nas", "rec", "in", "combine", NULL);
	guest(&guests, "pi4", "cam", "video", "mux", "stderr", "out", NULL);
	guest(&guests, "gpu1", "enc", "raw", "in", "h264", "out", NULL);
	if (!turned)
		guest(&guests, "nas", "rec", "in", "combine", NULL);
	wire(&wires, "gpu1#3.1", "gpu1/enc:h264", "nas/rec:in", "flowing",
		412000, "porch");
	wire(&wires, "pi4#9.1", "pi4/cam:video", "gpu1/enc:raw", "flowing",
		9800000, "porch");
	wire(&wires, "pi4#9.2", "pi4/cam:video", "nas/rec:in", "idle", 0, "");
	wire(&wires, "pi4#9.3", "pi4/cam:stderr", "nas/logs:in", "failed", 0,
		"porch");
	assert_int_equal(
		ph_graph_make(&graph, book_close(&guests), book_close(&wires)),
		0);
	book_free(&guests);
	book_free(&wires);
	return graph;
}

static char *printed(const struct ph_graph *graph, ph_graph_fn *print)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	assert_non_null(out);
	print(graph, out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void compare(const char *path, ph_graph_fn *print)
{
	struct ph_graph *graph = camera(false);
	char *text = printed(graph, print);
	char kept[8192];
	size_t length;
	FILE *file;

	if (getenv("PH_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		fclose(file);
	}
	file = fopen(path, "r");
	assert_non_null(file);
	length = fread(kept, 1, sizeof(kept) - 1, file);
	kept[length] = '\0';
	fclose(file);
	assert_string_equal(text, kept);
	free(text);
	ph_graph_free(graph);
}

static void dot_is_as_it_was_drawn(void **state)
{
	compare("test/golden/camera.dot", ph_graph_dot);
}

static void mermaid_is_as_it_was_drawn(void **state)
{
	compare("test/golden/camera.mmd", ph_graph_mermaid);
}

static void d2_is_as_it_was_drawn(void **state)
{
	compare("test/golden/camera.d2", ph_graph_d2);
}

static void answers_may_come_in_any_order(void **state)
{
	struct ph_graph *one = camera(false);
	struct ph_graph *other = camera(true);
	char *text = printed(one, ph_graph_dot);
	char *again = printed(other, ph_graph_dot);

	assert_string_equal(text, again);
	free(text);
	free(again);
	ph_graph_free(one);
	ph_graph_free(other);
}

static const struct ph_graph_server *server(
	const struct ph_graph *graph, const char *name)
{
	for (unsigned i = 0; i < graph->server_count; i++) {
		if (!strcmp(graph->servers[i].name, name))
			return &graph->servers[i];
	}
	fail_msg("no server %s", name);
	return NULL;
}

static void layers_follow_the_flow(void **state)
{
	struct ph_graph *graph = camera(false);

	assert_int_equal(graph->layers, 3);
	assert_int_equal(server(graph, "cam")->layer, 0);
	assert_int_equal(server(graph, "enc")->layer, 1);
	assert_int_equal(server(graph, "rec")->layer, 2);
	assert_int_equal(server(graph, "logs")->layer, 1);
	assert_true(server(graph, "logs")->absent);
	assert_false(server(graph, "rec")->absent);
	assert_int_equal(server(graph, "rec")->terminals[0].connections, 2);
	ph_graph_free(graph);
}

static void a_circle_is_cut(void **state)
{
	struct book guests;
	struct book wires;
	struct ph_graph *graph;

	book_open(&guests);
	book_open(&wires);
	wire(&wires, "a#1.1", "a/x:out", "a/y:in", "open", 0, "s");
	wire(&wires, "a#1.2", "a/y:out", "a/z:in", "open", 0, "s");
	wire(&wires, "a#1.3", "a/z:out", "a/x:in", "open", 0, "s");
	wire(&wires, "a#1.4", "a/z:out", "a/z:in", "open", 0, "s");
	wire(&wires, "nonsense", "", "a/z:in", "open", 0, "s");
	assert_int_equal(
		ph_graph_make(&graph, book_close(&guests), book_close(&wires)),
		0);
	assert_int_equal(graph->edge_count, 4);
	assert_int_equal(server(graph, "x")->layer, 0);
	assert_int_equal(server(graph, "y")->layer, 1);
	assert_int_equal(server(graph, "z")->layer, 2);
	ph_graph_free(graph);
	book_free(&guests);
	book_free(&wires);
}

static void an_empty_mesh_is_a_graph(void **state)
{
	struct ph_graph *graph;
	char *text;

	assert_int_equal(ph_graph_make(&graph, (struct ph_value){NULL},
				 (struct ph_value){NULL}),
		0);
	text = printed(graph, ph_graph_dot);
	assert_non_null(strstr(text, "digraph posthouse {"));
	free(text);
	ph_graph_free(graph);
}

/* A state that a peer made up must not end the quoted text. */
static void text_from_outside_is_escaped(void **state)
{
	struct book guests;
	struct book wires;
	struct ph_graph *graph;
	char *text;

	book_open(&guests);
	book_open(&wires);
	wire(&wires, "a\"#1.1", "a/x:out", "a/y:in", "\"]; x [\n", 0, "s");
	assert_int_equal(
		ph_graph_make(&graph, book_close(&guests), book_close(&wires)),
		0);
	text = printed(graph, ph_graph_dot);
	assert_non_null(strstr(text, "label=\"\\\"]; x [\""));
	assert_non_null(strstr(text, "id=\"a\\\"#1.1\""));
	free(text);
	text = printed(graph, ph_graph_mermaid);
	assert_non_null(strstr(text, "#34;]#59; x ["));
	free(text);
	ph_graph_free(graph);
	book_free(&guests);
	book_free(&wires);
}

static void ten_thousand_servers_take_no_time(void **state)
{
	struct book guests;
	struct book wires;
	struct ph_graph *graph;
	char one[64];
	char other[64];

	book_open(&guests);
	book_open(&wires);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(one, sizeof(one), "a/s%u:out", i % 10000);
		snprintf(other, sizeof(other), "a/s%u:in",
			(i * 7919 + 1) % 10000);
		wire(&wires, "a#1.1", one, other, "open", 0, "s");
	}
	assert_int_equal(
		ph_graph_make(&graph, book_close(&guests), book_close(&wires)),
		0);
	assert_int_equal(graph->server_count, 10000);
	ph_graph_free(graph);
	book_free(&guests);
	book_free(&wires);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dot_is_as_it_was_drawn),
		cmocka_unit_test(mermaid_is_as_it_was_drawn),
		cmocka_unit_test(d2_is_as_it_was_drawn),
		cmocka_unit_test(answers_may_come_in_any_order),
		cmocka_unit_test(layers_follow_the_flow),
		cmocka_unit_test(a_circle_is_cut),
		cmocka_unit_test(an_empty_mesh_is_a_graph),
		cmocka_unit_test(text_from_outside_is_escaped),
		cmocka_unit_test(ten_thousand_servers_take_no_time),
	};

	return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
