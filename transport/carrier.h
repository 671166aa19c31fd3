#ifndef PH_TRANSPORT_CARRIER_H
#define PH_TRANSPORT_CARRIER_H

#include "transport/filter.h"
#include "transport/intake.h"
#include "transport/pulse.h"
#include "transport/socket.h"
#include "transport/transport.h"

/*
 * A carrier over a stream socket, whatever the socket is. Transports make
 * one with ph_carrier_create, give it a connected socket, and are done.
 *
 *   DIALING -> SECURING -> OPEN -> CLOSING -> CLOSED
 *
 * Invariant: there is one way into CLOSED (ph_carrier_fail), it leaves the
 * socket closed and the rest to a task, so on_closed comes once and last.
 */
enum ph_carrier_state {
	PH_CARRIER_DIALING,
	PH_CARRIER_SECURING,
	PH_CARRIER_OPEN,
	PH_CARRIER_CLOSING, /* sending what is left, then waiting for the peer
			     */
	PH_CARRIER_CLOSED,
};

struct ph_dialing;

struct ph_carrier {
	struct ph_transport_host *host;
	const char *scheme;
	const struct ph_carrier_events *events;
	void *context;
	enum ph_carrier_state state;
	struct ph_dialing *dialing; /* while DIALING */
	struct ph_filter *filter;   /* from SECURING on */
	struct ph_filter plain;
	struct ph_watch watch;
	struct ph_timer deadline; /* of the state */
	struct ph_task task;
	struct ph_pulse pulse;
	struct ph_intake intake;
	bool paused;
	bool blocked; /* the owner waits for on_room */
	bool broken;  /* sending failed; receiving tells why */
	bool shut;    /* our farewell is out */
	bool told;    /* on_open was called */
	int reason;
	char peer[64];
	bool beside; /* the socket leads to the web thread, not to the peer */
	uint32_t rtt_us; /* which has told this; 0 */
	bool has_uid;
	uint32_t uid;
	int32_t pid;
};

/* Handshake of an accepted connection, and the wait for the peer's end of an
 * orderly close. */
#define PH_CARRIER_SECURE (10 * PH_SECOND)
#define PH_CARRIER_LINGER (2 * PH_SECOND)

/* A carrier in DIALING. -ENOMEM. */
int ph_carrier_create(struct ph_transport_host *host, const char *scheme,
	const struct ph_carrier_events *events, void *context,
	struct ph_carrier **out);
/* For a carrier that was never shown to anybody. */
void ph_carrier_discard(struct ph_carrier *carrier);
/* Until on_open it has until `when` (absolute ns). */
void ph_carrier_expect(struct ph_carrier *carrier, int64_t when);
/* Takes the connected socket, failing the carrier if need be. */
void ph_carrier_connected(struct ph_carrier *carrier, int fd,
	const struct ph_endpoint *peer, const struct ph_filter_kind *kind,
	bool server);
/* What sockets get: TLS, unless there is none or it is not wanted. */
const struct ph_filter_kind *ph_carrier_kind(
	const struct ph_transport_host *host, bool plain);
/* The end, for this reason; on_closed follows in a later task. */
void ph_carrier_fail(struct ph_carrier *carrier, int reason);

/* Receives for one turn (stream.c). */
void ph_stream_receive(struct ph_carrier *carrier);
/* The socket takes more. */
void ph_stream_room(struct ph_carrier *carrier);
/* Waits for what the state and the flags ask for. */
void ph_carrier_interest(struct ph_carrier *carrier);
/* Goes on with an orderly close. */
void ph_stream_farewell(struct ph_carrier *carrier);

#endif
