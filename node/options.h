#ifndef PH_NODE_OPTIONS_H
#define PH_NODE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discovery/ethernet.h"
#include "kernel/log.h"
#include "proto/address.h"
#include "proto/calls.h"
#include "proto/error.h"
#include "proto/subnet.h"

/*
 * What `posthouse up` was told: flag, else POSTHOUSE_* variable, else default.
 */
#define PH_OPTIONS_LISTEN  8
#define PH_OPTIONS_JOIN	   32
#define PH_OPTIONS_CAPS	   32
#define PH_OPTIONS_ALLOW   16
#define PH_OPTIONS_HTTP	   4
#define PH_OPTIONS_ORIGINS 8
#define PH_OPTIONS_ORIGIN  128

/* Ports, both included. */
struct ph_range {
	uint16_t first;
	uint16_t last;
};

struct ph_options {
	const char *wiring; /* -f; NULL: none */
	char name[40];
	char state[200];  /* directory */
	char socket[108]; /* of the command line */
	struct ph_address listen[PH_OPTIONS_LISTEN];
	unsigned listens;
	struct ph_address join[PH_OPTIONS_JOIN];
	unsigned joins;
	struct ph_subnet dial_allow[PH_OPTIONS_ALLOW];
	unsigned dial_allows;
	struct ph_address http[PH_OPTIONS_HTTP];
	unsigned https;
	bool http_asked; /* by flag or variable */
	bool http_token; /* looking takes one, too */
	/* Where pages come from that a proxy passes on: https://HOST[:PORT], as
	 * browsers write it. */
	char http_origin[PH_OPTIONS_ORIGINS][PH_OPTIONS_ORIGIN];
	unsigned http_origins;
	const char *passphrase_file; /* NULL: STATE/passphrase */
	enum ph_role peer_role;
	enum ph_log_level log;
	bool discovery;
	const char *interfaces; /* "eth0,eth1"; NULL: all */
	enum ph_l2 l2;
	char cap[PH_OPTIONS_CAPS][64]; /* key, key=value */
	unsigned caps;
	struct ph_range beacon_range; /* where probes find this node */
	bool beacon_process;	      /* a process of its own, not the loop */
	bool probe_peers;	      /* probes between nodes */
};

/* argv[0] is the verb. -1 with the error told. */
int ph_options_read(
	struct ph_options *out, int argc, char **argv, struct ph_error *error);

/* One flag of `up`, for manuals and shells. */
struct ph_flag {
	const char *name;     /* without -- */
	const char *variable; /* NULL: none */
	const char *value;    /* how its value is called; NULL: a switch */
	const char *sentence;
};

/* The flags in their order; false after the last. */
bool ph_options_flag(struct ph_flag *out, size_t index);

/* Warns of those that --discovery names and that are not there: they may come
 * yet, or it is a slip. */
void ph_options_absent_interfaces(const struct ph_options *options);

/* Values of --discovery, --l2 and --cap; -1 with the error. */
int ph_options_discovery(
	struct ph_options *options, const char *text, struct ph_error *error);
int ph_options_l2(
	struct ph_options *options, const char *text, struct ph_error *error);
int ph_options_cap(
	struct ph_options *options, const char *text, struct ph_error *error);
/* Of --dial-allow: one subnet, or several with commas. */
int ph_options_dial_allow(
	struct ph_options *options, const char *text, struct ph_error *error);

/* --http-token (NULL: yes), --http-origin: one, or several with commas. */
int ph_options_http_token(
	struct ph_options *options, const char *text, struct ph_error *error);
int ph_options_http_origin(
	struct ph_options *options, const char *text, struct ph_error *error);

/* --beacon-range, --beacon, --probe-peers. */
int ph_options_beacon_range(
	struct ph_options *options, const char *text, struct ph_error *error);
int ph_options_beacon(
	struct ph_options *options, const char *text, struct ph_error *error);
int ph_options_probe_peers(
	struct ph_options *options, const char *text, struct ph_error *error);
/* "A-B", or one port; no privileged ones. -1. */
int ph_options_range(struct ph_range *out, const char *text);

#endif
