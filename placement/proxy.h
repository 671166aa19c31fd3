#ifndef PH_PLACEMENT_PROXY_H
#define PH_PLACEMENT_PROXY_H

#include "executor/process.h"
#include "executor/run.h"
#include "executor/stdio.h"
#include "placement/channel.h"
#include "placement/placement.h"

/*
 * The node's side of one run outside of its loop. Shared by proxy.c (its
 * life), proxy_port.c (its terminals), proxy_start.c (what runs it) and
 * proxy_guest.c (who attached).
 */
enum proxy_flow {
	PROXY_IDLE,    /* no stream */
	PROXY_FLOWING, /* CONNECTED was said */
	PROXY_CLOSING, /* until GONE */
};

struct proxy;

struct proxy_port {
	struct proxy *proxy;
	unsigned index;
	struct channel channel;
	struct ph_terminal *terminal; /* the unit's */
	bool is_output;
	bool claimed;
	bool done; /* DONE came */

	/* An output's stream. */
	enum proxy_flow flow;
	uint64_t id;

	/* An input: whose frames were sent last; `waiting` is 0, or the one
	 * whose last frame is there and not released. */
	ph_handle turn;
	ph_handle waiting;
	bool cut; /* that frame is CUT */
};

struct proxy {
	struct ph_run run;
	struct ph_placement *placement;
	enum ph_placement_kind kind;
	struct channel orders;
	struct ph_process process;
	struct ph_stdio_output log; /* the process's stderr */
	struct ph_timer doom;	    /* SIGKILL; a guest that never came */
	struct ph_task task;	    /* looks at what changed; tells */
	struct ph_error error;
	bool claimed;  /* a guest's orders */
	bool opened;   /* told */
	bool finished; /* DONE without an error */
	bool broken;   /* `error` says why */
	bool lost;     /* an output's consumer */
	bool torn;     /* a carrier went by itself */
	bool told;
	bool stopping;
	struct proxy *next; /* guests, in the placement */
	unsigned count;
	struct proxy_port ports[]; /* as in spec->terminals */
};

struct ph_placement {
	struct ph_transport_host *host;
	struct proxy *guests; /* that still wait for carriers, or run */
	char *binary;
};

/* proxy.c */
/* Something changed: proxy_look runs at the end of the turn. */
void proxy_look(struct proxy *proxy);
/* A carrier of it is gone that should not be: the rest goes too. */
void proxy_tear(struct proxy *proxy);
/* Ends by a fault, told once; the first word counts. */
void proxy_break(struct proxy *proxy, const char *next, const char *what, ...)
	__attribute__((format(printf, 3, 4)));
extern const struct channel_ops proxy_orders_ops;

/* proxy_port.c */
extern const struct channel_ops proxy_port_ops;
void proxy_port_connected(struct proxy_port *port);
void proxy_port_room(struct proxy_port *port);
void proxy_port_readable(struct proxy_port *port);
void proxy_port_closed(struct proxy_port *port, int reason);

/* proxy_start.c: -1 with the error told. */
int proxy_start(struct proxy *proxy, struct ph_error *error);

/* proxy_guest.c: its carriers are waited for, until the time for it is over; no
 * claim finds it any more. */
void proxy_await_guest(struct proxy *proxy);
void proxy_forget_guest(struct proxy *proxy);

/* What carries the terminals of a server there; both sides ask. Orders are
 * few: they go by "unix". */
static inline const char *placement_scheme(enum ph_placement_kind kind)
{
	return kind == PH_PLACEMENT_THREAD    ? "inproc"
	       : kind == PH_PLACEMENT_PROCESS ? "shm"
					      : "unix";
}

/* annex.c: the thread's road. Takes the descriptors: orders, then one for each
 * terminal. Negative errno. */
int annex_thread(const int *fds, unsigned count);

#endif
