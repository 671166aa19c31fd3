#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/options.h"

/* --http-token and --http-origin of `up`. */

int ph_options_http_token(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->http_token =
		!text || (strcmp(text, "0") != 0 && strcmp(text, "no") != 0);
	return 0;
}

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits < 6 && !text[digits] && text[0] != '0' &&
	       atoi(text) < 65536;
}

/* HOST[:PORT], nothing behind it. */
static bool is_host(const char *text)
{
	size_t length;

	if (text[0] == '[') {
		length = strspn(text + 1, "0123456789abcdef:.") + 1;
		if (length < 4 || text[length++] != ']')
			return false;
	} else {
		length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-");
		if (!length)
			return false;
	}
	return !text[length] ||
	       (text[length] == ':' && is_port(text + length + 1));
}

/* A browser leaves the scheme's own port away. */
static void drop_port(char *origin, const char *scheme, const char *port)
{
	size_t length = strlen(origin);
	size_t behind = strlen(port);

	if (!strncmp(origin, scheme, strlen(scheme)) && length > behind &&
		!strcmp(origin + length - behind, port))
		origin[length - behind] = 0;
}

static bool take_origin(char *out, const char *text, size_t length)
{
	size_t scheme;

	if (length >= PH_OPTIONS_ORIGIN)
		return false;
	for (size_t i = 0; i < length; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	out[length] = 0;
	scheme = !strncmp(out, "https://", 8)  ? 8
		 : !strncmp(out, "http://", 7) ? 7
					       : 0;
	if (!scheme || !is_host(out + scheme))
		return false;
	drop_port(out, "https:", ":443");
	drop_port(out, "http:", ":80");
	return true;
}

int ph_options_http_origin(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	do {
		size_t length = strcspn(text, ",");

		if (options->http_origins == PH_OPTIONS_ORIGINS)
			return ph_fail(error, PH_EXIT_USAGE, "--http-origin",
				"fewer of them", "more than %d origins",
				PH_OPTIONS_ORIGINS);
		if (!take_origin(options->http_origin[options->http_origins],
			    text, length))
			return ph_fail(error, PH_EXIT_USAGE, "--http-origin",
				"https://HOST or https://HOST:PORT, as the "
				"browser shows it, without a path",
				"not valid: '%.*s'", (int)length, text);
		options->http_origins++;
		text += length + (text[length] == ',');
	} while (*text);
	/* Whoever comes through the proxy comes from the loopback. */
	options->http_token = true;
	return 0;
}
