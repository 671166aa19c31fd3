/* The wiring file: every rule once broken and once kept, and what findings
 * look like. */
#include "test/unit/wiring_fixture.h"

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
	{PAIR "wires: [{from: a, to: b, spill: 1MiB}]\n",
		"error S3: 'spill' is not in this version", "remove it"},
	{HEAD "include: x\n", ":3:10: error P8: 'x' cannot be read", NULL},
	{HEAD "include: /x\n", ":3:10: error P8: '/x' cannot be included",
		"relative"},
	{HEAD "include: [a/b]\n\n--- # part a/b\nservers: {a: x}\n",
		"a/b:1:14: error S4: 'a' must be a map", NULL},
	{HEAD "include: [a]\nservers: {s: {exec: [x]}}\n--- # part a\n"
	      "servers: {s: {exec: [y]}}\n",
		"a:1:11: error S2: 's' stands in another file", NULL},
	{HEAD "include: [a]\n--- # part a\ninclude: b\n--- # part b\n"
	      "include: [./a]\n",
		"b:1:11: error S6: 'a' is included by itself", NULL},
	{HEAD "include: [a/x]\n--- # part a/x\ninclude: y\n--- # part a/y\n"
	      "wires:\n  - p -> q\n",
		"a/y:2:5: error P1: no server 'p'", NULL},
	{HEAD "include: [a]\n--- # part a\ndefaults: {queue: 1MiB}\n",
		"a:1:1: error S3: 'defaults' of a part", NULL},
	{HEAD "include: [a]\n--- # part a\n- x\n",
		"a:1:1: error S4: a part is a map", NULL},
	{HEAD "include: [a]\nservers: {}\n--- # part a\nservers: [x]\n",
		"a:1:1: error S4: 'servers'", NULL},
	{HEAD "include: [a]\n--- # part a\n{x\n", "a:1:3: error S1: ", NULL},
	{HEAD "include: [a]\n--- # part a\nsevers: {}\n",
		"a:1:1: error S3: no key 'severs'", "Did you mean 'servers'?"},
	{HEAD "defaults: {retry: 1s}\n",
		"error S4: '1s' is no pair of durations", "250ms..10s"},
	{HEAD "defaults: {retry: 1ms..1s}\n",
		"error S4: '1ms..1s' is too short", NULL},
	{PAIR "wires: [{from: a, to: b, labels: {a=b: c}}]\n",
		"error S4: 'a=b' is no label", NULL},
	{PAIR "wires: [{from: a, to: b, expect: 5kB}]\n",
		"error S4: '5kB' is no rate to expect", ">="},
	{PAIR "wires: [{from: a, to: b, optional: maybe}]\n",
		"error S4: 'maybe' is no value of 'optional'", NULL},
	{PAIR "wires: [a -> b]\nnever: [{from: {}, to: b}]\n",
		"error S4: nothing says which are meant", NULL},
	{PAIR "wires: [a -> b]\nnever: [{from: {label: x}, to: b}]\n",
		"error S3: no key 'label'", "Did you mean 'labels'?"},
	{HEAD "servers: {a: {exec: [x], limits: {memory: 64k}}}\n",
		"'64k' is no limit of memory", NULL},
	{HEAD "servers: {a: {exec: [x], limits: {cpus: 1}}}\n",
		"error S3: no key 'cpus'", NULL},
	{HEAD "servers: {a: {exec: [x], require: [landlok]}}\n",
		"'landlok' cannot be required", NULL},
	{HEAD "servers: {a: {exec: [x], require: [memory]}}\n",
		"'require' has no limit of memory", NULL},
	{HEAD "servers: {a: {use: clock, limits: {pids: 1}}}\n",
		"'limits' is for programs (exec:)", NULL},
	{HEAD "servers: {a: {exec: [x], confine: strict}}\n",
		"confine: strict needs 'cwd'", NULL},
	{PAIR "wires: [{from: a, to: b, via: tcp}]\n",
		":6:31: error R5: 'via: tcp': both ends are on one host",
		"placement"},
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
	{HEAD "defaults: {on_full: drop-older}\n",
		":3:21: error S4: 'drop-older' is no value",
		"block, drop-oldest, drop-newest, latest, disconnect. Did you "
		"mean drop-oldest?"},
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
	{HEAD "servers: {a: {use: zero, placement: proces}}\n",
		"error S4: 'proces' is no value of 'placement'", "process"},
	{HEAD "servers: {a: {exec: [x], placement: loop}}\n",
		"error S4: a program (exec:) is always a process of its own",
		"placement: process"},
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
	{PAIR "wires: [{from: a, to: {count: 2}}]\n",
		":6:23: error S4: nothing says who is meant", "caps"},
	{PAIR "wires: [{from: a, to: {class: 0x2a, count: 0}}]\n",
		"error S4: '0' is no value of 'count'", "1 to 256"},
	{PAIR "wires: [{from: a, to: {caps: [\"a,b=c\"]}}]\n",
		"error S4: 'a,b=c' is no criterion", "comma"},
	{PAIR "wires: [{from: {class: 1}, to: {class: 2}}]\n",
		"error S4: only one end of a wire", NULL},
	{PAIR "wires: [{from: a:stdin, to: {class: 2}}]\n",
		":6:16: error D1: 'a:stdin' is an input", NULL},
	{PAIR "wires: [{from: a, to: {class: 0x2a, count: 2}}]\n",
		"error D4: 'a:stdout' feeds a wire already", "mux"},
	{PAIR "wires: [{from: a, to: {clas: 0x2a}}]\n",
		"error S3: no key 'clas' is known in a wire's end", "'class'"},
	{HEAD FAN "wires: [\"a:o -> b\", \"a:o -> c\"]\n",
		"warning F1: 'a:o' feeds 2 wires: when 'b:stdin' is slow, all "
		"of them wait",
		"on_full: drop-oldest"},
	{HEAD FAN "wires: [{from: a:o, to: b, on_full: latest}, a:o -> c]\n",
		"when 'c:stdin' is slow", NULL},
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
	{"S4", HEAD "defaults: {on_full: drop-oldest}\n"},
	{"S4", HEAD "defaults: {on_full: drop-newest}\n"},
	{"S4", HEAD "defaults: {on_full: latest}\n"},
	{"S4", HEAD "defaults: {on_full: disconnect}\n"},
	{"F1", HEAD FAN "wires: [a:o -> b]\n"},
	{"F1", HEAD FAN "wires: [{from: a:o, to: b, on_full: block}, "
			"{from: a:o, to: c, on_full: latest}]\n"},
	{"F1", HEAD "defaults: {on_full: latest}\n" FAN
		    "wires: [a:o -> b, a:o -> c]\n"},
	{"F1", HEAD FAN "wires: [{from: a:o, to: b, on_full: drop-newest}, "
			"{from: a:o, to: c, on_full: disconnect}]\n"},
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_told),
		cmocka_unit_test(rules_leave_alone),
		cmocka_unit_test(finding_is_drawn),
		cmocka_unit_test(columns_count_characters),
		cmocka_unit_test(findings_are_harmless),
		cmocka_unit_test(long_lines_are_cut),
	};

	return cmocka_run_group_tests_name("wiring", tests, NULL, NULL);
}
