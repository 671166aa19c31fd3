#ifndef PH_PLACEMENT_CHANNEL_H
#define PH_PLACEMENT_CHANNEL_H

#include "kernel/frame.h"
#include "proto/relay.h"
#include "transport/transport.h"

/*
 * One carrier between a node and a server outside of its loop, frame by frame,
 * with backpressure both ways. Both sides use it.
 *
 * Frames wait in its queue whole, so that a note never stands inside a frame,
 * and a stream that is cut never leaves half of one.
 */
struct channel;

struct channel_ops {
	/* False: not now; it comes again after channel_resume. Frames of the
	 * kind ATTACH were checked and read into `relay`, else it is NULL. */
	bool (*on_frame)(struct channel *channel, const struct ph_frame *frame,
		const struct ph_relay *relay);
	/* There is room again, after channel_is_full said otherwise. */
	void (*on_room)(struct channel *channel);
	/* The last callback. 0: the other side closed in order. */
	void (*on_closed)(struct channel *channel, int reason);
};

struct channel {
	const struct channel_ops *ops; /* the owner's, like all above */

	struct ph_carrier *carrier; /* NULL: not yet, or no more */
	struct ph_pool *pool;
	struct ph_queue queue;
	struct ph_segment held; /* not taken yet; buffer NULL: none */
	bool closing;
	bool full; /* somebody waits for on_room */
};

/* Bytes that wait before a channel is full. */
#define CHANNEL_FULL ((uint64_t)512 * 1024)

/* `ops` set. As ph_carrier_adopt. */
int channel_open(struct channel *channel, struct ph_transport_host *host,
	int fd, const char *scheme, bool server);
/* Or: takes a carrier that is open already; its events go to
 * `channel_events` with the channel as context. */
void channel_take(struct channel *channel, struct ph_carrier *carrier,
	struct ph_pool *pool);
extern const struct ph_carrier_events channel_events;

/* A frame of a stream, whatever waits: the caller asks channel_is_full. Sent
 * by channel_flush. -ENOMEM, -EPIPE. */
int channel_put(struct channel *channel, const struct ph_frame *frame);
/* A note, sent at once. Without memory the channel breaks. */
void channel_say(
	struct channel *channel, enum ph_relay_op op, uint64_t id, int reason);
void channel_tell(struct channel *channel, const struct ph_relay *relay);
void channel_flush(struct channel *channel);
bool channel_is_full(struct channel *channel);
/* Offers the frame again that was not taken. */
void channel_resume(struct channel *channel);
/* on_closed follows, when it was open. */
void channel_close(struct channel *channel);
/* For one that is closed, or never was open. */
void channel_fini(struct channel *channel);

#endif
