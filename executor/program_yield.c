#include "executor/program_inner.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

/*
 * A program that gives its terminals to another one, or just goes. Its inputs
 * end between two messages: it sees an end of file, which is no END, for its
 * sources go on. What it then says is passed on to the last byte, and no END
 * behind it, for its outputs go on, too.
 */

static struct ph_program *program_of(struct ph_run *run)
{
	return (struct ph_program *)((char *)run -
				     offsetof(struct ph_program, run));
}

void ph_program_hurry(struct ph_program *program)
{
	struct ph_loop *loop = program->run.config.loop;

	program->told_to_end = true;
	ph_process_signal(&program->process, SIGTERM);
	/* A stopped process would never see it. */
	ph_process_signal(&program->process, SIGCONT);
	ph_timer_start(loop, &program->timer,
		ph_loop_now(loop) + program->run.config.spec->stop_timeout);
}

void ph_program_yield(struct ph_run *run, int64_t lasts)
{
	struct ph_program *program = program_of(run);
	struct ph_loop *loop = run->config.loop;
	bool fed = false;

	if (program->yielding || program->stopping)
		return;
	program->yielding = true;
	for (unsigned i = 0; i < program->count; i++) {
		struct ph_program_port *port = &program->ports[i];

		if (port->is_output)
			continue;
		fed |= ph_terminal_pipes(port->input.terminal) > 0 ||
		       port->input.left;
		ph_stdio_input_yield(&port->input);
	}
	/* One that has exited may have left children with its outputs. */
	if (!program->process.exited && !fed)
		ph_program_hurry(program);
	else
		ph_timer_start(
			loop, &program->timer, ph_loop_now(loop) + lasts);
	ph_program_stir(program);
}

/* Its sources have: what came of them was given to it. An input that has seen
 * END waits for nothing. */
bool ph_program_has_left(const struct ph_program *program)
{
	bool left = false;

	if (!program->leaving || program->yielding || program->stopping)
		return false;
	for (unsigned i = 0; i < program->count; i++) {
		const struct ph_stdio_input *input = &program->ports[i].input;

		if (program->ports[i].is_output)
			continue;
		left |= input->left;
		if (!input->ended && ph_terminal_pipes(input->terminal) &&
			!program->process.exited)
			return false;
	}
	return left;
}

static void hold(struct ph_program *program, bool holds)
{
	for (unsigned i = 0; i < program->count; i++)
		if (!program->ports[i].is_output)
			ph_stdio_input_hold(&program->ports[i].input, holds);
}

void ph_program_expect(struct ph_run *run, int64_t lasts)
{
	struct ph_loop *loop = run->config.loop;
	struct ph_program *program = program_of(run);

	ph_timer_stop(loop, &program->expecting);
	if (lasts > 0)
		ph_timer_start(
			loop, &program->expecting, ph_loop_now(loop) + lasts);
	hold(program, lasts > 0);
}

void ph_program_expect_due(struct ph_timer *timer)
{
	hold((struct ph_program *)((char *)timer -
				   offsetof(struct ph_program, expecting)),
		false);
}

void ph_program_leave(struct ph_run *run, int64_t lasts)
{
	struct ph_program *program = program_of(run);
	bool fed = false;

	program->leaving = true;
	program->lasts = lasts;
	for (unsigned i = 0; i < program->count; i++) {
		struct ph_program_port *port = &program->ports[i];

		if (port->is_output)
			continue;
		ph_stdio_input_leave(&port->input);
		fed |= ph_terminal_pipes(port->input.terminal) > 0;
	}
	/* One that has done its work says END by itself. */
	if (!fed && !program->process.exited)
		ph_program_yield(run, lasts);
}

/* Nothing more comes of it, or nobody is there to take it. */
static bool is_passed_on(struct ph_program *program, unsigned index)
{
	struct ph_stdio_output *output = &program->ports[index].output;

	if (output->error || !ph_terminal_pipes(output->terminal))
		return true;
	if (!output->eof)
		return false;
	/* A last line without its end counts of one that ended well. */
	return program->process.code || program->process.signal ||
	       !ph_stdio_output_last(output);
}

void ph_program_wind_down(struct ph_program *program)
{
	const struct ph_run_config *config = &program->run.config;
	bool passed = true;

	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output)
			passed = is_passed_on(program, i) && passed;
	if (!passed || program->told)
		return;
	program->told = true;
	for (unsigned i = 0; i < program->count; i++) {
		struct ph_program_port *port = &program->ports[i];

		/* Half a message can be neither finished nor taken back. */
		if (port->is_output && !ph_stdio_output_is_whole(&port->output))
			ph_terminal_abort(port->output.terminal, -ECONNABORTED);
		if (port->is_output)
			continue;
		program->run.unread += ph_stdio_input_unread(&port->input);
		program->run.inside |= (unsigned)port->input.inside << i;
		ph_stdio_input_close(&port->input);
	}
	ph_program_drain_logs(program);
	config->host->yielded(config->context);
}

void ph_program_begin(struct ph_run *run, const struct ph_run *former)
{
	struct ph_program *program = program_of(run);
	const struct ph_program *before =
		(const struct ph_program *)((const char *)former -
					    offsetof(struct ph_program, run));

	run->config.held = false;
	for (unsigned i = 0; i < program->count; i++) {
		struct ph_program_port *port = &program->ports[i];

		/* One that was killed had seen the beginning. */
		if (port->is_output)
			ph_stdio_output_begin(&port->output);
		else
			port->input.skips = before->run.inside >> i & 1;
	}
}
