#ifndef PH_PROTO_PROBE_FD_H
#define PH_PROTO_PROBE_FD_H

#include "proto/probe_order.h"

/*
 * How a probe or beacon process talks with its node: blocking, at its start and
 * its end.
 */

/* What came on the descriptor of secrets. */
struct ph_probe_secrets {
	uint8_t key[32]; /* of the session */
	uint8_t secret[2][PH_MESH_SECRET];
	unsigned count;
};

/* Reads it and closes the descriptor. -EBADMSG, or what read(2) says. */
int ph_probe_secrets_read(struct ph_probe_secrets *secrets, int fd);
void ph_probe_secrets_write(
	const struct ph_probe_secrets *secrets, uint8_t out[PH_PROBE_SECRET]);
/* One order of the type, whole; gives the buffer, which the instructions point
 * into, to be freed. -EBADMSG, -ENOMEM, or what read(2) says. */
int ph_probe_instruct_receive(
	int fd, struct ph_instruct *instruct, uint8_t **buffer);
/* All of it, or a negative errno. */
int ph_probe_fd_write(int fd, const uint8_t *data, size_t length);
/* The matrix and how it went. */
int ph_probe_report_send(int fd, const struct ph_probe_matrix *matrix,
	const struct ph_over *over);

#endif
