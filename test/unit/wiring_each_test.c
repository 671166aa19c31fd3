/* for_each, lists as ends, never, budgets: what becomes of them, and what is
 * told of wrong ones. */
#include "test/unit/wiring_fixture.h"

#include "controlsurface/wiring_list.h"
#include "controlsurface/wiring_reach.h"

/* "host/server server..." and "from>to ..." of a file without errors. */
static char *graph(const char *text)
{
	struct ph_wiring *wiring = read_text(text);
	const struct ph_wiring_wire *position = NULL;
	struct ph_wiring_server_line server;
	struct ph_wiring_end_line from;
	struct ph_wiring_end_line to;
	char *all = NULL;
	size_t length;

	if (ph_wiring_errors(wiring) > 0) {
		all = printed(wiring);
		ph_wiring_free(wiring);
		return all;
	}
	FILE *out = open_memstream(&all, &length);
	for (size_t i = 0; ph_wiring_server_at(wiring, i, &server); i++)
		fprintf(out, "%s/%s(%s) ", server.node, server.name,
			server.runs);
	while (ph_wiring_next_wire(wiring, &position, &from, &to))
		fprintf(out, "%s:%s>%s:%s ", from.server, from.terminal,
			to.server, to.terminal);
	fclose(out);
	ph_wiring_free(wiring);
	return all;
}

static const struct {
	const char *text;
	const char *graph; /* or what is told */
} cases[] = {
	{HEAD "for_each: {w: [one, two]}\nservers:\n  \"a-${w}\": {host: "
	      "\"${w}\", exec: [cat, \"${w}\", \"$${w}\"]}\n  b: {exec: [wc], "
	      "in: {i: {kind: combine}}}\nwires:\n  - a-${w} -> b\n",
		"one/a-one(cat) two/a-two(cat) /b(wc) a-one:stdout>b:i "
		"a-two:stdout>b:i "},
	{HEAD "for_each: {x: [1, 2], y: [3, 4]}\nservers:\n  s${x}${y}: {exec: "
	      "[cat]}\n  t${y}: {exec: [wc]}\n",
		"/s13(cat) /s14(cat) /s23(cat) /s24(cat) /t3(wc) /t4(wc) "},
	{HEAD "for_each: {x: [1]}\nservers: {a: {exec: [cat]}, b: {exec: [wc], "
	      "in: {i: }}}\nwires: [{from: a, to: b:i}]\n",
		"/a(cat) /b(wc) a:stdout>b:i "},
	{PAIR "  c: {exec: [z], out: {o: {kind: mux}}}\nwires:\n  - {from: c, "
	      "to: [a, b], on_full: block}\n",
		"c:o>a:stdin c:o>b:stdin "},
	{PAIR "  c: {exec: [z], in: {i: {kind: combine}}}\nwires:\n  - {from: "
	      "[a, b], to: c}\n",
		"a:stdout>c:i b:stdout>c:i "},
	/* Hosts with count: what is on them stands on each. */
	{HEAD "hosts: {g: {caps: [x], count: 2}, h: }\nservers:\n  a: {host: "
	      "h, exec: [cam], out: {o: {kind: mux}}}\n  b: {host: g, exec: "
	      "[enc, \"${g}\"]}\n  c: {host: g, exec: [pack], needs: [b]}\n"
	      "  d: {host: h, exec: [rec], in: {i: {kind: combine}}, needs: "
	      "c}\nwires:\n  - {from: a, to: [b:stdin], on_full: latest}\n"
	      "  - b->c -> d:i\n",
		"h/a(cam) g-1/b-1(enc) g-2/b-2(enc) g-1/c-1(pack) "
		"g-2/c-2(pack) h/d(rec) a:o>b-1:stdin a:o>b-2:stdin "
		"b-1:stdout>c-1:stdin c-1:stdout>d:i b-2:stdout>c-2:stdin "
		"c-2:stdout>d:i "},
	{HEAD "for_each: {n: [8, 9]}\nhosts: {g: {caps: [x], count: 2}}\n"
	      "servers:\n  b-${n}: {host: g, exec: [z]}\n  e: {exec: [y], in: "
	      "{i: {kind: combine}}}\nwires: [\"b-${n} -> e:i\"]\n",
		"g-1/b-8-1(z) g-2/b-8-2(z) g-1/b-9-1(z) g-2/b-9-2(z) /e(y) "
		"b-8-1:stdout>e:i b-8-2:stdout>e:i b-9-1:stdout>e:i "
		"b-9-2:stdout>e:i "},
	{HEAD "hosts: {g: {caps: [x], count: 2}}\nservers:\n  a: {exec: [p], "
	      "out: {o: {kind: mux}}}\n  b: {host: g, exec: [q]}\n  c: {exec: "
	      "[r], in: {i: {kind: combine}}}\nwires:\n  - {from: a, to: b, "
	      "on_full: latest}\n  - b -> c\nnever: [{from: a, to: c, except: "
	      "b}]\n",
		"/a(p) g-1/b-1(q) g-2/b-2(q) /c(r) a:o>b-1:stdin "
		"a:o>b-2:stdin b-1:stdout>c:i b-2:stdout>c:i "},
	/* Refused. */
	{HEAD "hosts: {g: {at: \"x:1\", count: 2}}\n",
		":3:24: error S4: 'count' is for hosts that are found"},
	{HEAD "hosts: {g: {caps: [x], count: many}}\n",
		":3:31: error S4: 'many' is no value of 'count'"},
	{HEAD "for_each: {g: [1]}\nhosts: {g: {caps: [x], count: 2}}\n",
		":4:9: error S4: 'g' is counted already"},
	{HEAD "hosts: {g: {caps: [x], count: 2}}\nservers: {b: {host: g, exec: "
	      "[x]}, c: {exec: [y]}}\nwires: [b -> c]\n",
		"error D3"},
	{HEAD "for_each: {w: [1, 2]}\nservers: {a: {exec: [cat, \"${w}\"]}}\n",
		":4:11: error S4: 'a' stands once for each w, and always"},
	{HEAD "for_each: {w: [1, 1]}\nservers: {\"a${w}\": {exec: [cat]}}\n",
		"error S2: key 'a1' stands twice"},
	{HEAD "for_each: {w: [1]}\nservers:\n  a1: {exec: [cat]}\n  a${w}: "
	      "{exec: [cat]}\n",
		":6:3: error S2: key 'a1' stands twice, first in line 5"},
	{HEAD "for_each: {w: []}\n", "error S4: for_each holds up to 8"},
	{HEAD "for_each: {w: x}\n", ":3:15: error S4: 'w' must be a list"},
	{HEAD "for_each: {w: [[x]]}\n", "error S4: 'w' must be text"},
	{HEAD "for_each: {\"w x\": [a]}\n", "cannot be the name of a variable"},
	{HEAD "for_each: {w: [\"$${x}\"]}\n", "cannot be a value of for_each"},
	{HEAD "for_each: [a]\n", "error S4: 'for_each' must be a map"},
	{PAIR "wires: [{from: a, to: []}]\n",
		":6:23: error S4: 'to' holds 0 ends, it can be 1 to 64"},
	{PAIR "wires: [{from: a, to: [b, c]}]\n", "error P1: no server 'c'"},
	{PAIR "wires: [{from: a, to: [[b]]}]\n", "error S4: 'to' must be text"},
	{PAIR "wires: [{from: a, to: {class: red}}]\n", "is no class"},
	{PAIR "wires: [{from: a, to: {count: 0}}]\n",
		"'0' is no value of 'count'"},
	{PAIR "wires: [{from: a, to: {clas: 1}}]\n",
		"no key 'clas' is known in a wire's end"},
	{PAIR "wires: [{from: a, to: b, expect: 500kB/s}]\n",
		"is no rate to expect"},
	{PAIR "wires: [{from: a, to: b, retry: 10s..1s}]\n",
		"begins with the longer one"},
	{PAIR "wires: [{from: a, to: b, retry: 10s}]\n",
		"is no pair of durations"},
	{PAIR "wires: [{from: a, to: b, budget: 5}]\n", "is no duration"},
	{PAIR "never: [{from: a}]\n", ":6:9: error S4: this has no 'to'"},
	{PAIR "never: [{from: x, to: b}]\n", "error P1: no server 'x'"},
	{PAIR "never: [a]\n", "error S4: 'never' must be a map"},
	{PAIR "wires: [a -> b]\nnever: [{from: \"*\", to: \"b:std*\"}]\n",
		":7:9: error R6: there is a path: a:stdout -> b:stdin"},
	{PAIR "  c: {exec: [z]}\nwires: [a -> b -> c]\nnever: [{from: a, to: "
	      "c}]\n",
		"error R6: there is a path: a:stdout -> b -> c:stdin"},
	{HEAD "servers: {a: {exec: [x], needs: c}}\n",
		":3:33: error P1: no server 'c'"},
	{HEAD "servers: {a: {exec: [x], listen: 70000}}\n",
		"error S4: '70000' is no port"},
	{HEAD "servers: {a: {exec: [x], listen: \"::1:80\"}}\n",
		"'::1:80' is no port"},
	{HEAD "hosts: {a: {at: \"x:1\"}, b: {at: \"x:1\"}}\n",
		"error O3: address x:1 is taken already (line 3)"},
	{PAIR "wires: [a -> b]\nalarms: [{on: b, when: rates > 5, action: "
	      "x}]\n",
		"is no condition"},
	{PAIR "alarms: [{on: b, when: rate < 5/s, action: x}]\n",
		"error O2: this alarm never comes: no wire is there"},
	{PAIR "wires: [a -> b]\nalarms: [{on: b, when: queue > 2MiB, action: "
	      "x}]\n",
		"its queue never holds that much"},
	{PAIR "wires: [a -> b]\nalarms: [{on: b, when: rate < 0/s, action: "
	      "x}]\n",
		"nothing is below 0"},
};

static void files_mean_this(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char *all = graph(cases[i].text);

		if (!strstr(all, cases[i].graph))
			fail_msg("%s\nwanted: %s\nbut: %s", cases[i].text,
				cases[i].graph, all);
		free(all);
	}
}

/* What would be too much is refused, not built. */
static void products_are_bounded(void **state)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	fputs(HEAD "for_each:\n", out);
	for (int i = 0; i < 8; i++) {
		fprintf(out, "  v%d: [", i);
		for (int j = 0; j < 100; j++)
			fprintf(out, "%s%d", j ? ", " : "", j);
		fputs("]\n", out);
	}
	fputs("servers:\n  "
	      "\"a${v0}-${v1}-${v2}-${v3}-${v4}-${v5}-${v6}-${v7}\": "
	      "{exec: [x]}\n",
		out);
	fclose(out);
	char *all = graph(text);
	assert_non_null(strstr(all, "error S1: for_each makes too many parts"));
	free(all);
	free(text);
}

static void globs_match(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} globs[] = {
		{"", "", true},
		{"*", "", true},
		{"a*c", "abc", true},
		{"a*c", "abcd", false},
		{"*b*", "abc", true},
		{"a*b*c", "aXbYbZc", true},
		{"tail-*:out", "tail-web1:out", true},
		{"tail-*:out", "tail-web1:err", false},
		{"a", "ab", false},
		{"ab", "a", false},
		{"*a*a*a*a*a*a*a*a*b",
			"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			false},
	};

	for (size_t i = 0; i < sizeof(globs) / sizeof(*globs); i++)
		assert_int_equal(
			ph_wiring_glob(globs[i].pattern, globs[i].text),
			globs[i].matches);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_mean_this),
		cmocka_unit_test(products_are_bounded),
		cmocka_unit_test(globs_match),
	};

	return cmocka_run_group_tests_name("wiring_each", tests, NULL, NULL);
}
