#include "executor/program_inner.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

#include "executor/leash.h"

/* SIGTERM to SIGKILL for a run whose stream is lost anyway. */
#define PROGRAM_GRACE (2 * PH_SECOND)

static struct ph_program *program_of(struct ph_run *run)
{
	return (struct ph_program *)((char *)run -
				     offsetof(struct ph_program, run));
}

void ph_program_stir(struct ph_program *program)
{
	ph_loop_defer(program->run.config.loop, &program->task);
}

static void on_change(void *context)
{
	struct ph_program_port *port = context;

	ph_program_stir(port->program);
}

static void on_log(void *context, const void *data, size_t length)
{
	struct ph_program_port *port = context;
	const struct ph_run_config *config = &port->program->run.config;

	ph_logs_write(config->logs, data, length, ph_loop_now(config->loop),
		ph_clock_wall());
}

/* A mux has its consumers come and go, and stderr is only ever watched. */
static bool must_be_consumed(const struct ph_program *program, unsigned index)
{
	const struct ph_spec_terminal *terminal =
		&program->run.config.spec->terminals[index];

	return terminal->direction == PH_OUT && terminal->fd != 2;
}

static void program_close(struct ph_program *program)
{
	const struct ph_run_config *config = &program->run.config;

	ph_program_drain_logs(program);
	ph_timer_stop(config->loop, &program->timer);
	ph_timer_stop(config->loop, &program->expecting);
	ph_program_deafen(program);
	ph_warden_leave(config->warden, program->process.pid);
	ph_process_end(&program->process);
	if (!ph_program_uncage(program))
		return;
	for (unsigned i = 0; i < program->count; i++) {
		if (program->ports[i].is_output)
			ph_stdio_output_close(&program->ports[i].output);
		else
			ph_stdio_input_close(&program->ports[i].input);
	}
	ph_stdio_output_close(&program->stderr_port.output);
	ph_loop_cancel(config->loop, &program->task);
	ph_leash_drop(config->leash, program->mark);
	config->host->gone(config->context);
	free(program);
}

static void program_look(struct ph_task *task)
{
	struct ph_program *program =
		(struct ph_program *)((char *)task -
				      offsetof(struct ph_program, task));

	if (program->stopping) {
		if (program->process.exited)
			program_close(program);
		return;
	}
	if (ph_program_has_left(program))
		ph_program_yield(&program->run, program->lasts);
	for (unsigned i = 0; i < program->count; i++) {
		if (!program->ports[i].is_output)
			ph_program_check_input(program, i);
		else if (program->ports[i].output.error)
			ph_program_output_is_through(program, i);
	}
	if (program->lost)
		ph_program_tell(program, PH_RUN_LOST);
	else if (program->error.what[0])
		ph_program_tell(program, PH_RUN_BROKE);
	else if (program->process.exited)
		ph_program_wind_up(program);
}

void ph_program_exited(struct ph_process *process)
{
	struct ph_program *program =
		(struct ph_program *)((char *)process -
				      offsetof(struct ph_program, process));

	program->run.exited = true;
	program->run.code = process->code;
	program->run.signal = process->signal;
	ph_program_stir(program);
}

static void program_connected(struct ph_run *run, unsigned terminal)
{
	struct ph_program_port *port = &program_of(run)->ports[terminal];

	if (port->is_output)
		ph_stdio_output_pump(&port->output);
	else
		ph_stdio_input_pump(&port->input);
	ph_program_stir(port->program);
}

static void program_room(struct ph_run *run, unsigned terminal)
{
	struct ph_program_port *port = &program_of(run)->ports[terminal];

	if (port->is_output)
		ph_stdio_output_pump(&port->output);
	if (port->program->process.exited)
		ph_program_stir(port->program);
}

static void program_readable(struct ph_run *run, unsigned terminal)
{
	struct ph_program_port *port = &program_of(run)->ports[terminal];

	if (!port->is_output)
		ph_stdio_input_pump(&port->input);
}

static void program_on_closed(struct ph_run *run, unsigned terminal, int reason)
{
	struct ph_program *program = program_of(run);
	struct ph_program_port *port = &program->ports[terminal];

	if (!port->is_output || program->stopping)
		return;
	if (reason && must_be_consumed(program, terminal))
		ph_program_lose(program, terminal, "lost its consumer", reason);
	/* One consumer less may be what the others waited for. */
	ph_stdio_output_pump(&port->output);
	ph_program_stir(program);
}

static void program_kill(struct ph_timer *timer)
{
	struct ph_program *program =
		(struct ph_program *)((char *)timer -
				      offsetof(struct ph_program, timer));

	if (program->yielding && !program->stopping && !program->told_to_end)
		ph_program_hurry(program);
	else
		ph_process_signal(&program->process, SIGKILL);
}

/* SIGKILL at most `grace` from now. */
static void program_doom(struct ph_program *program, int64_t grace)
{
	struct ph_loop *loop = program->run.config.loop;
	int64_t due = ph_loop_now(loop) + grace;

	if (!program->timer.slot || program->timer.due > due)
		ph_timer_start(loop, &program->timer, due);
}

static void program_stop(struct ph_run *run, int64_t grace)
{
	struct ph_program *program = program_of(run);

	if ((program->lost || program->hung) && grace > PROGRAM_GRACE)
		grace = PROGRAM_GRACE;
	if (!program->process.exited)
		program_doom(program, grace);
	if (program->stopping)
		return;
	program->stopping = true;
	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output)
			ph_stdio_output_discard(&program->ports[i].output);
	if (!program->process.exited) {
		ph_process_signal(&program->process, SIGTERM);
		/* A stopped process would never see it. */
		ph_process_signal(&program->process, SIGCONT);
	}
	ph_program_stir(program);
}

static const struct ph_run_ops program_ops = {
	.on_connected = program_connected,
	.on_room = program_room,
	.on_readable = program_readable,
	.on_closed = program_on_closed,
	.yield = ph_program_yield,
	.leave = ph_program_leave,
	.expect = ph_program_expect,
	.begin = ph_program_begin,
	.stop = program_stop,
};

static void port_init(struct ph_program *program, struct ph_program_port *port,
	const struct ph_spec_terminal *type, struct ph_terminal *terminal)
{
	const struct ph_run_config *config = &program->run.config;
	bool is_stderr = !type || type->fd == 2;

	port->program = program;
	port->is_output =
		!type || type->direction == PH_OUT || type->direction == PH_MUX;
	port->output = (struct ph_stdio_output){
		.loop = config->loop,
		.pool = config->kernel->pool,
		.terminal = terminal,
		.framing = is_stderr ? PH_FRAMING_LINES : config->spec->framing,
		.log = is_stderr ? on_log : NULL,
		.on_change = on_change,
		.context = port,
		.hold_last = !is_stderr,
		.held = config->held,
		.fd = -1,
	};
	port->input = (struct ph_stdio_input){
		.loop = config->loop,
		.terminal = terminal,
		.framing = config->spec->framing,
		.skips = config->skips >> (port - program->ports) & 1,
		.on_change = on_change,
		.context = port,
		.fd = -1,
	};
}

int ph_program_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error)
{
	const struct ph_spec *spec = config->spec;
	struct ph_program *program = calloc(
		1, sizeof(*program) + spec->terminal_count *
					      sizeof(struct ph_program_port));

	if (!program)
		return ph_program_fail(spec, "memory", -ENOMEM, error);
	program->run.ops = &program_ops;
	program->run.config = *config;
	program->task.run = program_look;
	program->timer.on_due = program_kill;
	program->expecting.on_due = ph_program_expect_due;
	program->count = spec->terminal_count;
	for (unsigned i = 0; i < program->count; i++)
		port_init(program, &program->ports[i], &spec->terminals[i],
			config->terminals[i]);
	port_init(program, &program->stderr_port, NULL, NULL);
	if (ph_program_find(spec, config->directory, program->path,
		    sizeof(program->path), error) ||
		ph_program_spawn(program, error)) {
		for (unsigned i = 0; i < program->count; i++) {
			ph_stdio_output_close(&program->ports[i].output);
			ph_stdio_input_close(&program->ports[i].input);
		}
		ph_stdio_output_close(&program->stderr_port.output);
		ph_program_deafen(program);
		ph_leash_drop(config->leash, program->mark);
		ph_loop_cancel(config->loop, &program->task);
		ph_confine_finish(&program->cage);
		free(program);
		return -1;
	}
	*out = &program->run;
	return 0;
}
