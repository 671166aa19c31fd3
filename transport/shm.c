#include "transport/transport.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel/log.h"
#include "kernel/ring.h"
#include "transport/dial.h"
#include "transport/listener.h"
#include "transport/shm_segment.h"

/*
 * A carrier whose bytes pass through two rings in shared memory. The socket it
 * was met at stays: over it the memory came, its SO_PEERCRED says who the peer
 * is, and its end says that he is gone, however he went.
 *
 * All of this is one more filter. Bytes are copied out of the ring before the
 * intake looks for frames in them, so nothing that the peer can still change
 * is ever parsed. A peer that publishes what cannot be ends with -EPROTO.
 */

/* Published each so many bytes, so that the peer starts while we still copy. */
#define SHM_BATCH ((uint64_t)64 * 1024)
/* Less room than this is not worth going on for. */
#define SHM_ROOM(ring) ((ring)->end.size / 4)
/* So many bells without anything to show for them, in such a time, are too
 * many; then ours is not heard for as long. */
#define SHM_VAIN 32u
#define SHM_REST (10 * PH_MILLISECOND)

struct shm {
	struct ph_filter filter;
	struct ph_loop *loop;
	struct ph_shm_segment segment;
	struct ph_ring_writer writer;
	struct ph_ring_reader reader;
	struct ph_watch bell;
	struct ph_task more;  /* the turn's budget is used up */
	struct ph_timer rest; /* of a bell that rang for nothing */
	uint64_t head;	      /* as the last bell found them */
	uint64_t tail;
	int64_t since; /* when the first of `vain` bells rang */
	unsigned vain;
	bool server;
	bool is_friend; /* the peer is this process */
	bool full;	/* the owner waits for room */
	bool gone;	/* the socket has ended */
};

static struct shm *shm_of(struct ph_filter *filter)
{
	return (struct shm *)filter;
}

/* --- bells --- */

/* Whether the peer has done anything since the last bell. Whatever it did
 * before was seen then, or is left lying on purpose. */
static bool shm_has_news(struct shm *shm)
{
	uint64_t head = atomic_load(&shm->reader.end.shared->head);
	uint64_t tail = atomic_load(&shm->writer.end.shared->tail);
	bool news = head != shm->head || tail != shm->tail;

	shm->head = head;
	shm->tail = tail;
	return news;
}

/* A peer may ring as often as it likes; we listen only so often. */
static void shm_on_vain(struct shm *shm)
{
	int64_t now = ph_loop_now(shm->loop);

	if (now - shm->since > SHM_REST) {
		shm->since = now;
		shm->vain = 0;
	}
	if (++shm->vain < SHM_VAIN)
		return;
	ph_watch_stop(&shm->bell);
	ph_timer_start(shm->loop, &shm->rest, now + SHM_REST);
}

static void shm_on_bell(struct ph_watch *watch, uint32_t events)
{
	struct shm *shm =
		(struct shm *)((char *)watch - offsetof(struct shm, bell));

	ph_shm_segment_hush(&shm->segment);
	if (shm_has_news(shm))
		shm->filter.again(&shm->filter);
	else
		shm_on_vain(shm);
}

static int shm_listen_to_bell(struct shm *shm)
{
	return ph_watch_start(
		shm->loop, &shm->bell, shm->segment.bell_in, EPOLLIN | EPOLLET);
}

static void shm_on_rest(struct ph_timer *timer)
{
	struct shm *shm =
		(struct shm *)((char *)timer - offsetof(struct shm, rest));

	shm->vain = 0;
	/* Without a bell we look now and then. */
	if (shm_listen_to_bell(shm))
		ph_timer_start(
			shm->loop, timer, ph_loop_now(shm->loop) + SHM_REST);
	shm->filter.again(&shm->filter);
}

static void shm_on_more(struct ph_task *task)
{
	struct shm *shm =
		(struct shm *)((char *)task - offsetof(struct shm, more));

	shm->filter.again(&shm->filter);
}

/* --- the filter --- */

/* 0, or what the socket says: nothing travels there once the rings are up. */
static int shm_look_at_socket(struct shm *shm)
{
	char byte;
	ssize_t got = recv(shm->filter.fd, &byte, 1, MSG_DONTWAIT);

	if (got > 0)
		return -EPROTO;
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		shm->filter.stirred = false;
	else
		shm->gone = true;
	return 0;
}

static int shm_broken(struct shm *shm, const char *because)
{
	ph_log_info("transport", "shm.broken because=%s", because);
	return -EPROTO;
}

/* The peer is gone and all that it published is read. */
static int shm_end(const struct shm *shm)
{
	return ph_ring_is_finished(&shm->reader) ? 0 : -ECONNRESET;
}

static ssize_t shm_read(struct ph_filter *filter, void *bytes, size_t room)
{
	struct shm *shm = shm_of(filter);
	struct ph_ring_reader *reader = &shm->reader;

	if (room > filter->budget)
		room = filter->budget;
	if (!room) {
		ph_loop_defer(shm->loop, &shm->more);
		return -EAGAIN;
	}
	for (;;) {
		bool gone = shm->gone;
		uint64_t got = ph_ring_read(reader, bytes, room);

		if (ph_ring_release(reader))
			ph_shm_segment_ring(&shm->segment);
		filter->budget -= (uint32_t)got;
		if (got)
			return (ssize_t)got;
		if (reader->end.broken)
			return shm_broken(shm, "index-of-writer");
		if (shm->writer.end.broken)
			return shm_broken(shm, "index-of-reader");
		/* Known before the last look into the ring. */
		if (gone)
			return shm_end(shm);
		if (filter->stirred && shm_look_at_socket(shm))
			return shm_broken(shm, "words-on-the-socket");
		if (!shm->gone && ph_ring_expect_data(reader))
			return -EAGAIN;
	}
}

/* Copies in, a batch at a time; less than `length` when full. */
static uint64_t shm_put(struct shm *shm, const uint8_t *bytes, uint64_t length)
{
	uint64_t total = 0, part;

	do {
		part = length - total;
		if (part > SHM_BATCH)
			part = SHM_BATCH;
		part = ph_ring_write(&shm->writer, bytes + total, part);
		total += part;
		if (shm->writer.end.at - shm->writer.end.told >= SHM_BATCH &&
			ph_ring_publish(&shm->writer))
			ph_shm_segment_ring(&shm->segment);
	} while (part && total < length);
	return total;
}

static void shm_publish(struct shm *shm)
{
	if (ph_ring_publish(&shm->writer))
		ph_shm_segment_ring(&shm->segment);
}

static ssize_t shm_write(
	struct ph_filter *filter, const struct iovec *vectors, unsigned count)
{
	struct shm *shm = shm_of(filter);
	uint64_t total = 0, done = 0;

	while (count) {
		done += shm_put(shm, (const uint8_t *)vectors->iov_base + done,
			vectors->iov_len - done);
		if (done == vectors->iov_len) {
			total += done;
			done = 0;
			vectors++;
			count--;
			continue;
		}
		shm_publish(shm);
		shm->full = ph_ring_expect_room(
			&shm->writer, SHM_ROOM(&shm->writer));
		if (shm->full || shm->writer.end.broken)
			break;
	}
	shm_publish(shm);
	total += done;
	if (shm->writer.end.broken) {
		/* What came is handed up first; then reading tells. */
		ph_loop_defer(shm->loop, &shm->more);
		return -EPROTO;
	}
	return total ? (ssize_t)total : -EAGAIN;
}

static int shm_flush(struct ph_filter *filter)
{
	struct shm *shm = shm_of(filter);
	uint64_t least = SHM_ROOM(&shm->writer);

	if (!shm->full)
		return 0;
	if (ph_ring_room(&shm->writer, least) < least &&
		!shm->writer.end.broken)
		return -EAGAIN;
	shm->full = false;
	return 0;
}

static void shm_finish(struct ph_filter *filter)
{
	struct shm *shm = shm_of(filter);

	if (!shm->writer.end.shared)
		return;
	/* What is in the ring is the peer's now, there is nothing to flush. */
	shm->full = false;
	ph_ring_finish(&shm->writer);
	ph_shm_segment_ring(&shm->segment);
}

static void shm_trust(struct ph_filter *filter)
{
}

static void shm_destroy(struct ph_filter *filter)
{
	struct shm *shm = shm_of(filter);

	ph_watch_stop(&shm->bell);
	ph_timer_stop(shm->loop, &shm->rest);
	ph_loop_cancel(shm->loop, &shm->more);
	ph_shm_segment_fini(&shm->segment);
	free(shm);
}

static int shm_handshake(struct ph_filter *filter)
{
	struct shm *shm = shm_of(filter);
	struct ph_shm_segment *segment = &shm->segment;
	int error;

	if (shm->server)
		error = ph_shm_segment_offer(
			segment, filter->fd, shm->is_friend);
	else
		error = ph_shm_segment_take(segment, filter->fd);
	if (!error)
		error = ph_ring_writer_init(&shm->writer,
			(struct ph_ring_shared *)segment->out.control,
			segment->out.data, segment->out.size);
	if (!error)
		error = ph_ring_reader_init(&shm->reader,
			(struct ph_ring_shared *)segment->in.control,
			segment->in.data, segment->in.size);
	if (error == -EPROTO || error == -EPERM)
		ph_log_info("transport", "shm.refused because=%s",
			error == -EPERM ? "unsealed-memory" : "no-such-offer");
	return error ? error : shm_listen_to_bell(shm);
}

static const struct ph_filter_ops shm_ops = {
	.handshake = shm_handshake,
	.read = shm_read,
	.write = shm_write,
	.flush = shm_flush,
	.finish = shm_finish,
	.trust = shm_trust,
	.destroy = shm_destroy,
};

static int shm_create(struct ph_transport_host *host, int fd, bool server,
	struct ph_filter **out)
{
	struct shm *shm = calloc(1, sizeof(*shm));

	if (!shm)
		return -ENOMEM;
	shm->filter.ops = &shm_ops;
	shm->filter.fd = fd;
	shm->filter.beside = true;
	shm->loop = host->loop;
	shm->server = server;
	shm->bell.on_event = shm_on_bell;
	shm->rest.on_due = shm_on_rest;
	shm->more.run = shm_on_more;
	ph_shm_segment_init(&shm->segment);
	*out = &shm->filter;
	return 0;
}

static int inproc_create(struct ph_transport_host *host, int fd, bool server,
	struct ph_filter **out)
{
	struct ucred who;
	socklen_t size = sizeof(who);
	int error;

	/* Anybody in this network namespace may know the name. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) ||
		who.pid != getpid())
		return -EACCES;
	error = shm_create(host, fd, server, out);
	if (!error)
		shm_of(*out)->is_friend = true;
	return error;
}

const struct ph_filter_kind ph_filter_shm = {.create = shm_create};
const struct ph_filter_kind ph_filter_inproc = {.create = inproc_create};

/* --- the transport --- */

static int shm_dial(struct ph_transport_host *host, const struct ph_dial *dial,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out)
{
	if (dial->address.scheme != PH_ADDRESS_SHM)
		return -EINVAL;
	if (!dial->plain)
		return -EOPNOTSUPP;
	return ph_dial_start(
		host, "shm", &ph_filter_shm, dial, events, context, out);
}

static int shm_listen(struct ph_transport_host *host,
	const struct ph_address *address, bool plain,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out)
{
	if (address->scheme != PH_ADDRESS_SHM)
		return -EINVAL;
	if (!plain)
		return -EOPNOTSUPP;
	return ph_listener_local(host, "shm", address, &ph_filter_shm, true,
		events, context, out);
}

const struct ph_transport ph_transport_shm = {
	.scheme = "shm",
	.dial = shm_dial,
	.listen = shm_listen,
};
