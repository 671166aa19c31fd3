#ifndef PH_LIBRARY_GUEST_H
#define PH_LIBRARY_GUEST_H

#include <stdbool.h>

#include "library/posthouse.h"
#include "proto/relay.h"

/*
 * The inside of the library: blocking calls over non-blocking sockets. One
 * socket for orders and one for each port, in the language of proto/relay.h.
 * Whoever waits serves all of them, so that no port starves another. Shared by
 * attach.c (joining and leaving), guest.c (the sockets), send.c, receive.c and
 * monitor.c.
 */
#define GUEST_PORTS 16

struct guest_bytes {
	uint8_t *data;
	size_t begin; /* first byte of use */
	size_t end;
	size_t size;
};

struct guest_port {
	enum ph_port_kind kind;
	int fd;
	struct guest_bytes out;
	struct guest_bytes in;

	/* An output's stream. */
	uint64_t id;
	bool connected;
	bool lost; /* to be told: -EPIPE */
	bool begun;
	bool finished; /* END was sent */
	bool consumed; /* to be told by ph_finish */
	uint64_t dropped_messages;
	uint64_t dropped_bytes;

	/* An input's stream. */
	uint64_t turn;
	uint64_t ended; /* whose END was given and not accepted; 0: none */
	size_t taken;	/* bytes of the frame at `in.begin` given already */
};

struct ph_guest {
	int orders;
	struct guest_bytes said; /* by the node, on orders */
	bool opened;
	bool over; /* the node left, or told us to */
	size_t count;
	struct guest_port ports[GUEST_PORTS];
};

/* attach.c: a connected socket, or -errno. */
int guest_dial(const char *path);
/* Sends a call; `patience`: ms that it has. */
struct ph_writer;
int guest_ask(int fd, uint32_t id, uint16_t method, uint32_t patience,
	struct ph_writer *arguments);

/* Room for `length` more bytes behind `end`; NULL: no memory. */
uint8_t *guest_room(struct guest_bytes *bytes, size_t length);
/* Behind what waits for the node. -ENOMEM. */
int guest_put(struct guest_port *port, uint8_t flags, const void *data,
	uint32_t length);
int guest_say(
	struct guest_port *port, enum ph_relay_op op, uint64_t id, int reason);
/* Sends what the socket takes. */
void guest_push(struct ph_guest *guest, struct guest_port *port);
/* Reads what is there; `room` bytes at least are offered. False: nothing. */
bool guest_pull(
	struct ph_guest *guest, struct guest_bytes *bytes, int fd, size_t room);
/* A whole frame at `begin`; NULL: not yet. Breaks off at what is no frame. */
const uint8_t *guest_frame(struct ph_guest *guest, struct guest_bytes *bytes);
void guest_drop(struct guest_bytes *bytes);
/* Takes every note that is there, sends what can go. */
void guest_serve(struct ph_guest *guest);
/* Waits until something happens or it is `until` (ms of guest_now; negative:
 * never), then serves. `port`: an input to wait for, or NULL. What the caller
 * waits for must have been looked at after the last serving. 0, -ETIMEDOUT,
 * -ESHUTDOWN. */
int guest_wait(struct ph_guest *guest, struct guest_port *port, int64_t until);
int64_t guest_now(void);
int64_t guest_until(int timeout);
/* NULL: no such port, or not of this side. */
struct guest_port *guest_get(struct ph_guest *guest, size_t port, bool output);

static inline bool guest_is_output(const struct guest_port *port)
{
	return port->kind == PH_PORT_OUT || port->kind == PH_PORT_MUX;
}

#endif
