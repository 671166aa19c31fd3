#ifndef PH_NODE_GATHER_H
#define PH_NODE_GATHER_H

#include "node/cli.h"

/*
 * The same question to every node that can be reached, to all at once with one
 * deadline; the answers as one list in the order of the nodes, each item with
 * its `node`. A node that does not answer is named on stderr and left out; of
 * its guest book what is known here stands in its place, each item with `as_of`
 * (ns since 1970).
 */
struct ph_gathered {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value items;
};

/* Only cli->node when it is given. `key` and `value`: one argument, or NULL.
 * Non-zero is the exit code, the error was told. */
int ph_gather(struct ph_cli *cli, uint16_t method, const char *key,
	const char *value, struct ph_gathered *out);
/* An item of mesh.peers that is more than heard: its key is proven. */
bool ph_gather_is_member(struct ph_value peer);
/* Whether a member may be asked: it has a line, or one can be
 * dialled for the question. */
bool ph_gather_may_ask(struct ph_value peer);
/* Into the list that is open, each with its `node`. */
void ph_gather_copy(
	struct ph_writer *writer, const char *node, struct ph_value items);
/* The list that was written is whole: items are what is in it. -1: it cannot be
 * read. */
int ph_gathered_read(struct ph_gathered *gathered);
void ph_gathered_free(struct ph_gathered *gathered);

#endif
