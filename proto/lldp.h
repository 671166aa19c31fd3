#ifndef PH_PROTO_LLDP_H
#define PH_PROTO_LLDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * LLDPDUs of IEEE 802.1AB-2016: what switches, lldpd and we say on a wire.
 * A row of TLVs, in network byte order:
 *
 *    0              7               16
 *   +----------------+----------------+------------------
 *   | type, 7 bits   | length, 9 bits | value, <=511 bytes
 *   +----------------+----------------+------------------
 *
 * Chassis ID, Port ID and TTL come first, in this order and once each; then
 * what one likes; then End (which may be missing, since 2016).
 *
 * The reader is strict, and the whole LLDPDU is dropped when anything is
 * wrong with it: another order, a repeated TLV of those that stand once (all
 * but management address and organisation-specific), a length that its type
 * does not allow (clause 8.5), a TLV past the end. TLVs of unknown types and
 * organisations are kept and counted. Bytes behind End are Ethernet's padding
 * and ignored.
 *
 * Pure; nothing is copied or allocated: what was read points into the bytes.
 */
#define PH_LLDP_VALUE	   511u	 /* bytes of one TLV */
#define PH_LLDP_MOST	   1500u /* bytes of an LLDPDU: one Ethernet frame */
#define PH_LLDP_ID	   255u	 /* bytes of a chassis or port id */
#define PH_LLDP_MANAGEMENT 4u	 /* addresses kept; the rest is counted */

enum ph_lldp_type {
	PH_LLDP_END,
	PH_LLDP_CHASSIS,
	PH_LLDP_PORT,
	PH_LLDP_TTL,
	PH_LLDP_PORT_DESCRIPTION,
	PH_LLDP_SYSTEM_NAME,
	PH_LLDP_SYSTEM_DESCRIPTION,
	PH_LLDP_CAPABILITIES,
	PH_LLDP_MANAGEMENT_ADDRESS,
	PH_LLDP_ORGANISATION = 127,
};

/* Subtypes of ids that we write; the reader takes 1 to 7. */
#define PH_LLDP_CHASSIS_LOCAL 7
#define PH_LLDP_PORT_IFNAME   5
#define PH_LLDP_PORT_LOCAL    7

/* Bits of the system capabilities, clause 8.5.8. */
#define PH_LLDP_CAN_BRIDGE  (1u << 2)
#define PH_LLDP_CAN_ROUTE   (1u << 4)
#define PH_LLDP_CAN_STATION (1u << 7)

/* Address families, as IANA numbers them. */
#define PH_LLDP_IPV4 1
#define PH_LLDP_IPV6 2

/* Bytes within the LLDPDU. Empty: `length` 0. */
struct ph_lldp_bytes {
	const uint8_t *data;
	uint16_t length;
};

struct ph_lldp_id {
	uint8_t subtype; /* 1..7 */
	struct ph_lldp_bytes value;
};

struct ph_lldp_address {
	uint8_t family;
	struct ph_lldp_bytes value; /* 1..31 */
};

struct ph_lldp {
	const uint8_t *data;
	uint16_t length; /* up to and with End */
	struct ph_lldp_id chassis;
	struct ph_lldp_id port;
	uint16_t ttl; /* seconds; 0: forget me now */
	struct ph_lldp_bytes port_description;
	struct ph_lldp_bytes name; /* any bytes: escape before showing */
	struct ph_lldp_bytes description;
	uint16_t supported; /* system capabilities */
	uint16_t enabled;
	struct ph_lldp_address management[PH_LLDP_MANAGEMENT];
	unsigned managements;	/* all, also those that are not kept */
	unsigned organisations; /* organisation-specific TLVs */
	unsigned unknown;	/* TLVs of reserved types */
};

struct ph_lldp_tlv {
	uint8_t type;
	uint8_t subtype;	    /* of ORGANISATION, else 0 */
	uint32_t organisation;	    /* the same: its 24 bits */
	uint16_t at;		    /* where its header stands */
	struct ph_lldp_bytes value; /* behind organisation and subtype */
};

/* -EBADMSG; `out` is not to be used then. */
int ph_lldp_read(struct ph_lldp *out, const uint8_t *data, size_t length);
/* Walks the TLVs of an LLDPDU that was read, from `*at` 0 on; End is the
 * last. False: none is left. */
bool ph_lldp_next(
	const struct ph_lldp *lldp, uint16_t *at, struct ph_lldp_tlv *out);

/* For showing: a MAC, a network address, else the text with what is not
 * printable ASCII as '.', or hexadecimal when most of it is not. Cut to fit.
 * Both return `out`. */
char *ph_lldp_chassis_text(
	const struct ph_lldp_id *chassis, char *out, size_t size);
char *ph_lldp_port_text(const struct ph_lldp_id *port, char *out, size_t size);
char *ph_lldp_address_text(
	const struct ph_lldp_address *address, char *out, size_t size);
char *ph_lldp_bytes_text(struct ph_lldp_bytes bytes, char *out, size_t size);

/*
 * Writing. Sticky: what does not fit, or stands where it must not, makes the
 * end fail; nobody needs to look before.
 */
struct ph_lldp_writer {
	uint8_t *out;
	size_t size;
	size_t at;
	size_t begin; /* of the TLV that is open */
	bool open;
	unsigned next; /* which of the first three is due; 4: none */
	bool failed;
};

void ph_lldp_write(struct ph_lldp_writer *writer, uint8_t *out, size_t size);
void ph_lldp_begin(struct ph_lldp_writer *writer, enum ph_lldp_type type);
void ph_lldp_begin_organisation(
	struct ph_lldp_writer *writer, uint32_t organisation, uint8_t subtype);
void ph_lldp_put(
	struct ph_lldp_writer *writer, const void *data, size_t length);
/* The low `bytes` (1..8) of it, highest first. */
void ph_lldp_put_number(
	struct ph_lldp_writer *writer, uint64_t number, unsigned bytes);
void ph_lldp_finish(struct ph_lldp_writer *writer);
/* begin, put, finish. */
void ph_lldp_put_tlv(struct ph_lldp_writer *writer, enum ph_lldp_type type,
	const void *data, size_t length);
/* Interface numbering "unknown", no OID. `length` 1..31. */
void ph_lldp_put_management(struct ph_lldp_writer *writer, uint8_t family,
	const void *address, size_t length);
/* Writes End. The length, or -EMSGSIZE. */
int ph_lldp_end(struct ph_lldp_writer *writer);

/* Numbers in network order, at `data`. */
uint64_t ph_lldp_number(const uint8_t *data, unsigned bytes);

/*
 * The frame on an Ethernet: destination, source, 88cc, LLDPDU.
 */
#define PH_LLDP_ETHERTYPE 0x88ccu
#define PH_LLDP_HEADER	  14u

/* Where nearest bridges listen (they keep it), and where bridges pass it. */
extern const uint8_t ph_lldp_nearest_bridge[6];	  /* 01-80-c2-00-00-0e */
extern const uint8_t ph_lldp_nearest_customer[6]; /* 01-80-c2-00-00-00 */

void ph_lldp_frame_write(uint8_t out[PH_LLDP_HEADER],
	const uint8_t destination[6], const uint8_t source[6]);
/* Untagged, or behind one VLAN or priority tag. -EBADMSG: no such frame. */
int ph_lldp_frame_read(const uint8_t *frame, size_t length, uint8_t source[6],
	struct ph_lldp_bytes *lldpdu);

#endif
