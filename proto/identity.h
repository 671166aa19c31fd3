#ifndef PH_PROTO_IDENTITY_H
#define PH_PROTO_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

/*
 * Who a guest is: `fqdn:servername:classHex:owner:authFlag:authMechanism:uuid`,
 * seven fields, at most 512 bytes, canonical: printing what was parsed gives
 * the same bytes back.
 *
 *   fqdn           [a-z0-9.-]{1,253}
 *   servername     a name (proto/address.h), 1..39
 *   classHex       1..8 lower-case hex digits, no leading zero but "0"
 *   owner          [A-Za-z0-9._@-]{1,64}
 *   authFlag       yes | no | optional
 *   authMechanism  [a-z0-9-]{1,32}
 *   uuid           canonical lower case, 8-4-4-4-12
 */
enum ph_auth {
	PH_AUTH_NO,
	PH_AUTH_OPTIONAL,
	PH_AUTH_YES
};

struct ph_identity {
	char fqdn[254];
	char server[40];
	uint32_t class;
	char owner[65];
	enum ph_auth auth;
	char mechanism[33];
	char uuid[37];
};

#define PH_IDENTITY_MAX 512

/* -EINVAL or -E2BIG; `out` untouched then. */
int ph_identity_parse(struct ph_identity *out, const char *text, size_t length);
/* Which rule a text breaks, in words; NULL: none. */
const char *ph_identity_fault(const char *text, size_t length);
/* Returns the length, or -EINVAL when a field is not canonical. */
int ph_identity_format(
	const struct ph_identity *identity, char *out, size_t size);

/* Node ids: BLAKE2b-128 of the Ed25519 public key, as 32 hex digits. */
#define PH_NODE_ID_BYTES 16
#define PH_NODE_ID_TEXT	 33
#define PH_PUBLIC_KEY	 32

void ph_node_id(uint8_t id[PH_NODE_ID_BYTES], const uint8_t key[PH_PUBLIC_KEY]);
char *ph_node_id_text(
	char out[PH_NODE_ID_TEXT], const uint8_t key[PH_PUBLIC_KEY]);
/* RFC 4122 version 5 style: stable for (node key, server name). */
void ph_server_uuid(
	char out[37], const uint8_t key[PH_PUBLIC_KEY], const char *server);

#endif
