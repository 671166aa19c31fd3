#ifndef PH_NODE_WEB_AUTH_H
#define PH_NODE_WEB_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "node/options.h"
#include "proto/calls.h"
#include "transport/http.h"

/*
 * Who may ask what over HTTP. Pure.
 *
 *   unix socket       by the uid of the peer: this user's and root's may all
 *   token             what its role says, from anywhere it may connect from
 *   loopback, none    may look (GET), nothing else; not even that when
 *                     --http-token says so
 *
 * What a proxy passes on takes a token in any case: by the socket or the
 * loopback comes the proxy, not who asks.
 *
 * A page of another origin gets nothing, whatever it has: Host must be an
 * address of this listener or localhost, with its port, to the letter (a name
 * that was made to resolve to us is not); Origin, where there is one, must be
 * http:// and that Host; Sec-Fetch-Site must not say that it is another's.
 * Or Host and Origin are those of --http-origin, both of the same one.
 */
struct web_claim {
	const struct ph_http_peer *peer;
	const char *method;
	const char *host;
	const char *origin;
	const char *fetch_site;
	uint32_t uid;	/* of this node */
	bool always;	/* looking takes a token, too */
	bool passed_on; /* by a proxy */
	/* --http-origin */
	const char (*origins)[PH_OPTIONS_ORIGIN];
	unsigned origin_count;
};

enum web_token_state {
	WEB_TOKEN_NONE,
	WEB_TOKEN_BAD, /* unknown, malformed, expired, revoked */
	WEB_TOKEN_GOOD
};

/* False: of another origin; *why says what is wrong. */
bool web_auth_origin(const struct web_claim *claim, const char **why);
/* The Host is that of an --http-origin: a proxy has passed it on. */
bool web_auth_is_published(const struct web_claim *claim);
/* The role; -1 and *why: none. */
int web_auth_role(const struct web_claim *claim, enum web_token_state state,
	enum ph_role token, const char **why);
/* The token of an Authorization header ("Bearer T"); NULL: none there. */
const char *web_auth_bearer(const char *header);

#endif
