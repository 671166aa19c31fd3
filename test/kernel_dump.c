#include "test/kernel_dump.h"

#include "kernel/pipe_inner.h"
#include "kernel/terminal.h"

static bool is_output(const struct ph_terminal *terminal)
{
	return ph_terminal_direction(terminal) == PH_OUT ||
	       ph_terminal_direction(terminal) == PH_MUX;
}

/* The terminal at the pipe's source or sink, by the terminals' own lists. */
static ph_handle end_of(
	struct ph_kernel *kernel, const struct ph_pipe *pipe, bool source)
{
	struct ph_terminal *terminal;
	ph_handle at = 0;

	while ((at = ph_handle_next(kernel->handles, PH_KIND_TERMINAL, at))) {
		terminal = ph_terminal_find(kernel, at);
		for (unsigned i = 0; is_output(terminal) == source &&
				     ph_terminal_pipe(terminal, i);
			i++)
			if (ph_terminal_pipe(terminal, i) == pipe)
				return at;
	}
	return 0;
}

unsigned kernel_dump(
	struct ph_kernel *kernel, struct dumped *pipes, unsigned most)
{
	unsigned count = 0;
	ph_handle at = 0;

	while (count < most &&
		(at = ph_handle_next(kernel->handles, PH_KIND_PIPE, at))) {
		const struct ph_pipe *pipe = ph_pipe_find(kernel, at);

		pipes[count++] = (struct dumped){
			.source = end_of(kernel, pipe, true),
			.sink = end_of(kernel, pipe, false),
			.over = pipe->ended,
			.counts = {pipe->in.bytes, pipe->in.messages,
				pipe->out.bytes, pipe->out.messages},
		};
	}
	return count;
}
