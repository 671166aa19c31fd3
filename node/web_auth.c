#include "node/web_auth.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_host(const char *host, const char *name, uint16_t port)
{
	char exact[300];

	snprintf(exact, sizeof(exact), strchr(name, ':') ? "[%s]:%u" : "%s:%u",
		name, port);
	if (!strcasecmp(host, exact))
		return true;
	/* Browsers leave the scheme's own port away. */
	return port == 80 && !strncasecmp(host, exact, strlen(host)) &&
	       strlen(host) + 3 == strlen(exact);
}

static bool host_is_ours(const struct web_claim *claim)
{
	uint16_t port = claim->peer->port;

	if (claim->peer->has_uid)
		return true; /* no browser comes by a unix socket */
	if (claim->peer->local[0] &&
		is_host(claim->host, claim->peer->local, port))
		return true;
	return claim->peer->loopback &&
	       (is_host(claim->host, "localhost", port) ||
		       is_host(claim->host, "127.0.0.1", port) ||
		       is_host(claim->host, "::1", port));
}

bool web_auth_origin(const struct web_claim *claim, const char **why)
{
	char exact[300];

	*why = "the Host header is not an address of this node";
	if (!host_is_ours(claim))
		return false;
	*why = "a page of another origin asks";
	snprintf(exact, sizeof(exact), "http://%s", claim->host);
	if (claim->origin[0] && strcasecmp(claim->origin, exact) != 0)
		return false;
	return !claim->fetch_site[0] ||
	       !strcmp(claim->fetch_site, "same-origin") ||
	       !strcmp(claim->fetch_site, "none");
}

static bool only_looks(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD");
}

int web_auth_role(const struct web_claim *claim, enum web_token_state state,
	enum ph_role token, const char **why)
{
	*why = "the token is not one of this node, or no more";
	if (state == WEB_TOKEN_BAD)
		return -1;
	if (state == WEB_TOKEN_GOOD)
		return (int)token;
	*why = "the unix socket belongs to another user";
	if (claim->peer->has_uid)
		return claim->peer->uid == claim->uid || !claim->peer->uid
			       ? (int)PH_ROLE_EXEC
			       : -1;
	*why = "this takes a token";
	return claim->peer->loopback && !claim->always &&
			       only_looks(claim->method)
		       ? (int)PH_ROLE_VIEW
		       : -1;
}

const char *web_auth_bearer(const char *header)
{
	if (strncasecmp(header, "Bearer ", 7) != 0)
		return header[0] ? header : NULL;
	return header + 7;
}
