#ifndef PH_TRANSPORT_LISTENER_H
#define PH_TRANSPORT_LISTENER_H

#include <sys/stat.h>

#include "transport/carrier.h"

/*
 * The accepting side of any stream socket: a bounded number of connections
 * per turn, and no spinning when descriptors run out.
 */
struct ph_listener {
	struct ph_transport_host *host;
	const char *scheme;
	const struct ph_listener_events *events;
	void *context;
	const struct ph_filter_kind *kind;
	struct ph_watch watch;
	struct ph_timer breath; /* after EMFILE */
	struct ph_task task;	/* goes when closed */
	struct ph_address address;
	/* What becomes of a connection; NULL: a carrier. Takes the socket. */
	void (*accepted)(struct ph_listener *listener, int fd,
		const struct ph_endpoint *peer);
	struct ph_http *http; /* ws: it knows this listener as `door` */
	unsigned door;
	bool has_file; /* unix: the socket file is ours to remove */
	dev_t device;
	ino_t inode;
};

/* Takes the listening socket on success. -ENOMEM. */
int ph_listener_start(struct ph_transport_host *host, const char *scheme,
	int fd, const struct ph_address *address,
	const struct ph_filter_kind *kind,
	const struct ph_listener_events *events, void *context,
	struct ph_listener **out);

/* A listening socket on a literal tcp address, and what it is bound to; or
 * -errno. */
int ph_listener_bind(const struct ph_address *address, struct ph_address *out);
/* A connected socket of which the owner is asked, as if accepted. Takes it. */
void ph_listener_offer(
	struct ph_listener *listener, int fd, const struct ph_endpoint *peer);

/* Listens on a socket file, as ph_transport.listen has it. `own`: for this
 * user only. */
int ph_listener_local(struct ph_transport_host *host, const char *scheme,
	const struct ph_address *address, const struct ph_filter_kind *kind,
	bool own, const struct ph_listener_events *events, void *context,
	struct ph_listener **out);

#endif
