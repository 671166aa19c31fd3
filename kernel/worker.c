#include "kernel/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "kernel/log.h"
#include "kernel/loop.h"

struct lane_thread {
	struct worker_lane *lane;
	pthread_t thread;
	const void *strand; /* of the job it runs; under the lock */
};

struct worker_lane {
	struct ph_worker *worker;
	struct lane_thread threads[PH_LANE_WIDTH];
	unsigned started; /* the loop's thread only */
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct ph_job *first; /* under the lock, as what follows */
	struct ph_job *last;
	unsigned waiting; /* jobs that no thread has taken */
	unsigned idle;	  /* threads that wait for one */
	bool closing;
};

struct ph_worker {
	struct ph_loop *loop;
	unsigned pending; /* the loop's thread only */
	bool closed;
	struct worker_lane lanes[PH_LANES];
};

static const struct {
	const char *name;
	unsigned width;
} lane_types[PH_LANES] = {
	[PH_LANE_STORE] = {"ph-store", 1},
	[PH_LANE_FILE] = {"ph-file", PH_LANE_WIDTH},
	[PH_LANE_NAME] = {"ph-name", 4},
	[PH_LANE_THINK] = {"ph-think", 1},
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

static bool strand_runs(const struct worker_lane *lane, const void *strand)
{
	for (unsigned i = 0; strand && i < PH_LANE_WIDTH; i++)
		if (lane->threads[i].strand == strand)
			return true;
	return false;
}

/* The oldest job whose strand nobody runs, or NULL; *before is the one in front
 * of it. */
static struct ph_job *lane_find(
	const struct worker_lane *lane, struct ph_job **before)
{
	struct ph_job *job = lane->first;

	*before = NULL;
	while (job && strand_runs(lane, job->strand)) {
		*before = job;
		job = job->next;
	}
	return job;
}

static struct ph_job *lane_take(struct worker_lane *lane)
{
	struct ph_job *before;
	struct ph_job *job = lane_find(lane, &before);

	if (!job)
		return NULL;
	if (before)
		before->next = job->next;
	else
		lane->first = job->next;
	if (lane->last == job)
		lane->last = before;
	lane->waiting--;
	return job;
}

/* The next job, or NULL when the lane closes and nothing is left for this
 * thread: what a strand still holds, the thread that runs it will take. */
static struct ph_job *lane_next(struct lane_thread *self)
{
	struct worker_lane *lane = self->lane;
	struct ph_job *before;
	struct ph_job *job;

	pthread_mutex_lock(&lane->lock);
	self->strand = NULL;
	while (!(job = lane_take(lane)) && !lane->closing) {
		lane->idle++;
		pthread_cond_wait(&lane->more, &lane->lock);
		lane->idle--;
	}
	if (job)
		self->strand = job->strand;
	/* The strand that this thread leaves may have more to do. */
	if (lane->idle && lane_find(lane, &before))
		pthread_cond_signal(&lane->more);
	pthread_mutex_unlock(&lane->lock);
	return job;
}

static void *lane_main(void *context)
{
	struct lane_thread *self = context;
	struct ph_job *job;

	while ((job = lane_next(self))) {
		job->work(job);
		ph_loop_post(self->lane->worker->loop, &job->task);
	}
	return NULL;
}

/* Signals belong to the data thread. */
static int lane_start(struct worker_lane *lane, const char *name)
{
	struct lane_thread *self = &lane->threads[lane->started];
	sigset_t all, before;
	int error;

	self->lane = lane;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&self->thread, NULL, lane_main, self);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return -error;
	pthread_setname_np(self->thread, name);
	lane->started++;
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

/* True when the lane has fewer idle threads than jobs for them. */
static bool lane_append(struct worker_lane *lane, struct ph_job *job)
{
	bool now;
	bool short_of;

	pthread_mutex_lock(&lane->lock);
	/* Behind a running job of its strand it waits for that thread. */
	now = !strand_runs(lane, job->strand);
	if (lane->last)
		lane->last->next = job;
	else
		lane->first = job;
	lane->last = job;
	lane->waiting++;
	short_of = now && lane->waiting > lane->idle;
	if (now)
		pthread_cond_signal(&lane->more);
	pthread_mutex_unlock(&lane->lock);
	return short_of;
}

void ph_worker_submit(
	struct ph_worker *worker, enum ph_lane lane, struct ph_job *job)
{
	struct worker_lane *to = &worker->lanes[lane];

	job->next = NULL;
	job->worker = worker;
	job->task = (struct ph_task){.run = job_done};
	worker->pending++;
	if (!to->started && lane_start(to, lane_types[lane].name) < 0) {
		/* Late is better than lost: the job is promised an end. */
		ph_log_error("worker",
			"lane.no_thread lane=%s next=raise-the-process-limit",
			lane_types[lane].name);
		job->work(job);
		ph_loop_post(worker->loop, &job->task);
		return;
	}
	/* One more thread helps, unless the jobs are of one strand; then it
	 * idles. Without it the others do the work. */
	if (lane_append(to, job) && to->started < lane_types[lane].width)
		lane_start(to, lane_types[lane].name);
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
	pthread_cond_broadcast(&lane->more);
	pthread_mutex_unlock(&lane->lock);
	for (unsigned i = 0; i < lane->started; i++)
		pthread_join(lane->threads[i].thread, NULL);
	lane->started = 0;
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
