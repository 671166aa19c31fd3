#include "proto/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A number without sign or leading zero, the whole of the text. */
static int parse_number(uint64_t *out, const char *text, size_t length)
{
	uint64_t value = 0;

	if (!length || length > 20 || (length > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < length; i++) {
		if (!is_digit(text[i]) ||
			__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, text[i] - '0', &value))
			return -EINVAL;
	}
	*out = value;
	return 0;
}

static int parse_port(uint16_t *port, const char *text)
{
	uint64_t value;

	if (parse_number(&value, text, strlen(text)) || value > UINT16_MAX)
		return -EINVAL;
	*port = (uint16_t)value;
	return 0;
}

/* An interface name behind the % of fe80::1%eth0. */
static bool is_zone(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (!is_alnum(text[i]) && !strchr("._-", text[i]))
			return false;
	return length > 0 && length < 16;
}

static bool is_v6(const char *host)
{
	char literal[INET6_ADDRSTRLEN];
	const char *zone = strchr(host, '%');
	size_t length = zone ? (size_t)(zone - host) : strlen(host);
	struct in6_addr ignored;

	if (length >= sizeof(literal) || (zone && !is_zone(zone + 1)))
		return false;
	memcpy(literal, host, length);
	literal[length] = '\0';
	return inet_pton(AF_INET6, literal, &ignored) == 1;
}

static bool is_host(const char *host)
{
	for (const char *c = host; *c; c++)
		if (!is_alnum(*c) && !strchr("._-", *c))
			return false;
	return host[0] != '-' && host[0] != '.';
}

static int take_host(
	struct ph_address *address, const char *text, size_t length)
{
	if (length >= sizeof(address->host))
		return -ENAMETOOLONG;
	memcpy(address->host, text, length);
	address->host[length] = '\0';
	return 0;
}

static int parse_path(struct ph_address *address, const char *path)
{
	if (path[0] != '/')
		return -EINVAL;
	for (const char *c = path; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return -EINVAL;
	return take_host(address, path, strlen(path));
}

static int parse_name(struct ph_address *address, const char *name)
{
	size_t length = strlen(name);

	if (!ph_name_is_valid(name, length))
		return length > PH_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
	return take_host(address, name, length);
}

/* Schemes that must be named. */
static const struct local {
	const char *prefix;
	enum ph_address_scheme scheme;
	int (*parse)(struct ph_address *address, const char *text);
} locals[] = {
	{"unix:", PH_ADDRESS_UNIX, parse_path},
	{"shm:", PH_ADDRESS_SHM, parse_path},
	{"inproc:", PH_ADDRESS_INPROC, parse_name},
};

/* Those that stand in front of a host and a port. */
static const struct {
	const char *prefix;
	enum ph_address_scheme scheme;
	uint16_t port; /* when none is said */
} remotes[] = {
	{"tcp://", PH_ADDRESS_TCP, PH_PORT},
	{"ws://", PH_ADDRESS_WS, PH_PORT + 1},
	{"wss://", PH_ADDRESS_WSS, 443},
};

#define REMOTES (sizeof(remotes) / sizeof(*remotes))

#define LOCALS (sizeof(locals) / sizeof(*locals))

static const struct local *local_by_prefix(const char *text)
{
	for (size_t i = 0; i < LOCALS; i++)
		if (!strncmp(text, locals[i].prefix, strlen(locals[i].prefix)))
			return &locals[i];
	return NULL;
}

static const struct local *local_by_scheme(enum ph_address_scheme scheme)
{
	for (size_t i = 0; i < LOCALS; i++)
		if (scheme == locals[i].scheme)
			return &locals[i];
	return NULL;
}

/* A host called like a scheme. */
static bool is_scheme(const char *host)
{
	for (size_t i = 0; i < LOCALS; i++)
		if (strlen(host) + 1 == strlen(locals[i].prefix) &&
			!strncmp(host, locals[i].prefix, strlen(host)))
			return true;
	return false;
}

/* [v6] or [v6]:port, behind the opening bracket. */
static int parse_bracket(struct ph_address *address, const char *text)
{
	const char *end = strchr(text, ']');
	int error;

	if (!end)
		return -EINVAL;
	error = take_host(address, text, (size_t)(end - text));
	if (error)
		return error;
	if (!is_v6(address->host))
		return -EINVAL;
	if (!end[1])
		return 0;
	return end[1] == ':' ? parse_port(&address->port, end + 2) : -EINVAL;
}

static int parse_tcp(struct ph_address *address, const char *text)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	int error;

	if (text[0] == '[')
		return parse_bracket(address, text + 1);
	/* v6 without brackets: where would its port begin? */
	if (!text[0] || (colon && strchr(colon + 1, ':')))
		return -EINVAL;
	error = take_host(address, text, length);
	if (error)
		return error;
	if (!is_host(address->host))
		return -EINVAL;
	return colon ? parse_port(&address->port, colon + 1) : 0;
}

static const struct {
	const char *name;
	enum ph_address_scheme scheme;
} vias[] = {
	{"tcp", PH_ADDRESS_TCP},
	{"tls", PH_ADDRESS_TCP},
	{"unix", PH_ADDRESS_UNIX},
	{"ws", PH_ADDRESS_WS},
	{"wss", PH_ADDRESS_WSS},
};

bool ph_via_is_known(const char *via)
{
	for (size_t i = 0; i < sizeof(vias) / sizeof(vias[0]); i++) {
		if (!strcmp(via, vias[i].name))
			return true;
	}
	return false;
}

bool ph_via_is(const char *via, enum ph_address_scheme scheme)
{
	for (size_t i = 0; i < sizeof(vias) / sizeof(vias[0]); i++) {
		if (!strcmp(via, vias[i].name))
			return vias[i].scheme == scheme;
	}
	return !*via;
}

int ph_address_parse(struct ph_address *out, const char *text)
{
	struct ph_address read = {.scheme = PH_ADDRESS_TCP, .port = PH_PORT};
	const struct local *local = local_by_prefix(text);
	int error;

	if (local) {
		read.port = 0;
		read.scheme = local->scheme;
		error = local->parse(&read, text + strlen(local->prefix));
	} else {
		for (size_t i = 0; i < REMOTES; i++) {
			size_t length = strlen(remotes[i].prefix);

			if (strncmp(text, remotes[i].prefix, length) != 0)
				continue;
			read.scheme = remotes[i].scheme;
			read.port = remotes[i].port;
			text += length;
			break;
		}
		error = parse_tcp(&read, text);
	}
	if (!error)
		*out = read;
	return error;
}

char *ph_address_format(
	const struct ph_address *address, char *out, size_t size)
{
	const struct local *local = local_by_scheme(address->scheme);
	const char *prefix = "";

	/* A host called unix must not read as a scheme. */
	if (address->scheme == PH_ADDRESS_WS)
		prefix = "ws://";
	else if (address->scheme == PH_ADDRESS_WSS)
		prefix = "wss://";
	else if (is_scheme(address->host))
		prefix = "tcp://";
	if (local)
		snprintf(out, size, "%s%s", local->prefix, address->host);
	else if (strchr(address->host, ':'))
		snprintf(out, size, "%s[%s]:%u", prefix, address->host,
			address->port);
	else
		snprintf(out, size, "%s%s:%u", prefix, address->host,
			address->port);
	return out;
}

bool ph_address_is_local(const struct ph_address *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (!ph_scheme_is_ip(address->scheme))
		return true;
	if (!strcasecmp(address->host, "localhost"))
		return true;
	if (inet_pton(AF_INET, address->host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, address->host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return false;
}

static bool is_tellable_v4(uint32_t v4)
{
	return v4 >> 24 != 127 && v4 >> 24 != 0 && v4 >> 28 != 14 &&
	       v4 != UINT32_MAX && v4 >> 16 != (169 << 8 | 254);
}

bool ph_address_is_tellable(const struct ph_address *address)
{
	struct in_addr v4;
	struct in6_addr v6;
	uint32_t mapped;

	/* With a zone it is one link's, whatever it is. */
	if (ph_address_is_local(address) || !address->host[0] ||
		strchr(address->host, '%'))
		return false;
	if (inet_pton(AF_INET, address->host, &v4) == 1)
		return is_tellable_v4(ntohl(v4.s_addr));
	if (inet_pton(AF_INET6, address->host, &v6) != 1)
		return true;
	memcpy(&mapped, v6.s6_addr + 12, sizeof(mapped));
	if (IN6_IS_ADDR_V4MAPPED(&v6) || IN6_IS_ADDR_V4COMPAT(&v6))
		return is_tellable_v4(ntohl(mapped));
	return !IN6_IS_ADDR_UNSPECIFIED(&v6) && !IN6_IS_ADDR_MULTICAST(&v6) &&
	       !IN6_IS_ADDR_LINKLOCAL(&v6);
}

bool ph_name_is_valid(const char *text, size_t length)
{
	if (!length || length > PH_NAME_MAX || !is_alnum(text[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!is_alnum(text[i]) && text[i] != '.' && text[i] != '_' &&
			text[i] != '-')
			return false;
	return true;
}

static int take_name(char out[PH_NAME_MAX + 1], const char *text, size_t length)
{
	if (!ph_name_is_valid(text, length))
		return length > PH_NAME_MAX ? -ENAMETOOLONG : -EINVAL;
	memcpy(out, text, length);
	out[length] = '\0';
	return 0;
}

int ph_place_parse(struct ph_place *out, const char *text)
{
	struct ph_place read = {0};
	const char *slash = strchr(text, '/');
	const char *server = slash ? slash + 1 : text;
	const char *colon = strchr(server, ':');
	int error = 0;

	if (slash)
		error = take_name(read.node, text, (size_t)(slash - text));
	if (!error)
		error = take_name(read.server, server,
			colon ? (size_t)(colon - server) : strlen(server));
	if (!error && colon)
		error = take_name(read.terminal, colon + 1, strlen(colon + 1));
	if (!error)
		*out = read;
	return error;
}

char *ph_place_format(const struct ph_place *place, char *out, size_t size)
{
	snprintf(out, size, "%s%s%s%s%s", place->node,
		place->node[0] ? "/" : "", place->server,
		place->terminal[0] ? ":" : "", place->terminal);
	return out;
}

int ph_connection_id_parse(struct ph_connection_id *out, const char *text)
{
	struct ph_connection_id read;
	const char *hash = strchr(text, '#');
	const char *dot = hash ? strchr(hash, '.') : NULL;
	int error;

	if (!dot)
		return -EINVAL;
	error = take_name(read.node, text, (size_t)(hash - text));
	if (!error)
		error = parse_number(
			&read.epoch, hash + 1, (size_t)(dot - hash - 1));
	if (!error)
		error = parse_number(&read.sequence, dot + 1, strlen(dot + 1));
	if (!error)
		*out = read;
	return error;
}

char *ph_connection_id_format(
	const struct ph_connection_id *id, char *out, size_t size)
{
	snprintf(out, size, "%s#%" PRIu64 ".%" PRIu64, id->node, id->epoch,
		id->sequence);
	return out;
}
