#ifndef PH_NODE_LINE_H
#define PH_NODE_LINE_H

#include "kernel/door.h"
#include "kernel/loop.h"
#include "proto/calls.h"
#include "transport/transport.h"

/*
 * A telephone line: calls and their answers over one carrier, both ways. The
 * carrier's owner feeds it frames; the line passes calls that come in through
 * the door as `caller`, and carries calls of this side out.
 *
 * Invariant: every call carried out is answered at the door once: by the
 * peer, by its deadline (the door's), or with PH_CALL_UNREACHABLE when the
 * line is destroyed.
 */
struct ph_line;

struct ph_line_config {
	struct ph_loop *loop;
	struct ph_kernel *kernel;
	struct ph_door *door;
	struct ph_carrier *carrier;
	struct ph_caller caller; /* how the peer's calls are stamped */
};

int ph_line_create(struct ph_line **out, const struct ph_line_config *config);
void ph_line_destroy(struct ph_line *line);

/* A run of frames from the carrier. 0, or -EPROTO: close the carrier. */
int ph_line_frames(struct ph_line *line, const struct ph_segment *segment);
/* The carrier has room again. */
void ph_line_room(struct ph_line *line);

/* Carries a call to the peer; the answer goes to `ticket` at the door. `then`
 * is the destination the peer sees ("" for itself). -ENOBUFS: too much is
 * waiting to be sent, or to be answered. */
int ph_line_call(struct ph_line *line, ph_handle ticket,
	const struct ph_call *call, const char *then);

/* A call is under way on it, either way. */
bool ph_line_busy(const struct ph_line *line);
/* When the last call went over it that was not the mesh's own talk (greetings
 * and news); loop ns, 0: never. */
int64_t ph_line_used(const struct ph_line *line);
uint64_t ph_line_id(const struct ph_line *line);
struct ph_caller *ph_line_caller(struct ph_line *line);

#endif
