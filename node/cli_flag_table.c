#include <stdlib.h>

#include "node/cli_flags.h"
#include "node/options.h"
#include "proto/server.h"

static int take_socket(struct ph_cli *cli, const char *text)
{
	cli->socket = text;
	return 0;
}

static int take_node(struct ph_cli *cli, const char *text)
{
	cli->node = text;
	return 0;
}

static int take_json(struct ph_cli *cli, const char *text)
{
	cli->json = true;
	return 0;
}

static int take_follow(struct ph_cli *cli, const char *text)
{
	cli->follow = true;
	return 0;
}

static int take_watch(struct ph_cli *cli, const char *text)
{
	cli->watch = true;
	return 0;
}

/* `--wait`, or `--wait T`. */
static int take_wait(struct ph_cli *cli, const char *text)
{
	cli->watch = !text;
	return text ? ph_parse_duration(&cli->wait, text) : 0;
}

static int take_auth_file(struct ph_cli *cli, const char *text)
{
	cli->auth_file = text;
	return 0;
}

static int take_timeout(struct ph_cli *cli, const char *text)
{
	cli->timed = true;
	return ph_parse_duration(&cli->timeout, text);
}

static int take_count(struct ph_cli *cli, const char *text)
{
	char *end;

	cli->count = strtol(text, &end, 10);
	return *end || cli->count <= 0 || cli->count > 1000000 ? -1 : 0;
}

static int take_mask(struct ph_cli *cli, const char *text)
{
	cli->mask = text;
	return 0;
}

static int take_reason(struct ph_cli *cli, const char *text)
{
	cli->reason = text;
	return 0;
}

static int take_replace(struct ph_cli *cli, const char *text)
{
	cli->replace = true;
	return 0;
}

static int take_drain(struct ph_cli *cli, const char *text)
{
	return ph_parse_duration(&cli->drain, text) || cli->drain <= 0;
}

static int take_on_crash(struct ph_cli *cli, const char *text)
{
	cli->on_crash = text;
	return strcmp(text, "block") && strcmp(text, "bypass") ? -1 : 0;
}

static int take_output(struct ph_cli *cli, const char *text)
{
	cli->output = text;
	return 0;
}

static int take_deny(struct ph_cli *cli, const char *text)
{
	cli->deny = true;
	return 0;
}

static int take_sarif(struct ph_cli *cli, const char *text)
{
	cli->sarif = true;
	return 0;
}

static int take_live(struct ph_cli *cli, const char *text)
{
	cli->live = true;
	return 0;
}

static int take_write(struct ph_cli *cli, const char *text)
{
	cli->write = true;
	return 0;
}

static int take_check(struct ph_cli *cli, const char *text)
{
	cli->check = true;
	return 0;
}

static int take_for(struct ph_cli *cli, const char *text)
{
	return ph_parse_duration(&cli->lasts, text) || cli->lasts <= 0;
}

static int take_to(struct ph_cli *cli, const char *text)
{
	cli->to = text;
	return 0;
}

static int take_via(struct ph_cli *cli, const char *text)
{
	cli->via = text;
	return 0;
}

static int take_on_full(struct ph_cli *cli, const char *text)
{
	cli->on_full = text;
	return 0;
}

static int take_reservation(struct ph_cli *cli, const char *text)
{
	cli->reservation = text;
	return 0;
}

static int take_range(struct ph_cli *cli, const char *text)
{
	struct ph_range range;

	cli->range = text;
	return ph_options_range(&range, text);
}

static int take_new(struct ph_cli *cli, const char *text)
{
	cli->fresh = true;
	return 0;
}

/* Where a flag means something else for another command it stands twice. */
static const struct ph_cli_flag flags[] = {
	{"--watch", NULL, take_watch, "", "peers",
		"say it again every second, until Ctrl-C"},
	{"--range", "A-B", take_range,
		"two ports from 1024 to 65535, as 20000-20099", "probe",
		"these ports instead of the node's --beacon-range"},
	{"--new", NULL, take_new, "", "probe",
		"leave out what this node or a peer knows already"},
	{"--mask", "M", take_mask, "a mask, as type=video/*,free=yes",
		"guests menu reserve start stop restart",
		"only what this fits, as type=video/*,free=yes"},
	{"--count", "N", take_count, "a number from 1 to 1000000", "reserve",
		"how many of those that fit the mask (default 1)"},
	{"--for", "T", take_for, "a duration with its unit, as 30m", "reserve",
		"how long it is held for you (default 10s)"},
	{"--wait", "T", take_wait, "a duration with its unit, as 30s",
		"reserve", "how long to wait until there is room"},
	{"--auth-file", "FILE", take_auth_file, "a file's name", "reserve",
		"the secret that the server asks of who books it"},
	{"-n", "N", take_count, "a number from 1 to 1000000", "tap",
		"how many messages"},
	{"-n", "N", take_count, "a number from 1 to 1000000", "top",
		"end after N looks"},
	{"-n", "N", take_count, "a number from 1 to 1000000", "logs events",
		"only the last N"},
	{"--follow", NULL, take_follow, "", "logs events",
		"go on with what comes, until Ctrl-C"},
	{"-o", "json|dot|mermaid|d2", take_output, "json, dot, mermaid or d2",
		"graph", "what for (default json)"},
	{"-o", "FILE", take_output, "a file's name", "compile save",
		"write there instead of to standard output"},
	{"--deny-warnings", NULL, take_deny, "", "lint",
		"a warning is an error, too (exit 78)"},
	{"--sarif", NULL, take_sarif, "", "lint",
		"findings as SARIF, for code hosts and editors"},
	{"--live", NULL, take_live, "", "lint",
		"against the mesh as it is, too"},
	{"--write", NULL, take_write, "", "fmt", "into the file itself"},
	{"--check", NULL, take_check, "", "fmt",
		"write nothing: exit 1 when it should look otherwise"},
	{"--to", "IN", take_to, "an input, as node/server:terminal", "move",
		"the input it shall end at"},
	{"--on-full", "block|drop-oldest|drop-newest|latest|disconnect",
		take_on_full,
		"block, drop-oldest, drop-newest, latest or disconnect",
		"connect", "when the receiver is too slow (default block)"},
	{"--via", "tcp|tls|unix|ws|wss", take_via, "tcp, tls, unix, ws or wss",
		"connect", "how it comes to the other node, and no other way"},
	{"--reservation", "ID", take_reservation, "the id of a reservation",
		"connect", "what `reserve` gave"},
	{"--for", "T", take_for, "a duration with its unit, as 30m",
		"connect disconnect move", "undo it by itself after this time"},
	{"--for", "T", take_for, "a duration with its unit, as 30m", "shelve",
		"for how long"},
	{"--for", "T", take_for, "a duration with its unit, as 30m", "monitor",
		"how long at most (default: until something happens)"},
	{"--for", "T", take_for, "a duration with its unit, as 30m", "token",
		"how long it is good for"},
	{"--replace", NULL, take_replace, "", "restart",
		"beside it, and in its place when it is ready: no message is "
		"lost"},
	{"--drain", "T", take_drain, "a duration with its unit, as 10s",
		"stop restart",
		"how long it may finish what it has taken (default 1s, with "
		"--replace 10s)"},
	{"--on-crash", "block|bypass", take_on_crash, "block or bypass",
		"interpose",
		"when the filter breaks: the stream waits (block, the "
		"default), or flows without it"},
	{"--why", "TEXT", take_reason, "a text", "token",
		"whose it is, for `token list`"},
	{"--why", "TEXT", take_reason, "a text",
		"peers connect disconnect move interpose withdraw ack shelve",
		"a reason, for the journal"},
	{"--wait", "[T]", take_wait, "a duration with its unit, as 30s",
		"ready", "until it is so, for T at most (else --timeout)"},
	{"--socket", "PATH", take_socket, "a path", "",
		"which local node (default: POSTHOUSE_SOCKET, or the user's)"},
	{"--node", "NODE", take_node, "a node's name", "",
		"ask that node, through the local one"},
	{"--json", NULL, take_json, "", "",
		"one JSON document: {api node epoch revision ts items}"},
	{"--timeout", "T", take_timeout, "a duration with its unit, as 10s", "",
		"how long to wait, as 500ms, 10s (default 10s, and longer for "
		"what starts, stops or applies)"},
};

#define FLAGS (sizeof(flags) / sizeof(flags[0]))

const struct ph_cli_flag *ph_cli_flag_at(size_t index)
{
	return index < FLAGS ? &flags[index] : NULL;
}

bool ph_cli_flag_may_lack_value(const struct ph_cli_flag *flag)
{
	return flag->take == take_wait;
}
