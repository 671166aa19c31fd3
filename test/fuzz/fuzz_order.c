/* What a node says to a probe or beacon that it started, and what comes back:
 * what is taken is written as the same bytes, and its points can be asked. */
#include <stdlib.h>
#include <string.h>

#include "proto/probe_order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t out[PH_ORDER_HEADER + PH_ORDER_MOST];

static void same(int length, const struct ph_order *order)
{
	const uint8_t *whole = order->body - PH_ORDER_HEADER;

	if (length < 0 || (size_t)length != order->size ||
		memcmp(out, whole, order->size) != 0)
		abort();
}

static void take_instruct(const struct ph_order *order)
{
	struct ph_instruct instruct;
	struct ph_point point;

	if (ph_instruct_read(&instruct, order->body, order->length))
		return;
	same(ph_instruct_write(&instruct, out, sizeof(out)), order);
	for (uint32_t i = 0; i < instruct.targets.count; i++) {
		ph_point_at(&instruct.targets, i, &point);
		point.port = instruct.first;
		if (!ph_instruct_refuses(&instruct, &point) &&
			ph_point_forbidden(&point))
			abort();
	}
	for (uint32_t i = 0; i < instruct.bound.count; i++)
		ph_point_at(&instruct.bound, i, &point);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ph_order order;
	struct ph_ready ready;
	struct ph_progress progress;
	struct ph_over over;

	if (ph_order_read(&order, data, size))
		return 0;
	if (order.type == PH_PROBE_INSTRUCT)
		take_instruct(&order);
	else if (order.type == PH_PROBE_READY &&
		 !ph_ready_read(&ready, order.body, order.length))
		same(ph_ready_write(&ready, out, sizeof(out)), &order);
	else if (order.type == PH_PROBE_PROGRESS &&
		 !ph_progress_read(&progress, order.body, order.length))
		same(ph_progress_write(&progress, out, sizeof(out)), &order);
	else if (order.type == PH_PROBE_OVER &&
		 !ph_over_read(&over, order.body, order.length))
		same(ph_over_write(&over, out, sizeof(out)), &order);
	return 0;
}
