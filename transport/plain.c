#include "transport/filter.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

ssize_t ph_filter_receive(struct ph_filter *filter, void *bytes, size_t room)
{
	ssize_t got;

	if (room > filter->budget)
		room = filter->budget;
	if (!room)
		return -EAGAIN;
	do
		got = recv(filter->fd, bytes, room, MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	filter->budget =
		(size_t)got < room ? 0 : filter->budget - (uint32_t)got;
	return got;
}

static int plain_handshake(struct ph_filter *filter)
{
	return 0;
}

static ssize_t plain_write(
	struct ph_filter *filter, const struct iovec *vectors, unsigned count)
{
	struct msghdr message = {
		.msg_iov = (struct iovec *)vectors,
		.msg_iovlen = count,
	};
	ssize_t sent;

	do
		sent = sendmsg(
			filter->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static int plain_flush(struct ph_filter *filter)
{
	return 0;
}

static void plain_nothing(struct ph_filter *filter)
{
}

static const struct ph_filter_ops plain_ops = {
	.handshake = plain_handshake,
	.read = ph_filter_receive,
	.write = plain_write,
	.flush = plain_flush,
	.finish = plain_nothing,
	.trust = plain_nothing,
	.destroy = plain_nothing,
};

void ph_filter_plain(struct ph_filter *filter, int fd)
{
	*filter = (struct ph_filter){.ops = &plain_ops, .fd = fd};
}
