#ifndef PH_NODE_PROBE_INNER_H
#define PH_NODE_PROBE_INNER_H

#include "beacon/beacon.h"
#include "node/candidates.h"
#include "node/limits.h"
#include "node/probe.h"
#include "node/probe_child.h"
#include "proto/calls.h"

/* The two sides, for each other. */
#define PROBE_RATE	 200
#define PROBE_IN_FLIGHT	 32
#define PROBE_TIMEOUT_MS 250
/* What an answer holds, with two rows for each; more come page by page
 * (node/probe_page.h). */
#define PROBE_POINTS 16384u
/* Besides what its points may take. */
#define PROBE_GRACE_MS 20000
/* For an answer of a peer. */
#define PROBE_ASK_PATIENCE (15 * PH_SECOND)

/* The beacon of this node. */
struct answering {
	struct ph_probing *probing;
	bool open;
	bool paid; /* for guesses that it may cost */
	uint8_t session[PH_PROBE_SESSION];
	char peer[40];		  /* whom it answers; "" this node */
	struct ph_range page;	  /* what it has of the range asked for */
	uint32_t left_out;	  /* own addresses past PH_ORDER_TARGETS */
	struct ph_source source;  /* as guesses at the passphrase count */
	struct ph_beacon *beacon; /* on the loop */
	struct probe_child child; /* or a process */
	struct ph_timer patience; /* for its READY, then its end */
	/* Told once: READY (its body), or NULL and the error. */
	void (*on_ready)(void *context, const uint8_t *ready, size_t length,
		const struct ph_error *error);
	void *context;
};

struct answer_order {
	uint8_t session[PH_PROBE_SESSION];
	uint8_t key[PH_PROBE_KEY];
	uint8_t prober[PH_PUBLIC_KEY]; /* the node's that probes */
	const char *peer;	       /* "" this node */
	struct ph_range range;
	bool outside;
	void (*on_ready)(void *context, const uint8_t *ready, size_t length,
		const struct ph_error *error);
	void *context;
};

enum run_state {
	RUN_NONE,
	RUN_PREPARES, /* the beacon is asked for */
	RUN_SCANS,
	RUN_DONE,
	RUN_FAILED,
};

/* Its ws ways: a row for each, and the dials that are under way. */
struct ws_check;
struct run_ws {
	uint8_t key[PH_PUBLIC_KEY]; /* that they must prove */
	struct ph_probe_row row[PH_CANDIDATES];
	struct ws_check *check[PH_CANDIDATES];
	unsigned count;
	unsigned open; /* dials */
};

struct run {
	struct ph_probing *probing;
	enum run_state state;
	char id[2 * PH_PROBE_SESSION + 1];
	uint8_t session[PH_PROBE_SESSION];
	uint8_t key[PH_PROBE_KEY];
	bool local;
	char node[40]; /* whom it is about, as it was named */
	char peer_id[PH_NODE_ID_TEXT];
	struct ph_range range; /* what was asked for; the other's whole one */
	struct ph_range page;  /* what of it this run tries */
	bool has_range;
	uint32_t left_out;	   /* addresses past PH_ORDER_TARGETS */
	bool fresh;		   /* only what nobody knows */
	struct ph_document *known; /* of mesh.peers */
	uint8_t *known_bytes;
	struct ph_value addresses;
	struct probe_child child;
	struct ph_progress progress;
	struct ph_probe_intake report;
	struct run_ws ws;
	struct ph_over over;
	bool told;  /* OVER came */
	bool ended; /* the process did... */
	int code;   /* ...with this */
	struct ph_error error;
};

struct ph_probing {
	struct ph_node *node;
	struct answering answering;
	struct run run;
	unsigned asked; /* answers that have not come */
	bool gone;
};

/* probe_answer.c. 0: on_ready follows, maybe before it returns; -1 with the
 * error told. */
int answering_open(struct answering *answering,
	const struct answer_order *order, struct ph_error *error);
/* If it is of that session (NULL: of any). on_ready does not follow. */
void answering_close(struct answering *answering, const uint8_t *session);
/* probe_open.c: serves beacon.open and beacon.close. */
void answering_serve(struct ph_probing *probing);

static inline struct ph_node *run_node(const struct run *run)
{
	return run->probing->node;
}

/* probe_run.c */
void run_serve(struct ph_probing *probing);
void run_close(struct run *run);
void run_fails(struct run *run, const struct ph_error *error);
/* What mesh.peers said; the addresses point into it. */
void run_forget_known(struct run *run);
/* The beacon hears that nobody will come any more. */
void run_tell_close(struct run *run);
/* probe_ask.c. 0: run_scan or run_fails follows; -1 with the error told. */
int run_ask_peer(struct run *run, struct ph_error *error);
/* probe_scan.c: the beacon is there, off it goes. `key`: its node's. */
void run_scan(
	struct run *run, const struct ph_ready *ready, const uint8_t *key);
/* Process or ws ways are through; when both are, the run is over. */
void run_look(struct run *run);
/* probe_ws.c: tries all ws ways of the peer; run_look follows for each. */
void run_ws_start(struct run *run);
/* Adds their rows to the report. True: one is verified. */
bool run_ws_report(struct run *run);
/* Lets go of those under way. Idempotent. */
void run_ws_stop(struct run *run);
/* probe_status.c */
void run_status_serve(struct ph_probing *probing);

/* How long a session of so many points may last. */
uint32_t probe_deadline_ms(uint32_t points);

#endif
