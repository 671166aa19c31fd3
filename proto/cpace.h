#ifndef PH_PROTO_CPACE_H
#define PH_PROTO_CPACE_H

#include <stddef.h>
#include <stdint.h>

/*
 * CPace over ristretto255 with SHA-512 (CPACE-RISTR255-SHA512 of
 * draft-irtf-cfrg-cpace-21), initiator/responder. One side is the dialler
 * (its message is Ya), the other the listener (Yb).
 *
 * Pure but for the random scalar, which the caller hands in. Secrets are wiped
 * by the caller with sodium_memzero.
 */
#define PH_CPACE_SCALAR	 32
#define PH_CPACE_POINT	 32
#define PH_CPACE_KEY	 64 /* ISK, and each confirmation tag */
#define PH_CPACE_SID_MAX 64

struct ph_bytes {
	const uint8_t *data;
	size_t length;
};

/* lv(a, b, ...): each part behind its length in LEB128. Returns the length,
 * or -ENOSPC. */
int ph_lv(
	uint8_t *out, size_t size, const struct ph_bytes *parts, size_t count);

/* The generator of a run (draft 7.3: calculate_generator). */
void ph_cpace_generator(uint8_t point[PH_CPACE_POINT], struct ph_bytes prs,
	struct ph_bytes ci, struct ph_bytes sid);
/* Y = scalar * generator. -EINVAL for the identity. */
int ph_cpace_share(uint8_t share[PH_CPACE_POINT],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t generator[PH_CPACE_POINT]);
/* ISK of an initiator/responder run. -EINVAL: the peer's share is no point
 * or gives the identity (the draft's mandatory aborts). */
int ph_cpace_key(uint8_t isk[PH_CPACE_KEY],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t peer_share[PH_CPACE_POINT], struct ph_bytes sid,
	struct ph_bytes ya, struct ph_bytes ada, struct ph_bytes yb,
	struct ph_bytes adb);
/* The same for the symmetric setting (ordered transcript): vectors only. */
int ph_cpace_key_symmetric(uint8_t isk[PH_CPACE_KEY],
	const uint8_t scalar[PH_CPACE_SCALAR],
	const uint8_t peer_share[PH_CPACE_POINT], struct ph_bytes sid,
	struct ph_bytes ya, struct ph_bytes ada, struct ph_bytes yb,
	struct ph_bytes adb);
/* Confirmation tag of the side whose share and AD are given. */
void ph_cpace_tag(uint8_t tag[PH_CPACE_KEY], const uint8_t isk[PH_CPACE_KEY],
	struct ph_bytes sid, struct ph_bytes share, struct ph_bytes ad);

#endif
