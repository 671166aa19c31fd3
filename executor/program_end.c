#include "executor/program_inner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * How a program's run comes to its end, and what that was: what its ends, its
 * exit and its last words mean. It is told once.
 */

static const char *name_of(const struct ph_program *program)
{
	return program->run.config.spec->name;
}

void ph_program_tell(struct ph_program *program, enum ph_run_cause cause)
{
	const struct ph_run_config *config = &program->run.config;

	if (program->told)
		return;
	program->told = true;
	config->host->ended(config->context, cause,
		cause == PH_RUN_SUCCEEDED ? NULL : &program->error);
}

void ph_program_lose(struct ph_program *program, unsigned index,
	const char *what, int reason)
{
	const struct ph_spec_terminal *terminal =
		&program->run.config.spec->terminals[index];

	if (program->error.what[0])
		return;
	program->lost = true;
	ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
		"nothing: it is started again when its stream is", "%s %s%s%s",
		terminal->name, what, reason ? ": " : "",
		reason ? strerror(-reason) : "");
	ph_program_stir(program);
}

/* An input that broke by itself; EPIPE is the program's own choice. */
void ph_program_check_input(struct ph_program *program, unsigned index)
{
	struct ph_stdio_input *input = &program->ports[index].input;

	if (input->cut) {
		ph_program_lose(program, index, "was cut", 0);
		return;
	}
	/* What it does not read any more is another one's. */
	if (!input->error || program->yielding)
		return;
	if (ph_terminal_pipes(input->terminal))
		ph_terminal_refuse(input->terminal, input->error);
	if (input->error != -EPIPE && !program->error.what[0])
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			input->error == -EMSGSIZE
				? "send smaller messages, or use framing raw"
				: "see `posthouse logs`",
			"cannot write to its %s: %s",
			program->run.config.spec->terminals[index].name,
			strerror(-input->error));
}

/* True when all that this output gave has been consumed. */
bool ph_program_output_is_through(struct ph_program *program, unsigned index)
{
	struct ph_program_port *port = &program->ports[index];

	if (port->output.error && !program->error.what[0])
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"let the program write what its `framing` says",
			"its %s is broken: %s",
			program->run.config.spec->terminals[index].name,
			strerror(-port->output.error));
	if (!port->output.eof)
		return !ph_terminal_pipes(port->output.terminal) &&
		       !ph_stdio_output_holds(&port->output);
	if (ph_stdio_output_last(&port->output))
		return false;
	if (!port->finishing && ph_terminal_pipes(port->output.terminal)) {
		port->finishing = true;
		ph_terminal_finish(port->output.terminal);
		return false;
	}
	return !ph_terminal_pipes(port->output.terminal);
}

static void describe_exit(struct ph_program *program)
{
	struct ph_process *process = &program->process;
	char last[160] = "";
	struct ph_logs_line *line = malloc(sizeof(*line));
	struct ph_logs *logs = program->run.config.logs;

	if (line && ph_logs_newest(logs) &&
		ph_logs_next(logs, ph_logs_newest(logs) - 1, line))
		snprintf(last, sizeof(last), ": %.*s", (int)line->length,
			line->text);
	free(line);
	if (ph_program_starved(program))
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"raise `limits: memory`, or look what it holds",
			"killed: out of its memory (oom), by `limits`: %s",
			program->cage.level);
	else if (process->signal)
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"see `posthouse logs`", "ended by signal %d (%s)%s",
			process->signal, strsignal(process->signal), last);
	else
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"see `posthouse logs`", "exited with %d%s",
			process->code, last);
}

void ph_program_drain_logs(struct ph_program *program)
{
	const struct ph_run_config *config = &program->run.config;
	struct ph_program_port *port = &program->stderr_port;

	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output && program->ports[i].output.log)
			port = &program->ports[i];
	if (!port->output.terminal || !ph_terminal_pipes(port->output.terminal))
		ph_stdio_output_drain(&port->output);
	ph_logs_flush(config->logs, ph_loop_now(config->loop), ph_clock_wall());
}

/* The process has exited. */
void ph_program_wind_up(struct ph_program *program)
{
	bool through = true;

	if (program->yielding) {
		ph_program_wind_down(program);
		return;
	}
	/* It had no stream to finish yet. */
	if (program->process.code || program->process.signal ||
		program->run.config.held) {
		ph_program_drain_logs(program);
		if (!program->error.what[0])
			describe_exit(program);
		ph_program_tell(
			program, program->lost ? PH_RUN_LOST : PH_RUN_BROKE);
		return;
	}
	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output)
			through = ph_program_output_is_through(program, i) &&
				  through;
	if (program->error.what[0]) {
		ph_program_tell(program, PH_RUN_BROKE);
		return;
	}
	if (!through)
		return;
	ph_program_drain_logs(program);
	for (unsigned i = 0; i < program->count; i++)
		if (!program->ports[i].is_output)
			ph_stdio_input_accept(&program->ports[i].input);
	ph_program_tell(program, PH_RUN_SUCCEEDED);
}
