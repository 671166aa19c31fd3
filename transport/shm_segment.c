#include "transport/shm_segment.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define OFFER_MAGIC "phs1"
#define OFFER_FDS   3
#define BELLS_HELD  129u /* reads of 512 bytes, of a pipe of 64 KiB */

enum offer_bells {
	OFFER_EVENTFD,
	OFFER_PIPE,
};

struct offer {
	char magic[4];
	uint32_t bells;
	uint64_t size;
};

/* Room for the descriptors of one message, aligned as it must be. */
union offer_rights {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(OFFER_FDS * sizeof(int))];
};

void ph_shm_segment_init(struct ph_shm_segment *segment)
{
	*segment = (struct ph_shm_segment){
		.bell_in = -1, .bell_out = -1, .kept = -1};
}

static void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void ph_shm_segment_fini(struct ph_shm_segment *segment)
{
	ph_memory_unmap(&segment->out);
	ph_memory_unmap(&segment->in);
	fd_close(&segment->bell_in);
	fd_close(&segment->bell_out);
	fd_close(&segment->kept);
}

static int segment_map(
	struct ph_shm_segment *segment, int file, uint64_t size, bool accepting)
{
	uint64_t second = ph_memory_length(size);
	int error = ph_memory_map(
		file, accepting ? 0 : second, size, true, &segment->out);

	if (error)
		return error;
	return ph_memory_map(
		file, accepting ? second : 0, size, false, &segment->in);
}

/* Ours, and the peer's end of what we ring. */
static int segment_bells(
	struct ph_shm_segment *segment, bool is_friend, int *theirs)
{
	int ends[2];

	segment->bell_in = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (segment->bell_in < 0)
		return -errno;
	if (is_friend) {
		segment->bell_out = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		*theirs = segment->bell_out;
		return segment->bell_out < 0 ? -errno : 0;
	}
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	segment->kept = *theirs = ends[0];
	segment->bell_out = ends[1];
	return 0;
}

static int offer_send(int socket, const struct offer *offer, const int *fds)
{
	struct iovec vector = {(void *)offer, sizeof(*offer)};
	union offer_rights rights = {0};
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	ssize_t sent;

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(OFFER_FDS * sizeof(int));
	memcpy(CMSG_DATA(header), fds, OFFER_FDS * sizeof(int));
	sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return sent == sizeof(*offer) ? 0 : -EPROTO;
}

int ph_shm_segment_offer(
	struct ph_shm_segment *segment, int socket, bool is_friend)
{
	struct offer offer = {
		.magic = OFFER_MAGIC,
		.bells = htole32(is_friend ? OFFER_EVENTFD : OFFER_PIPE),
		.size = htole64(PH_SHM_RING),
	};
	int fds[OFFER_FDS] = {-1, -1, -1};
	int error;

	fds[0] = ph_memory_create(2 * ph_memory_length(PH_SHM_RING));
	if (fds[0] < 0)
		return fds[0];
	error = segment_map(segment, fds[0], PH_SHM_RING, true);
	if (!error)
		error = segment_bells(segment, is_friend, &fds[1]);
	fds[2] = segment->bell_in;
	if (!error)
		error = offer_send(socket, &offer, fds);
	close(fds[0]);
	return error;
}

/* Collects every descriptor that came, also those nobody asked for. How many;
 * the first OFFER_FDS are kept. */
static unsigned rights_take(struct msghdr *message, int *fds)
{
	unsigned count = 0;

	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
		header = CMSG_NXTHDR(message, header)) {
		size_t length = header->cmsg_len - CMSG_LEN(0);

		if (header->cmsg_level != SOL_SOCKET ||
			header->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= length;
			at += sizeof(int), count++) {
			int fd;

			memcpy(&fd, CMSG_DATA(header) + at, sizeof(fd));
			if (count < OFFER_FDS)
				fds[count] = fd;
			else
				close(fd);
		}
	}
	return count;
}

/* The whole offer comes at once or not at all: it is one small message. */
static int offer_receive(int socket, struct offer *offer, int *fds)
{
	struct iovec vector = {offer, sizeof(*offer)};
	union offer_rights rights;
	struct msghdr message = {
		.msg_iov = &vector,
		.msg_iovlen = 1,
		.msg_control = rights.bytes,
		.msg_controllen = sizeof(rights.bytes),
	};
	ssize_t got =
		recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	unsigned count;

	if (got < 0)
		return -errno;
	if (got == 0)
		return -ECONNRESET;
	count = rights_take(&message, fds);
	offer->bells = le32toh(offer->bells);
	offer->size = le64toh(offer->size);
	if (got != sizeof(*offer) || count != OFFER_FDS ||
		(message.msg_flags & MSG_CTRUNC) ||
		memcmp(offer->magic, OFFER_MAGIC, sizeof(offer->magic)) != 0 ||
		offer->bells > OFFER_PIPE || offer->size > PH_SHM_RING_MOST)
		return -EPROTO;
	return 0;
}

int ph_shm_segment_take(struct ph_shm_segment *segment, int socket)
{
	int fds[OFFER_FDS] = {-1, -1, -1};
	struct offer offer;
	int error = offer_receive(socket, &offer, fds);

	segment->bell_in = fds[1];
	segment->bell_out = fds[2];
	segment->is_pipe = !error && offer.bells == OFFER_PIPE;
	if (!error)
		error = ph_memory_check(
			fds[0], 2 * ph_memory_length(offer.size));
	/* Too small, or no power of two: ph_memory_map says so. */
	if (!error)
		error = segment_map(segment, fds[0], offer.size, false);
	fd_close(&fds[0]);
	return error == -EINVAL ? -EPROTO : error;
}

void ph_shm_segment_ring(const struct ph_shm_segment *segment)
{
	const uint64_t one = 1;
	/* Full: the peer has more bells to hear than it can count. */
	ssize_t put = write(segment->bell_out, &one, sizeof(one));

	(void)put;
}

void ph_shm_segment_hush(const struct ph_shm_segment *segment)
{
	uint64_t bells[64];

	if (!segment->is_pipe)
		return;
	/* No more than a pipe can hold: who keeps ringing must not keep us. */
	for (unsigned i = 0; i < BELLS_HELD; i++)
		if (read(segment->bell_in, bells, sizeof(bells)) !=
			(ssize_t)sizeof(bells))
			return;
}
