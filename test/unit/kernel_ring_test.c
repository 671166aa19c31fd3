#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/clock.h"
#include "kernel/memory.h"
#include "kernel/ring.h"
#include "kernel/slots.h"

#define SIZE ((uint64_t)4096)

struct world {
	struct ph_ring_hal hal;
	struct ph_ring_memory memory;
	struct ph_ring_shared *shared;
	struct ph_ring_writer writer;
	struct ph_ring_reader reader;
};

static void world_open(struct world *world, uint64_t size)
{
	memset(world, 0, sizeof(*world));
	world->hal = ph_ring_hal_linux();
	assert_int_equal(0, world->hal.map(NULL, size, &world->memory));
	world->shared = (struct ph_ring_shared *)world->memory.control;
	assert_int_equal(0, ph_ring_writer_init(&world->writer, world->shared,
				    world->memory.data, size));
	assert_int_equal(0, ph_ring_reader_init(&world->reader, world->shared,
				    world->memory.data, size));
}

static void world_close(struct world *world)
{
	world->hal.unmap(NULL, &world->memory);
}

static bool is_full_dose(void)
{
	const char *dose = getenv("PH_DOSE");

	return dose && !strcmp(dose, "full");
}

/* --- the ring as a data structure --- */

static void geometry(void **state)
{
	struct world world;
	struct ph_ring_memory memory;

	world_open(&world, SIZE);
	world.memory.data[0] = 1;
	world.memory.data[SIZE + 1] = 2;
	assert_int_equal(world.memory.data[SIZE], 1);
	assert_int_equal(world.memory.data[1], 2);
	assert_true(sizeof(struct ph_ring_shared) <= PH_MEMORY_CONTROL);
	assert_int_equal(-EINVAL, ph_ring_reader_init(&world.reader,
					  world.shared, NULL, SIZE - 1));
	assert_int_equal(-EINVAL, ph_ring_writer_init(&world.writer,
					  world.shared, NULL, SIZE / 2));
	assert_int_equal(-EINVAL, world.hal.map(NULL, 3 * SIZE, &memory));
	world_close(&world);
}

/* Every record is found again, whole, wherever it lies over the ring's end. */
static void records(void **state)
{
	struct world world;
	uint8_t payload[600];
	struct ph_frame frame;
	uint32_t sent = 0, got = 0;

	world_open(&world, SIZE);
	while (got < 20000) {
		uint32_t length = sent * 7 % sizeof(payload);

		memset(payload, (int)sent, length);
		if (ph_ring_put(&world.writer, (uint8_t)sent, payload,
			    length) == 0) {
			sent++;
			continue;
		}
		assert_int_equal(0, ph_ring_next(&world.reader, &frame));
		ph_ring_publish(&world.writer);
		while (ph_ring_next(&world.reader, &frame) == 1) {
			assert_int_equal(
				frame.length, got * 7 % sizeof(payload));
			assert_int_equal(frame.flags, (uint8_t)got);
			memset(payload, (int)got, frame.length);
			assert_memory_equal(frame.data, payload, frame.length);
			got++;
		}
		assert_int_equal(got, sent);
		ph_ring_release(&world.reader);
	}
	world_close(&world);
}

static void limits(void **state)
{
	static uint8_t much[PH_FRAME_MAX + 1];
	struct ph_frame frame;
	struct world world;

	world_open(&world, SIZE);
	assert_int_equal(-EMSGSIZE,
		ph_ring_put(&world.writer, 0, much, (uint32_t)SIZE - 3));
	assert_int_equal(
		0, ph_ring_put(&world.writer, 0, much, (uint32_t)SIZE - 4));
	assert_int_equal(-EAGAIN, ph_ring_put(&world.writer, 0, NULL, 0));
	assert_int_equal(0, ph_ring_next(&world.reader, &frame));
	ph_ring_publish(&world.writer);
	assert_int_equal(1, ph_ring_next(&world.reader, &frame));
	/* Room comes with the release, not with the reading. */
	assert_int_equal(-EAGAIN, ph_ring_put(&world.writer, 0, NULL, 0));
	ph_ring_release(&world.reader);
	assert_int_equal(0, ph_ring_put(&world.writer, 0, NULL, 0));
	world_close(&world);
	world_open(&world, 512 * 1024);
	assert_int_equal(-EMSGSIZE,
		ph_ring_put(&world.writer, 0, much, PH_FRAME_MAX + 1));
	assert_int_equal(0, ph_ring_put(&world.writer, 0, much, PH_FRAME_MAX));
	world_close(&world);
}

/* A run of records is a run of frames, in any pieces. */
static void bytes(void **state)
{
	struct world world;
	uint8_t in[1000], out[1000];
	uint64_t sent = 0, got = 0;

	world_open(&world, SIZE);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t part = i * 37 % sizeof(in);

		for (uint64_t j = 0; j < part; j++)
			in[j] = (uint8_t)((sent + j) % 251);
		sent += ph_ring_write(&world.writer, in, part);
		ph_ring_publish(&world.writer);
		part = ph_ring_read(&world.reader, out, i * 41 % sizeof(out));
		for (uint64_t j = 0; j < part; j++)
			assert_int_equal(out[j], (got + j) % 251);
		got += part;
		ph_ring_release(&world.reader);
		assert_true(got <= sent && sent - got <= SIZE);
	}
	assert_true(got > 100 * SIZE);
	world_close(&world);
}

static void slots(void **state)
{
	static const uint8_t payload[PH_SLOT_PAYLOAD + 1] = {1, 2, 3};
	struct world world;
	struct ph_slot slot;

	world_open(&world, PH_SLOTS_SIZE);
	assert_int_equal(-EMSGSIZE,
		ph_slot_put(&world.writer, 1, 1, payload, PH_SLOT_PAYLOAD + 1));
	for (unsigned round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < PH_SLOTS; i++)
			assert_int_equal(0, ph_slot_put(&world.writer, 7, i,
						    payload, i + 1));
		assert_int_equal(
			-EAGAIN, ph_slot_put(&world.writer, 7, 0, NULL, 0));
		ph_ring_publish(&world.writer);
		for (uint32_t i = 0; i < PH_SLOTS; i++) {
			assert_int_equal(1, ph_slot_next(&world.reader, &slot));
			assert_int_equal(slot.sender, 7);
			assert_int_equal(slot.id, i);
			assert_int_equal(slot.length, i + 1);
			assert_memory_equal(slot.payload, payload, i + 1);
		}
		assert_int_equal(0, ph_slot_next(&world.reader, &slot));
		ph_ring_release(&world.reader);
	}
	world_close(&world);
}

/* --- who sleeps is woken, who does not is left alone --- */

static void wake_reader(void **state)
{
	struct world world;
	struct ph_frame frame;

	world_open(&world, SIZE);
	assert_true(ph_ring_expect_data(&world.reader));
	ph_ring_put(&world.writer, 0, "a", 1);
	assert_true(ph_ring_publish(&world.writer));
	assert_false(ph_ring_publish(&world.writer));
	/* Awake: more data rings nothing. */
	ph_ring_put(&world.writer, 0, "b", 1);
	assert_false(ph_ring_publish(&world.writer));
	while (ph_ring_next(&world.reader, &frame) == 1)
		;
	ph_ring_release(&world.reader);
	/* What came in between is seen, and not slept on. */
	ph_ring_put(&world.writer, 0, "c", 1);
	ph_ring_publish(&world.writer);
	assert_false(ph_ring_expect_data(&world.reader));
	assert_int_equal(1, ph_ring_next(&world.reader, &frame));
	world_close(&world);
}

static void wake_writer(void **state)
{
	struct world world;
	struct ph_frame frame;
	uint8_t payload[252] = {0};
	unsigned woken = 0;

	world_open(&world, SIZE);
	while (ph_ring_put(&world.writer, 0, payload, sizeof(payload)) == 0)
		;
	ph_ring_publish(&world.writer);
	assert_true(ph_ring_expect_room(&world.writer, 256));
	/* One wake-up, for half of the ring. */
	for (unsigned i = 1; i <= 16; i++) {
		assert_int_equal(1, ph_ring_next(&world.reader, &frame));
		if (ph_ring_release(&world.reader)) {
			assert_int_equal(i, 8);
			woken++;
		}
	}
	assert_int_equal(woken, 1);
	assert_false(ph_ring_expect_room(&world.writer, SIZE));
	world_close(&world);
}

/* --- the other side breaks the rules --- */

static const uint64_t lies[] = {UINT64_MAX, SIZE + 1, SIZE * 2, 1ull << 63};

static void lying_writer(void **state)
{
	for (unsigned i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct ph_frame frame;
		struct world world;

		world_open(&world, SIZE);
		atomic_store(&world.shared->head, lies[i]);
		assert_int_equal(-EPROTO, ph_ring_next(&world.reader, &frame));
		atomic_store(&world.shared->head, 4);
		assert_int_equal(-EPROTO, ph_ring_next(&world.reader, &frame));
		assert_false(ph_ring_expect_data(&world.reader));
		world_close(&world);
	}
}

static void backward_writer(void **state)
{
	struct world world;
	struct ph_frame frame;

	world_open(&world, SIZE);
	ph_ring_put(&world.writer, 0, "abc", 3);
	ph_ring_publish(&world.writer);
	assert_int_equal(1, ph_ring_next(&world.reader, &frame));
	atomic_store(&world.shared->head, 4);
	assert_int_equal(-EPROTO, ph_ring_next(&world.reader, &frame));
	world_close(&world);
}

static void lying_length(void **state)
{
	struct world world;
	struct ph_frame frame;

	world_open(&world, SIZE);
	ph_ring_put(&world.writer, 0, "abc", 3);
	world.memory.data[0] = 4;
	ph_ring_publish(&world.writer);
	assert_int_equal(-EPROTO, ph_ring_next(&world.reader, &frame));
	world_close(&world);
}

static void lying_reader(void **state)
{
	uint8_t payload[2000] = {0};

	for (unsigned i = 0; i < sizeof(lies) / sizeof(*lies); i++) {
		struct world world;

		world_open(&world, SIZE);
		ph_ring_put(&world.writer, 0, payload, sizeof(payload));
		ph_ring_put(&world.writer, 0, payload, sizeof(payload));
		/* Not even published: nothing can have been read. */
		atomic_store(&world.shared->tail, i ? lies[i] : 1);
		assert_int_equal(-EPROTO, ph_ring_put(&world.writer, 0, payload,
						  sizeof(payload)));
		ph_ring_publish(&world.writer);
		assert_false(ph_ring_expect_room(&world.writer, SIZE));
		assert_int_equal(-EPROTO,
			ph_ring_await_room(&world.writer, &world.hal, SIZE, 1));
		world_close(&world);
	}
}

/* --- memory from others --- */

static void sealed(void **state)
{
	int fd = ph_memory_create(SIZE * 2);

	assert_true(fd >= 0);
	assert_int_equal(0, ph_memory_check(fd, SIZE * 2));
	assert_int_equal(-EINVAL, ph_memory_check(fd, SIZE));
	assert_int_equal(-1, ftruncate(fd, 0));
	close(fd);
	fd = memfd_create("loose", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(0, ftruncate(fd, SIZE * 2));
	assert_int_equal(-EPERM, ph_memory_check(fd, SIZE * 2));
	close(fd);
	assert_int_equal(-EINVAL, ph_memory_check(0, SIZE));
}

/* --- two threads --- */

struct stress {
	struct world world;
	uint64_t records;
	bool sleepy; /* both sides pause at random */
	uint64_t begun;
	uint64_t got;
	unsigned seed;
};

#define STRESS_PATIENCE (20 * PH_SECOND)

static int64_t now(void)
{
	return ph_clock_real.now(&ph_clock_real);
}

static uint32_t dice(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

/* A nap on a futex that nobody ever wakes: up to 100 us. */
static void nap(struct stress *stress, uint64_t *random)
{
	_Atomic uint32_t nobody = 0;

	if (stress->sleepy && dice(random) % 512 == 0)
		stress->world.hal.sleep(NULL, &nobody, 0,
			now() + dice(random) % (100 * PH_MICROSECOND));
}

static void *stress_write(void *context)
{
	struct stress *stress = context;
	struct ph_ring_writer *writer = &stress->world.writer;
	const struct ph_ring_hal *hal = &stress->world.hal;
	uint64_t random = stress->seed;
	uint64_t payload[16];

	for (uint64_t i = 0; i < stress->records; i++) {
		uint32_t length = stress->sleepy ? 8 + dice(&random) % 120 : 8;
		int error;

		payload[0] = i;
		payload[1] = ~i;
		while ((error = ph_ring_put(writer, 1, payload, length)) ==
			-EAGAIN) {
			if (ph_ring_publish(writer))
				ph_ring_wake_reader(writer, hal);
			if (ph_ring_await_room(writer, hal, 4 + length,
				    now() + STRESS_PATIENCE))
				abort(); /* a wake-up was lost */
		}
		if (error)
			abort();
		if (dice(&random) % 32 == 0 && ph_ring_publish(writer))
			ph_ring_wake_reader(writer, hal);
		nap(stress, &random);
	}
	ph_ring_publish(writer);
	ph_ring_finish(writer);
	ph_ring_wake_reader(writer, hal);
	return NULL;
}

static void stress_read(struct stress *stress)
{
	struct ph_ring_reader *reader = &stress->world.reader;
	const struct ph_ring_hal *hal = &stress->world.hal;
	uint64_t random = stress->seed + 1, payload[2];
	struct ph_frame frame = {0};

	for (;;) {
		bool finished = ph_ring_is_finished(reader);
		int found;

		while ((found = ph_ring_next(reader, &frame)) == 1) {
			memcpy(payload, frame.data, frame.length < 16 ? 8 : 16);
			if (payload[0] != stress->got ||
				(frame.length >= 16 &&
					payload[1] != ~stress->got))
				fail_msg("record %lu reads %lu",
					(unsigned long)stress->got,
					(unsigned long)payload[0]);
			stress->got++;
			if (dice(&random) % 64 == 0 && ph_ring_release(reader))
				ph_ring_wake_writer(reader, hal);
			nap(stress, &random);
		}
		assert_int_equal(found, 0);
		if (ph_ring_release(reader))
			ph_ring_wake_writer(reader, hal);
		if (finished)
			return;
		assert_int_equal(0, ph_ring_await_data(reader, hal,
					    now() + STRESS_PATIENCE));
	}
}

static void stress_run(uint64_t records, uint64_t size, bool sleepy)
{
	struct stress stress = {
		.records = records, .sleepy = sleepy, .seed = 42};
	pthread_t thread;

	world_open(&stress.world, size);
	assert_int_equal(
		0, pthread_create(&thread, NULL, stress_write, &stress));
	stress_read(&stress);
	pthread_join(thread, NULL);
	assert_int_equal(stress.got, records);
	world_close(&stress.world);
}

static void stress_fast(void **state)
{
	stress_run(is_full_dose() ? 1000000000 : 5000000, 64 * 1024, false);
}

/* Naps on both sides, a small ring: both sides sleep all the time. */
static void stress_sleepy(void **state)
{
	stress_run(is_full_dose() ? 50000000 : 500000, SIZE, true);
}

/* The same without any spinning, as on a single CPU. */
static void stress_single(void **state)
{
	struct stress stress = {
		.records = is_full_dose() ? 20000000 : 200000,
		.seed = 7,
	};
	pthread_t thread;

	world_open(&stress.world, SIZE);
	stress.world.hal.spin = 0;
	assert_int_equal(
		0, pthread_create(&thread, NULL, stress_write, &stress));
	stress_read(&stress);
	pthread_join(thread, NULL);
	assert_int_equal(stress.got, stress.records);
	world_close(&stress.world);
}

static void await_deadline(void **state)
{
	struct world world;
	int64_t begun = now();

	world_open(&world, SIZE);
	assert_int_equal(
		-ETIMEDOUT, ph_ring_await_data(&world.reader, &world.hal,
				    begun + 5 * PH_MILLISECOND));
	assert_true(now() - begun >= 5 * PH_MILLISECOND);
	world_close(&world);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(geometry),
		cmocka_unit_test(records),
		cmocka_unit_test(limits),
		cmocka_unit_test(bytes),
		cmocka_unit_test(slots),
		cmocka_unit_test(wake_reader),
		cmocka_unit_test(wake_writer),
		cmocka_unit_test(lying_writer),
		cmocka_unit_test(backward_writer),
		cmocka_unit_test(lying_length),
		cmocka_unit_test(lying_reader),
		cmocka_unit_test(sealed),
		cmocka_unit_test(stress_fast),
		cmocka_unit_test(stress_sleepy),
		cmocka_unit_test(stress_single),
		cmocka_unit_test(await_deadline),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
