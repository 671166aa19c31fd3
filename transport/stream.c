#include "transport/carrier.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/uio.h>

/* Bytes received per turn and carrier, so that one cannot starve the rest: a
 * largest frame with its header, or its last four bytes would cost a turn of
 * their own. More is slower: it leaves the cache before it is sent on. */
#define STREAM_TURN PH_BUFFER_LARGE
/* One system call writes at most this much; a largest frame fits whole. */
#define STREAM_WRITE   PH_BUFFER_LARGE
#define STREAM_VECTORS 64
/* Writes per ph_carrier_send: the owner's queue is one of many. */
#define STREAM_WRITES 4

/* Hands up every whole frame, as long as the owner wants them. */
static int stream_deliver(struct ph_carrier *carrier)
{
	struct ph_segment segment;
	int found = 0;

	while (carrier->state == PH_CARRIER_OPEN && !carrier->paused &&
		(found = ph_intake_next(&carrier->intake, &segment)) > 0) {
		carrier->events->on_frames(carrier->context, carrier, &segment);
		ph_buffer_unref(segment.buffer);
	}
	return found < 0 ? found : 0;
}

/* One read. 0: go on; -EAGAIN: enough; else the end. */
static int stream_read(struct ph_carrier *carrier, bool *ended)
{
	uint8_t *bytes;
	size_t room;
	ssize_t got;
	int error;

	error = ph_intake_room(&carrier->intake, &bytes, &room);
	if (error)
		return error;
	got = carrier->filter->ops->read(carrier->filter, bytes, room);
	if (got < 0)
		return (int)got;
	if (got == 0) {
		*ended = true;
		return ph_intake_holds(&carrier->intake) ? -ECONNRESET : 0;
	}
	ph_intake_filled(&carrier->intake, (size_t)got);
	return stream_deliver(carrier);
}

/* The peer said farewell: so do we, as far as the socket takes it. */
static void stream_end(struct ph_carrier *carrier, int reason)
{
	struct ph_filter *filter = carrier->filter;

	if (!carrier->broken) {
		if (!reason)
			filter->ops->finish(filter);
		(void)filter->ops->flush(filter);
	}
	ph_carrier_fail(carrier, reason);
}

void ph_stream_receive(struct ph_carrier *carrier)
{
	bool ended = false;
	int error;

	carrier->filter->budget = STREAM_TURN;
	error = stream_deliver(carrier);
	while (!error && !ended && carrier->state == PH_CARRIER_OPEN &&
		!carrier->paused)
		error = stream_read(carrier, &ended);
	if (carrier->state != PH_CARRIER_OPEN)
		return;
	if (ended || (error && error != -EAGAIN)) {
		stream_end(carrier, error);
		return;
	}
	ph_intake_rest(&carrier->intake);
	ph_carrier_interest(carrier);
}

/* Cuts the vectors to STREAM_WRITE bytes; returns how many remain. */
static unsigned vectors_limit(struct iovec *vectors, unsigned count)
{
	size_t left = STREAM_WRITE;

	for (unsigned i = 0; i < count; i++) {
		if (vectors[i].iov_len >= left) {
			vectors[i].iov_len = left;
			return i + 1;
		}
		left -= vectors[i].iov_len;
	}
	return count;
}

/* 0: all of it went; -EAGAIN; or what broke. */
static int stream_write(struct ph_carrier *carrier, struct ph_queue *queue)
{
	struct iovec vectors[STREAM_VECTORS];
	size_t offered = 0;
	unsigned count;
	ssize_t sent;

	count = ph_queue_vectors(queue, vectors, STREAM_VECTORS);
	count = vectors_limit(vectors, count);
	for (unsigned i = 0; i < count; i++)
		offered += vectors[i].iov_len;
	sent = carrier->filter->ops->write(carrier->filter, vectors, count);
	if (sent < 0)
		return (int)sent;
	ph_queue_advance(queue, (size_t)sent);
	return (size_t)sent < offered ? -EAGAIN : 0;
}

int ph_carrier_send(struct ph_carrier *carrier, struct ph_queue *queue)
{
	int error = 0;

	if (carrier->state <= PH_CARRIER_OPEN && !carrier->told)
		return -EAGAIN; /* on_open follows */
	if (carrier->state > PH_CARRIER_OPEN || carrier->broken)
		return -EPIPE;
	for (int i = 0; i < STREAM_WRITES && ph_queue_sendable(queue) && !error;
		i++)
		error = stream_write(carrier, queue);
	ph_pulse_beat(&carrier->pulse);
	if (error && error != -EAGAIN) {
		/* What was received before the break is still handed up; the
		 * end of that says what happened. */
		carrier->broken = true;
		carrier->blocked = false;
		ph_carrier_interest(carrier);
		return -EPIPE;
	}
	/* A closed window is opened by the owner, not by the socket. */
	carrier->blocked = ph_queue_sendable(queue);
	if (carrier->blocked || carrier->filter->holds)
		ph_carrier_interest(carrier);
	return carrier->blocked ? -EAGAIN : 0;
}

void ph_stream_room(struct ph_carrier *carrier)
{
	struct ph_filter *filter = carrier->filter;
	int error = filter->ops->flush(filter);

	if (error == -EAGAIN)
		return;
	if (error)
		carrier->broken = true;
	if (carrier->blocked) {
		carrier->blocked = false;
		carrier->events->on_room(carrier->context, carrier);
	}
	if (carrier->state == PH_CARRIER_OPEN)
		ph_carrier_interest(carrier);
}

/* Throws away what the peer still sends. True at its end. */
static bool stream_drain(struct ph_carrier *carrier)
{
	uint8_t waste[16 * 1024];
	ssize_t got;

	carrier->filter->budget = STREAM_TURN;
	do
		got = ph_filter_receive(carrier->filter, waste, sizeof(waste));
	while (got > 0);
	return got != -EAGAIN;
}

/* A socket closed over unread bytes resets the connection, and the peer may
 * lose what we sent last. So: flush, say that nothing more comes, and wait a
 * while for the peer to say the same. */
void ph_stream_farewell(struct ph_carrier *carrier)
{
	struct ph_filter *filter = carrier->filter;
	int error = filter->ops->flush(filter);

	if (!carrier->shut && error != -EAGAIN) {
		carrier->shut = true;
		if (error || shutdown(filter->fd, SHUT_WR)) {
			ph_carrier_fail(carrier, 0);
			return;
		}
	}
	if (stream_drain(carrier))
		ph_carrier_fail(carrier, 0);
	else
		ph_carrier_interest(carrier);
}
