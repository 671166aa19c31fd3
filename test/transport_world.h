#ifndef PH_TEST_TRANSPORT_WORLD_H
#define PH_TEST_TRANSPORT_WORLD_H

#include "kernel/loop.h"
#include "transport/transport.h"

/*
 * Two ends of one carrier in one loop, for tests of transports. Include
 * cmocka.h first.
 */
struct row {
	const char *name;
	const struct ph_transport *transport;
	enum ph_address_scheme scheme;
	bool plain;
	bool handshakes; /* open only when both sides said something */
};

struct end {
	struct ph_carrier *carrier;
	struct ph_queue out;
	bool opened;
	bool closed;
	int reason;
	uint32_t admit;	    /* at on_open; 0: stay a stranger */
	bool pause_at_once; /* in on_frames */
	bool close_at_once;
	unsigned closes;
	unsigned frames_after_close;
	unsigned rooms;
	uint64_t bytes; /* payload received */
	uint64_t frames;
	uint64_t messages;
	uint64_t counted; /* as the segments said */
	uint32_t sequence;
	bool sequenced;	  /* each frame begins with its number */
	uint64_t to_send; /* bytes still to put into `out` */
	uint32_t frame_size;
};

struct world {
	const struct row *row;
	struct ph_loop *loop;
	struct ph_transport_host host;
	struct ph_listener *listener;
	struct ph_address address;
	struct end client;
	struct end server;
	unsigned accepted;
	bool refuse;
	char directory[64];
};

extern const struct ph_carrier_events world_events;
extern const struct ph_listener_events world_listener_events;

/* cmocka's; *state is the row and becomes the world. */
int world_setup(void **state);
int world_teardown(void **state);
/* The row that worlds are made for when *state is NULL. */
void world_row(const struct row *row);

int64_t now(void);
/* The address is that of a file. */
bool row_has_file(const struct row *row);
/* It lives on the web thread. */
bool row_has_web(const struct row *row);
/* Sends what end->to_send says, as far as it goes. */
void end_pump(struct end *end);
void listen_here(struct world *world);
void dial_here(struct world *world);
void connect_both(struct world *world);

/* Turns until the condition holds; the deadline is for a defect only. */
#define turn_until(world, condition)                                           \
	do {                                                                   \
		int64_t limit = now() + 60 * PH_SECOND;                        \
		while (!(condition)) {                                         \
			if (now() > limit)                                     \
				fail_msg("%s: never: %s", (world)->row->name,  \
					#condition);                           \
			ph_loop_turn((world)->loop, PH_SECOND / 10);           \
		}                                                              \
	} while (0)

#endif
