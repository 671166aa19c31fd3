#ifndef PH_EXECUTOR_STDIO_STAGE_H
#define PH_EXECUTOR_STDIO_STAGE_H

#include "executor/stdio.h"

/* What is gathered for one write to a program: stdio_input.c writes it. */

/* Small payloads are gathered up to here, bytes. */
#define PH_STDIO_STAGE ((uint32_t)64 * 1024)

/* -ENOMEM, -EMSGSIZE: the message is longer than PH_STDIO_MESSAGE. */
int ph_stdio_stage(
	struct ph_stdio_input *input, const void *data, uint32_t length);
/* A message whose length is not known yet is collected whole. Likewise. */
int ph_stdio_stage_length(
	struct ph_stdio_input *input, const struct ph_frame *frame);

#endif
