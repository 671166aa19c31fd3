#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>

#include "kernel/loop.h"
#include "kernel/worker.h"

struct sample {
	struct ph_job job;
	sem_t *hold; /* waited for within work */
	int number;
	pthread_t worked_on;
	pthread_t done_on;
	bool signals_blocked;
	unsigned done;
	int *order; /* grows by one per work */
	int place;
};

static void sample_work(struct ph_job *job)
{
	struct sample *self = (struct sample *)job;
	sigset_t mask;

	if (self->hold)
		sem_wait(self->hold);
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	self->signals_blocked = sigismember(&mask, SIGTERM) == 1;
	self->worked_on = pthread_self();
	if (self->order)
		self->place = (*self->order)++;
}

static void sample_done(struct ph_job *job)
{
	struct sample *self = (struct sample *)job;

	self->done_on = pthread_self();
	self->done++;
}

static struct sample sample_make(void)
{
	struct sample made = {.job.work = sample_work, .job.done = sample_done};

	return made;
}

struct bench {
	struct ph_loop *loop;
	struct ph_worker *worker;
	int64_t deadline;
};

static void bench_open(struct bench *bench)
{
	assert_int_equal(ph_loop_create(&bench->loop, &ph_clock_real), 0);
	assert_int_equal(ph_worker_create(&bench->worker, bench->loop), 0);
	bench->deadline = ph_loop_now(bench->loop) + 60 * PH_SECOND;
}

static void bench_close(struct bench *bench)
{
	ph_worker_destroy(bench->worker);
	ph_loop_destroy(bench->loop);
}

static void bench_turn(struct bench *bench)
{
	ph_loop_turn(bench->loop, PH_SECOND);
	assert_true(ph_loop_now(bench->loop) < bench->deadline);
}

static void test_work_elsewhere_done_here(void **state)
{
	struct sample sample = sample_make();
	struct bench bench;

	bench_open(&bench);
	ph_worker_submit(bench.worker, PH_LANE_FILE, &sample.job);
	assert_int_equal(ph_worker_pending(bench.worker), 1);
	while (!sample.done)
		bench_turn(&bench);
	assert_int_equal(sample.done, 1);
	assert_int_equal(ph_worker_pending(bench.worker), 0);
	assert_false(pthread_equal(sample.worked_on, pthread_self()));
	assert_true(pthread_equal(sample.done_on, pthread_self()));
	assert_true(sample.signals_blocked);
	bench_close(&bench);
}

static void test_lane_is_first_in_first_out(void **state)
{
	enum {
		COUNT = 200
	};
	static struct sample samples[COUNT];
	struct bench bench;
	int order = 0;

	bench_open(&bench);
	for (int i = 0; i < COUNT; i++) {
		samples[i] = sample_make();
		samples[i].order = &order;
		ph_worker_submit(bench.worker, PH_LANE_STORE, &samples[i].job);
	}
	while (ph_worker_pending(bench.worker))
		bench_turn(&bench);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(samples[i].done, 1);
		assert_int_equal(samples[i].place, i);
		assert_true(pthread_equal(
			samples[i].worked_on, samples[0].worked_on));
	}
	bench_close(&bench);
}

/* A dead name server holds nobody but those who ask it. */
static void test_stuck_lane_holds_no_other(void **state)
{
	struct sample stuck = sample_make(), other = sample_make();
	struct bench bench;
	sem_t hold;

	sem_init(&hold, 0, 0);
	bench_open(&bench);
	stuck.hold = &hold;
	ph_worker_submit(bench.worker, PH_LANE_NAME, &stuck.job);
	ph_worker_submit(bench.worker, PH_LANE_STORE, &other.job);
	while (!other.done)
		bench_turn(&bench);
	assert_int_equal(stuck.done, 0);
	sem_post(&hold);
	while (!stuck.done)
		bench_turn(&bench);
	bench_close(&bench);
	sem_destroy(&hold);
}

/* One strand waits for its stuck disk; its neighbours of the same lane do not,
 * and its own order holds. */
static void test_strands_hold_only_themselves(void **state)
{
	enum {
		COUNT = 64
	};
	static struct sample samples[COUNT];
	struct sample stuck = sample_make();
	struct bench bench;
	sem_t hold;
	int orders[4] = {0};
	unsigned done = 0;

	sem_init(&hold, 0, 0);
	bench_open(&bench);
	stuck.hold = &hold;
	stuck.job.strand = &orders[0];
	ph_worker_submit(bench.worker, PH_LANE_FILE, &stuck.job);
	for (int i = 0; i < COUNT; i++) {
		samples[i] = sample_make();
		samples[i].order = &orders[i % 4];
		samples[i].job.strand = &orders[i % 4];
		ph_worker_submit(bench.worker, PH_LANE_FILE, &samples[i].job);
	}
	while (done < COUNT - COUNT / 4) {
		bench_turn(&bench);
		done = 0;
		for (int i = 0; i < COUNT; i++)
			done += samples[i].done;
	}
	assert_int_equal(stuck.done, 0);
	assert_int_equal(samples[0].done, 0);
	sem_post(&hold);
	while (ph_worker_pending(bench.worker))
		bench_turn(&bench);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(samples[i].place, i / 4);
	bench_close(&bench);
	sem_destroy(&hold);
}

/* Destroying finishes the work; `done` comes with the loop's next turns. */
static void test_destroy_finishes_what_was_submitted(void **state)
{
	enum {
		COUNT = 50
	};
	static struct sample samples[COUNT];
	struct bench bench;
	unsigned done = 0;

	bench_open(&bench);
	for (int i = 0; i < COUNT; i++) {
		samples[i] = sample_make();
		ph_worker_submit(bench.worker, (enum ph_lane)(i % PH_LANES),
			&samples[i].job);
	}
	ph_worker_destroy(bench.worker);
	while (done < COUNT) {
		bench_turn(&bench);
		done = 0;
		for (int i = 0; i < COUNT; i++)
			done += samples[i].done;
	}
	assert_int_equal(done, COUNT);
	ph_loop_destroy(bench.loop);
}

struct chain {
	struct ph_job job;
	struct ph_worker *worker;
	unsigned *left;
};

static void chain_work(struct ph_job *job)
{
}

/* `done` may free the job and submit the next. */
static void chain_done(struct ph_job *job)
{
	struct chain *self = (struct chain *)job, *next;

	if (--*self->left) {
		next = malloc(sizeof(*next));
		*next = *self;
		ph_worker_submit(next->worker, PH_LANE_THINK, &next->job);
	}
	free(self);
}

static void test_done_may_submit_and_free(void **state)
{
	struct chain *chain = calloc(1, sizeof(*chain));
	struct bench bench;
	unsigned left = 100;

	bench_open(&bench);
	chain->job.work = chain_work;
	chain->job.done = chain_done;
	chain->worker = bench.worker;
	chain->left = &left;
	ph_worker_submit(bench.worker, PH_LANE_THINK, &chain->job);
	while (left)
		bench_turn(&bench);
	bench_close(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_work_elsewhere_done_here),
		cmocka_unit_test(test_lane_is_first_in_first_out),
		cmocka_unit_test(test_stuck_lane_holds_no_other),
		cmocka_unit_test(test_strands_hold_only_themselves),
		cmocka_unit_test(test_destroy_finishes_what_was_submitted),
		cmocka_unit_test(test_done_may_submit_and_free),
	};

	return cmocka_run_group_tests_name("kernel_worker", tests, NULL, NULL);
}
