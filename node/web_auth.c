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

static bool has_host(const char *origin, const char *host)
{
	return !strcasecmp(strstr(origin, "://") + 3, host);
}

bool web_auth_is_published(const struct web_claim *claim)
{
	for (unsigned i = 0; i < claim->origin_count; i++)
		if (has_host(claim->origins[i], claim->host))
			return true;
	return false;
}

/* The Origin is one that this Host may have. */
static bool origin_fits(const struct web_claim *claim)
{
	char exact[300];

	if (!claim->origin[0])
		return true;
	for (unsigned i = 0; i < claim->origin_count; i++)
		if (has_host(claim->origins[i], claim->host) &&
			!strcasecmp(claim->origin, claim->origins[i]))
			return true;
	snprintf(exact, sizeof(exact), "http://%s", claim->host);
	return host_is_ours(claim) && !strcasecmp(claim->origin, exact);
}

bool web_auth_origin(const struct web_claim *claim, const char **why)
{
	*why = "the Host header is not an address of this node";
	if (!host_is_ours(claim) && !web_auth_is_published(claim))
		return false;
	*why = "a page of another origin asks";
	if (!origin_fits(claim))
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
	*why = "what a proxy passes on takes a token";
	if (claim->passed_on)
		return -1;
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
