#include "servers/file_batch.h"

#include <string.h>

void ph_file_batch_empty(struct ph_file_batch *batch)
{
	for (unsigned i = 0; i < batch->buffer_count; i++)
		ph_buffer_unref(batch->buffers[i]);
	batch->count = 0;
	batch->buffer_count = 0;
	batch->bytes = 0;
	batch->small_used = 0;
}

static void add_vector(
	struct ph_file_batch *batch, const void *data, size_t length)
{
	struct iovec *last =
		batch->count ? &batch->vectors[batch->count - 1] : NULL;

	if (last && (uint8_t *)last->iov_base + last->iov_len == data) {
		last->iov_len += length;
		return;
	}
	batch->vectors[batch->count++] = (struct iovec){(void *)data, length};
}

bool ph_file_batch_add(
	struct ph_file_batch *batch, const struct ph_frame *frame)
{
	if (batch->busy || batch->count == PH_FILE_BATCH_VECTORS ||
		batch->bytes >= PH_FILE_BATCH_BYTES)
		return false;
	if (frame->length >= PH_QUEUE_GATHER && frame->buffer) {
		batch->buffers[batch->buffer_count++] =
			ph_buffer_ref(frame->buffer);
		add_vector(batch, frame->data, frame->length);
	} else {
		if (frame->length > PH_FILE_BATCH_SMALL - batch->small_used)
			return false;
		memcpy(batch->small + batch->small_used, frame->data,
			frame->length);
		add_vector(
			batch, batch->small + batch->small_used, frame->length);
		batch->small_used += frame->length;
	}
	batch->bytes += frame->length;
	return true;
}
