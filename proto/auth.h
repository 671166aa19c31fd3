#ifndef PH_PROTO_AUTH_H
#define PH_PROTO_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/calls.h"
#include "proto/error.h"
#include "proto/identity.h"

/*
 * What a server asks of those who book it, as it stands behind `auth:` in
 * wiring files and manifests. Its flag and mechanism are the fields authFlag
 * and authMechanism of the server's identity.
 *
 *   no                            whoever may wire (mechanism none)
 *   yes                           as `yes peer`
 *   yes peer [role=R] [from=A,B]  a peer that proved its key and is pinned with
 *                                 role R or more (default exec); with from=,
 *                                 only those nodes. This node always may.
 *   yes token HEX                 whoever brings the token of which HEX is the
 *                                 BLAKE2b-256 (`b2sum -l 256`), this node too
 *   optional ...                  what is brought must be right; who brings
 *                                 nothing is let in all the same
 *
 * Tokens are random words, not passwords: their digest is public.
 */
#define PH_AUTH_NODES  8u  /* behind from= */
#define PH_AUTH_DIGEST 32u /* bytes */
#define PH_AUTH_TOKEN  256 /* bytes of a token, at most */
#define PH_AUTH_TEXT   512 /* of a rule */

enum ph_mechanism {
	PH_MECHANISM_NONE,
	PH_MECHANISM_PEER,
	PH_MECHANISM_TOKEN,
};

struct ph_auth_rule {
	enum ph_auth flag;
	enum ph_mechanism mechanism;
	enum ph_role role;
	unsigned node_count;
	char nodes[PH_AUTH_NODES][40];
	uint8_t digest[PH_AUTH_DIGEST];
};

/* Who asks, and what it brought. */
struct ph_auth_claim {
	bool here; /* this node itself, or its command line */
	enum ph_role role;
	const char *node;
	const char *token; /* NULL: none */
	size_t length;
};

/* 0, or -1 with the error told: exit 6 for a mechanism that does not exist, 78
 * for anything else. */
int ph_auth_rule_parse(struct ph_auth_rule *out, const char *text,
	size_t length, struct ph_error *error);
/* Canonical: parse(format(r)) == r. Returns out. */
char *ph_auth_rule_format(
	const struct ph_auth_rule *rule, char *out, size_t size);
/* "none" "peer" "token"; -ENOENT. */
int ph_mechanism_parse(const char *text);
const char *ph_mechanism_name(enum ph_mechanism mechanism);
/* "no" "optional" "yes". */
const char *ph_auth_name(enum ph_auth flag);
/* Whether the identity says what the rule does. */
bool ph_auth_rule_agrees(
	const struct ph_auth_rule *rule, const struct ph_identity *identity);
/* 0, or -1 with the error told (exit 6); `where` is what is asked for. */
int ph_auth_admit(const struct ph_auth_rule *rule,
	const struct ph_auth_claim *claim, const char *where,
	struct ph_error *error);

#endif
