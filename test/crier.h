#ifndef TEST_CRIER_H
#define TEST_CRIER_H

#include <string.h>

#include "discovery/neighbours.h"
#include "proto/announcement.h"

/*
 * Announcements without cryptography, and a judge who believes what stands in
 * them: ring 5 is known here, MAC and signature are right when their first byte
 * is; key[31] says whether the key is trusted or revoked.
 */
#define CRIER_RING	5
#define CRIER_MAC	0xaa
#define CRIER_SIGNATURE 0x55

static const uint8_t crier_mesh[PH_MESH_BYTES] = {
	'm', 'e', 's', 'h', 'm', 'e', 's', 'h'};

struct crier_judge {
	unsigned long rings;
	unsigned long signatures;
};

static enum ph_ring_verdict crier_ring(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	((struct crier_judge *)context)->rings++;
	if (announcement->ring != CRIER_RING)
		return PH_RING_UNKNOWN;
	return announcement->mac[0] == CRIER_MAC ? PH_RING_MEMBER
						 : PH_RING_WRONG;
}

static bool crier_signature(void *context,
	const struct ph_announcement *announcement, const uint8_t *data,
	size_t length)
{
	((struct crier_judge *)context)->signatures++;
	return announcement->signature[0] == CRIER_SIGNATURE;
}

static enum ph_key_verdict crier_key(
	void *context, const uint8_t key[PH_PUBLIC_KEY])
{
	return key[31] == 1   ? PH_KEY_TRUSTED
	       : key[31] == 2 ? PH_KEY_REVOKED
			      : PH_KEY_UNKNOWN;
}

static const struct ph_neighbours_judge crier_judge = {
	crier_ring,
	crier_signature,
	crier_key,
};

/* A member whose key is trusted, saying something for the first time. */
static inline struct ph_announcement crier_member(unsigned number)
{
	struct ph_announcement announcement = {
		.port = "7678",
		.ttl = 21,
		.name = "node",
		.epoch = 1,
		.seq = 1,
		.content = 1,
		.ring = CRIER_RING,
		.mac = {CRIER_MAC},
		.signature = {CRIER_SIGNATURE},
	};

	memcpy(announcement.mesh, crier_mesh, PH_MESH_BYTES);
	memcpy(announcement.id, &number, sizeof(number));
	announcement.id[15] = 0x77;
	memcpy(announcement.key, announcement.id, sizeof(announcement.id));
	announcement.key[31] = 1;
	return announcement;
}

/* A fresh node: no ring of ours, no trust. */
static inline struct ph_announcement crier_stranger(unsigned number)
{
	struct ph_announcement announcement = crier_member(number);

	announcement.ring = 99;
	announcement.mac[0] = 0;
	announcement.key[31] = 0;
	return announcement;
}

static inline struct ph_via crier_via(unsigned number)
{
	struct ph_via via = {
		.carrier = PH_HEARD_IPV4,
		.interface = 2,
		.address = {[10] = 0xff, 0xff, 10},
		.port = 7678,
	};

	via.address[13] = (uint8_t)(number >> 16);
	via.address[14] = (uint8_t)(number >> 8);
	via.address[15] = (uint8_t)number;
	return via;
}

#endif
