#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/ring.h"
#include "test/transport_world.h"
#include "test/waited.h"
#include "transport/shm_segment.h"
#include "transport/socket.h"

/*
 * Rings in shared memory against those who share it: processes that die, that
 * lie, that scribble while we read. What any transport must do is in
 * transport_test.c.
 */
static const struct row shm_row = {
	"shm", &ph_transport_shm, PH_ADDRESS_SHM, true, true};
static const struct row inproc_row = {
	"inproc", &ph_transport_inproc, PH_ADDRESS_INPROC, true, true};

static bool is_full_dose(void)
{
	const char *dose = getenv("PH_DOSE");

	return dose && !strcmp(dose, "full");
}

static uint32_t dice(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(*state >> 33);
}

/* The world's server end, for the next connection. */
static void server_anew(struct world *world)
{
	ph_queue_fini(&world->server.out);
	world->server = (struct end){.admit = PH_FRAME_MAX, .frame_size = 1000};
	ph_queue_init(&world->server.out, world->host.pool);
}

/* --- a peer with the memory in its own hands --- */

struct intruder {
	int fd;
	struct ph_shm_segment segment;
	struct ph_ring_shared *out; /* it writes here, we read */
	struct ph_ring_shared *in;
};

static void intruder_come(struct intruder *intruder, struct world *world)
{
	struct ph_endpoint endpoint;

	ph_endpoint_local(&endpoint, world->address.host);
	intruder->fd = ph_socket_open(&endpoint);
	assert_true(intruder->fd >= 0);
	assert_int_equal(
		0, connect(intruder->fd, &endpoint.any, endpoint.length));
	turn_until(world, world->server.opened);
	ph_shm_segment_init(&intruder->segment);
	assert_int_equal(
		0, ph_shm_segment_take(&intruder->segment, intruder->fd));
	intruder->out = (struct ph_ring_shared *)intruder->segment.out.control;
	intruder->in = (struct ph_ring_shared *)intruder->segment.in.control;
}

static void intruder_go(struct intruder *intruder)
{
	ph_shm_segment_fini(&intruder->segment);
	close(intruder->fd);
}

/* One lie each; what became of it. */
static void lie_head_far(struct intruder *intruder)
{
	atomic_store(&intruder->out->head, PH_SHM_RING + 1);
}

static void lie_head_negative(struct intruder *intruder)
{
	atomic_store(&intruder->out->head, UINT64_MAX);
}

static void lie_tail_far(struct intruder *intruder)
{
	atomic_store(&intruder->in->tail, UINT64_C(1) << 40);
}

static void lie_frame_too_large(struct intruder *intruder)
{
	memset(intruder->segment.out.data, 0xff, 64);
	atomic_store(&intruder->out->head, 64);
}

static void lie_words(struct intruder *intruder)
{
	assert_int_equal(1, send(intruder->fd, "x", 1, 0));
}

static void lies(void **state)
{
	static void (*const all[])(struct intruder *) = {lie_head_far,
		lie_head_negative, lie_tail_far, lie_frame_too_large,
		lie_words};
	struct world *world = *state;

	listen_here(world);
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		struct intruder intruder;

		intruder_come(&intruder, world);
		all[i](&intruder);
		/* More than the ring holds: it must ask for the tail. */
		world->server.to_send = 2 * PH_SHM_RING;
		end_pump(&world->server);
		ph_shm_segment_ring(&intruder.segment);
		turn_until(world, world->server.closed);
		assert_int_equal(world->server.reason, -EPROTO);
		assert_int_equal(world->server.frames, 0);
		intruder_go(&intruder);
		server_anew(world);
	}
}

static void lie_backwards(void **state)
{
	struct world *world = *state;
	struct intruder intruder;

	listen_here(world);
	intruder_come(&intruder, world);
	ph_frame_header(intruder.segment.out.data, 100, PH_FRAME_FIN);
	atomic_store(&intruder.out->head, 104);
	ph_shm_segment_ring(&intruder.segment);
	turn_until(world, world->server.frames == 1);
	atomic_store(&intruder.out->head, 100);
	ph_shm_segment_ring(&intruder.segment);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -EPROTO);
	intruder_go(&intruder);
}

/* What the node only reads it has mapped so, and the file keeps its size. */
static void memory_is_sealed(void **state)
{
	struct world *world = *state;
	struct intruder intruder;
	pid_t child;
	int status;

	listen_here(world);
	intruder_come(&intruder, world);
	child = fork();
	if (!child) {
		prctl(PR_SET_DUMPABLE, 0);
		signal(SIGSEGV, SIG_DFL);
		*(volatile uint8_t *)intruder.segment.in.data = 1;
		_exit(0);
	}
	assert_int_equal(child, waitpid(child, &status, 0));
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	intruder_go(&intruder);
}

/* --- scribbling while we read --- */

struct scribbler {
	struct intruder *intruder;
	uint64_t random;
	unsigned strokes; /* done while the other side lived */
	_Atomic bool stop;
	_Atomic bool done;
};

static uint64_t near(uint64_t value, uint64_t *random)
{
	switch (dice(random) % 4) {
	case 0:
		return value + dice(random) % 4096;
	case 1:
		return value - dice(random) % 4096;
	case 2:
		return value + dice(random) % (2 * (uint32_t)PH_SHM_RING);
	default:
		return (uint64_t)dice(random) << 33 | dice(random);
	}
}

static void scribble(struct scribbler *scribbler)
{
	uint64_t *random = &scribbler->random;
	struct intruder *intruder = scribbler->intruder;
	struct ph_ring_shared *out = intruder->out;
	_Atomic uint64_t *words[] = {&intruder->in->tail, &intruder->in->head,
		&intruder->in->room_at, &intruder->in->data_at, &out->data_at,
		&out->room_at, &out->tail};
	uint32_t at = dice(random);

	/* Mostly sound records, so that it goes on for a while. */
	if (at % 512 == 0) {
		_Atomic uint64_t *word = words[at / 512 % 7];

		atomic_store(word, near(atomic_load(word), random));
	} else if (at % 512 == 1) {
		atomic_store(&out->head, near(out->head, random));
	} else if (at % 4 == 2) {
		ph_frame_header(
			intruder->segment.out.data + at / 64 % PH_SHM_RING,
			dice(random) % 300000, (uint8_t)at);
	} else {
		atomic_store(&out->head,
			atomic_load(&out->tail) + dice(random) % 8192);
	}
	if (at % 8 == 0)
		ph_shm_segment_ring(&intruder->segment);
}

#define STROKES 5000u /* of one connection, then it leaves */

static void *scribble_all(void *context)
{
	struct scribbler *scribbler = context;

	for (; scribbler->strokes < STROKES && !atomic_load(&scribbler->stop);
		scribbler->strokes++)
		scribble(scribbler);
	atomic_store(&scribbler->done, true);
	return NULL;
}

/* However it is written to, it ends with a reason and touches nothing else. */
static void scribbled(void **state)
{
	struct world *world = *state;
	unsigned rounds = is_full_dose() ? 10000000 : 100000;
	unsigned told[2] = {0};

	listen_here(world);
	for (unsigned done = 0; done < rounds;) {
		struct intruder intruder;
		struct scribbler scribbler = {&intruder, done, 0, false, false};
		pthread_t thread;

		intruder_come(&intruder, world);
		world->server.to_send = 64 * PH_SHM_RING;
		end_pump(&world->server);
		assert_int_equal(0, pthread_create(&thread, NULL, scribble_all,
					    &scribbler));
		turn_until(world, world->server.closed || scribbler.done);
		atomic_store(&scribbler.stop, true);
		pthread_join(thread, NULL);
		intruder_go(&intruder);
		turn_until(world, world->server.closed);
		assert_int_equal(world->server.closes, 1);
		if (world->server.reason == -EPROTO)
			told[0]++;
		else
			assert_int_equal(world->server.reason, -ECONNRESET);
		told[1]++;
		done += scribbler.strokes;
		server_anew(world);
	}
	print_message(
		"%u of %u closed for what was written\n", told[0], told[1]);
	assert_true(told[0] * 2 > told[1]);
}

/* Ringing is cheap, and being rung is not to be dear. */
static void bells_for_nothing(void **state)
{
	struct world *world = *state;
	struct ph_loop_stats before, after;
	struct intruder intruder;
	int64_t until;

	listen_here(world);
	intruder_come(&intruder, world);
	before = ph_loop_stats(world->loop, false);
	for (until = now() + PH_SECOND / 5; now() < until;) {
		ph_shm_segment_ring(&intruder.segment);
		ph_loop_turn(world->loop, PH_SECOND / 10);
		ph_shm_segment_ring(&intruder.segment);
	}
	after = ph_loop_stats(world->loop, false);
	assert_true(after.turns - before.turns < 20 * 40);
	/* It is still heard. */
	ph_frame_header(intruder.segment.out.data, 100, PH_FRAME_FIN);
	atomic_store(&intruder.out->head, 104);
	ph_shm_segment_ring(&intruder.segment);
	turn_until(world, world->server.frames == 1);
	intruder_go(&intruder);
	turn_until(world, world->server.closed);
}

/* A pipe full of bells that nobody hears must not hold us up. */
static void deaf_peer(void **state)
{
	struct world *world = *state;
	struct intruder intruder;
	uint64_t tail = 0;

	listen_here(world);
	intruder_come(&intruder, world);
	/* Our end of the bell is ours alone: this changes nothing there. */
	assert_int_equal(0, fcntl(intruder.segment.bell_in, F_SETFL, 0));
	for (unsigned i = 0; i < 20000; i++) {
		atomic_store(&intruder.in->data_at, tail);
		world->server.to_send = 100;
		world->server.frame_size = 100;
		end_pump(&world->server);
		tail = atomic_load(&intruder.in->head);
		atomic_store(&intruder.in->tail, tail);
	}
	assert_int_equal(tail, 20000 * 104);
	intruder_go(&intruder);
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -ECONNRESET);
}

/* --- memory that others offer --- */

struct bid {
	const char *magic;
	uint64_t size;	 /* said */
	uint64_t length; /* of the file */
	unsigned fds;
	bool sealed;
	int reason;
};

static void bid_send(int fd, const struct bid *bid, int file)
{
	struct {
		char magic[4];
		uint32_t bells;
		uint64_t size;
	} offer = {.size = bid->size};
	char control[CMSG_SPACE(4 * sizeof(int))] = {0};
	struct iovec vector = {&offer, sizeof(offer)};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = bid->fds ? control : NULL,
		.msg_controllen =
			bid->fds ? CMSG_SPACE(bid->fds * sizeof(int)) : 0,
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	memcpy(offer.magic, bid->magic, 4);
	if (header) {
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(bid->fds * sizeof(int));
		for (unsigned i = 0; i < bid->fds; i++)
			memcpy(CMSG_DATA(header) + i * sizeof(int), &file,
				sizeof(int));
	}
	assert_int_equal(sizeof(offer), sendmsg(fd, &message, 0));
}

static int bid_file(const struct bid *bid)
{
	int fd;

	if (bid->sealed)
		return ph_memory_create(bid->length);
	fd = memfd_create("bid", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(0, ftruncate(fd, (off_t)bid->length));
	return fd;
}

static unsigned count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void foreign_memory(void **state)
{
	static const struct bid bids[] = {
		{"phs1", 8192, 24576, 3, false, -EPERM},
		{"phs1", 8192, 24575, 3, true, -EPROTO},
		{"phs1", 12288, 32768, 3, true, -EPROTO},
		{"phs1", 0, 8192, 3, true, -EPROTO},
		{"phs1", UINT64_MAX, 24576, 3, true, -EPROTO},
		{"phs1", 8192, 24576, 2, true, -EPROTO},
		{"phs1", 8192, 24576, 4, true, -EPROTO},
		{"phs1", 8192, 24576, 0, true, -EPROTO},
		{"phs2", 8192, 24576, 3, true, -EPROTO},
	};
	struct world *world = *state;
	struct ph_endpoint endpoint;
	int listener;

	ph_endpoint_local(&endpoint, world->address.host);
	listener = ph_socket_open(&endpoint);
	assert_int_equal(0, bind(listener, &endpoint.any, endpoint.length));
	assert_int_equal(0, listen(listener, 1));
	for (size_t i = 0; i < sizeof(bids) / sizeof(*bids); i++) {
		unsigned before = count_fds();
		int fd, file = bid_file(&bids[i]);

		world->client.closed = false;
		world->client.closes = 0;
		dial_here(world);
		fd = -1;
		turn_until(world, (fd = accept(listener, NULL, NULL)) >= 0);
		bid_send(fd, &bids[i], file);
		turn_until(world, world->client.closed);
		assert_false(world->client.opened);
		assert_int_equal(world->client.reason, bids[i].reason);
		close(file);
		close(fd);
		assert_int_equal(before, count_fds());
	}
	close(listener);
	unlink(world->address.host);
}

/* --- a peer that dies --- */

/* Sends until it is killed. */
static _Noreturn void victim(const struct ph_address *address)
{
	struct ph_transport_host host = {0};
	struct ph_dial dial = {.address = *address, .plain = true};
	struct end end = {
		.to_send = UINT64_C(1) << 60,
		.frame_size = 3000,
		.admit = PH_FRAME_MAX,
	};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ph_loop_create(&host.loop, &ph_clock_real) ||
		ph_pool_create(&host.pool))
		_exit(1);
	ph_queue_init(&end.out, host.pool);
	if (ph_transport_shm.dial(
		    &host, &dial, &world_events, &end, &end.carrier))
		_exit(1);
	ph_loop_run(host.loop);
	_exit(1);
}

static void killed_in_mid_write(void **state)
{
	struct world *world = *state;
	unsigned deaths = is_full_dose() ? 1000 : 50;
	uint64_t random = 5;
	int64_t worst = 0;

	listen_here(world);
	for (unsigned i = 0; i < deaths; i++) {
		uint64_t enough = dice(&random) % 3000000;
		int64_t died;
		pid_t child;

		server_anew(world);
		world->server.sequenced = true;
		child = fork();
		if (!child)
			victim(&world->address);
		turn_until(world,
			world->server.opened && world->server.bytes >= enough);
		kill(child, SIGKILL);
		assert_int_equal(child, waitpid(child, NULL, 0));
		died = now() - waited();
		turn_until(world, world->server.closed);
		died = now() - waited() - died;
		if (died > worst)
			worst = died;
		/* Never mistaken for an end. */
		assert_int_equal(world->server.reason, -ECONNRESET);
		assert_int_equal(0, ph_pool_live(world->host.pool));
	}
	print_message(
		"told after at most %ld us\n", (long)(worst / PH_MICROSECOND));
	assert_true(worst <= 100 * PH_MILLISECOND);
}

/* --- two threads, two loops --- */

#define THREAD_BYTES (UINT64_C(64) * 1024 * 1024)

static void *other_thread(void *context)
{
	const struct ph_address *address = context;
	struct ph_transport_host host = {0};
	struct ph_dial dial = {.address = *address, .plain = true};
	struct end end = {
		.to_send = THREAD_BYTES,
		.frame_size = 700,
		.admit = PH_FRAME_MAX,
		.sequenced = true,
	};

	if (ph_loop_create(&host.loop, &ph_clock_real) ||
		ph_pool_create(&host.pool))
		abort();
	ph_queue_init(&end.out, host.pool);
	if (ph_transport_inproc.dial(
		    &host, &dial, &world_events, &end, &end.carrier))
		abort();
	while (!end.closed) {
		ph_loop_turn(host.loop, PH_SECOND / 10);
		if (end.bytes == THREAD_BYTES && !end.to_send &&
			!end.out.count && !end.closed)
			ph_carrier_close(end.carrier);
	}
	ph_loop_turn(host.loop, 0);
	ph_queue_fini(&end.out);
	ph_pool_destroy(host.pool);
	ph_loop_destroy(host.loop);
	return NULL;
}

static void between_threads(void **state)
{
	struct world *world = *state;
	pthread_t thread;

	listen_here(world);
	world->server.sequenced = true;
	world->server.to_send = THREAD_BYTES;
	world->server.frame_size = 64;
	assert_int_equal(0,
		pthread_create(&thread, NULL, other_thread, &world->address));
	turn_until(world, world->server.closed);
	pthread_join(thread, NULL);
	assert_int_equal(world->server.reason, 0);
	assert_int_equal(world->server.bytes, THREAD_BYTES);
	assert_int_equal(world->server.messages, 1);
}

/* The name is known to all, and of use to this process only. */
static void inproc_stranger(void **state)
{
	struct world *world = *state;
	struct ph_endpoint endpoint;
	int status, ended = 0;
	pid_t child;
	char byte;

	listen_here(world);
	ph_endpoint_inproc(&endpoint, world->address.host);
	child = fork();
	if (!child) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, &endpoint.any, endpoint.length))
			_exit(2);
		/* The end, and no memory. */
		_exit(recv(fd, &byte, 1, 0) == 0 ? 0 : 3);
	}
	turn_until(world, world->server.closed);
	assert_int_equal(world->server.reason, -EACCES);
	turn_until(world, (ended = waitpid(child, &status, WNOHANG)));
	assert_int_equal(ended, child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

#define SHM(name)                                                              \
	cmocka_unit_test_prestate_setup_teardown(                              \
		name, world_setup, world_teardown, (void *)&shm_row)
#define INPROC(name)                                                           \
	cmocka_unit_test_prestate_setup_teardown(                              \
		name, world_setup, world_teardown, (void *)&inproc_row)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHM(lies),
		SHM(lie_backwards),
		SHM(memory_is_sealed),
		SHM(scribbled),
		SHM(bells_for_nothing),
		SHM(deaf_peer),
		SHM(foreign_memory),
		SHM(killed_in_mid_write),
		INPROC(between_threads),
		INPROC(inproc_stranger),
	};

	ph_log_open(NULL, NULL, PH_LOG_ERROR);
	return cmocka_run_group_tests_name("shm", tests, NULL, NULL);
}
