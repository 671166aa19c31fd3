#ifndef PH_PROTO_ADDRESS_H
#define PH_PROTO_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Two kinds of address people type.
 *
 * Where a node listens or is dialled: `host:port`, `[v6]:port`, `host`
 * (port 7678), `:port` (every interface), `unix:/path`; with an optional
 * `tcp://` in front. Over WebSocket `ws://host:port` (port 7679) and
 * `wss://host:port` (port 443). For programs on this host, `shm:/path`: a ring
 * in shared memory, met at a unix socket; within a process, `inproc:name`.
 * Names are resolved later, on the worker thread.
 */
#define PH_PORT 7678

enum ph_address_scheme {
	PH_ADDRESS_TCP,
	PH_ADDRESS_UNIX,
	PH_ADDRESS_SHM,
	PH_ADDRESS_INPROC,
	PH_ADDRESS_WS,
	PH_ADDRESS_WSS,
};

/* Has a host and a port. */
static inline bool ph_scheme_is_ip(enum ph_address_scheme scheme)
{
	return scheme == PH_ADDRESS_TCP || scheme == PH_ADDRESS_WS ||
	       scheme == PH_ADDRESS_WSS;
}

/* How a wire's `via:` calls what joins nodes: "tcp", or "tls", which is the
 * same (all that leaves a host has TLS), "unix", "ws", "wss". */
#define PH_VIA_MAX 8
bool ph_via_is_known(const char *via);
/* "" is any of them. */
bool ph_via_is(const char *via, enum ph_address_scheme scheme);

struct ph_address {
	enum ph_address_scheme scheme;
	char host[108]; /* name, literal without brackets, the path */
	uint16_t port;
};

/* -EINVAL; -ENAMETOOLONG. */
int ph_address_parse(struct ph_address *out, const char *text);
/* Canonical: parse(format(a)) == a. Returns out. */
char *ph_address_format(
	const struct ph_address *address, char *out, size_t size);
/* 127/8, ::1, localhost, all that is no tcp. */
bool ph_address_is_local(const struct ph_address *address);
/* What means the same machine to whoever hears it, as far as an address can: a
 * name, or a literal that is neither local nor everybody's (unspecified,
 * multicast, broadcast) nor one link's (169.254/16, fe80::/10). */
bool ph_address_is_tellable(const struct ph_address *address);

/*
 * What is wired: `node/server:terminal`, where the node may be missing, and
 * connection ids `node#epoch.seq`.
 */
#define PH_NAME_MAX 39 /* bytes of a node's, server's or terminal's name */

struct ph_place {
	char node[PH_NAME_MAX + 1]; /* "" when not given */
	char server[PH_NAME_MAX + 1];
	char terminal[PH_NAME_MAX + 1]; /* "" when not given */
};

struct ph_connection_id {
	char node[PH_NAME_MAX + 1];
	uint64_t epoch;
	uint64_t sequence;
};

/* Names: [A-Za-z0-9][A-Za-z0-9._-]*, at most PH_NAME_MAX. */
bool ph_name_is_valid(const char *text, size_t length);
int ph_place_parse(struct ph_place *out, const char *text);
char *ph_place_format(const struct ph_place *place, char *out, size_t size);
int ph_connection_id_parse(struct ph_connection_id *out, const char *text);
char *ph_connection_id_format(
	const struct ph_connection_id *id, char *out, size_t size);

#endif
