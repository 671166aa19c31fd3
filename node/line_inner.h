#ifndef PH_NODE_LINE_INNER_H
#define PH_NODE_LINE_INNER_H

#include <uthash.h>

#include "node/line.h"

/*
 * Inside of node/line.h: line.c cuts packets into frames and puts them together
 * again, line_calls.c knows what calls and answers they are.
 */

/* A call carried to the peer. */
struct ph_line_outgoing {
	uint32_t id;
	ph_handle ticket;
	int64_t deadline;
	UT_hash_handle hh;
};

/* A call of the peer being served here. */
struct ph_line_incoming {
	struct ph_line *line;
	uint32_t id;
	struct ph_line_incoming *next;
	struct ph_line_incoming **link;
};

struct ph_line {
	struct ph_line_config config;
	struct ph_queue queue;
	struct ph_writer *writer;
	struct ph_line_outgoing *outgoing;
	struct ph_line_incoming *incoming;
	unsigned serving;
	uint32_t last_id;
	int64_t used;
	uint8_t *packet; /* a message that came in several frames */
	size_t packet_length;
	struct ph_timer patience; /* for the rest of it */
	bool broken;
};

static inline int64_t ph_line_now(const struct ph_line *line)
{
	struct ph_hal *hal = &line->config.kernel->hal;

	return hal->now(hal->context);
}

/* line.c: cuts a packet into frames and sends what fits. -EMSGSIZE, -ENOBUFS,
 * -ENOMEM. */
int ph_line_send_packet(
	struct ph_line *line, const uint8_t *data, size_t length);

/* line_calls.c */
/* A whole packet came. 0, or -EPROTO: close the carrier. */
int ph_line_packet(struct ph_line *line, const uint8_t *data, size_t length);
/* The line goes: every call carried out is answered, those that came in are
 * answered to nobody. */
void ph_line_fail_calls(struct ph_line *line);
void ph_line_forget_calls(struct ph_line *line);

#endif
