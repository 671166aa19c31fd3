#ifndef PH_TRANSPORT_SHM_SEGMENT_H
#define PH_TRANSPORT_SHM_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/memory.h"

/*
 * What two processes share for a carrier: two rings in one sealed file, and a
 * bell for each side. The accepting side makes it and hands it over:
 *
 *    0      4      8              16
 *   +------+------+--------------+
 *   |"phs1"| bells| bytes a ring |  + SCM_RIGHTS: file, its bell, our bell
 *   +------+------+--------------+
 *
 * The file: ring to the dialling side, then ring to the accepting side, each a
 * page of indices and its data. A side maps what it only reads read-only.
 *
 * Bells. An eventfd would do for both, between friends: nobody ever reads it,
 * epoll's edge tells. But its file is shared with flags and all; a peer that
 * fills the counter and takes O_NONBLOCK away would hang our next write(2). So
 * with another process we keep the writing end of a pipe, which nobody else
 * has, and its reading end too, so that no SIGPIPE can come of it; the peer
 * rings us by an eventfd that we neither read nor write.
 */
struct ph_shm_segment {
	struct ph_ring_memory out;
	struct ph_ring_memory in;
	int bell_in;  /* watch it, edge-triggered */
	int bell_out; /* -1: no segment */
	int kept;     /* only kept open, or -1 */
	bool is_pipe; /* bell_in must be read */
};

#define PH_SHM_RING ((uint64_t)512 * 1024)
/* What is taken from others. */
#define PH_SHM_RING_MOST ((uint64_t)64 * 1024 * 1024)

void ph_shm_segment_init(struct ph_shm_segment *segment);
/* Makes it and sends it over the socket. `friend`: the peer is this process.
 * Negative errno. */
int ph_shm_segment_offer(
	struct ph_shm_segment *segment, int socket, bool is_friend);
/* Receives it. -EAGAIN: not there yet; -ECONNRESET: the peer is gone; -EPROTO:
 * no such offer; -EPERM: the file lacks seals. */
int ph_shm_segment_take(struct ph_shm_segment *segment, int socket);
void ph_shm_segment_fini(struct ph_shm_segment *segment);

/* Wakes the peer. Never blocks. */
void ph_shm_segment_ring(const struct ph_shm_segment *segment);
/* After the bell has rung. */
void ph_shm_segment_hush(const struct ph_shm_segment *segment);

#endif
