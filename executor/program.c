#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "executor/environment.h"
#include "executor/process.h"
#include "executor/run.h"
#include "executor/stdio.h"

/*
 * A program's run: its process and, for each of its terminals, a pipe of the
 * operating system.
 *
 * The run succeeded when the program exited with 0, everything it wrote was
 * consumed, and then END of its inputs is released: so that "consumed" means
 * consumed all along a pipeline, and whoever sent the stream can send it again
 * until then.
 */

/* What the operating system may hold between us and the program. */
#define PROGRAM_PIPE (1024 * 1024)
/* SIGTERM to SIGKILL for a run whose stream is lost anyway. */
#define PROGRAM_GRACE (2 * PH_SECOND)
#define PROGRAM_FDS   64

struct program;

struct port {
	struct program *program;
	bool is_output;
	bool finishing; /* END was sent */
	struct ph_stdio_output output;
	struct ph_stdio_input input;
};

struct program {
	struct ph_run run;
	struct ph_process process;
	struct ph_timer timer;	 /* to SIGKILL */
	struct ph_task task;	 /* looks at what changed; tells */
	struct port stderr_port; /* when no terminal is on fd 2 */
	bool lost;
	bool told;
	bool stopping;
	struct ph_error error;
	char path[512];
	unsigned count;
	struct port ports[]; /* as in spec->terminals */
};

static struct program *program_of(struct ph_run *run)
{
	return (struct program *)((char *)run - offsetof(struct program, run));
}

static const char *name_of(const struct program *program)
{
	return program->run.config.spec->name;
}

static void look(struct program *program)
{
	ph_loop_defer(program->run.config.loop, &program->task);
}

static void on_change(void *context)
{
	struct port *port = context;

	look(port->program);
}

static void on_log(void *context, const void *data, size_t length)
{
	struct port *port = context;
	const struct ph_run_config *config = &port->program->run.config;

	ph_logs_write(config->logs, data, length, ph_loop_now(config->loop),
		ph_clock_wall());
}

/* A mux has its consumers come and go, and stderr is only ever watched. */
static bool must_be_consumed(const struct program *program, unsigned index)
{
	const struct ph_spec_terminal *terminal =
		&program->run.config.spec->terminals[index];

	return terminal->direction == PH_OUT && terminal->fd != 2;
}

static void program_tell(struct program *program, enum ph_run_cause cause)
{
	const struct ph_run_config *config = &program->run.config;

	if (program->told)
		return;
	program->told = true;
	config->host->ended(config->context, cause,
		cause == PH_RUN_SUCCEEDED ? NULL : &program->error);
}

static void program_lose(
	struct program *program, unsigned index, const char *what, int reason)
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
	look(program);
}

/* An input that broke by itself; EPIPE is the program's own choice. */
static void check_input(struct program *program, unsigned index)
{
	struct ph_stdio_input *input = &program->ports[index].input;

	if (input->cut) {
		program_lose(program, index, "was cut", 0);
		return;
	}
	if (!input->error)
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
static bool output_is_through(struct program *program, unsigned index)
{
	struct port *port = &program->ports[index];

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

static void describe_exit(struct program *program)
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
	if (process->signal)
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"see `posthouse logs`", "ended by signal %d (%s)%s",
			process->signal, strsignal(process->signal), last);
	else
		ph_fail(&program->error, PH_EXIT_NEGATIVE, name_of(program),
			"see `posthouse logs`", "exited with %d%s",
			process->code, last);
}

static void drain_logs(struct program *program)
{
	const struct ph_run_config *config = &program->run.config;
	struct port *port = &program->stderr_port;

	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output && program->ports[i].output.log)
			port = &program->ports[i];
	if (!port->output.terminal || !ph_terminal_pipes(port->output.terminal))
		ph_stdio_output_drain(&port->output);
	ph_logs_flush(config->logs, ph_loop_now(config->loop), ph_clock_wall());
}

/* The process has exited. */
static void program_wind_up(struct program *program)
{
	bool through = true;

	if (program->process.code || program->process.signal) {
		drain_logs(program);
		if (!program->error.what[0])
			describe_exit(program);
		program_tell(
			program, program->lost ? PH_RUN_LOST : PH_RUN_BROKE);
		return;
	}
	for (unsigned i = 0; i < program->count; i++)
		if (program->ports[i].is_output)
			through = output_is_through(program, i) && through;
	if (program->error.what[0]) {
		program_tell(program, PH_RUN_BROKE);
		return;
	}
	if (!through)
		return;
	drain_logs(program);
	for (unsigned i = 0; i < program->count; i++)
		if (!program->ports[i].is_output)
			ph_stdio_input_accept(&program->ports[i].input);
	program_tell(program, PH_RUN_SUCCEEDED);
}

static void program_close(struct program *program)
{
	const struct ph_run_config *config = &program->run.config;

	drain_logs(program);
	ph_timer_stop(config->loop, &program->timer);
	ph_process_end(&program->process);
	for (unsigned i = 0; i < program->count; i++) {
		if (program->ports[i].is_output)
			ph_stdio_output_close(&program->ports[i].output);
		else
			ph_stdio_input_close(&program->ports[i].input);
	}
	ph_stdio_output_close(&program->stderr_port.output);
	ph_loop_cancel(config->loop, &program->task);
	config->host->gone(config->context);
	free(program);
}

static void program_look(struct ph_task *task)
{
	struct program *program =
		(struct program *)((char *)task -
				   offsetof(struct program, task));

	if (program->stopping) {
		if (program->process.exited)
			program_close(program);
		return;
	}
	for (unsigned i = 0; i < program->count; i++) {
		if (!program->ports[i].is_output)
			check_input(program, i);
		else if (program->ports[i].output.error)
			output_is_through(program, i);
	}
	if (program->lost)
		program_tell(program, PH_RUN_LOST);
	else if (program->error.what[0])
		program_tell(program, PH_RUN_BROKE);
	else if (program->process.exited)
		program_wind_up(program);
}

static void program_exited(struct ph_process *process)
{
	struct program *program =
		(struct program *)((char *)process -
				   offsetof(struct program, process));

	look(program);
}

static void program_connected(struct ph_run *run, unsigned terminal)
{
	struct port *port = &program_of(run)->ports[terminal];

	if (port->is_output)
		ph_stdio_output_pump(&port->output);
	else
		ph_stdio_input_pump(&port->input);
	look(port->program);
}

static void program_room(struct ph_run *run, unsigned terminal)
{
	struct port *port = &program_of(run)->ports[terminal];

	if (port->is_output)
		ph_stdio_output_pump(&port->output);
	if (port->program->process.exited)
		look(port->program);
}

static void program_readable(struct ph_run *run, unsigned terminal)
{
	struct port *port = &program_of(run)->ports[terminal];

	if (!port->is_output)
		ph_stdio_input_pump(&port->input);
}

static void program_on_closed(struct ph_run *run, unsigned terminal, int reason)
{
	struct program *program = program_of(run);
	struct port *port = &program->ports[terminal];

	if (!port->is_output || program->stopping)
		return;
	if (reason && must_be_consumed(program, terminal))
		program_lose(program, terminal, "lost its consumer", reason);
	/* One consumer less may be what the others waited for. */
	ph_stdio_output_pump(&port->output);
	look(program);
}

static void program_kill(struct ph_timer *timer)
{
	struct program *program =
		(struct program *)((char *)timer -
				   offsetof(struct program, timer));

	ph_process_signal(&program->process, SIGKILL);
}

/* SIGKILL at most `grace` from now. */
static void program_doom(struct program *program, int64_t grace)
{
	struct ph_loop *loop = program->run.config.loop;
	int64_t due = ph_loop_now(loop) + grace;

	if (!program->timer.slot || program->timer.due > due)
		ph_timer_start(loop, &program->timer, due);
}

static void program_stop(struct ph_run *run, int64_t grace)
{
	struct program *program = program_of(run);

	if (program->lost && grace > PROGRAM_GRACE)
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
	look(program);
}

static const struct ph_run_ops program_ops = {
	.on_connected = program_connected,
	.on_room = program_room,
	.on_readable = program_readable,
	.on_closed = program_on_closed,
	.stop = program_stop,
};

static void port_init(struct program *program, struct port *port,
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
		.fd = -1,
	};
	port->input = (struct ph_stdio_input){
		.loop = config->loop,
		.terminal = terminal,
		.framing = config->spec->framing,
		.on_change = on_change,
		.context = port,
		.fd = -1,
	};
}

/* One pipe; ours does not block. `theirs` is put into the child's table. */
static int port_open(struct port *port, int *theirs)
{
	int ends[2];
	int ours;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	ours = ends[port->is_output ? 0 : 1];
	*theirs = ends[port->is_output ? 1 : 0];
	/* Refused past the user's quota: a smaller pipe works too. */
	if (port->output.log == NULL)
		fcntl(ours, F_SETPIPE_SZ, PROGRAM_PIPE);
	fcntl(ours, F_SETFL, fcntl(ours, F_GETFL) | O_NONBLOCK);
	return port->is_output ? ph_stdio_output_open(&port->output, ours)
			       : ph_stdio_input_open(&port->input, ours);
}

/* Fills the child's table: a pipe for each terminal; stderr, and a stdout that
 * is no terminal, to the log; else nothing. */
static int open_ports(struct program *program, int *fds, unsigned *count)
{
	const struct ph_spec *spec = program->run.config.spec;
	int error = 0;

	*count = 3;
	for (unsigned i = 0; !error && i < program->count; i++) {
		unsigned fd = (unsigned)spec->terminals[i].fd;

		if (fd >= *count)
			*count = fd + 1;
		error = port_open(&program->ports[i], &fds[fd]);
	}
	if (!error && fds[2] < 0)
		error = port_open(&program->stderr_port, &fds[2]);
	if (!error && fds[1] < 0)
		fds[1] = fcntl(fds[2], F_DUPFD_CLOEXEC, 0);
	if (!error && fds[0] < 0)
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (!error && (fds[0] < 0 || fds[1] < 0))
		error = -errno;
	return error;
}

static int program_fail(const struct ph_spec *spec, const char *what,
	int reason, struct ph_error *error)
{
	return ph_fail(error, PH_EXIT_NEGATIVE, spec->name,
		"look at the program and the node's limits (ulimit -a)",
		"cannot start %s: %s: %s", spec->argv[0], what,
		strerror(-reason));
}

static int program_spawn(struct program *program, struct ph_error *error)
{
	const struct ph_run_config *config = &program->run.config;
	const struct ph_spec *spec = config->spec;
	int fds[PROGRAM_FDS];
	struct ph_confine_kit kit = {.ruleset = -1};
	const char *what = "pipe";
	struct ph_process_order order = {
		.path = program->path,
		.argv = spec->argv,
		.directory = spec->cwd ? spec->cwd : config->directory,
		.fds = fds,
		.confine = &kit,
	};
	char **environment = ph_environment_create(spec);
	int reason;

	memset(fds, -1, sizeof(fds));
	order.environment = environment;
	reason = environment ? open_ports(program, fds, &order.fd_count)
			     : -ENOMEM;
	program->process.on_exit = program_exited;
	if (!reason)
		reason = ph_confine_open(&kit, spec->confine, order.directory,
			program->path, &what);
	if (!reason)
		reason = ph_process_spawn(
			&program->process, config->loop, &order, &what);
	for (unsigned i = 0; i < PROGRAM_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	ph_confine_close(&kit);
	ph_environment_free(environment);
	program->run.pid = program->process.pid;
	return reason ? program_fail(spec, what, reason, error) : 0;
}

static int find_program(const struct ph_spec *spec, const char *directory,
	char *path, size_t size, struct ph_error *error)
{
	const char *where = spec->cwd ? spec->cwd : directory;
	int reason;

	if (spec->cwd && access(spec->cwd, X_OK))
		return ph_fail(error, PH_EXIT_NOT_FOUND, spec->name,
			"create the directory, or correct `cwd`",
			"no usable directory %s: %s", spec->cwd,
			strerror(errno));
	reason = ph_process_find(path, size, spec->argv[0], where,
		ph_environment_get(spec, "PATH"));
	if (reason == -EACCES)
		return ph_fail(error, PH_EXIT_NOT_FOUND, spec->name,
			"make it executable (chmod +x), or correct `exec`",
			"not executable: %s", spec->argv[0]);
	if (reason)
		return ph_fail(error, PH_EXIT_NOT_FOUND, spec->name,
			strchr(spec->argv[0], ' ')
				? "exec is a list: [program, argument...], or "
				  "[sh, -c, LINE] for a shell's line"
				: "install it on that host, or correct `exec`",
			"no such program: %s", spec->argv[0]);
	return 0;
}

int ph_program_check(const struct ph_spec *spec, const char *directory,
	struct ph_error *error)
{
	char path[512];

	return find_program(spec, directory, path, sizeof(path), error);
}

int ph_program_open(struct ph_run **out, const struct ph_run_config *config,
	struct ph_error *error)
{
	const struct ph_spec *spec = config->spec;
	struct program *program = calloc(1,
		sizeof(*program) + spec->terminal_count * sizeof(struct port));

	if (!program)
		return program_fail(spec, "memory", -ENOMEM, error);
	program->run.ops = &program_ops;
	program->run.config = *config;
	program->task.run = program_look;
	program->timer.on_due = program_kill;
	program->count = spec->terminal_count;
	for (unsigned i = 0; i < program->count; i++)
		port_init(program, &program->ports[i], &spec->terminals[i],
			config->terminals[i]);
	port_init(program, &program->stderr_port, NULL, NULL);
	if (find_program(spec, config->directory, program->path,
		    sizeof(program->path), error) ||
		program_spawn(program, error)) {
		for (unsigned i = 0; i < program->count; i++) {
			ph_stdio_output_close(&program->ports[i].output);
			ph_stdio_input_close(&program->ports[i].input);
		}
		ph_stdio_output_close(&program->stderr_port.output);
		ph_loop_cancel(config->loop, &program->task);
		free(program);
		return -1;
	}
	*out = &program->run;
	return 0;
}
