#ifndef PH_SERVERS_FILE_BATCH_H
#define PH_SERVERS_FILE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "kernel/worker.h"
#include "servers/servers.h"

/*
 * What goes to a file in one write. Payloads from PH_QUEUE_GATHER up are
 * referenced, smaller ones gathered.
 */
#define PH_FILE_BATCH_VECTORS 64
#define PH_FILE_BATCH_SMALL   ((uint32_t)256 * 1024)
#define PH_FILE_BATCH_BYTES   ((size_t)1024 * 1024)

struct ph_file_batch {
	struct ph_job job;
	struct ph_server *server;
	struct iovec vectors[PH_FILE_BATCH_VECTORS];
	struct ph_buffer *buffers[PH_FILE_BATCH_VECTORS];
	unsigned count;
	unsigned buffer_count;
	size_t bytes;
	uint8_t *small;
	uint32_t small_used;
	bool busy; /* with the worker */
	int fd;
	int result;
};

/* False: it does not fit, or the batch is with the worker. */
bool ph_file_batch_add(
	struct ph_file_batch *batch, const struct ph_frame *frame);
void ph_file_batch_empty(struct ph_file_batch *batch);

#endif
