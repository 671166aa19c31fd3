#include "kernel/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "kernel/loop.h"

struct worker_lane {
	struct ph_worker *worker;
	pthread_t thread;
	bool started; /* the loop's thread only */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct ph_job *first; /* under the lock, as what follows */
	struct ph_job *last;
	bool closing;
};

struct ph_worker {
	struct ph_loop *loop;
	unsigned pending; /* the loop's thread only */
	bool closed;
	struct worker_lane lanes[PH_LANES];
};

static const char *const lane_names[PH_LANES] = {
	[PH_LANE_STORE] = "ph-store",
	[PH_LANE_FILE] = "ph-file",
	[PH_LANE_NAME] = "ph-name",
	[PH_LANE_THINK] = "ph-think",
};

int ph_worker_create(struct ph_worker **out, struct ph_loop *loop)
{
	struct ph_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return -ENOMEM;
	worker->loop = loop;
	for (unsigned i = 0; i < PH_LANES; i++) {
		struct worker_lane *lane = &worker->lanes[i];

		lane->worker = worker;
		pthread_mutex_init(&lane->lock, NULL);
		pthread_cond_init(&lane->more, NULL);
	}
	*out = worker;
	return 0;
}

static void worker_free(struct ph_worker *worker)
{
	for (unsigned i = 0; i < PH_LANES; i++) {
		pthread_mutex_destroy(&worker->lanes[i].lock);
		pthread_cond_destroy(&worker->lanes[i].more);
	}
	free(worker);
}

/* The next job, or NULL when the lane closes and all is done. */
static struct ph_job *lane_next(struct worker_lane *lane)
{
	struct ph_job *job;

	pthread_mutex_lock(&lane->lock);
	while (!lane->first && !lane->closing)
		pthread_cond_wait(&lane->more, &lane->lock);
	job = lane->first;
	if (job) {
		lane->first = job->next;
		if (!lane->first)
			lane->last = NULL;
	}
	pthread_mutex_unlock(&lane->lock);
	return job;
}

static void *lane_main(void *context)
{
	struct worker_lane *lane = context;
	struct ph_job *job;

	while ((job = lane_next(lane))) {
		job->work(job);
		ph_loop_post(lane->worker->loop, &job->task);
	}
	return NULL;
}

/* Signals belong to the data thread. */
static int lane_start(struct worker_lane *lane, const char *name)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&lane->thread, NULL, lane_main, lane);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -error;
	pthread_setname_np(lane->thread, name);
	lane->started = true;
	return 0;
}

static void job_done(struct ph_task *task)
{
	struct ph_job *job =
		(struct ph_job *)((char *)task - offsetof(struct ph_job, task));
	struct ph_worker *worker = job->worker;

	worker->pending--;
	job->done(job);
	if (worker->closed && !worker->pending)
		worker_free(worker);
}

static void lane_append(struct worker_lane *lane, struct ph_job *job)
{
	pthread_mutex_lock(&lane->lock);
	if (lane->last)
		lane->last->next = job;
	else
		lane->first = job;
	lane->last = job;
	pthread_cond_signal(&lane->more);
	pthread_mutex_unlock(&lane->lock);
}

void ph_worker_submit(
	struct ph_worker *worker, enum ph_lane lane, struct ph_job *job)
{
	struct worker_lane *to = &worker->lanes[lane];

	job->next = NULL;
	job->worker = worker;
	job->task = (struct ph_task){.run = job_done};
	worker->pending++;
	if (!to->started && lane_start(to, lane_names[lane]) < 0) {
		/* Late is better than lost: the job is promised an end. */
		ph_log_error("worker",
			"lane.no_thread lane=%s next=raise-the-process-limit",
			lane_names[lane]);
		job->work(job);
		ph_loop_post(worker->loop, &job->task);
		return;
	}
	lane_append(to, job);
}

unsigned ph_worker_pending(const struct ph_worker *worker)
{
	return worker->pending;
}

static void lane_close(struct worker_lane *lane)
{
	if (!lane->started)
		return;
	pthread_mutex_lock(&lane->lock);
	lane->closing = true;
	pthread_cond_signal(&lane->more);
	pthread_mutex_unlock(&lane->lock);
	pthread_join(lane->thread, NULL);
	lane->started = false;
}

void ph_worker_destroy(struct ph_worker *worker)
{
	if (!worker)
		return;
	for (unsigned i = 0; i < PH_LANES; i++)
		lane_close(&worker->lanes[i]);
	worker->closed = true;
	if (!worker->pending)
		worker_free(worker); /* else the last `done` does it */
}
