#include "controlsurface/wiring_schema.h"

#include <string.h>

#include "controlsurface/full_policy.h"

static const char *const versions[] = {"1", NULL};
static const char *const answers[] = {"no", "yes", NULL};
static const char *const placements[] = {"loop", "thread", "process", NULL};
static const char *const restarts[] = {"always", "on-failure", "never", NULL};
static const char *const readies[] = {"started", "notify", NULL};
static const char *const strategies[] = {
	"one_for_one", "rest_for_one", "one_for_all", NULL};
static const char *const framings[] = {"raw", "lines", "length", NULL};
static const char *const confines[] = {"basic", "strict", "net", "none", NULL};
static const char *const kinds[] = {"in", "combine", "out", "mux", NULL};
static const char *const priorities[] = {"low", "medium", "high", NULL};
static const char *const ways[] = {"tcp", "tls", "unix", "ws", "wss", NULL};
static const char *const transports[] = {
	"tcp", "tls", "unix", "ws", "wss", "shm", "inproc", NULL};

/* Rows are short where a key has no more to it. */
#define ROW(name, state, shape, sentence)                                      \
	{                                                                      \
		name, state, shape, PH_LEVEL_NONE, false, NULL, sentence       \
	}
#define BUILT(name, shape, sentence) ROW(name, PH_KEY_BUILT, shape, sentence)
#define MUST(name, shape, sentence)                                            \
	{                                                                      \
		name, PH_KEY_BUILT, shape, PH_LEVEL_NONE, true, NULL, sentence \
	}
#define CHOICE(name, choices, sentence)                                        \
	{                                                                      \
		name, PH_KEY_BUILT, PH_SHAPE_CHOICE, PH_LEVEL_NONE, false,     \
			choices, sentence                                      \
	}
#define BELOW(name, shape, level, sentence)                                    \
	{                                                                      \
		name, PH_KEY_BUILT, shape, level, false, NULL, sentence        \
	}
#define PICK(name, sentence)                                                   \
	{                                                                      \
		name, PH_KEY_BUILT, PH_SHAPE_SELECT, PH_LEVEL_SELECTOR, true,  \
			NULL, sentence                                         \
	}
#define CHECKED(name, shape, sentence)                                         \
	ROW(name, PH_KEY_CHECKED, shape, sentence)
#define LATER(name, sentence) ROW(name, PH_KEY_LATER, PH_SHAPE_TEXT, sentence)
#define END                                                                    \
	{                                                                      \
		NULL, PH_KEY_LATER, PH_SHAPE_TEXT, PH_LEVEL_NONE, false, NULL, \
			NULL                                                   \
	}

static const struct ph_key file_keys[] = {
	{"wiring", PH_KEY_BUILT, PH_SHAPE_CHOICE, PH_LEVEL_NONE, true, versions,
		"the version of this format: 1"},
	MUST("name", PH_SHAPE_NAME,
		"the scope: apply makes everything of this name equal to the "
		"file, unapply NAME removes it"),
	BELOW("defaults", PH_SHAPE_MAP, PH_LEVEL_DEFAULTS,
		"for every wire that says nothing else"),
	BUILT("for_each", PH_SHAPE_EACH,
		"parts that name ${VAR} stand once for each of its values"),
	BELOW("hosts", PH_SHAPE_NAMED, PH_LEVEL_HOST,
		"the nodes that take part"),
	BELOW("servers", PH_SHAPE_NAMED, PH_LEVEL_SERVER, "what runs"),
	BELOW("wires", PH_SHAPE_WIRES, PH_LEVEL_WIRE, "what is wired"),
	BELOW("tests", PH_SHAPE_MAPS, PH_LEVEL_TEST,
		"what posthouse test FILE tries"),
	BELOW("never", PH_SHAPE_MAPS, PH_LEVEL_NEVER,
		"which paths must not be there (R6)"),
	BELOW("alarms", PH_SHAPE_MAPS, PH_LEVEL_ALARM,
		"when somebody should look"),
	BUILT("include", PH_SHAPE_SOME,
		"parts in files of their own, named relative to this one"),
	END,
};

static const struct ph_key default_keys[] = {
	CHOICE("on_full", ph_full_policy_names,
		"what becomes of messages for which there is no room"),
	BUILT("queue", PH_SHAPE_SIZE, "how much may wait in a wire"),
	BUILT("retry", PH_SHAPE_TEXT,
		"the pause between attempts to lay a wire, first and longest, "
		"as 250ms..10s"),
	CHOICE("via", ways,
		"how wires come to another node: tcp (or tls, the same), unix, "
		"ws, wss; those within a node are not dialled, and not meant"),
	LATER("mode", "kind: mux and kind: combine at the terminals say it"),
	LATER("spill", "what waits is in memory, up to queue:"),
	END,
};

static const struct ph_key host_keys[] = {
	BUILT("at", PH_SHAPE_TEXT,
		"where the node can be dialled, as \"host:port\"; may be "
		"missing when it is a peer already"),
	BUILT("memory", PH_SHAPE_SIZE,
		"what the host has; lint holds the queues against it (F2)"),
	BUILT("caps", PH_SHAPE_WORDS,
		"instead: some node that has all of them, found by apply; "
		"hosts of different names are different nodes"),
	BUILT("count", PH_SHAPE_TEXT,
		"so many such nodes, with caps; what runs on the host stands "
		"once on each"),
	END,
};

static const struct ph_key server_keys[] = {
	BUILT("host", PH_SHAPE_NAME,
		"the node that runs it; without: the node that applies the "
		"file"),
	BUILT("exec", PH_SHAPE_WORDS,
		"a program and its arguments; a name without / is looked up in "
		"PATH on its host; no shell reads the list"),
	BUILT("use", PH_SHAPE_TEXT, "a server built into posthouse"),
	BUILT("with", PH_SHAPE_PAIRS, "parameters of a bundled server"),
	BUILT("env", PH_SHAPE_PAIRS, "environment of a program"),
	BUILT("cwd", PH_SHAPE_TEXT, "directory of a program"),
	CHOICE("placement", placements,
		"where a bundled server runs: loop (default), thread, or "
		"process, whose crash is not the node's; a program is always a "
		"process"),
	CHOICE("restart", restarts, "when it ended; on-failure (default)"),
	CHOICE("ready", readies,
		"when a program is: started (default), or notify: at its "
		"READY=1 (sd_notify)"),
	BUILT("start_timeout", PH_SHAPE_DURATION,
		"with ready: notify, how long that may take; 30s"),
	BUILT("stop_timeout", PH_SHAPE_DURATION,
		"from SIGTERM to SIGKILL; 10s"),
	BUILT("watchdog", PH_SHAPE_DURATION,
		"a program that says no WATCHDOG=1 (sd_notify) for so long "
		"has failed"),
	BUILT("group", PH_SHAPE_NAME,
		"servers of the file and host that have it may be started "
		"again together"),
	CHOICE("strategy", strategies,
		"who of its group is started again when it failed: one_for_one "
		"(default: itself), rest_for_one (those after it in the file, "
		"too, which also start after it), one_for_all"),
	BUILT("drain", PH_SHAPE_DURATION,
		"how long a program may finish what it has taken, when it is "
		"stopped or taken away (1s) or replaced (10s); at most 10m"),
	CHOICE("framing", framings,
		"how a program's bytes are messages; raw (default)"),
	BELOW("in", PH_SHAPE_TERMINALS, PH_LEVEL_TERMINAL,
		"inputs of a program"),
	BELOW("out", PH_SHAPE_TERMINALS, PH_LEVEL_TERMINAL,
		"outputs of a program"),
	BUILT("class", PH_SHAPE_TEXT, "a number (0x2a) in its identity"),
	BUILT("owner", PH_SHAPE_TEXT, "a name in its identity"),
	BUILT("auth", PH_SHAPE_TEXT,
		"who may book its terminals: no (default), yes or optional, "
		"and how (see below)"),
	BUILT("caps", PH_SHAPE_WORDS,
		"key, or key=value, that the guest book tells about it"),
	BUILT("labels", PH_SHAPE_PAIRS, "what the guest book tells about it"),
	BUILT("listen", PH_SHAPE_SOME,
		"ports that it opens by itself, as 8080 or \"127.0.0.1:8080\"; "
		"lint looks for clashes (O3) and open doors (O4)"),
	BUILT("needs", PH_SHAPE_SOME,
		"servers of the file, on any host, that start before it"),
	CHOICE("confine", confines,
		"what a program may do to its host: basic (default), strict "
		"(its cwd alone, no sockets), net (its cwd, and the network), "
		"none"),
	BELOW("limits", PH_SHAPE_MAP, PH_LEVEL_LIMITS,
		"how much of its host a program may use"),
	BUILT("require", PH_SHAPE_WORDS,
		"a program does not start where its host cannot give it each "
		"of these: seccomp, landlock, namespaces, uid, memory, cpu, "
		"pids"),
	BUILT("manifest", PH_SHAPE_TEXT,
		"a file that says what a program is: its terminals, class, "
		"owner, auth, caps, labels (see below)"),
	END,
};

static const struct ph_key limit_keys[] = {
	BUILT("memory", PH_SHAPE_TEXT,
		"of all its processes together, as 64MiB; over it, it is "
		"killed, cause oom"),
	BUILT("cpu", PH_SHAPE_TEXT,
		"of one processor, as 50%, or how many, as 1.5"),
	BUILT("pids", PH_SHAPE_TEXT,
		"processes and threads; 256 with strict and net"),
	BUILT("files", PH_SHAPE_TEXT,
		"descriptors of each process; 256 with strict and net"),
	END,
};

static const struct ph_key terminal_keys[] = {
	BUILT("fd", PH_SHAPE_TEXT, "which file descriptor of the program"),
	BUILT("type", PH_SHAPE_TEXT, "its media type, as video/mjpeg"),
	CHOICE("kind", kinds,
		"in (default) or combine (fed by many); out (default) or mux "
		"(feeds many)"),
	CHOICE("optional", answers,
		"yes: nobody wonders when it is not wired (R1, R2)"),
	BUILT("labels", PH_SHAPE_PAIRS, "what the guest book tells about it"),
	END,
};

static const struct ph_key wire_keys[] = {
	{"from", PH_KEY_BUILT, PH_SHAPE_END, PH_LEVEL_CRITERIA, true, NULL,
		"server:terminal, an output; a list of them; or criteria"},
	{"to", PH_KEY_BUILT, PH_SHAPE_END, PH_LEVEL_CRITERIA, true, NULL,
		"server:terminal, an input; a list of them; or criteria"},
	CHOICE("on_full", ph_full_policy_names,
		"what becomes of messages for which there is no room"),
	BUILT("queue", PH_SHAPE_SIZE, "how much may wait, 256KiB to 1GiB"),
	CHOICE("via", transports,
		"how it comes to another node: tcp (or tls, the same: all that "
		"leaves a host has TLS), unix, ws, wss; without: what answers "
		"first. Nothing else is taken instead"),
	BUILT("retry", PH_SHAPE_TEXT,
		"the pause between attempts to lay it, first and longest, as "
		"250ms..10s"),
	BUILT("expect", PH_SHAPE_TEXT,
		"the rate that it should have, as \">= 500kB/s\"; an alarm "
		"comes when it has not for 10 s"),
	BUILT("budget", PH_SHAPE_DURATION,
		"the time from the path's beginning to this wire's end, held "
		"against the hops before it (F4); nothing measures it later"),
	CHOICE("optional", answers,
		"yes: the rest is applied when its end is missing, and nobody "
		"wonders when it does not stand"),
	BUILT("labels", PH_SHAPE_PAIRS,
		"what connections and show tell about it; 255 bytes in all"),
	CHECKED("spill", PH_SHAPE_SIZE,
		"what waits is in memory, up to queue: (1GiB at most); "
		"file.write keeps more, and file.read reads it again"),
	LATER("mode", "kind: mux and kind: combine at the terminals say it"),
	LATER("grant",
		"auth: at the server says who may book its terminals, and the "
		"Hostess enforces it"),
	END,
};

static const struct ph_key criteria_keys[] = {
	BUILT("class", PH_SHAPE_TEXT, "of its identity"),
	BUILT("caps", PH_SHAPE_WORDS, "it has all of them"),
	BUILT("node_caps", PH_SHAPE_WORDS, "its node has all of them"),
	BUILT("labels", PH_SHAPE_PAIRS, "it has all of them"),
	BUILT("owner", PH_SHAPE_TEXT, "of its identity"),
	BUILT("server", PH_SHAPE_TEXT, "the guest's name"),
	BUILT("terminal", PH_SHAPE_TEXT, "the terminal's name"),
	BUILT("type", PH_SHAPE_TEXT, "the terminal's media type"),
	BUILT("count", PH_SHAPE_TEXT, "how many terminals; 1 (default)"),
	END,
};

static const struct ph_key test_keys[] = {
	MUST("name", PH_SHAPE_TEXT, "what it shows"),
	BUILT("reach", PH_SHAPE_WORDS,
		"server:terminal, ...: each is reached from the one before"),
	BELOW("inject", PH_SHAPE_ONE_OR_MANY, PH_LEVEL_INJECT,
		"what is put in; the servers between run for it"),
	BELOW("expect", PH_SHAPE_ONE_OR_MANY, PH_LEVEL_EXPECT,
		"what must come out"),
	BUILT("within", PH_SHAPE_DURATION, "how long it may take; 10s"),
	END,
};

static const struct ph_key inject_keys[] = {
	MUST("at", PH_SHAPE_TEXT,
		"an input that is fed; or an output, whose server does not run "
		"then"),
	BUILT("text", PH_SHAPE_TEXT, "these bytes, then the end"),
	BUILT("file", PH_SHAPE_TEXT, "the bytes of a file, then the end"),
	END,
};

static const struct ph_key expect_keys[] = {
	MUST("at", PH_SHAPE_TEXT,
		"an output; or an input, whose server does not run then"),
	BUILT("text", PH_SHAPE_TEXT, "exactly these bytes, then the end"),
	BUILT("file", PH_SHAPE_TEXT, "exactly a file's bytes, then the end"),
	BUILT("contains", PH_SHAPE_TEXT, "these bytes among others"),
	END,
};

static const struct ph_key never_keys[] = {
	PICK("from", "server:terminal; * stands for anything; or a selector"),
	PICK("to", "server:terminal; * stands for anything; or a selector"),
	BUILT("except", PH_SHAPE_SOME, "unless the path leads through these"),
	END,
};

static const struct ph_key alarm_keys[] = {
	PICK("on", "server:terminal, which is wired; or a selector: every wire "
		   "that is so, or whose input is"),
	MUST("when", PH_SHAPE_TEXT,
		"as rate < 500kB/s for 5s; rate, queue, blocked, dropped, "
		"silent"),
	CHOICE("priority", priorities, "low, medium (default), high"),
	BUILT("action", PH_SHAPE_TEXT, "what whoever sees it should do"),
	END,
};

static const struct ph_key selector_keys[] = {
	BUILT("server", PH_SHAPE_TEXT, "its name; * stands for anything"),
	BUILT("terminal", PH_SHAPE_TEXT, "its name; * stands for anything"),
	BUILT("owner", PH_SHAPE_TEXT, "the server's"),
	BUILT("class", PH_SHAPE_TEXT, "the server's"),
	BUILT("caps", PH_SHAPE_WORDS, "the server has all of them"),
	BUILT("labels", PH_SHAPE_PAIRS,
		"all of them, at the terminal, its server or (of alarms) the "
		"wire"),
	END,
};

static const struct {
	const struct ph_key *keys;
	const char *where;
} levels[PH_LEVELS] = {
	[PH_LEVEL_FILE] = {file_keys, "at the top of the file"},
	[PH_LEVEL_DEFAULTS] = {default_keys, "under defaults:"},
	[PH_LEVEL_HOST] = {host_keys, "under a host"},
	[PH_LEVEL_SERVER] = {server_keys, "under a server"},
	[PH_LEVEL_LIMITS] = {limit_keys, "under limits:"},
	[PH_LEVEL_TERMINAL] = {terminal_keys, "under a terminal"},
	[PH_LEVEL_WIRE] = {wire_keys, "in a wire"},
	[PH_LEVEL_CRITERIA] = {criteria_keys, "in a wire's end"},
	[PH_LEVEL_TEST] = {test_keys, "in a test"},
	[PH_LEVEL_INJECT] = {inject_keys, "under inject:"},
	[PH_LEVEL_EXPECT] = {expect_keys, "under expect:"},
	[PH_LEVEL_NEVER] = {never_keys, "under never:"},
	[PH_LEVEL_ALARM] = {alarm_keys, "in an alarm"},
	[PH_LEVEL_SELECTOR] = {selector_keys, "in a selector"},
};

const struct ph_key *ph_level_keys(enum ph_level level)
{
	return levels[level].keys;
}

const char *ph_level_where(enum ph_level level)
{
	return levels[level].where;
}

const struct ph_key *ph_key_find(enum ph_level level, const char *name)
{
	const struct ph_key *key = levels[level].keys;

	for (; key->name != NULL; key++)
		if (strcmp(key->name, name) == 0)
			return key;
	return NULL;
}
