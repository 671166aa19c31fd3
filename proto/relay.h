#ifndef PH_PROTO_RELAY_H
#define PH_PROTO_RELAY_H

#include <stddef.h>
#include <stdint.h>

/*
 * How a server outside of the node's loop (a thread, a process of ours, a
 * program that attached) talks with its node: one carrier for orders, and one
 * for each terminal. On a terminal's carrier the frames of its streams travel
 * as they are; what is about them travels between them, as notes:
 *
 *   0: op u8   1: zero u8   2: zero u16   4: reason i32   8: id u64
 *  16: body, as the op says
 *
 * in a frame with the flags ATTACH and FIN, little-endian.
 *
 * An input: the node says TURN id before the frames of another stream, whose
 * first is BEGIN; after END or CUT of a stream it waits for the server's
 * CLOSED id, whose reason is 0 when END was consumed. CLOSED may come earlier:
 * the input takes nothing more.
 *
 * An output: the node says CONNECTED id when somebody listens, and the stream
 * may flow. The node says CLOSED id when nobody does any more (reason 0: END
 * was consumed), or the server cut its stream; in both cases the server's last
 * word about this id is GONE, and only then may CONNECTED come again.
 *
 * Orders: the node says START and STOP, the server OPENED and DONE. With DONE
 * and no error the server says DONE on every terminal's carrier too, behind
 * all it had to say there.
 */
enum ph_relay_op {
	PH_RELAY_TURN = 1,
	PH_RELAY_CONNECTED,
	PH_RELAY_CLOSED,
	PH_RELAY_GONE,
	PH_RELAY_START,	 /* body: the specification, a map */
	PH_RELAY_STOP,	 /* let go of everything and leave */
	PH_RELAY_OPENED, /* the server works */
	PH_RELAY_DONE,	 /* reason other than 0: failed; body: the error */
	PH_RELAY_CLAIM,	 /* of a guest's carrier; id: terminal, 0 the orders'
			  * and 1 the first; body: the token */
};

#define PH_RELAY_HEADER 16
#define PH_RELAY_TOKEN	16
/* Of this description; executor.attach answers it. */
#define PH_RELAY_VERSION 1

struct ph_relay {
	enum ph_relay_op op;
	int32_t reason; /* 0 or a negative errno */
	uint64_t id;
	const uint8_t *body; /* into what was read */
	size_t length;
};

/* The header only; the body follows it. */
void ph_relay_write(const struct ph_relay *relay, uint8_t out[PH_RELAY_HEADER]);
/* -EBADMSG. */
int ph_relay_read(struct ph_relay *relay, const uint8_t *data, size_t length);

#endif
