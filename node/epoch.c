#include "node/epoch.h"

#include <stdio.h>
#include <string.h>

#include "controlsurface/control.h"
#include "hostess/hostess.h"
#include "kernel/log.h"
#include "node/discover.h"
#include "node/lines.h"
#include "node/node.h"
#include "proto/calls.h"

static void leap(void *context, int status, const uint8_t *body, size_t length)
{
	struct ph_node *node = context;
	uint64_t epoch = node->leap.to;

	node->leap.to = 0;
	if (status) {
		ph_log_warn("node",
			"epoch.kept because=\"%llu could not be made durable: "
			"%d\"",
			(unsigned long long)epoch, status);
		return;
	}
	ph_log_warn("node",
		"epoch.leapt from=%llu to=%llu because=\"a later start of "
		"this node is known to others: was its state restored from a "
		"copy?\"",
		(unsigned long long)node->epoch, (unsigned long long)epoch);
	node->epoch = epoch;
	ph_hostess_set_epoch(node->hostess, epoch);
	ph_control_set_epoch(node->control, epoch);
	ph_discover_set_epoch(node->discover, epoch);
	ph_lines_anew(node->lines);
}

/* The next start counts on from it: the store reads it there as text. */
static int keep(struct ph_node *node)
{
	struct ph_writer *writer;
	char text[24];
	int error;

	if (ph_writer_create(&writer))
		return -1;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)node->leap.to);
	ph_write_map(writer);
	ph_put_text(writer, "space", "node");
	ph_put_text(writer, "key", "epoch");
	ph_put_bytes(writer, "value", (const uint8_t *)text, strlen(text));
	ph_write_end(writer);
	error = ph_call_send(node->door, &ph_node_self, "", PH_STORE_PUT,
		writer, ph_loop_now(node->loop), 10 * PH_SECOND, leap, node);
	ph_writer_free(writer);
	return error;
}

void ph_epoch_known(
	struct ph_node *node, const char *by, uint64_t epoch, bool over)
{
	if (epoch < node->epoch || (epoch == node->epoch && !over) ||
		node->leap.to || node->stopping)
		return;
	if (epoch - node->epoch > PH_EPOCH_LEAP ||
		node->leap.count == PH_EPOCH_LEAPS) {
		ph_log_info("node",
			"epoch.unbelieved by=%s epoch=%llu ours=%llu", by,
			(unsigned long long)epoch,
			(unsigned long long)node->epoch);
		return;
	}
	node->leap.count++;
	node->leap.to = epoch + 1;
	if (keep(node))
		node->leap.to = 0;
}
