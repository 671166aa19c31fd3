#ifndef PH_NODE_CLIENT_H
#define PH_NODE_CLIENT_H

#include <sys/types.h>

#include "proto/calls.h"

/*
 * The command line's side of the command socket: one line to the local node,
 * calls that wait for their answer.
 */
struct ph_client;

/* Connects at the first call. -1 with `error`. */
int ph_client_create(
	struct ph_client **out, const char *socket, struct ph_error *error);
/* Connects at once. -1 with `error` (exit 3 when no node listens there, 6 when
 * it is another user's). */
int ph_client_open(
	struct ph_client **out, const char *socket, struct ph_error *error);
void ph_client_close(struct ph_client *client);
/* The user the node runs as; of an open one. */
uid_t ph_client_uid(const struct ph_client *client);

struct ph_reply {
	uint8_t *bytes;
	struct ph_document *document;
	struct ph_value body; /* nil when there is none */
	int status;
};

/* Calls `method` at `node` ("" the local one). 0 with an answer; -1 with
 * `error`, and `reply` still to be freed. */
int ph_client_call(struct ph_client *client, const char *node, uint16_t method,
	struct ph_writer *arguments, int64_t timeout, struct ph_reply *reply,
	struct ph_error *error);
void ph_reply_free(struct ph_reply *reply);

/* Several calls at once, with one deadline for all of them. */
struct ph_client_ask {
	const char *node; /* as above, and so are the others */
	uint16_t method;
	struct ph_writer *arguments;
	struct ph_reply reply; /* to be freed */
	struct ph_error error;
	int code;
	bool waits; /* private, and so is length */
	size_t length;
};

/* So many are out at a time: a node keeps no more calls for lines that it has
 * yet to dial. */
#define PH_CLIENT_WINDOW 32

/* Ends when the last is answered; `timeout` is in ns. */
void ph_client_call_all(struct ph_client *client, struct ph_client_ask *asks,
	size_t count, int64_t timeout);

#endif
