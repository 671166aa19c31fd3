#ifndef PH_TRANSPORT_SOCKET_H
#define PH_TRANSPORT_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/address.h"

/* An address as the operating system wants it. */
struct ph_endpoint {
	socklen_t length;
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_un local;
		struct sockaddr_storage storage;
	};
};

/* Literal addresses of an ip host: "" is every interface, "localhost" both
 * loopbacks. Returns how many were written (at most 2), 0 for a name. */
unsigned ph_endpoint_literal(
	struct ph_endpoint *out, const char *host, uint16_t port);
/* -ENAMETOOLONG, -EINVAL. */
int ph_endpoint_local(struct ph_endpoint *out, const char *path);
/* A name that only this process's listeners have: it lies beside the file
 * system and holds the process id; who answers must prove to be this process
 * by SO_PEERCRED. -ENAMETOOLONG, -EINVAL. */
int ph_endpoint_inproc(struct ph_endpoint *out, const char *name);
/* "192.0.2.7", "fe80::1", "unix". */
void ph_endpoint_host(
	const struct ph_endpoint *endpoint, char *out, size_t size);
/* The same with a port: "192.0.2.7:51234", "[::1]:7678", "unix". A v4 address
 * in v6 clothes is shown as v4. */
void ph_endpoint_text(
	const struct ph_endpoint *endpoint, char *out, size_t size);
/* 127/8, ::1, and the former in v6 clothes. */
bool ph_endpoint_is_loopback(const struct ph_endpoint *endpoint);
uint16_t ph_endpoint_port(const struct ph_endpoint *endpoint);

/* A new non-blocking socket of the endpoint's family, or -errno. */
int ph_socket_open(const struct ph_endpoint *endpoint);
/* What every carrier's socket wants; harmless on unix sockets. */
void ph_socket_tune(int fd);
/* Somebody else watches whether the peer lives: an idle socket asks rarely. */
void ph_socket_pace(int fd, bool calm);

#endif
