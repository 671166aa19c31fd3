#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "bench/contestants.h"
#include "kernel/memory.h"
#include "kernel/ring.h"

/*
 * Rings: ours (kernel/ring.h) against the least that such a thing can be. The
 * ideal one knows the size of its messages, so it has no headers and never
 * wraps; it trusts the other side; it sleeps and wakes as ours does, and its
 * writer too is woken for half a ring. Both publish every 16 KiB. Where CPUs
 * are shared the one that never spins is the stronger, on idle ones the other.
 *
 * Between threads what counts is CPU time, of both together: `ns` of the
 * result is that, and a rate is messages per CPU second. Both threads have
 * their CPU given (load.width: on how many), for that decides more than all
 * else: on one CPU the messages stay in its caches, between two each line
 * travels, at a quarter of the rate.
 */
#define RING_SIZE  ((uint64_t)512 * 1024)
#define RING_BATCH ((uint64_t)16 * 1024)

struct ideal {
	_Alignas(128) _Atomic uint64_t head;
	_Atomic uint32_t finished;
	bool spins;
	_Alignas(128) _Atomic uint64_t tail;
	_Alignas(128) _Atomic uint32_t data_sleeps;
	_Alignas(128) _Atomic uint32_t room_sleeps;
	_Alignas(128) uint8_t data[];
};

/* Until `index` has reached `want`, or the stream has finished. */
static void ideal_wait(struct ideal *ideal, _Atomic uint64_t *index,
	uint64_t want, _Atomic uint32_t *sleeps, const struct ph_ring_hal *hal)
{
	for (uint32_t i = 0; ideal->spins && i < hal->spin; i++) {
		if (atomic_load_explicit(index, memory_order_acquire) >= want)
			return;
		ph_relax();
	}
	atomic_store(sleeps, 1);
	if (atomic_load(index) < want && !atomic_load(&ideal->finished))
		hal->sleep(NULL, sleeps, 1, 0);
}

static void ideal_wake(_Atomic uint32_t *sleeps, const struct ph_ring_hal *hal)
{
	if (atomic_load(sleeps) && atomic_exchange(sleeps, 0))
		hal->wake(NULL, sleeps);
}

static void ideal_write(struct ideal *ideal, const struct bench_side *side)
{
	struct ph_ring_hal hal = ph_ring_hal_linux();
	uint64_t size = side->load.size, at = 0, told = 0, tail = 0;
	uint8_t *message = calloc(1, size);

	while (at != told || bench_now() < side->until) {
		uint64_t end = at + (size > RING_BATCH ? size : RING_BATCH);

		for (; at < end; at += size) {
			while (at + size - tail > RING_SIZE) {
				tail = atomic_load_explicit(
					&ideal->tail, memory_order_acquire);
				if (at + size - tail > RING_SIZE)
					ideal_wait(ideal, &ideal->tail,
						at - RING_SIZE / 2,
						&ideal->room_sleeps, &hal);
			}
			memcpy(ideal->data + at % RING_SIZE, message, size);
		}
		atomic_store(&ideal->head, at);
		told = at;
		ideal_wake(&ideal->data_sleeps, &hal);
	}
	atomic_store(&ideal->finished, 1);
	hal.wake(NULL, &ideal->data_sleeps);
	free(message);
}

/* `own`: each message is copied out, as who does not trust the writer, or
 * wants to keep it, must. */
static void ideal_read(struct ideal *ideal, struct bench_side *side, bool own)
{
	struct ph_ring_hal hal = ph_ring_hal_linux();
	uint64_t size = side->load.size, at = 0, head = 0;
	uint8_t *message = malloc(size);

	for (;;) {
		uint32_t finished = atomic_load(&ideal->finished);

		head = atomic_load_explicit(&ideal->head, memory_order_acquire);
		if (head == at && finished)
			break;
		if (head == at) {
			ideal_wait(ideal, &ideal->head, head + 1,
				&ideal->data_sleeps, &hal);
			continue;
		}
		if (!side->result.ns)
			bench_begin(side);
		for (; at < head; at += size) {
			const uint8_t *data = ideal->data + at % RING_SIZE;

			if (own)
				data = memcpy(message, data, size);
			bench_took(side, data, size);
			/* Large ones give their room back one by one. */
			if (size >= RING_BATCH)
				atomic_store(&ideal->tail, at + size);
			if (head - at <= RING_SIZE / 2)
				ideal_wake(&ideal->room_sleeps, &hal);
		}
		atomic_store(&ideal->tail, at);
		ideal_wake(&ideal->room_sleeps, &hal);
	}
	free(message);
}

/* --- two threads --- */

struct pair {
	struct bench_side *side;
	struct ideal *ideal;
	struct ph_ring_memory memory;
	int64_t cpu; /* of the writer */
};

/* The bench's own thread reads: it goes where it likes afterwards. */
static void stay_nowhere(const cpu_set_t *before)
{
	sched_setaffinity(0, sizeof(*before), before);
}

static int64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void *ideal_thread(void *context)
{
	struct pair *pair = context;

	bench_stay_on(pair->side->load.width - 1);
	ideal_write(pair->ideal, pair->side);
	pair->cpu = cpu_now();
	return NULL;
}

static struct ideal *ideal_map(int fd)
{
	size_t length = sizeof(struct ideal) + RING_SIZE;
	struct ideal *ideal = mmap(NULL, length, PROT_READ | PROT_WRITE,
		fd < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	if (ideal == MAP_FAILED)
		bench_die("mmap");
	return ideal;
}

static int ideal_run(struct bench_side *side, const char **reason)
{
	struct pair pair = {.side = side, .ideal = ideal_map(-1)};
	cpu_set_t before;
	int64_t began = cpu_now();
	pthread_t thread;

	side->until = bench_now() + side->load.ns;
	if (pthread_create(&thread, NULL, ideal_thread, &pair))
		bench_die("thread");
	sched_getaffinity(0, sizeof(before), &before);
	bench_stay_on(0);
	ideal_read(pair.ideal, side, false);
	stay_nowhere(&before);
	pthread_join(thread, NULL);
	side->result.ns = cpu_now() - began + pair.cpu;
	munmap(pair.ideal, sizeof(struct ideal) + RING_SIZE);
	return 0;
}

static void put(struct ph_ring_writer *writer, const struct ph_ring_hal *hal,
	const uint8_t *message, uint32_t size)
{
	while (ph_ring_put(writer, PH_FRAME_FIN, message, size) == -EAGAIN) {
		if (ph_ring_publish(writer))
			ph_ring_wake_reader(writer, hal);
		ph_ring_await_room(writer, hal, PH_FRAME_HEADER + size, 0);
	}
}

static void *ring_thread(void *context)
{
	struct pair *pair = context;
	struct ph_ring_hal hal = ph_ring_hal_linux();
	uint32_t size = (uint32_t)pair->side->load.size;
	uint8_t *message = calloc(1, size);
	struct ph_ring_writer writer;

	bench_stay_on(pair->side->load.width - 1);
	ph_ring_writer_init(&writer,
		(struct ph_ring_shared *)pair->memory.control,
		pair->memory.data, RING_SIZE);
	while (bench_now() < pair->side->until) {
		for (uint64_t i = 0; i < RING_BATCH; i += size)
			put(&writer, &hal, message, size);
		if (ph_ring_publish(&writer))
			ph_ring_wake_reader(&writer, &hal);
	}
	ph_ring_finish(&writer);
	ph_ring_wake_reader(&writer, &hal);
	free(message);
	pair->cpu = cpu_now();
	return NULL;
}

static void ring_read(struct pair *pair, const struct ph_ring_hal *hal)
{
	struct ph_ring_reader reader;
	struct ph_frame frame = {0};
	bool finished = false;

	ph_ring_reader_init(&reader,
		(struct ph_ring_shared *)pair->memory.control,
		pair->memory.data, RING_SIZE);
	while (!finished) {
		finished = ph_ring_is_finished(&reader);
		while (ph_ring_next(&reader, &frame) == 1)
			bench_took(pair->side, frame.data, frame.length);
		if (ph_ring_release(&reader))
			ph_ring_wake_writer(&reader, hal);
		if (!finished)
			ph_ring_await_data(&reader, hal, 0);
	}
}

static int ring_run(struct bench_side *side, const char **reason)
{
	struct ph_ring_hal hal = ph_ring_hal_linux();
	struct pair pair = {.side = side};
	cpu_set_t before;
	int64_t began = cpu_now();
	pthread_t thread;

	side->until = bench_now() + side->load.ns;
	if (hal.map(NULL, RING_SIZE, &pair.memory) ||
		pthread_create(&thread, NULL, ring_thread, &pair))
		bench_die("thread");
	sched_getaffinity(0, sizeof(before), &before);
	bench_stay_on(0);
	ring_read(&pair, &hal);
	stay_nowhere(&before);
	pthread_join(thread, NULL);
	side->result.ns = cpu_now() - began + pair.cpu;
	hal.unmap(NULL, &pair.memory);
	return 0;
}

/* --- two processes --- */

static void ideal_path(char path[64], const struct bench_side *side)
{
	snprintf(path, 64, "/dev/shm/posthouse-bench-%u", side->port);
}

static void ideal_serve_with(struct bench_side *side, bool own)
{
	struct ideal *ideal;
	char path[64];
	int fd;

	side->port = (uint16_t)getpid();
	ideal_path(path, side);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(struct ideal) + RING_SIZE))
		bench_die("sharing memory");
	ideal = ideal_map(fd);
	ideal->spins = !own;
	bench_tell_port(side, side->port);
	ideal_read(ideal, side, own);
	bench_end(side);
	unlink(path);
}

static void ideal_serve(struct bench_side *side)
{
	ideal_serve_with(side, true);
}

static void ideal_serve_in_place(struct bench_side *side)
{
	ideal_serve_with(side, false);
}

static void ideal_drive(struct bench_side *side)
{
	char path[64];
	int fd;

	ideal_path(path, side);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		bench_die(path);
	ideal_write(ideal_map(fd), side);
}

const struct bench_contestant bench_ring = {"posthouse", NULL, NULL, ring_run};
const struct bench_contestant bench_ideal_threads = {
	"ideal ring", NULL, NULL, ideal_run};
const struct bench_contestant bench_ideal = {
	"ideal ring", ideal_serve, ideal_drive, NULL};
const struct bench_contestant bench_ideal_in_place = {
	"spinning in place", ideal_serve_in_place, ideal_drive, NULL};
