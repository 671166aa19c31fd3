#include "executor/program_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "executor/environment.h"
#include "executor/leash.h"

/* What the operating system may hold between us and the program. */
#define PROGRAM_PIPE (1024 * 1024)
#define PROGRAM_FDS  64

/* One pipe; ours does not block. `theirs` is put into the child's table. */
static int port_open(struct ph_program_port *port, int *theirs)
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
static int open_ports(struct ph_program *program, int *fds, unsigned *count)
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

int ph_program_fail(const struct ph_spec *spec, const char *what, int reason,
	struct ph_error *error)
{
	if (reason == -EOPNOTSUPP)
		return ph_fail(error, PH_EXIT_NOT_FOUND, spec->name,
			"run it on a host that has it, or correct `confine` "
			"and `require`",
			"this host cannot confine it so: no %s", what);
	return ph_fail(error, PH_EXIT_NEGATIVE, spec->name,
		"look at the program and the node's limits (ulimit -a)",
		"cannot start %s: %s: %s", spec->argv[0], what,
		strerror(-reason));
}

int ph_program_spawn(struct ph_program *program, struct ph_error *error)
{
	const struct ph_run_config *config = &program->run.config;
	const struct ph_spec *spec = config->spec;
	int fds[PROGRAM_FDS];
	struct ph_confine_kit kit;
	const char *what = "pipe";
	struct ph_process_order order = {
		.path = program->path,
		.argv = spec->argv,
		.directory = spec->cwd ? spec->cwd : config->directory,
		.fds = fds,
		.confine = &kit,
	};
	char address[PH_NOTICE_ADDRESS];
	char mark[PH_LEASH_TEXT];
	char **environment;
	int reason = ph_program_listen(program, address);

	memset(fds, -1, sizeof(fds));
	program->mark = ph_leash_take(config->leash, mark);
	environment = ph_environment_create(spec, address, mark);
	order.environment = environment;
	if (!reason)
		reason = environment ? open_ports(program, fds, &order.fd_count)
				     : -ENOMEM;
	program->process.on_exit = ph_program_exited;
	if (!reason)
		reason = ph_program_confine(program, &kit, &what);
	if (!reason) {
		reason = ph_process_spawn(
			&program->process, config->loop, &order, &what);
		ph_confine_close(&kit);
	}
	for (unsigned i = 0; i < PROGRAM_FDS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	ph_environment_free(environment);
	program->run.pid = program->process.pid;
	if (!program->cage.cell.pid)
		ph_warden_watch(config->warden, program->run.pid);
	program->run.level = program->cage.level;
	if (!reason)
		ph_program_heed(program);
	return reason ? ph_program_fail(spec, what, reason, error) : 0;
}

int ph_program_find(const struct ph_spec *spec, const char *directory,
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
