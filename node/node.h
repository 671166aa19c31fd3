#ifndef PH_NODE_NODE_H
#define PH_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "executor/cell.h"
#include "executor/warden.h"
#include "kernel/door.h"
#include "kernel/loop.h"
#include "kernel/worker.h"
#include "node/options.h"
#include "node/notify.h"
#include "node/slim.h"
#include "proto/identity.h"
#include "proto/passphrase.h"
#include "transport/tls.h"
#include "transport/transport.h"

/*
 * A node: everything that one running posthouse is, put together. The only
 * place that knows all rooms; the rooms do not know each other.
 */
struct ph_node {
	struct ph_options options;
	char name[40];
	char id[PH_NODE_ID_TEXT];
	uint8_t key[PH_PUBLIC_KEY];
	char mesh[PH_MESH_ID];
	uint64_t epoch;
	struct {
		uint64_t to; /* 0: none is under way */
		unsigned count;
	} leap;		 /* node/epoch.h */
	int64_t started; /* wall clock, ns */

	struct ph_loop *loop;
	struct ph_kernel kernel;
	struct ph_worker *worker;
	struct ph_door *door;
	struct ph_tls *tls;
	struct ph_transport_host host;

	struct ph_keys *keys;
	struct ph_phrase *phrase; /* while it boots; then NULL */
	bool phrase_is_new;	  /* and nowhere on disk yet */
	struct ph_trust *trust;
	struct ph_limits *limits;
	struct ph_gate *gate;
	struct ph_reachability *reach;
	struct ph_probing *probing;
	struct ph_lines *lines;
	struct ph_wires *wires;
	struct ph_monitoring *monitoring;
	struct ph_bell *bell;

	struct ph_store *store;
	struct ph_hostess *hostess;
	struct ph_executor *executor;
	struct ph_keepers keepers; /* of programs' namespaces */
	struct ph_warden warden;   /* of programs without */
	struct ph_placement *placement;
	struct ph_control *control;
	struct ph_web *web;
	struct ph_discover *discover; /* NULL: --discovery off */
	bool l2;		      /* raw Ethernet is to be had */

	struct ph_timer door_timer;
	struct ph_slim slim;
	struct ph_watchdog watchdog;
	bool stopping;
	bool applying; /* what it starts with is not taken yet */
	bool stopped;
	int exit;
};

/* The caller that stands for this node itself. */
extern const struct ph_caller ph_node_self;

/* Boots as far as listening; ph_boot_open opens it for business. -1 with
 * `error`: what was begun goes with the process. */
int ph_node_create(struct ph_node **out, const struct ph_options *options,
	struct ph_error *error);
/* Closes carriers, waiting for their farewells, then every room. Loop, kernel
 * and door go with the process. */
void ph_node_destroy(struct ph_node *node);
/* Boots, runs until told to stop, shuts down; returns the exit code. */
int ph_node_run(const struct ph_options *options);
/* Begins an orderly stop; idempotent. */
void ph_node_stop(struct ph_node *node, const char *because);
/* Serves node.status, node.health, node.ready, node.stop. */
int ph_node_serve(struct ph_node *node);

#endif
