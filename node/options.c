#include "node/options.h"
#include "proto/socket_path.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Every flag of `up` once: its letter or name, the variable that stands in for
 * it, what it means. Values from the environment are read through the same
 * functions.
 */
struct flag {
	const char *name;
	const char *variable; /* NULL: none */
	const char *value;    /* how its value is called; NULL: a switch */
	int (*read)(struct ph_options *options, const char *text,
		struct ph_error *error);
	const char *sentence;
};

static int bad(struct ph_error *error, const char *flag, const char *text,
	const char *next)
{
	return ph_fail(
		error, PH_EXIT_USAGE, flag, next, "not valid: '%s'", text);
}

static int read_wiring(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->wiring = text;
	return 0;
}

static int read_name(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	if (!ph_name_is_valid(text, strlen(text)))
		return bad(error, "--name", text,
			"letters, digits, . _ - and at most 39 of them");
	snprintf(options->name, sizeof(options->name), "%s", text);
	return 0;
}

static int read_state(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	if (!text[0] || strlen(text) >= sizeof(options->state))
		return bad(error, "--state", text, "a shorter path");
	snprintf(options->state, sizeof(options->state), "%s", text);
	return 0;
}

static int read_address(struct ph_address *list, unsigned *count, unsigned most,
	const char *flag, const char *text, struct ph_error *error)
{
	if (*count == most)
		return bad(error, flag, text, "fewer of them");
	if (ph_address_parse(&list[*count], text))
		return bad(error, flag, text,
			"HOST:PORT, [V6]:PORT, :PORT or unix:/PATH");
	(*count)++;
	return 0;
}

/* One value, or several with commas (environment). */
static int read_addresses(struct ph_address *list, unsigned *count,
	unsigned most, const char *flag, const char *text,
	struct ph_error *error)
{
	char one[128];

	while (*text) {
		size_t length = strcspn(text, ",");

		if (length >= sizeof(one))
			return bad(error, flag, text, "a shorter address");
		memcpy(one, text, length);
		one[length] = 0;
		if (read_address(list, count, most, flag, one, error))
			return -1;
		text += length + (text[length] == ',');
	}
	return 0;
}

static int read_listen(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	return read_addresses(options->listen, &options->listens,
		PH_OPTIONS_LISTEN, "--listen", text, error);
}

static int read_join(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	return read_addresses(options->join, &options->joins, PH_OPTIONS_JOIN,
		"--join", text, error);
}

static int read_passphrase(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->passphrase_file = text;
	return 0;
}

static int read_local(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	if (text && (!strcmp(text, "0") || !strcmp(text, "no")))
		return 0;
	options->listens = 0;
	return read_listen(options, "127.0.0.1:7678,[::1]:7678", error);
}

static int read_role(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	int role = ph_role_parse(text);

	if (role < 0)
		return bad(error, "--peer-role", text,
			"view, operate, wire or exec");
	options->peer_role = (enum ph_role)role;
	return 0;
}

static int read_socket(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	if (!text[0] || strlen(text) >= sizeof(options->socket))
		return bad(
			error, "--socket", text, "a path of at most 107 bytes");
	snprintf(options->socket, sizeof(options->socket), "%s", text);
	return 0;
}

static int read_log(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};

	for (unsigned i = 0; i < 4; i++) {
		if (!strcmp(text, names[i])) {
			options->log = (enum ph_log_level)i;
			return 0;
		}
	}
	return bad(error, "--log", text, "error, warn, info or debug");
}

/* `off`, or addresses. */
static int read_http(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->http_asked = true;
	if (!strcmp(text, "off")) {
		options->https = 0;
		return 0;
	}
	return read_addresses(options->http, &options->https, PH_OPTIONS_HTTP,
		"--http", text, error);
}

static const struct flag flags[] = {
	{"file", "POSTHOUSE_WIRING", "WIRING", read_wiring,
		"apply this wiring file (-f)"},
	{"name", "POSTHOUSE_NAME", "NAME", read_name,
		"this node's name (default: the host's)"},
	{"state", "POSTHOUSE_STATE", "DIR", read_state,
		"where it keeps its key, passphrase and database"},
	{"listen", "POSTHOUSE_LISTEN", "ADDR", read_listen,
		"where peers find it: HOST:PORT, ws://HOST:PORT, "
		"wss://HOST:PORT or unix:PATH, may be repeated (default "
		"[::]:7678)"},
	{"join", "POSTHOUSE_JOIN", "HOST:PORT", read_join,
		"where another node of the mesh is, may be repeated"},
	{"dial-allow", "POSTHOUSE_DIAL_ALLOW", "CIDR", ph_options_dial_allow,
		"where else than in this host's networks nodes may be dialled "
		"on a peer's word, may be repeated"},
	{"passphrase-file", "POSTHOUSE_PASSPHRASE_FILE", "FILE",
		read_passphrase,
		"where the mesh's passphrase is, 0600 or /dev/fd/N (default: "
		"passphrase in --state)"},
	{"local", "POSTHOUSE_LOCAL", NULL, read_local,
		"listen on the loopback only"},
	{"peer-role", "POSTHOUSE_PEER_ROLE", "view|operate|wire|exec",
		read_role,
		"what new peers may do here (default exec: the passphrase is "
		"then a shell on this node)"},
	{"socket", "POSTHOUSE_SOCKET", "PATH", read_socket,
		"where commands find this node"},
	{"log", "POSTHOUSE_LOG", "error|warn|info|debug", read_log,
		"what goes to stderr (default info)"},
	{"discovery", "POSTHOUSE_DISCOVERY", "on|off|IF", ph_options_discovery,
		"find the other nodes, on every network or on those named "
		"(IF,IF); off sends nothing (default on)"},
	{"l2", "POSTHOUSE_L2", "off|listen|emit", ph_options_l2,
		"real LLDP frames (default off; needs CAP_NET_RAW)"},
	{"cap", "POSTHOUSE_CAP", "K[=V]", ph_options_cap,
		"what this node can, may be repeated"},
	{"http-token", "POSTHOUSE_HTTP_TOKEN", NULL, ph_options_http_token,
		"looking by HTTP takes a token from the loopback, too: for a "
		"node behind a proxy"},
	{"http-origin", "POSTHOUSE_HTTP_ORIGIN", "URL", ph_options_http_origin,
		"where the page is behind a proxy, as https://ops.example, may "
		"be repeated; includes --http-token"},
	{"http", "POSTHOUSE_HTTP", "A:P|off", read_http,
		"HTTP and the page: an address or unix:PATH, may be repeated "
		"(default 127.0.0.1:7679)"},
	{"beacon-range", "POSTHOUSE_BEACON_RANGE", "A-B",
		ph_options_beacon_range,
		"ports where probes find this node while one runs (default "
		"20000-20099)"},
	{"beacon", "POSTHOUSE_BEACON", "loop|process", ph_options_beacon,
		"where its answering side runs (default loop)"},
	{"probe-peers", "POSTHOUSE_PROBE_PEERS", "on|off",
		ph_options_probe_peers,
		"probes to and from other nodes; both must say on (default "
		"off)"},
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

bool ph_options_flag(struct ph_flag *out, size_t index)
{
	if (index >= FLAGS)
		return false;
	out->name = flags[index].name;
	out->variable = flags[index].variable;
	out->value = flags[index].value;
	out->sentence = flags[index].sentence;
	return true;
}

static void default_name(struct ph_options *options)
{
	char host[256] = "";

	gethostname(host, sizeof(host) - 1);
	host[strcspn(host, ".")] = 0;
	host[PH_NAME_MAX] = 0;
	if (!ph_name_is_valid(host, strlen(host)))
		snprintf(host, sizeof(host), "node");
	memcpy(options->name, host, sizeof(options->name));
}

static void default_state(struct ph_options *options)
{
	const char *given = getenv("STATE_DIRECTORY");
	const char *xdg = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	char *out = options->state;
	size_t size = sizeof(options->state);

	if (given && given[0])
		snprintf(out, size, "%.*s", (int)strcspn(given, ":"), given);
	else if (xdg && xdg[0])
		snprintf(out, size, "%s/posthouse", xdg);
	else if (geteuid() == 0 || !home)
		snprintf(out, size, "/var/lib/posthouse");
	else
		snprintf(out, size, "%s/.local/state/posthouse", home);
}

static int read_environment(struct ph_options *options, struct ph_error *error)
{
	for (size_t i = 0; i < FLAGS; i++) {
		const char *text =
			flags[i].variable ? getenv(flags[i].variable) : NULL;

		if (text && text[0] && flags[i].read(options, text, error))
			return -1;
	}
	return 0;
}

/* A list that is given by flag replaces the environment's. */
static void flag_replaces(
	struct ph_options *options, const char *name, unsigned *seen)
{
	if (!strcmp(name, "listen") && !(*seen & 1)) {
		options->listens = 0;
		*seen |= 1;
	} else if (!strcmp(name, "join") && !(*seen & 2)) {
		options->joins = 0;
		*seen |= 2;
	} else if (!strcmp(name, "cap") && !(*seen & 4)) {
		options->caps = 0;
		*seen |= 4;
	} else if (!strcmp(name, "dial-allow") && !(*seen & 8)) {
		options->dial_allows = 0;
		*seen |= 8;
	} else if (!strcmp(name, "http") && !(*seen & 16)) {
		options->https = 0;
		*seen |= 16;
	} else if (!strcmp(name, "http-origin") && !(*seen & 32)) {
		options->http_origins = 0;
		*seen |= 32;
	}
}

static int read_flags(struct ph_options *options, int argc, char **argv,
	struct ph_error *error)
{
	struct option table[FLAGS + 1] = {0};
	unsigned seen = 0;
	int index;
	int code;

	for (size_t i = 0; i < FLAGS; i++) {
		table[i].name = flags[i].name;
		table[i].has_arg = flags[i].value != NULL;
		table[i].val = 1;
	}
	opterr = 0;
	optind = 1;
	while ((code = getopt_long(argc, argv, ":f:", table, &index)) != -1) {
		if (code == 'f') {
			options->wiring = optarg;
			continue;
		}
		if (code != 1)
			return ph_fail(error, PH_EXIT_USAGE, argv[optind - 1],
				"posthouse up --help lists the flags",
				code == ':' ? "the flag needs a value"
					    : "no such flag");
		flag_replaces(options, flags[index].name, &seen);
		if (flags[index].read(options, optarg, error))
			return -1;
	}
	if (optind < argc)
		return ph_fail(error, PH_EXIT_USAGE, argv[optind],
			"posthouse up --help lists the flags",
			"up takes flags only");
	return 0;
}

int ph_options_read(
	struct ph_options *out, int argc, char **argv, struct ph_error *error)
{
	*out = (struct ph_options){.peer_role = PH_ROLE_EXEC,
		.log = PH_LOG_INFO,
		.discovery = true,
		.beacon_range = {20000, 20099}};
	default_name(out);
	default_state(out);
	ph_socket_path(out->socket, sizeof(out->socket), NULL);
	if (read_environment(out, error) || read_flags(out, argc, argv, error))
		return -1;
	if (!out->http_asked &&
		read_addresses(out->http, &out->https, PH_OPTIONS_HTTP,
			"--http", "127.0.0.1:7679", error))
		return -1;
	if (!out->listens)
		return read_listen(out, "[::]:7678", error);
	return 0;
}
