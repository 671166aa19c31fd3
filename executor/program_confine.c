#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "executor/program_inner.h"

static struct ph_confine_order order_of(const struct ph_spec *spec,
	const char *directory, const char *path, struct ph_keepers *keepers)
{
	return (struct ph_confine_order){.profile = spec->confine,
		.limits = spec->limits,
		.require = spec->require,
		.server = spec->name,
		.directory = spec->cwd ? spec->cwd : directory,
		.path = path,
		.keepers = keepers};
}

int ph_program_confine(struct ph_program *program, struct ph_confine_kit *kit,
	const char **what)
{
	const struct ph_run_config *config = &program->run.config;
	const struct ph_confine_order order = order_of(config->spec,
		config->directory, program->path, config->keepers);

	return ph_confine_open(kit, &program->cage, &order, what);
}

/* Tries the confinement that was asked for, and takes it away again. */
static int try_confine(const struct ph_confine_order *order, const char **what)
{
	struct ph_confine_cage cage;
	struct ph_confine_kit kit;
	int reason = ph_confine_open(&kit, &cage, order, what);

	if (reason)
		return reason;
	ph_confine_close(&kit);
	ph_confine_finish(&cage);
	return 0;
}

int ph_program_check(const struct ph_spec *spec, const char *directory,
	struct ph_keepers *keepers, struct ph_error *error)
{
	struct ph_confine_order order;
	const char *what = "";
	char path[512];
	int reason;

	if (ph_program_find(spec, directory, path, sizeof(path), error))
		return -1;
	order = order_of(spec, directory, path, keepers);
	reason = try_confine(&order, &what);
	return reason ? ph_program_fail(spec, what, reason, error) : 0;
}

static void cell_event(struct ph_watch *watch, uint32_t events)
{
	struct ph_program *program =
		(struct ph_program *)((char *)watch -
				      offsetof(struct ph_program, cell));

	ph_watch_stop(&program->cell);
	ph_loop_defer(program->run.config.loop, &program->task);
}

bool ph_program_uncage(struct ph_program *program)
{
	if (ph_confine_end(&program->cage))
		return true;
	if (program->cell.on_event)
		return false;
	program->cell.on_event = cell_event;
	/* Without a watch nobody would look again. */
	return ph_watch_start(program->run.config.loop, &program->cell,
		       program->cage.cell.pidfd, EPOLLIN) != 0;
}

bool ph_program_starved(const struct ph_program *program)
{
	return program->process.signal == SIGKILL &&
	       ph_cgroup_starved(&program->cage.group);
}
