/* The wiring file: every rule once broken and once kept, what findings look
 * like, what parts say, and that nothing from outside breaks the reader. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlsurface/part.h"
#include "controlsurface/wiring.h"

#define HEAD "wiring: 1\nname: t\n"
/* Two programs and two bundled servers to wire. */
#define PAIR HEAD "servers:\n  a: {exec: [one]}\n  b: {exec: [two]}\n"

static const struct ph_terminal_type one_out[] = {{"out", PH_OUT, ""}};
static const struct ph_terminal_type one_in[] = {{"in", PH_IN, ""}};
static const struct ph_terminal_type both[] = {
	{"in", PH_IN, "text/plain"}, {"out", PH_OUT, "text/plain"}};
static const struct ph_parameter_type path[] = {
	{"path", PH_PARAMETER_PATH, true, "the file"}};
static const struct ph_parameter_type timing[] = {
	{"every", PH_PARAMETER_DURATION, false, "the pause"},
	{"bytes", PH_PARAMETER_BYTES, false, "how many"}};
static const struct ph_server_type reader = {.name = "file.read",
	.terminals = one_out,
	.terminal_count = 1,
	.parameters = path,
	.parameter_count = 1};
static const struct ph_server_type sink = {
	.name = "null", .terminals = one_in, .terminal_count = 1};
static const struct ph_server_type lines = {
	.name = "lines", .terminals = both, .terminal_count = 2};
static const struct ph_server_type ticker = {.name = "clock",
	.terminals = one_out,
	.terminal_count = 1,
	.parameters = timing,
	.parameter_count = 2};
static const struct ph_server_type *const bundled[] = {
	&reader, &sink, &lines, &ticker, NULL};

static const char *variable(void *context, const char *name)
{
	if (!strcmp(name, "DIR"))
		return "/srv";
	return strcmp(name, "BAD") ? NULL : "\xff";
}

static bool program(void *context, const char *name)
{
	return strcmp(name, "missing") != 0;
}

/* From memory of its exact size, so that ASan sees a byte too far. */
static struct ph_wiring *read_bytes(const char *text, size_t length)
{
	struct ph_wiring *wiring = NULL;
	char *copy = malloc(length + (length == 0));

	assert_non_null(copy);
	memcpy(copy, text, length);
	struct ph_wiring_input input = {.file = "t.yaml",
		.text = copy,
		.length = length,
		.variable = variable,
		.program = program,
		.bundled = bundled,
		.here = "alpha"};
	assert_int_equal(ph_wiring_read(&wiring, &input), 0);
	free(copy);
	return wiring;
}

static struct ph_wiring *read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* All findings as they are printed. */
static char *printed(const struct ph_wiring *wiring)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	char *all = NULL;
	size_t length;
	FILE *out = open_memstream(&all, &length);

	for (size_t i = 0; i < count; i++) {
		char *text = ph_finding_text(&findings[i], "t.yaml");

		fputs(text, out);
		free(text);
	}
	fclose(out);
	return all;
}

struct broken {
	const char *text;
	const char *says; /* the first line of a finding, from its place on */
	const char *next; /* part of what is printed below, or NULL */
};

static const struct broken broken[] = {
	/* S1 */
	{"a: [b", ":1:6: error S1: ", "Close it"},
	{"\ta: 1\n", ":1:1: error S1: a tab", "spaces"},
	{HEAD "a\xff", ":3:2: error S1: this byte (0xff)", "UTF-8"},
	{HEAD "a\x01", ":3:2: error S1: control character", NULL},
	{HEAD "x: &a b\n", ":3:4: error S1: anchors", "Quote"},
	{HEAD "x: *a\n", "error S1: anchors", NULL},
	{HEAD "x: !!int 1\n", "error S1: tags", NULL},
	{HEAD "---\nb: 1\n", ":3:1: error S1: a second document", NULL},
	{HEAD "servers:\n  a: x\n - b\n", ":5:2: error S1: ", NULL},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[", "error S1: lists and maps", NULL},
	/* S2 */
	{HEAD "name: u\n",
		":3:1: error S2: key 'name' stands twice, first in "
		"line 2",
		"Remove"},
	{PAIR "  a: {exec: [x]}\n", ":6:3: error S2: key 'a'", NULL},
	{HEAD "servers: {a: {exec: [x], in: {z: }, out: {z: }}}\n",
		"error S2: terminal 'z'", NULL},
	/* S3 */
	{HEAD "wire: []\n", ":3:1: error S3: no key 'wire'", "'wires'"},
	{HEAD "exec: [a]\n", ":3:1: error S3: ",
		"belongs under a server: look at the indentation"},
	{HEAD "alarms: []\n", "error S3: 'alarms' is not in this version",
		"remove it"},
	{HEAD "tests: []\n", "'tests' is not in this version", NULL},
	{HEAD "never: []\n", "'never' is not in this version", NULL},
	{HEAD "include: x\n", "'include' is not in this version", NULL},
	{HEAD "for_each: {}\n", "'for_each' is not in this version", NULL},
	{HEAD "defaults: {retry: 1s}\n", "'retry' is not in this version",
		NULL},
	{HEAD "servers: {a: {exec: [x], confine: none}}\n",
		"'confine' is not in this version", NULL},
	{PAIR "wires: [{from: a, to: b, via: tcp}]\n",
		":6:26: error S3: 'via' is not in this version", NULL},
	{HEAD "servers: {a: {use: lines, env: {A: b}}}\n",
		"error S3: 'env' is for programs", NULL},
	{HEAD "servers: {a: {exec: [x], with: {A: b}}}\n",
		"error S3: 'with' is for bundled", NULL},
	{HEAD "servers: {a: {use: clock, with: {evry: 1s}}}\n",
		"error S3: clock takes no 'evry'", "Did you mean 'every'?"},
	{HEAD "servers: {a: {use: lines, out: {out: {fd: 1}}}}\n",
		"error S3: 'fd' is for programs", NULL},
	/* S4 */
	{"- a\n", "error S4: a wiring file is a map", NULL},
	{"wiring: 1\n", ":1:1: error S4: the file has no 'name'", NULL},
	{"wiring: 1\nname: -x\n", ":2:7: error S4: '-x' cannot be the name",
		NULL},
	{HEAD "defaults: {queue: 4 MB}\n", ":3:19: error S4: '4 MB' is no size",
		"4MiB"},
	{HEAD "defaults: {queue: 1kB}\n", "error S4: a queue of 1kB", "256KiB"},
	{HEAD "defaults: {on_full: wait}\n", "error S4: 'wait' is no value",
		"block"},
	{HEAD "defaults: {on_full: drop-oldest}\n",
		":3:21: error S4: policy 'drop-oldest' is not in this version",
		"Leave on_full out"},
	{HEAD "defaults: {on_full: drop-newest}\n", "not in this version",
		NULL},
	{HEAD "defaults: {on_full: latest}\n", "not in this version", NULL},
	{HEAD "defaults: {on_full: disconnect}\n", "not in this version", NULL},
	{HEAD "hosts: {a: {at: \"x:y:z:1\"}}\n",
		"error S4: 'x:y:z:1' is no "
		"address",
		NULL},
	{HEAD "hosts: [a]\n", ":3:8: error S4: 'hosts' must be a map", NULL},
	{HEAD "servers: {a: }\n", "error S4: server 'a' says nothing", NULL},
	{HEAD "servers: {a: {host: h}}\n", "error S4: server 'a' says nothing",
		"exec:"},
	{HEAD "servers: {a: {exec: [x], use: lines}}\n", "both 'exec' and",
		"Keep one"},
	{HEAD "servers: {a: {exec: x -y}}\n", "error S4: 'exec' must be a list",
		"[sh, -c"},
	{HEAD "servers: {a: {exec: []}}\n", "error S4: 'exec' names no", NULL},
	{HEAD "servers: {a: {exec: [[x]]}}\n", "error S4: 'exec' must be text",
		NULL},
	{HEAD "servers: {a: {exec: [x], restart: somtimes}}\n",
		"error S4: 'somtimes' is no value of 'restart'", "never"},
	{HEAD "servers: {a: {exec: [x], framing: line}}\n",
		"error S4: ", "Did you mean lines?"},
	{HEAD "servers: {a: {exec: [x], class: 0x1ffffffff}}\n",
		"error S4: '0x1ffffffff' is no class", NULL},
	{HEAD "servers: {a: {exec: [x], owner: a b}}\n", "is no owner", NULL},
	{HEAD "servers: {a: {exec: [x], auth: maybe}}\n", "'auth'", NULL},
	{HEAD "servers: {a: {exec: [x], env: {A=B: c}}}\n", "name a variable",
		NULL},
	{HEAD "servers: {a: {exec: [x], env: {A: [c]}}}\n", "must be text",
		NULL},
	{HEAD "servers: {a b: {exec: [x]}}\n", ":3:11: error S4: 'a b' cannot",
		NULL},
	{HEAD "servers: {a: {exec: [x], out: {o: {fd: 64}}}}\n",
		"error S4: '64' is no file descriptor", NULL},
	{HEAD "servers: {a: {exec: [x], out: {o: {fd: 0}}}}\n",
		"error S4: fd 0 cannot be an output", NULL},
	{HEAD "servers: {a: {exec: [x], out: {o: {fd: 3}, p: {fd: 3}}}}\n",
		"are both fd 3", NULL},
	{HEAD "servers: {a: {exec: [x], out: {o: video}}}\n",
		":3:35: error S4: 'video' is no media type", "type/subtype"},
	{HEAD "servers: {a: {exec: [x], in: {i: {kind: mux}}}}\n",
		"error S4: 'mux' is no value of 'kind'", "combine"},
	{HEAD "servers: {a: {use: file.read}}\n", "file.read needs 'path'",
		"with: {path"},
	{HEAD "servers: {a: {use: file.read, with: {path: \"\"}}}\n",
		"error S4: 'path' is empty", NULL},
	{HEAD "servers: {a: {use: clock, with: {every: 0s}}}\n",
		"error S4: '0s' is no duration", NULL},
	{HEAD "servers: {a: {use: clock, with: {bytes: many}}}\n",
		"error S4: 'many' is no size", NULL},
	{PAIR "wires: [a]\n", ":6:9: error S4: 'a' is no wire", "->"},
	{PAIR "wires: [a -> ]\n", "error S4: 'a ->' is no wire", NULL},
	{PAIR "wires: [{from: a}]\n", "error S4: the wire has no 'to'", NULL},
	{PAIR "wires: [{from: a, to: {class: 0x2a}}]\n",
		":6:23: error S4: criteria as a wire's end are not in this "
		"version",
		NULL},
	{PAIR "wires: [{from: a, to: b, on_full: spill}]\n",
		"policy 'spill' is not in this version", NULL},
	{PAIR "wires: [\"a: -> b\"]\n",
		"error S4: '' cannot be the name of a "
		"terminal",
		NULL},
	{HEAD "x: \"a\\0b\"\n", "error S4: the text holds a NUL", NULL},
	/* S5 */
	{"name: t\n", ":1:1: error S5: the file does not say its version",
		"wiring: 1"},
	{"wiring: 2\nname: t\n", ":1:9: error S5: version '2'", NULL},
	{"", "error S5: the file is empty", NULL},
	/* P1 to P7 */
	{PAIR "wires: [a -> c3]\n", ":6:14: error P1: no server 'c3'",
		"node/c3:TERMINAL"},
	{HEAD "servers: {camera: {exec: [x]}}\nwires: [camrea -> x/y:z]\n",
		":4:9: error P1: no server 'camrea'", "Did you mean camera?"},
	{PAIR "wires: [alpha/a:stdout -> b]\n",
		":6:9: warning P1: this is "
		"not the file's 'a'",
		NULL},
	{PAIR "wires:\n  - a:stdot -> b:stdin\n",
		":7:7: error P2: server 'a' has no terminal 'stdot'",
		"  - a:stdot -> b:stdin\n      ^~~~~\n  terminals of a: stdin "
		"(input), stdout (output), stderr (output). Did you mean "
		"a:stdout?\n"},
	{HEAD "servers:\n  a: {exec: [x], out: {p: , q: }}\n  b: {exec: [x]}\n"
	      "wires: [a -> b]\n",
		":6:9: error P2: server 'a' has more than "
		"one output",
		"p (output), q (output)"},
	{HEAD "servers: {a: {use: \"null\"}, b: {exec: [x]}}\n"
	      "wires: [a -> b]\n",
		"error P2: server 'a' has no output", NULL},
	{PAIR "wires: [a -> h/x]\n", "error P2: the terminal of 'x' is missing",
		"h/x:TERMINAL"},
	{PAIR "wires: [a -> h/x:y -> b]\n", "error P2: a guest", "two wires"},
	{HEAD "servers: {a: {use: lines, out: {oot: {kind: mux}}}}\n",
		"error P2: lines has no output 'oot'", NULL},
	{HEAD "servers: {a: {use: file.reed}}\n",
		":3:20: error P3: no server "
		"'file.reed'",
		"Did you mean file.read?"},
	{HEAD "servers: {a: {use: gzip}}\n", "error P3: ", "exec: [gzip]"},
	{HEAD "servers: {a: {exec: [missing]}}\n",
		":3:22: warning P4: program "
		"'missing'",
		"PATH"},
	{HEAD "hosts: {gpu1: {}}\nservers: {a: {host: gpu2, exec: [x]}}\n",
		":4:21: warning P5: host 'gpu2' is not", "Did you mean gpu1?"},
	{HEAD "servers: {a: {exec: [x, \"a${NO}b\"]}}\n",
		":3:27: error P6: variable 'NO' is not set", "${NO:-default}"},
	{HEAD "servers: {a: {exec: [x, \"${N O}\"]}}\n",
		"error P6: this is no variable's name", NULL},
	{HEAD "servers: {a: {exec: [x, \"${BAD}\"]}}\n", "is not UTF-8", NULL},
	{HEAD "servers: {a: {exec: [x], env: {API_TOKEN: abc}}}\n",
		":3:32: warning P7: 'API_TOKEN'", "${NAME}"},
	/* D1 to D6 */
	{PAIR "wires: [\"a:stdin -> b:stdin\"]\n",
		":6:10: error D1: 'a:stdin' "
		"is an input",
		NULL},
	{PAIR "wires: [\"a:stdout -> b:stdout\"]\n",
		"error D1: 'b:stdout' is "
		"an output",
		NULL},
	{PAIR "wires: [\"b:stdin -> a:stdout\"]\n", "error D1: ", "swap"},
	{HEAD "servers:\n  a: {exec: [x], out: {o: video/h264}}\n"
	      "  b: {exec: [x], in: {i: video/mjpeg}}\nwires: [a -> b]\n",
		":6:14: error D2: 'b:i' takes video/mjpeg, 'a:o' gives "
		"video/h264",
		"converts"},
	{PAIR "  c: {exec: [x]}\nwires:\n  - a -> c\n  - b -> c\n",
		":9:10: error D3: 'c:stdin' is fed by a wire already (line 8)",
		"in: {stdin: {fd: 0, kind: combine}}"},
	{PAIR "  c: {exec: [x]}\nwires:\n  - a -> b\n  - a -> c\n",
		":9:5: error D4: 'a:stdout' feeds a wire already (line 8)",
		"out: {stdout: {fd: 1, kind: mux}}"},
	{PAIR "wires:\n  - a -> b\n  - a:stdout -> b:stdin\n",
		":8:5: error D5: this wire stands twice, first in line 7",
		"Remove"},
	{PAIR "wires: [a -> a]\n", ":6:14: error D6: server 'a' would feed",
		NULL},
	/* R2, R4 */
	{HEAD "servers: {a: {exec: [x], out: {o: }}}\n",
		":3:32: warning R2: output 'a:o' is not wired", NULL},
	{PAIR "wires: [a -> b, b -> a]\n",
		":6:17: warning R4: wires lead in a "
		"circle: a -> b -> a",
		"full"},
};

static void rules_are_told(void **state)
{
	for (size_t i = 0; i < sizeof(broken) / sizeof(*broken); i++) {
		const struct broken *one = &broken[i];
		struct ph_wiring *wiring = read_text(one->text);
		char *all = printed(wiring);

		if (!strstr(all, one->says) ||
			(one->next && !strstr(all, one->next)))
			fail_msg("%s\nwanted: %s\n        %s\nbut: %s",
				one->text, one->says,
				one->next ? one->next : "", all);
		assert_int_equal(ph_wiring_errors(wiring) > 0,
			strstr(all, ": error ") != NULL);
		free(all);
		ph_wiring_free(wiring);
	}
}

/* What a rule must leave alone. */
static const struct {
	const char *rule;
	const char *text;
} kept[] = {
	{"S1", "\xef\xbb\xbf# comment\r\n" HEAD "servers: {}\r\n"},
	{"S1", "{\"wiring\": \"1\", \"name\": \"json\"}\n"},
	{"S2", HEAD "servers: {a: {exec: [x]}, A: {exec: [x]}}\n"},
	{"S3", HEAD "defaults:\nhosts:\nservers:\nwires:\n"},
	{"S3", HEAD "servers: {a: {use: lines, out: {out: {kind: mux}}}}\n"},
	{"S4", HEAD
		"servers: {a: {exec: [x, no, 1:30, null, \"\"], env: {A: }, "
		"class: 0x2a, owner: me@home, auth: optional, "
		"caps: [gpu=nvenc], labels: {l: 1}, cwd: /tmp, restart: "
		"always, framing: length}}\n"},
	{"S4", HEAD "defaults: {queue: 256KiB, on_full: block}\n"},
	{"S4", HEAD "hosts: {a: {at: \"[::1]:7678\"}, b: {at: h}, c: }\n"},
	{"S5", HEAD},
	{"P1", PAIR "wires: [n/camrea:out -> b]\n"},
	{"P2", PAIR "wires: [\"a:stderr -> b\", \"b:stdout -> n/x:y\"]\n"},
	{"P3", HEAD "servers: {a: {use: null}}\n"},
	{"P4", HEAD "servers: {a: {host: beta, exec: [missing]}, b: {exec: "
		    "[./missing]}}\n"},
	{"P5", HEAD "hosts: {beta: }\nservers: {a: {host: beta, exec: [x]}}\n"},
	{"P6", HEAD "servers: {a: {exec: [\"${DIR}/x\", \"${NO:-y}\", "
		    "\"$${NO}\", $HOME]}}\n"},
	{"P7", HEAD "servers: {a: {exec: [x], env: {TOKEN: \"${DIR}\", "
		    "PASSWORD_FILE: /run/secrets/p}}}\n"},
	{"D1", PAIR "wires: [a -> b]\n"},
	{"D2", HEAD "servers:\n  a: {exec: [x], out: {o: video/h264}}\n"
		    "  b: {exec: [x], in: {i: \"*/*\"}}\nwires: [a -> b]\n"},
	{"D3", HEAD
		"servers:\n  a: {exec: [x]}\n  b: {exec: [x]}\n  c: {exec: "
		"[x], in: {i: {kind: combine}}}\nwires: [a -> c, b -> c]\n"},
	{"D4", HEAD "servers:\n  a: {exec: [x], out: {o: {kind: mux}}}\n  b: "
		    "{exec: [x]}\n  c: {exec: [x]}\nwires: [a -> b, a -> c]\n"},
	{"D5", PAIR "wires: [a -> n/b:stdin, b -> m/b:stdin]\n"},
	{"D6", PAIR "wires: [a -> b]\n"},
	{"R2", PAIR "wires: [a -> b]\n"},
	{"R4", PAIR "  c: {exec: [x]}\nwires: [a -> b -> c]\n"},
};

static void rules_leave_alone(void **state)
{
	for (size_t i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
		struct ph_wiring *wiring = read_text(kept[i].text);
		const struct ph_finding *findings;
		size_t count = ph_wiring_findings(wiring, &findings);
		char *all = printed(wiring);

		for (size_t j = 0; j < count; j++)
			if (!strcmp(findings[j].rule, kept[i].rule))
				fail_msg("%s\nsays: %s", kept[i].text, all);
		if (ph_wiring_errors(wiring) != 0)
			fail_msg("%s\nsays: %s", kept[i].text, all);
		free(all);
		ph_wiring_free(wiring);
	}
}

/* The whole text, to the letter. */
static void finding_is_drawn(void **state)
{
	struct ph_wiring *wiring = read_text(
		"wiring: 1\nname: porch\nservers:\n"
		"  enc: {host: g, exec: [e], out: {h264: video/h264}}\n"
		"  rec: {host: n, exec: [r], in: {in: video/h264}}\n"
		"hosts: {g: , n: }\n"
		"wires:\n"
		"  - {from: enc:h264, to: rec:inn}\n");
	char *all = printed(wiring);

	assert_string_equal(all,
		"t.yaml:8:30: error P2: server 'rec' has no terminal 'inn'\n"
		"  - {from: enc:h264, to: rec:inn}\n"
		"                             ^~~\n"
		"  terminals of rec: in (input), stdout (output), stderr "
		"(output). Did you mean rec:in?\n");
	free(all);
	ph_wiring_free(wiring);
}

static void columns_count_characters(void **state)
{
	struct ph_wiring *wiring = read_text(
		HEAD "servers: {a: {exec: [\"ä\xe2\x82\xac\"], \tnix: 1}}\n");
	char *all = printed(wiring);

	assert_non_null(strstr(all, "t.yaml:3:30: error S3"));
	assert_non_null(strstr(all, "\n                            \t^~~\n"));
	free(all);
	ph_wiring_free(wiring);
}

/* Escapes of YAML may hold what a terminal obeys. */
static void findings_are_harmless(void **state)
{
	struct ph_wiring *wiring = read_text(HEAD "\"\\e[2Jx\\u202e\": 1\n");
	char *all = printed(wiring);

	assert_null(strchr(all, '\x1b'));
	assert_null(strstr(all, "\xe2\x80\xae"));
	assert_non_null(strstr(all, "no key '?[2Jx?'"));
	free(all);
	ph_wiring_free(wiring);
}

static void long_lines_are_cut(void **state)
{
	char text[4000];
	char fill[3001];
	const struct ph_finding *findings;

	memset(fill, 'x', sizeof(fill) - 1);
	fill[3000] = '\0';
	snprintf(text, sizeof(text),
		HEAD "servers: {a: {exec: [%s], bad: 1}}\n", fill);
	struct ph_wiring *wiring = read_text(text);
	assert_int_equal(ph_wiring_findings(wiring, &findings), 1);
	assert_int_equal(findings[0].column, 3025);
	assert_true(strlen(findings[0].source) <= 200);
	assert_memory_equal(
		findings[0].source + findings[0].caret - 1, "bad", 3);
	ph_wiring_free(wiring);
}

/* A part, written and read back. */
struct part {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value root;
};

static struct part part_of(const struct ph_wiring *wiring, const char *host)
{
	struct part part;
	const uint8_t *data;
	size_t length;

	assert_int_equal(ph_writer_create(&part.writer), 0);
	ph_wiring_part(wiring, host, "alpha", part.writer);
	assert_int_equal(ph_writer_finish(part.writer, &data, &length), 0);
	assert_int_equal(
		ph_document_read(&part.document, data, length, PH_SKIM_TABLE),
		0);
	part.root = ph_document_root(part.document);
	return part;
}

static void part_free(struct part *part)
{
	ph_document_free(part->document);
	ph_writer_free(part->writer);
}

static struct ph_value listed(struct ph_value map, const char *key, size_t at)
{
	return ph_value_at(ph_value_get(map, key), at);
}

static void is_text(struct ph_value map, const char *key, const char *text)
{
	char found[200];

	assert_string_equal(ph_get_copy(map, key, found, sizeof(found)), text);
}

static void parts_say_what_the_file_says(void **state)
{
	struct ph_value server;
	struct ph_wiring *wiring = read_text(
		HEAD "defaults: {queue: 2MiB}\n"
		     "hosts: {beta: {at: \"beta.lan:7678\"}, idle: }\n"
		     "servers:\n"
		     "  read: {use: file.read, with: {path: \"${DIR}/in\"}}\n"
		     "  zip: {host: beta, exec: [gzip, -c], env: {A: \"\"}, "
		     "class: 0x2a,"
		     " out: {z: application/gzip, notes: {type: text/plain}}}\n"
		     "  err: {host: beta, exec: [cat]}\n"
		     "wires:\n"
		     "  - read -> zip:z -> gamma/keep:in\n"
		     "  - {from: \"zip:stderr\", to: err, queue: 1MiB}\n"
		     "  - delta/cam:out -> alpha/see:in\n");

	assert_int_equal(ph_wiring_errors(wiring), 0);
	assert_string_equal(ph_wiring_name(wiring), "t");
	assert_int_equal(ph_wiring_hosts(wiring), 3);
	assert_string_equal(ph_wiring_host(wiring, 0), "beta");
	assert_string_equal(ph_wiring_host(wiring, 1), "");
	assert_string_equal(ph_wiring_host(wiring, 2), "delta");
	assert_string_equal(ph_wiring_at(wiring, "beta"), "beta.lan:7678");
	assert_null(ph_wiring_at(wiring, "idle"));
	assert_null(ph_wiring_at(wiring, "nobody"));

	struct part here = part_of(wiring, "");
	is_text(here.root, "scope", "t");
	assert_int_equal(ph_value_count(ph_value_get(here.root, "hosts")), 3);
	assert_true(ph_value_is(listed(here.root, "hosts", 1), "alpha"));
	is_text(ph_value_get(here.root, "at"), "beta", "beta.lan:7678");
	assert_int_equal(ph_value_count(ph_value_get(here.root, "servers")), 1);
	server = listed(here.root, "servers", 0);
	is_text(server, "name", "read");
	is_text(server, "scope", "t");
	is_text(server, "use", "file.read");
	is_text(ph_value_get(server, "with"), "path", "/srv/in");
	assert_int_equal(ph_value_type(ph_value_get(server, "out")), PH_NIL);
	assert_int_equal(ph_value_count(ph_value_get(here.root, "wires")), 1);
	is_text(listed(here.root, "wires", 0), "from", "read:out");
	is_text(listed(here.root, "wires", 0), "to", "beta/zip:stdin");
	is_text(listed(here.root, "wires", 0), "on_full", "block");
	assert_int_equal(
		ph_get_int(listed(here.root, "wires", 0), "queue"), 2 << 20);
	part_free(&here);

	struct part beta = part_of(wiring, "beta");
	server = listed(beta.root, "servers", 0);
	assert_true(ph_value_is(listed(server, "exec", 1), "-c"));
	assert_int_equal(ph_get_int(server, "class"), 0x2a);
	is_text(listed(server, "in", 0), "name", "stdin");
	assert_int_equal(ph_get_int(listed(server, "in", 0), "fd"), 0);
	is_text(listed(server, "out", 0), "name", "z");
	is_text(listed(server, "out", 0), "type", "application/gzip");
	is_text(listed(server, "out", 0), "kind", "out");
	assert_int_equal(ph_get_int(listed(server, "out", 0), "fd"), 1);
	assert_int_equal(ph_get_int(listed(server, "out", 1), "fd"), 3);
	/* Wired, so it leaves the log. */
	is_text(listed(server, "out", 2), "name", "stderr");
	server = listed(beta.root, "servers", 1);
	assert_int_equal(ph_value_type(ph_value_get(server, "in")), PH_NIL);
	assert_int_equal(ph_value_count(ph_value_get(beta.root, "wires")), 2);
	is_text(listed(beta.root, "wires", 0), "to", "gamma/keep:in");
	is_text(listed(beta.root, "wires", 1), "to", "beta/err:stdin");
	assert_int_equal(
		ph_get_int(listed(beta.root, "wires", 1), "queue"), 1 << 20);
	part_free(&beta);

	struct part delta = part_of(wiring, "delta");
	assert_int_equal(
		ph_value_count(ph_value_get(delta.root, "servers")), 0);
	is_text(listed(delta.root, "wires", 0), "from", "cam:out");
	is_text(listed(delta.root, "wires", 0), "to", "alpha/see:in");
	part_free(&delta);
	ph_wiring_free(wiring);
}

static void a_bundled_output_becomes_a_mux(void **state)
{
	struct ph_wiring *wiring = read_text(
		HEAD "servers:\n  l: {use: lines, out: {out: {kind: mux}}}\n"
		     "  a: {use: null}\n  b: {use: null}\nwires: [l -> a, l -> "
		     "b]\n");

	assert_int_equal(ph_wiring_errors(wiring), 0);
	struct part part = part_of(wiring, "alpha");
	struct ph_value server = listed(part.root, "servers", 0);
	is_text(listed(server, "out", 0), "name", "out");
	is_text(listed(server, "out", 0), "kind", "mux");
	part_free(&part);
	ph_wiring_free(wiring);
}

static char *thousand(size_t count)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	fputs(HEAD "servers:\n", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "  s%zu: {use: lines}\n", i);
	fputs("  end: {use: null}\nwires:\n", out);
	for (size_t i = 0; i + 1 < count; i++)
		fprintf(out, "  - s%zu:out -> s%zu:in\n", i, i + 1);
	fprintf(out, "  - s%zu -> end\n", count - 1);
	fclose(out);
	return text;
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* The goal is 100 ms; the bound leaves room for sanitizers. */
static void a_thousand_servers_are_quick(void **state)
{
	char *text = thousand(1000);
	double start = milliseconds();
	struct ph_wiring *wiring = read_text(text);

	assert_true(milliseconds() - start < 400);
	assert_int_equal(ph_wiring_errors(wiring), 0);
	struct part part = part_of(wiring, "");
	assert_int_equal(
		ph_value_count(ph_value_get(part.root, "wires")), 1000);
	part_free(&part);
	ph_wiring_free(wiring);
	free(text);
}

/* One node takes 4,096 servers: the file is refused, not the part. */
static void sizes_are_bounded(void **state)
{
	char *text = thousand(4096);
	struct ph_wiring *wiring = read_text(text);
	char *all = printed(wiring);

	assert_non_null(strstr(all, "error S4: 4097 servers on one node"));
	free(all);
	ph_wiring_free(wiring);
	free(text);

	size_t length = (size_t)4 * 1024 * 1024 + 1;
	text = malloc(length);
	memset(text, '#', length);
	wiring = read_bytes(text, length);
	all = printed(wiring);
	assert_non_null(strstr(all, "error S1: the file is over 4 MiB"));
	free(all);
	ph_wiring_free(wiring);

	/* What made the parser slow or large before it was looked for. */
	memset(text, '[', length - 1);
	wiring = read_bytes(text, length - 1);
	assert_int_equal(ph_wiring_errors(wiring), 1);
	ph_wiring_free(wiring);
	memcpy(text, "a: |\n", 5);
	memset(text + 5, '\n', length - 6);
	wiring = read_bytes(text, length - 1);
	assert_int_equal(ph_wiring_errors(wiring), 1);
	ph_wiring_free(wiring);
	free(text);
}

static void findings_are_bounded(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);
	const struct ph_finding *findings;

	fputs(PAIR "wires:\n", out);
	for (int i = 0; i < 20000; i++)
		fprintf(out, "  - nobody%d -> nothing%d\n", i, i);
	fclose(out);
	struct ph_wiring *wiring = read_text(text);
	assert_int_equal(ph_wiring_errors(wiring), 40000);
	assert_int_equal(
		ph_wiring_findings(wiring, &findings), PH_WIRING_FINDINGS + 1);
	assert_string_equal(findings[PH_WIRING_FINDINGS].rule, "S0");
	ph_wiring_free(wiring);
	free(text);
}

/* Lint is run: what has no error can be written, and reads back. */
static const char mutable[] =
	HEAD "defaults: {on_full: block, queue: 4MiB}\n"
	     "hosts:\n"
	     "  beta: {at: \"beta.lan:7678\"}\n"
	     "servers:\n"
	     "  read: {use: file.read, with: {path: \"${DIR}/in\"}}\n"
	     "  zip:\n"
	     "    host: beta\n"
	     "    exec: [gzip, -c]\n"
	     "    env: {LANG: C}\n"
	     "    out: {z: {fd: 1, type: application/gzip, kind: mux}}\n"
	     "    labels: {tier: one}\n"
	     "    caps: [a, b=c]\n"
	     "  tick: {use: clock, with: {every: 5s}}\n"
	     "  keep: {host: gamma, exec: [cat], restart: never, class: 0x2a}\n"
	     "  null: {use: null}\n"
	     "wires:\n"
	     "  - read -> zip -> keep\n"
	     "  - {from: zip:z, to: null:in, queue: 1MiB}\n"
	     "  - tick:out -> delta/see:in\n";

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static size_t mutate(char *text, size_t length, uint64_t *seed)
{
	static const char letters[] =
		"abz019:{}[],-> \n\t\"'#&*!|?%@`/.$\\\xc3\xa4\x01\xff";
	size_t at = random_next(seed) % length;
	size_t span = random_next(seed) % 4 + 1;

	if (at + span > length)
		span = length - at;
	switch (random_next(seed) % 4) {
	case 0:
		text[at] = letters[random_next(seed) % (sizeof(letters) - 1)];
		return length;
	case 1:
		memmove(text + at, text + at + span, length - at - span);
		return length - span;
	case 2:
		memmove(text + at + span, text + at, length - at);
		return length + span;
	default:
		for (size_t i = 0; i < span; i++)
			text[at + i] = text[random_next(seed) % length];
		return length;
	}
}

/* By the reader that every node has. */
static void is_taken(struct ph_value root, const char *host)
{
	struct ph_part *part;
	struct ph_error error = {0};

	if (ph_part_read(&part, root, *host ? host : "alpha", bundled, &error))
		fail_msg("%s (%s)", error.what, error.where);
	ph_part_free(part);
}

static void what_lints_runs(void **state)
{
	uint64_t seed = 0x7678;
	unsigned good = 0;

	for (unsigned round = 0; round < 3000; round++) {
		char text[sizeof(mutable) + 64];
		size_t length = sizeof(mutable) - 1;

		memcpy(text, mutable, length);
		for (uint64_t i = 1 + (random_next(&seed) % 4 == 0); i > 0; i--)
			length = mutate(text, length, &seed);
		struct ph_wiring *wiring = read_bytes(text, length);
		char *all = printed(wiring);
		free(all);
		if (ph_wiring_errors(wiring) == 0) {
			size_t servers = 0;

			good++;
			for (size_t i = 0; i < ph_wiring_hosts(wiring); i++) {
				struct part part = part_of(
					wiring, ph_wiring_host(wiring, i));
				struct ph_value list =
					ph_value_get(part.root, "servers");

				is_taken(part.root, ph_wiring_host(wiring, i));
				servers += ph_value_count(list);
				part_free(&part);
			}
			assert_true(servers > 0);
		}
		ph_wiring_free(wiring);
	}
	/* Both kinds are there, else this proves nothing. */

	assert_true(good > 200 && good < 2800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_told),
		cmocka_unit_test(rules_leave_alone),
		cmocka_unit_test(finding_is_drawn),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(findings_are_harmless),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(parts_say_what_the_file_says),
		cmocka_unit_test(a_bundled_output_becomes_a_mux),
		cmocka_unit_test(a_thousand_servers_are_quick),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(findings_are_bounded),
		cmocka_unit_test(what_lints_runs),
	};

	return cmocka_run_group_tests_name("wiring", tests, NULL, NULL);
}
