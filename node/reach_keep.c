#include <stdio.h>
#include <string.h>

#include "kernel/log.h"
#include "node/reach_inner.h"

/*
 * What survives a restart: what was found out of the addresses where nodes are
 * dialled, in the store's space "reach". It comes back as stale: it orders
 * what nobody has tried since, and counts for nothing else.
 */
#define KEEP_SOON (10 * PH_SECOND) /* several changes at once */
#define KEEP_ROWS 1024u
/* Nobody asks what was right a month ago. */
#define KEEP_AGE (30 * 24 * 3600 * PH_SECOND)

struct keeping {
	struct ph_writer *writer;
	unsigned rows;
};

static void write_row(void *context, const uint8_t to[PH_NODE_ID_BYTES],
	const struct ph_matrix_row *row)
{
	struct keeping *keeping = context;

	if (!row->own || !row->dialled || keeping->rows == KEEP_ROWS)
		return;
	keeping->rows++;
	ph_write_list(keeping->writer);
	ph_write_bytes(keeping->writer, to, PH_NODE_ID_BYTES);
	ph_write_text(keeping->writer, row->point.address);
	ph_write_int(keeping->writer, row->point.port);
	ph_write_int(keeping->writer, row->point.transport);
	ph_write_int(keeping->writer, row->point.verdict);
	ph_write_int(keeping->writer, row->point.error);
	ph_write_int(keeping->writer, row->point.rtt_us);
	ph_write_int(keeping->writer, row->point.checked_at);
	ph_write_int(keeping->writer, row->average);
	ph_write_end(keeping->writer);
}

static void on_kept(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("reach", "matrix.unkept status=%d", status);
}

static void put(
	struct ph_reachability *reach, const uint8_t *data, size_t length)
{
	struct ph_node *node = reach->node;
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", "reach");
	ph_put_text(writer, "key", "matrix");
	ph_put_bytes(writer, "value", data, length);
	ph_write_end(writer);
	ph_call_send(node->door, &ph_node_self, "", PH_STORE_PUT, writer,
		ph_loop_now(node->loop), 10 * PH_SECOND, on_kept, NULL);
	ph_writer_free(writer);
}

void reach_keep_now(struct ph_reachability *reach)
{
	struct keeping keeping = {0};
	const uint8_t *data;
	size_t length;

	ph_timer_stop(reach->node->loop, &reach->keep);
	if (ph_writer_create(&keeping.writer))
		return;
	reach_refresh(reach);
	ph_write_map(keeping.writer);
	ph_put_list(keeping.writer, "rows");
	ph_matrix_each(reach->matrix, NULL, write_row, &keeping);
	ph_write_end(keeping.writer);
	ph_write_end(keeping.writer);
	if (!ph_writer_finish(keeping.writer, &data, &length))
		put(reach, data, length);
	ph_writer_free(keeping.writer);
}

static void keep_due(struct ph_timer *timer)
{
	reach_keep_now(
		(struct ph_reachability *)((char *)timer -
					   offsetof(struct ph_reachability,
						   keep)));
}

void reach_keep_soon(struct ph_reachability *reach)
{
	struct ph_loop *loop = reach->node->loop;

	reach->keep.on_due = keep_due;
	if (!reach->keep.slot && !reach->node->stopping)
		ph_timer_start(
			loop, &reach->keep, ph_loop_now(loop) + KEEP_SOON);
}

static int64_t at_int(struct ph_value row, size_t index)
{
	return ph_value_int(ph_value_at(row, index), -1);
}

static void recall_row(struct ph_reachability *reach, struct ph_value row)
{
	struct ph_reach_row point = {0};
	int64_t age;
	size_t length;
	const uint8_t *to = ph_value_bytes(ph_value_at(row, 0), &length);
	int64_t average = at_int(row, 8);

	if (!to || length != PH_NODE_ID_BYTES || average < 0 || average > 255)
		return;
	ph_value_copy(
		ph_value_at(row, 1), point.address, sizeof(point.address));
	point.port = (uint16_t)at_int(row, 2);
	point.transport = (uint8_t)at_int(row, 3);
	point.verdict = (uint8_t)at_int(row, 4);
	point.error = (int32_t)at_int(row, 5);
	point.rtt_us = (uint32_t)at_int(row, 6);
	point.checked_at = at_int(row, 7);
	age = ph_clock_wall() - point.checked_at;
	if (age < 0) /* the wall clock went back */
		age = 0;
	if (age < KEEP_AGE)
		ph_matrix_recall(reach->matrix, ph_loop_now(reach->node->loop),
			to, &point, (uint8_t)average, age);
}

void ph_reach_recall(struct ph_reachability *reach, struct ph_value kept)
{
	struct ph_value rows = ph_value_get(kept, "rows");

	for (size_t i = 0; i < ph_value_count(rows) && i < KEEP_ROWS; i++)
		recall_row(reach, ph_value_at(rows, i));
}
