#include "probe/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "kernel/kernel.h"
#include "kernel/log.h"
#include "kernel/loop.h"
#include "probe/link.h"
#include "proto/error.h"
#include "proto/probe_fd.h"
#include "proto/secret.h"

/* A probe's session with its sockets (probe/link.h), its instructions, and what
 * the node is told. */
#define PROGRESS_EVERY (100 * PH_MILLISECOND)

struct process {
	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_tls *tls;
	struct ph_instruct instruct;
	uint8_t *order;
	struct ph_probe_session session;
	struct probe_links links;
	struct ph_watch parent; /* descriptor 3 */
	struct ph_timer timer;
	struct ph_timer progress;
	uint32_t told;
	bool orphan;
	bool over;
	int exit;
};

static int64_t now_of(struct process *process)
{
	return ph_clock_real.now(&ph_clock_real);
}

static void perform(
	struct process *process, const struct ph_probe_action *action)
{
	if (action->step == PH_PROBE_EXIT) {
		process->exit = action->exit;
		process->over = true;
	} else {
		probe_links_perform(&process->links, action);
	}
}

static void perform_all(struct process *process)
{
	struct ph_probe_action action;

	while (ph_probe_session_next(
		&process->session, now_of(process), &action))
		perform(process, &action);
	if (process->over)
		ph_timer_stop(process->loop, &process->timer);
	else
		ph_timer_start(process->loop, &process->timer,
			ph_probe_session_due(&process->session));
}

static void links_told(struct probe_links *links)
{
	perform_all((struct process *)((char *)links -
				       offsetof(struct process, links)));
}

static void timer_due(struct ph_timer *timer)
{
	struct process *process =
		(struct process *)((char *)timer -
				   offsetof(struct process, timer));

	ph_probe_session_tick(&process->session, now_of(process));
	perform_all(process);
}

static void progress_due(struct ph_timer *timer)
{
	struct process *process =
		(struct process *)((char *)timer -
				   offsetof(struct process, progress));
	struct ph_progress progress =
		ph_probe_session_progress(&process->session);
	uint8_t out[64];
	int length = ph_progress_write(&progress, out, sizeof(out));

	if (progress.done != process->told)
		ph_probe_fd_write(PH_PROBE_ORDERS_FD, out, (size_t)length);
	process->told = progress.done;
	ph_timer_start(process->loop, timer,
		ph_loop_now(process->loop) + PROGRESS_EVERY);
}

/* The node says nothing more: whatever happens there is its end. */
static void parent_event(struct ph_watch *watch, uint32_t events)
{
	struct process *process =
		(struct process *)((char *)watch -
				   offsetof(struct process, parent));

	process->orphan = true;
	process->over = true;
	process->exit = PH_PROBE_DEADLINE;
	ph_watch_stop(watch);
}

static int open_session(
	struct process *process, const struct ph_probe_secrets *secrets)
{
	struct ph_probe_config config;
	int error;

	ph_probe_config_init(&config, &process->instruct, secrets->key,
		secrets->secret, secrets->count);
	error = ph_probe_session_init(
		&process->session, &config, now_of(process));
	ph_wipe(&config, sizeof(config));
	return error;
}

static int open_floor(struct process *process)
{
	uint8_t seed[32];
	int error = ph_loop_create(&process->loop, &ph_clock_real);

	if (!error)
		error = ph_kernel_init(
			&process->kernel, ph_loop_hal(process->loop));
	ph_random(seed, sizeof(seed));
	if (!error && process->instruct.secure)
		error = ph_tls_create(&process->tls, seed);
	ph_wipe(seed, sizeof(seed));
	process->links.loop = process->loop;
	process->links.pool = process->kernel.pool;
	process->links.tls = process->tls;
	process->links.instruct = &process->instruct;
	process->links.session = &process->session;
	process->links.on_told = links_told;
	probe_links_init(&process->links);
	process->timer.on_due = timer_due;
	process->progress.on_due = progress_due;
	process->parent.on_event = parent_event;
	if (!error)
		error = ph_watch_start(process->loop, &process->parent,
			PH_PROBE_ORDERS_FD, EPOLLIN);
	return error;
}

static void run(struct process *process)
{
	struct ph_probe_session *session = &process->session;
	struct ph_over over;

	perform_all(process);
	progress_due(&process->progress);
	while (!process->over)
		ph_loop_turn(process->loop, -1);
	over = (struct ph_over){.exit = (uint8_t)process->exit,
		.connects = session->counters.connects,
		.ignored =
			session->counters.forged + session->counters.ignored};
	if (!process->orphan)
		ph_probe_report_send(
			PH_PROBE_ORDERS_FD, &session->matrix, &over);
}

static void close_all(struct process *process)
{
	probe_links_close(&process->links);
	ph_timer_stop(process->loop, &process->timer);
	ph_timer_stop(process->loop, &process->progress);
	ph_watch_stop(&process->parent);
	ph_probe_session_fini(&process->session);
	ph_tls_destroy(process->tls);
	ph_loop_turn(process->loop, 0);
	ph_kernel_fini(&process->kernel);
	ph_loop_destroy(process->loop);
	free(process->order);
}

static int refuse(const char *why)
{
	fprintf(stderr,
		"posthouse: %s is a node's own business: %s\n"
		"  next: posthouse probe local\n",
		PH_PROBE_VERB, why);
	return PH_PROBE_BAD_ORDER;
}

int ph_probe_main(int argc, char **argv)
{
	struct ph_probe_secrets *secrets = ph_secret_alloc(sizeof(*secrets));
	struct process *process = calloc(1, sizeof(*process));
	int error;

	if (argc != 2 || !secrets || !process)
		return refuse("no arguments are taken");
	signal(SIGPIPE, SIG_IGN);
	ph_log_open(NULL, NULL, PH_LOG_WARN);
	error = ph_probe_secrets_read(secrets, PH_PROBE_SECRETS_FD);
	if (!error)
		error = ph_probe_instruct_receive(PH_PROBE_ORDERS_FD,
			&process->instruct, &process->order);
	if (error)
		return refuse("bad instructions");
	fcntl(PH_PROBE_ORDERS_FD, F_SETFD, FD_CLOEXEC);
	error = open_floor(process);
	if (!error)
		error = open_session(process, secrets);
	ph_secret_free(secrets);
	if (error)
		return refuse(strerror(-error));
	run(process);
	close_all(process);
	error = process->exit;
	free(process);
	return error;
}
