#ifndef PH_NODE_WIRE_DETOUR_H
#define PH_NODE_WIRE_DETOUR_H

#include "node/wire.h"

/*
 * Filters in connections that stand, put in and taken out by hand: serves
 * wire.interpose and wire.withdraw. The wish belongs to the connection and
 * outlives its carriers and its streams: a stream that begins anew goes through
 * the filter from its first byte. It ends with the connection, with withdraw,
 * or with this process.
 *
 * A filter that broke is looked for again, by name, until it is there; under
 * `bypass` it stays out.
 */
int wire_detour_serve(struct ph_wires *wires);
void wire_detour_fini(struct ph_wires *wires);
/* A stream begins; nothing was sent yet. */
void wire_detour_begin(struct wire *wire);
/* The connection is over. */
void wire_detour_forget(struct ph_wires *wires, const char *connection);
/* The wire is taken away, and its output goes on elsewhere: the filter is to
 * say the rest first; then comes wire_part. False: nothing is in a filter. */
bool wire_detour_leave(struct wire *wire);
/* The same of an output that leaves by itself. */
void wire_detour_part(struct wire *wire);
/* Something else than the pipe stops its output just now. */
bool wire_detour_blocks(const struct wire *wire);
/* `via: {server state reason on_crash lost waiting}`, or nothing. */
void wire_detour_put(struct ph_writer *writer, const struct wire *wire);

#endif
