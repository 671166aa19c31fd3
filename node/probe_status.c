#include "node/probe_inner.h"

#include <stdlib.h>
#include <string.h>

#include "node/probe_page.h"

/* probe.status: how far the last run is, and what it found. */

static void write_row(struct ph_writer *writer, const struct ph_probe_row *row)
{
	char host[PH_POINT_HOST];

	ph_write_map(writer);
	ph_put_text(writer, "address",
		ph_point_host(&row->point, host, sizeof(host)));
	ph_put_u64(writer, "port", row->point.port);
	ph_put_text(writer, "transport",
		ph_reach_transport_name(
			(enum ph_reach_transport)row->transport));
	ph_put_text(writer, "verdict",
		ph_verdict_name((enum ph_verdict)row->verdict));
	ph_put_u64(writer, "rtt_us", row->rtt_us);
	if (row->error)
		ph_put_text(writer, "error", strerror(row->error));
	if (row->met)
		ph_put_u64(writer, "mapped_port", row->met);
	ph_write_end(writer);
}

static int row_compare(const void *one, const void *other)
{
	struct ph_probe_row a;
	struct ph_probe_row b;
	int order;

	ph_probe_row_read(&a, one);
	ph_probe_row_read(&b, other);
	order = memcmp(a.point.address, b.point.address, 16);
	if (!order)
		order = (int)a.point.port - (int)b.point.port;
	return order ? order : (int)a.transport - (int)b.transport;
}

/* By address, port and transport: the report's order told nothing more. */
static void write_items(struct ph_writer *writer, struct run *run)
{
	struct ph_probe_matrix *matrix = &run->report.matrix;
	struct ph_probe_row row;

	if (matrix->count)
		qsort(matrix->rows, matrix->count, PH_PROBE_ROW, row_compare);
	ph_put_list(writer, "items");
	for (uint32_t i = 0; i < matrix->count; i++) {
		ph_probe_matrix_at(matrix, i, &row);
		write_row(writer, &row);
	}
	ph_write_end(writer);
}

/* Which part of the range this is, and how to go on. */
static void write_page(struct ph_writer *writer, const struct run *run)
{
	char text[PROBE_RANGE_TEXT];
	struct ph_range rest;

	if (run->state < RUN_SCANS || !run->page.first)
		return;
	ph_put_text(writer, "range", probe_range_text(run->page, text));
	if (probe_page_rest(run->range, run->page, &rest))
		ph_put_text(writer, "next_range", probe_range_text(rest, text));
	if (run->left_out)
		ph_put_u64(writer, "left_out", run->left_out);
}

static void write_status(struct ph_writer *writer, struct run *run)
{
	static const char *const names[] = {
		"none", "prepares", "scans", "done", "failed"};

	ph_write_map(writer);
	ph_put_text(writer, "id", run->id);
	ph_put_text(writer, "node", run->node);
	ph_put_text(writer, "state", names[run->state]);
	ph_put_u64(writer, "done", run->progress.done);
	ph_put_u64(writer, "total", run->progress.total);
	write_page(writer, run);
	if (run->state == RUN_FAILED) {
		ph_put_int(writer, "exit", run->error.exit);
		ph_put_text(writer, "where", run->error.where);
		ph_put_text(writer, "what", run->error.what);
		ph_put_text(writer, "next", run->error.next);
	}
	if (run->state >= RUN_DONE)
		write_items(writer, run);
	ph_write_end(writer);
}

static void serve_status(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_probing *probing = context;
	struct ph_door *door = probing->node->door;
	struct ph_request request;
	struct ph_writer *writer;
	struct ph_error error;
	char id[40];

	if (ph_request_open(&request, door, ticket, call))
		return;
	ph_get_copy(request.arguments, "id", id, sizeof(id));
	if (id[0] && strcmp(id, probing->run.id) != 0) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, id, "posthouse probe local",
			"that probe is not the last one");
		ph_answer_error(door, ticket, &error);
	} else if (!ph_writer_create(&writer)) {
		write_status(writer, &probing->run);
		ph_answer_ok(door, ticket, writer);
		ph_writer_free(writer);
	}
	ph_request_close(&request);
}

void run_status_serve(struct ph_probing *probing)
{
	ph_door_serve(
		probing->node->door, PH_PROBE_STATUS, serve_status, probing);
}
