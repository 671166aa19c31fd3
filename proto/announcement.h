#ifndef PH_PROTO_ANNOUNCEMENT_H
#define PH_PROTO_ANNOUNCEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/address.h"
#include "proto/identity.h"
#include "proto/lldp.h"

/*
 * What a node says about itself to everyone: one LLDPDU of at most 1,232 bytes
 * (what IPv6 carries everywhere in one piece), the same bytes on every carrier.
 * Standard TLVs first, so that a switch shows something useful; then ours,
 * under one locally administered OUI:
 *
 *   1 CORE        version, flags, epoch, seq, content, mesh
 *   2 LOCATORS    where it may be dialled, best first
 *   3 CAPS        bits and `key=value` texts
 *   4 MENU        version, count and digest; items are fetched
 *   5 CONNECTOME  the same of its connections
 *   6 AUTH        ring key id, public key, signature, MAC: last before End
 *
 * `seq` grows with every transmission, `content` only when something in it
 * changed; `epoch` with every start of the node. The chassis id is the node id,
 * BLAKE2b-128 of the public key; whoever verifies checks that.
 *
 * A newer version may append bytes to TLVs 1 to 5 (to lists behind a length of
 * 0), bring other TLVs, or locators of other kinds: an older reader passes over
 * them, and they are signed with the rest. Fields have fixed limits which
 * together fit: whatever the struct can say can be written.
 *
 * Pure: signing, verifying and the MAC are in proto/seal.h, and in a test
 * whatever it likes.
 */
#define PH_ANNOUNCEMENT_MAX	1232u
#define PH_ANNOUNCEMENT_VERSION 1
#define PH_ORGANISATION		0xfeedfau /* FE-ED-FA */
#define PH_MESH_BYTES		8	  /* MESHID without its zero */
#define PH_LOCATORS		16u
#define PH_LOCATOR_BYTES	384u /* all of them, as written */
#define PH_CAPS_BYTES		256u /* texts with a byte of length each */

enum ph_announcement_tlv {
	PH_TLV_CORE = 1,
	PH_TLV_LOCATORS,
	PH_TLV_CAPS,
	PH_TLV_MENU,
	PH_TLV_CONNECTOME,
	PH_TLV_AUTH,
};

/* Flags of CORE. */
#define PH_CAPS_INCOMPLETE 0x01u /* more texts than fit: fetch them */

/* Bits of CAPS: what a node can, and what of it is switched on. */
#define PH_CAN_RELAY	  (UINT32_C(1) << 0)
#define PH_CAN_PROBE	  (UINT32_C(1) << 1)
#define PH_CAN_BEACON	  (UINT32_C(1) << 2)
#define PH_CAN_HOSTESS	  (UINT32_C(1) << 3)
#define PH_CAN_CONTROL	  (UINT32_C(1) << 4)
#define PH_CAN_EXECUTE	  (UINT32_C(1) << 5)
#define PH_CAN_MEMBERSHIP (UINT32_C(1) << 6) /* answers SWIM datagrams */

enum ph_locator_transport {
	PH_LOCATOR_TCP = 1,
	PH_LOCATOR_WS,
	PH_LOCATOR_WSS,
};

enum ph_locator_kind {
	PH_LOCATOR_IPV4 = 1, /* 4 bytes */
	PH_LOCATOR_IPV6,     /* 16 bytes; of a link-local one the hearer adds
			      * the interface it was heard on */
	PH_LOCATOR_NAME,     /* 1..63 bytes, to be resolved */
};

struct ph_locator {
	enum ph_locator_transport transport;
	enum ph_locator_kind kind;
	bool proven;  /* somebody reached it there */
	uint16_t age; /* seconds since then, 65535: longer */
	uint16_t port;
	uint8_t length;	  /* of `host` */
	uint8_t host[64]; /* address bytes, or a name with its zero */
};

struct ph_digest {
	uint64_t version; /* grows with each change; 0: none was said */
	uint32_t count;
	uint8_t hash[16]; /* BLAKE2b-128 */
};

struct ph_announcement {
	/* Standard TLVs. */
	uint8_t id[PH_NODE_ID_BYTES]; /* chassis, local */
	char port[33];		      /* port id, local: which of its ports */
	uint16_t ttl;		      /* seconds; 0: goodbye */
	char port_description[41];    /* "": left out */
	char name[PH_NAME_MAX + 1];   /* a valid name */
	char description[97];
	uint16_t can; /* LLDP's system capabilities, supported and on */
	struct {
		uint8_t length; /* 4, 16, or 0: none */
		uint8_t bytes[16];
	} management[2];
	/* CORE. */
	uint8_t version; /* the writer sets it */
	uint8_t flags;
	uint64_t epoch;
	uint32_t seq;
	uint32_t content;
	uint8_t mesh[PH_MESH_BYTES];
	/* LOCATORS, best first. */
	unsigned locators;
	struct ph_locator locator[PH_LOCATORS];
	/* CAPS: bits, and texts each with its zero, one behind the other. */
	uint32_t supported;
	uint32_t enabled;
	uint16_t caps_length;
	char caps[PH_CAPS_BYTES];
	struct ph_digest menu;
	struct ph_digest connectome;
	/* AUTH. */
	uint64_t ring; /* id of the ring's key; 0: none */
	uint8_t key[PH_PUBLIC_KEY];
	uint8_t signature[64];
	uint8_t mac[16];
	/* Only read. */
	uint16_t length;  /* up to and with End */
	unsigned unknown; /* TLVs, locators of kinds not known here */
};

/*
 * AUTH's value ends at End, so all of it has its place from the end: the
 * signature covers the first length - PH_AUTH_TAIL bytes, the MAC all
 * up to itself.
 */
#define PH_AUTH_VALUE	  (8u + PH_PUBLIC_KEY + 64u + 16u)
#define PH_AUTH_TAIL	  (6u + PH_AUTH_VALUE + 2u)
#define PH_AUTH_SIGNATURE (64u + 16u + 2u) /* from the end */
#define PH_AUTH_MAC	  (16u + 2u)

/* Writes it with signature and MAC as they stand in the struct. The length;
 * -EINVAL: a field is not what it may be. */
int ph_announcement_write(const struct ph_announcement *announcement,
	uint8_t out[PH_ANNOUNCEMENT_MAX]);
/* -EBADMSG: malformed; -ENOMSG: an LLDPDU, but none of ours (no CORE): a
 * foreign neighbour's, `lldp` tells. `lldp` may be NULL. */
int ph_announcement_read(struct ph_announcement *out, struct ph_lldp *lldp,
	const uint8_t *data, size_t length);

/* A text `key` or `key=value`: key [a-z0-9._-]{1,32}, no control characters. */
bool ph_cap_is_valid(const char *text, size_t length);
/* Appends one. -EINVAL: not valid; -ENOSPC: no room, PH_CAPS_INCOMPLETE is
 * set. */
int ph_announcement_cap_add(
	struct ph_announcement *announcement, const char *text);
/* The texts, one after another: from `*at` 0 on. NULL: none is left. */
const char *ph_announcement_cap_next(
	const struct ph_announcement *announcement, uint16_t *at);

/* Transport, kind, port and length are what they may be, a name is one. */
bool ph_locator_is_valid(const struct ph_locator *locator);
/* To and from the addresses of dialling, tcp only. -ENOTSUP: another scheme;
 * -EINVAL: the unspecified or a multicast address, or a name too long. */
int ph_locator_of(struct ph_locator *out, const struct ph_address *address);
/* `zone`: name of the interface it was heard on, for link-local addresses;
 * NULL or "": none, and then a link-local one is -EINVAL. -ENOTSUP: not tcp. */
int ph_locator_address(const struct ph_locator *locator, const char *zone,
	struct ph_address *out);

#endif
