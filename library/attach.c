#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "library/guest.h"
#include "kernel/frame.h"
#include "proto/calls.h"
#include "proto/socket_path.h"

/* A node of this machine answers at once; it may be busy for a while. */
#define ATTACH_PATIENCE 10000
#define LEAVE_PATIENCE	1000

static const char *const kinds[] = {
	[PH_PORT_OUT] = "out",
	[PH_PORT_MUX] = "mux",
	[PH_PORT_IN] = "in",
	[PH_PORT_COMBINE] = "combine",
};

static int check_manifest(const struct ph_manifest *manifest)
{
	if (!manifest || manifest->version != PH_API_VERSION ||
		!manifest->name || !manifest->ports || !manifest->port_count ||
		manifest->port_count > GUEST_PORTS)
		return -EINVAL;
	for (size_t i = 0; i < manifest->port_count; i++)
		if (!manifest->ports[i].name ||
			(unsigned)manifest->ports[i].kind > PH_PORT_COMBINE)
			return -EINVAL;
	return 0;
}

/* Another user's node would get our data. */
static int check_peer(int fd)
{
	struct ucred who;
	socklen_t size = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size))
		return -errno;
	return ph_socket_may_ask(who.uid) ? 0 : -EACCES;
}

/* A connected socket, or -errno. */
int guest_dial(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int error = 0;
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		error = -errno;
	if (!error)
		error = check_peer(fd);
	if (error)
		close(fd);
	return error ? error : fd;
}

/* One small frame on a socket that is empty: it fits, or something is wrong.
 */
static int send_frame(int fd, uint8_t flags, const void *data, size_t length)
{
	uint8_t bytes[4096];

	if (length > sizeof(bytes) - PH_FRAME_HEADER)
		return -EINVAL;
	ph_frame_header(bytes, (uint32_t)length, flags);
	memcpy(bytes + PH_FRAME_HEADER, data, length);
	length += PH_FRAME_HEADER;
	if (send(fd, bytes, length, MSG_NOSIGNAL) != (ssize_t)length)
		return -EPROTO;
	return 0;
}

static void write_ports(
	struct ph_writer *writer, const struct ph_manifest *manifest)
{
	ph_put_list(writer, "terminals");
	for (size_t i = 0; i < manifest->port_count; i++) {
		const struct ph_port *port = &manifest->ports[i];

		ph_write_map(writer);
		ph_put_text(writer, "name", port->name);
		ph_put_text(writer, "kind", kinds[port->kind]);
		ph_put_text(writer, "type", port->type ? port->type : "");
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static void write_manifest(
	struct ph_writer *writer, const struct ph_manifest *manifest)
{
	ph_write_map(writer);
	ph_put_text(writer, "name", manifest->name);
	write_ports(writer, manifest);
	if (manifest->class_code)
		ph_put_u64(writer, "class", manifest->class_code);
	if (manifest->owner)
		ph_put_text(writer, "owner", manifest->owner);
	ph_write_end(writer);
}

int guest_ask(int fd, uint32_t id, uint16_t method, uint32_t patience,
	struct ph_writer *arguments)
{
	struct ph_writer *writer;
	const uint8_t *body;
	const uint8_t *packet;
	size_t length;
	int error = ph_writer_finish(arguments, &body, &length);

	if (!error)
		error = ph_writer_create(&writer);
	if (error)
		return error;
	error = ph_packet_write_call(
		writer, id, method, "", patience, body, length);
	if (!error)
		error = ph_writer_finish(writer, &packet, &length);
	if (!error)
		error = send_frame(
			fd, PH_FRAME_CALL | PH_FRAME_FIN, packet, length);
	ph_writer_free(writer);
	return error;
}

/* Waits for one frame on the orders' socket. */
static int await_frame(
	struct ph_guest *guest, int64_t until, const uint8_t **record)
{
	struct pollfd wait = {.fd = guest->orders, .events = POLLIN};

	while (!(*record = guest_frame(guest, &guest->said))) {
		int64_t left = until - guest_now();

		if (guest->over)
			return -EPROTO;
		if (left <= 0)
			return -ETIMEDOUT;
		poll(&wait, 1, (int)left);
		guest_pull(guest, &guest->said, guest->orders, 4096);
	}
	return 0;
}

static int refused(const struct ph_packet *packet)
{
	struct ph_error error;

	ph_error_read(&error, packet->status, packet->body, packet->length);
	switch (error.exit) {
	case PH_EXIT_CONFLICT:
		return -EEXIST;
	case PH_EXIT_DENIED:
		return -EACCES;
	case PH_EXIT_TIMEOUT:
		return -ETIMEDOUT;
	case PH_EXIT_WIRING:
		return -EINVAL;
	default:
		return packet->status == PH_CALL_UNKNOWN ? -EPROTO
							 : -ECONNREFUSED;
	}
}

static int read_token(
	const struct ph_packet *packet, uint8_t token[PH_RELAY_TOKEN])
{
	struct ph_document *document;
	const uint8_t *bytes;
	size_t length;
	int error = ph_document_read(
		&document, packet->body, packet->length, PH_SKIM_PEER);

	if (error)
		return -EPROTO;
	bytes = ph_value_bytes(
		ph_value_get(ph_document_root(document), "token"), &length);
	if (!bytes || length != PH_RELAY_TOKEN ||
		ph_get_int(ph_document_root(document), "version") !=
			PH_RELAY_VERSION)
		error = -EPROTO;
	else
		memcpy(token, bytes, length);
	ph_document_free(document);
	return error;
}

static int hear(struct ph_guest *guest, uint8_t token[PH_RELAY_TOKEN])
{
	const uint8_t *record;
	struct ph_packet packet;
	int error = await_frame(guest, guest_now() + ATTACH_PATIENCE, &record);

	if (error)
		return error;
	if (!(record[3] & PH_FRAME_CALL) ||
		ph_packet_read(&packet, record + PH_FRAME_HEADER,
			ph_frame_length(record), PH_SKIM_PEER) ||
		!packet.answer)
		return -EPROTO;
	error = packet.status ? refused(&packet) : read_token(&packet, token);
	guest_drop(&guest->said);
	return error;
}

static int claim(int fd, uint64_t id, const uint8_t token[PH_RELAY_TOKEN])
{
	struct ph_relay relay = {.op = PH_RELAY_CLAIM, .id = id};
	uint8_t bytes[PH_RELAY_HEADER + PH_RELAY_TOKEN];

	ph_relay_write(&relay, bytes);
	memcpy(bytes + PH_RELAY_HEADER, token, PH_RELAY_TOKEN);
	return send_frame(
		fd, PH_FRAME_ATTACH | PH_FRAME_FIN, bytes, sizeof(bytes));
}

/* One carrier for each port; the first connection stays for orders. */
static int claim_all(struct ph_guest *guest, const char *path,
	const uint8_t token[PH_RELAY_TOKEN])
{
	int error = claim(guest->orders, 0, token);

	for (size_t i = 0; !error && i < guest->count; i++) {
		guest->ports[i].fd = guest_dial(path);
		if (guest->ports[i].fd < 0)
			return guest->ports[i].fd;
		error = claim(guest->ports[i].fd, i + 1, token);
	}
	return error;
}

/* The node says that it has them all. */
static int await_opened(struct ph_guest *guest)
{
	int64_t until = guest_now() + ATTACH_PATIENCE;
	int error = 0;

	guest_serve(guest);
	while (!error && !guest->opened)
		error = guest_wait(guest, NULL, until);
	return error == -ESHUTDOWN ? -EPROTO : error;
}

static int join(struct ph_guest *guest, const char *path,
	const struct ph_manifest *manifest)
{
	uint8_t token[PH_RELAY_TOKEN];
	struct ph_writer *writer;
	int error;

	guest->orders = guest_dial(path);
	if (guest->orders < 0)
		return guest->orders;
	error = ph_writer_create(&writer);
	if (error)
		return error;
	write_manifest(writer, manifest);
	error = guest_ask(
		guest->orders, 1, PH_EXECUTOR_ATTACH, ATTACH_PATIENCE, writer);
	ph_writer_free(writer);
	if (!error)
		error = hear(guest, token);
	if (!error)
		error = claim_all(guest, path, token);
	return error ? error : await_opened(guest);
}

static void guest_free(struct ph_guest *guest)
{
	if (guest->orders >= 0)
		close(guest->orders);
	free(guest->said.data);
	for (size_t i = 0; i < guest->count; i++) {
		if (guest->ports[i].fd >= 0)
			close(guest->ports[i].fd);
		free(guest->ports[i].in.data);
		free(guest->ports[i].out.data);
	}
	free(guest);
}

int ph_attach(struct ph_guest **out, const char *socket,
	const struct ph_manifest *manifest)
{
	struct ph_guest *guest;
	char path[256];
	int error = out ? check_manifest(manifest) : -EINVAL;

	if (error)
		return error;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return -ENOMEM;
	guest->count = manifest->port_count;
	for (size_t i = 0; i < guest->count; i++) {
		guest->ports[i].kind = manifest->ports[i].kind;
		guest->ports[i].fd = -1;
	}
	ph_socket_path(path, sizeof(path), socket);
	error = join(guest, path, manifest);
	if (error) {
		guest_free(guest);
		return error;
	}
	*out = guest;
	return 0;
}

/* Behind everything that was said before: the node sees no torn end, and
 * hangs up when it has heard all of it. */
static void say_farewell(struct ph_guest *guest)
{
	struct guest_port orders = {.fd = guest->orders};
	struct pollfd wait = {.fd = guest->orders, .events = POLLIN};
	int64_t until = guest_now() + LEAVE_PATIENCE;

	for (size_t i = 0; i < guest->count; i++)
		guest_say(&guest->ports[i], PH_RELAY_DONE, 0, 0);
	guest_say(&orders, PH_RELAY_DONE, 0, 0);
	guest_serve(guest);
	guest_push(guest, &orders);
	free(orders.out.data);
	while (!guest->over && guest_now() < until) {
		poll(&wait, 1, (int)(until - guest_now()));
		guest_serve(guest);
	}
}

void ph_leave(struct ph_guest *guest)
{
	if (!guest)
		return;
	guest_serve(guest);
	if (!guest->over)
		say_farewell(guest);
	guest_free(guest);
}
