#include "proto/probe_fd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/secret.h"

/* A node that does not take what it asked for has other worries. */
#define WRITE_PATIENCE_MS 5000

static int read_all(int fd, uint8_t *out, size_t length)
{
	while (length) {
		ssize_t got = read(fd, out, length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -EBADMSG;
		out += got;
		length -= (size_t)got;
	}
	return 0;
}

int ph_probe_secrets_read(struct ph_probe_secrets *secrets, int fd)
{
	uint8_t bytes[PH_PROBE_SECRET];
	int error = read_all(fd, bytes, sizeof(bytes));

	close(fd);
	memcpy(secrets->key, bytes, 32);
	secrets->count = bytes[32];
	memcpy(secrets->secret, bytes + 33, sizeof(secrets->secret));
	ph_wipe(bytes, sizeof(bytes));
	if (!error && (!secrets->count || secrets->count > 2))
		error = -EBADMSG;
	return error;
}

void ph_probe_secrets_write(
	const struct ph_probe_secrets *secrets, uint8_t out[PH_PROBE_SECRET])
{
	memcpy(out, secrets->key, 32);
	out[32] = (uint8_t)secrets->count;
	memcpy(out + 33, secrets->secret, sizeof(secrets->secret));
}

int ph_probe_instruct_receive(
	int fd, struct ph_instruct *instruct, uint8_t **buffer)
{
	uint8_t header[PH_ORDER_HEADER];
	struct ph_order order;
	uint8_t *body;
	int error = read_all(fd, header, sizeof(header));

	if (error)
		return error;
	error = ph_order_read(&order, header, sizeof(header));
	if (error != -EAGAIN || order.type != PH_PROBE_INSTRUCT)
		return -EBADMSG;
	body = malloc(order.length);
	if (!body)
		return -ENOMEM;
	error = read_all(fd, body, order.length);
	if (!error)
		error = ph_instruct_read(instruct, body, order.length);
	if (error)
		free(body);
	else
		*buffer = body;
	return error;
}

int ph_probe_fd_write(int fd, const uint8_t *data, size_t length)
{
	while (length) {
		struct pollfd wait = {.fd = fd, .events = POLLOUT};
		ssize_t sent =
			send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN)
			return -errno;
		if (sent < 0 && poll(&wait, 1, WRITE_PATIENCE_MS) == 0)
			return -ETIMEDOUT;
		if (sent < 0)
			continue;
		data += sent;
		length -= (size_t)sent;
	}
	return 0;
}

int ph_probe_report_send(int fd, const struct ph_probe_matrix *matrix,
	const struct ph_over *over)
{
	uint8_t body[PH_PROBE_BODY];
	uint8_t out[PH_ORDER_HEADER + PH_PROBE_BODY];
	uint32_t at = 0;
	int error = 0;
	size_t length;

	while (!error &&
		(length = ph_probe_matrix_part(matrix, &at, body)) > 0) {
		int size = ph_order_write(
			PH_PROBE_REPORT, body, length, out, sizeof(out));

		error = ph_probe_fd_write(fd, out, (size_t)size);
	}
	if (!error)
		error = ph_probe_fd_write(
			fd, out, (size_t)ph_over_write(over, out, sizeof(out)));
	return error;
}
