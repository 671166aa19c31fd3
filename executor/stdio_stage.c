#include "executor/stdio_stage.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int reserve(struct ph_stdio_input *input, uint32_t length)
{
	uint32_t size = input->size ? input->size : PH_STDIO_STAGE;
	uint8_t *stage;

	if (length > PH_STDIO_MESSAGE + 4 - input->filled)
		return -EMSGSIZE;
	while (size < input->filled + length)
		size *= 2;
	if (size == input->size)
		return 0;
	stage = realloc(input->stage, size);
	if (!stage)
		return -ENOMEM;
	input->stage = stage;
	input->size = size;
	return 0;
}

int ph_stdio_stage(
	struct ph_stdio_input *input, const void *data, uint32_t length)
{
	int error = reserve(input, length);

	if (error)
		return error;
	if (length)
		memcpy(input->stage + input->filled, data, length);
	input->filled += length;
	return 0;
}

int ph_stdio_stage_length(
	struct ph_stdio_input *input, const struct ph_frame *frame)
{
	int error = 0;

	if (!input->filled)
		error = ph_stdio_stage(input, "\0\0\0\0", 4);
	if (!error)
		error = ph_stdio_stage(input, frame->data, frame->length);
	if (!error && (frame->flags & PH_FRAME_FIN)) {
		uint32_t length = htole32(input->filled - 4);

		memcpy(input->stage, &length, sizeof(length));
		input->ready = true;
	}
	return error;
}
