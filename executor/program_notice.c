#include "executor/program_inner.h"

#include <signal.h>
#include <stddef.h>

/*
 * A program that speaks sd_notify: ready when it says so, and ended when its
 * watchdog hears nothing from it for its time.
 */

static struct ph_program *program_of(struct ph_notice *notice)
{
	return (struct ph_program *)((char *)notice -
				     offsetof(struct ph_program, notice));
}

static void watch_over(struct ph_program *program)
{
	const struct ph_run_config *config = &program->run.config;

	if (config->spec->watchdog && !program->run.waits && !program->told)
		ph_timer_start(config->loop, &program->watchdog,
			ph_loop_now(config->loop) + config->spec->watchdog);
}

/* A core of it would say where it hangs; it may not write one, but a handler
 * of its own may say something. */
static void give_up(struct ph_program *program, const char *what)
{
	const struct ph_spec *spec = program->run.config.spec;

	if (program->error.what[0] || program->process.exited)
		return;
	ph_fail(&program->error, PH_EXIT_NEGATIVE, spec->name,
		"see `posthouse logs`", "%s %lld ms", what,
		(long long)(spec->watchdog / PH_MILLISECOND));
	program->hung = true;
	ph_process_signal(&program->process, SIGABRT);
	ph_loop_defer(program->run.config.loop, &program->task);
}

static void watchdog_due(struct ph_timer *timer)
{
	give_up((struct ph_program *)((char *)timer -
				      offsetof(struct ph_program, watchdog)),
		"its watchdog heard nothing for");
}

static void on_notice(struct ph_notice *notice)
{
	struct ph_program *program = program_of(notice);
	const struct ph_run_config *config = &program->run.config;
	bool pinged = notice->pinged;

	notice->pinged = false;
	if (program->stopping)
		return;
	if (notice->ready && program->run.waits) {
		program->run.waits = false;
		config->host->ready(config->context);
		pinged = true;
	}
	if (pinged)
		watch_over(program);
	if (notice->triggered)
		give_up(program, "it says itself that it hangs; watchdog");
}

int ph_program_listen(
	struct ph_program *program, char address[PH_NOTICE_ADDRESS])
{
	const struct ph_spec *spec = program->run.config.spec;

	address[0] = 0;
	program->notice.fd = -1;
	program->notice.on_change = on_notice;
	program->watchdog.on_due = watchdog_due;
	program->run.waits = spec->notify;
	program->run.status = program->notice.status;
	if (!spec->notify && !spec->watchdog)
		return 0;
	return ph_notice_open(
		&program->notice, program->run.config.loop, address);
}

void ph_program_heed(struct ph_program *program)
{
	program->notice.leader = program->process.pid;
	watch_over(program);
}

void ph_program_deafen(struct ph_program *program)
{
	ph_timer_stop(program->run.config.loop, &program->watchdog);
	ph_notice_close(&program->notice);
}
