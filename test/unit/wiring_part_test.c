/* What a wiring file becomes: one part for each node; that the reader is quick
 * and bounded; that what it takes, the nodes take. */
#include "test/unit/wiring_fixture.h"

#include <time.h>

#include "controlsurface/part.h"
#include "executor/spec.h"

/* A part, written and read back. */
struct part {
	struct ph_writer *writer;
	struct ph_document *document;
	struct ph_value root;
};

static struct part part_of(const struct ph_wiring *wiring, const char *host)
{
	struct part part;

	assert_int_equal(ph_writer_create(&part.writer), 0);
	ph_wiring_part(wiring, host, "alpha", part.writer);
	assert_int_equal(
		ph_document_written(&part.document, part.writer, PH_SKIM_TABLE),
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

/* Of the wires that go to another node: one on this node, also when the file
 * and the one who applies call it by two names, is not dialled. */
static void a_default_way_is_for_wires_between_nodes(void **state)
{
	struct ph_wiring *wiring =
		read_text(HEAD "defaults: {via: ws}\n"
			       "hosts: {beta: , alpha: }\n"
			       "servers:\n"
			       "  a: {use: clock, out: {out: {kind: mux}}}\n"
			       "  near: {host: alpha, use: \"null\"}\n"
			       "  far: {host: beta, use: \"null\"}\n"
			       "  other: {host: beta, use: \"null\"}\n"
			       "wires:\n"
			       "  - a:out -> near:in\n"
			       "  - a:out -> far:in\n"
			       "  - {from: a:out, to: other:in, via: unix}\n");
	struct part part;

	assert_int_equal(ph_wiring_errors(wiring), 0);
	part = part_of(wiring, "");
	assert_int_equal(ph_value_count(ph_value_get(part.root, "wires")), 3);
	is_text(listed(part.root, "wires", 0), "via", "");
	is_text(listed(part.root, "wires", 1), "via", "ws");
	is_text(listed(part.root, "wires", 2), "via", "unix");
	part_free(&part);
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

/* Read by our own hand: doubled quotes, folded lines. */
static void single_quotes_are_read(void **state)
{
	struct ph_wiring *wiring = read_text(
		HEAD "servers:\n  a:\n    exec:\n      - echo\n"
		     "      - 'it''s  '\n"
		     "      - 'one  \n         two\n\n\n         three'\n"
		     "      - ''\n"
		     "      - ' '''''''''''''''''''''''''''''''''\n");
	struct part part = part_of(wiring, "");
	struct ph_value server = listed(part.root, "servers", 0);

	assert_int_equal(ph_wiring_errors(wiring), 0);
	assert_true(ph_value_is(listed(server, "exec", 1), "it's  "));
	assert_true(ph_value_is(listed(server, "exec", 2), "one two\n\nthree"));
	assert_true(ph_value_is(listed(server, "exec", 3), ""));
	assert_true(
		ph_value_is(listed(server, "exec", 4), " ''''''''''''''''"));
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

	size_t length = (size_t)1024 * 1024 + 1;
	text = malloc(length);
	memset(text, '#', length);
	wiring = read_bytes(text, length);
	all = printed(wiring);
	assert_non_null(strstr(all, "error S1: the file is over 1 MiB"));
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
static const char mutable[] = HEAD
	"include: [p/a]\n"
	"defaults: {on_full: block, queue: 4MiB, retry: 1s..2s}\n"
	"for_each: {n: [1, 2]}\n"
	"hosts:\n"
	"  beta: {at: \"beta.lan:7678\", memory: 1GiB}\n"
	"  gamma: {caps: [gpu=nvenc, arch]}\n"
	"servers:\n"
	"  read: {use: file.read, with: {path: \"${DIR}/in\"}}\n"
	"  zip:\n"
	"    host: beta\n"
	"    exec: [gzip, -c]\n"
	"    env: {LANG: C}\n"
	"    out: {z: {fd: 1, type: application/gzip, kind: mux, labels: {q: "
	"w}}}\n"
	"    owner: ops\n"
	"    labels: {tier: one}\n"
	"    caps: [a, b=c]\n"
	"  tick: {use: clock, with: {every: 5s}}\n"
	"  keep: {host: gamma, exec: [cat], restart: never, class: 0x2a, "
	"needs: [last, zip]}\n"
	"  last: {host: gamma, use: clock}\n"
	"  null: {use: null}\n"
	"  \"up${n}\": {exec: [tr, \"${n}\"], listen: \"127.0.0.1:80${n}\", "
	"in: {i: {optional: yes}}}\n"
	"wires:\n"
	"  - read -> zip -> keep\n"
	"  - {from: zip:z, to: null:in, queue: 1MiB}\n"
	"  - tick:out -> delta/see:in\n"
	"  - {from: [up1, up2], to: delta/two:in, via: tcp}\n"
	"  - {from: zip:z, to: {class: 0x2a, caps: [g=h], labels: {k: v}, "
	"terminal: raw, count: 2}, optional: yes}\n"
	"  - {from: zip:z, to: sink, retry: 20ms..1m, labels: {l: \"1\", m: "
	"n}, expect: \">= 5kB/s\", budget: 2s}\n"
	"tests:\n"
	"  - {name: a, reach: [read, keep:stdin], within: 5s}\n"
	"  - {name: b, inject: {at: read:out, text: x}, expect: {at: "
	"keep:stdin, contains: x}}\n"
	"never: [{from: \"up*\", to: keep, except: zip}, {from: {owner: ops, "
	"labels: {q: w}}, to: {server: up*}}]\n"
	"alarms:\n"
	"  - {on: keep:stdin, when: \"rate < 5kB/s for 5s\", priority: high, "
	"action: look}\n"
	"  - {on: {labels: {l: \"*\"}}, when: \"blocked > 5%\", action: b}\n"
	"\n--- # part p/a\n"
	"servers: {sink: {host: beta, exec: [cat]}}\n";

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

/* By the readers that every node has: control surface and executor. */
static void is_taken(struct ph_value root, const char *host)
{
	struct ph_value servers = ph_value_get(root, "servers");
	struct ph_part *part;
	struct ph_error error = {0};

	if (ph_part_read(&part, root, *host ? host : "alpha", bundled, &error))
		fail_msg("%s (%s)", error.what, error.where);
	ph_part_free(part);
	for (size_t i = 0; i < ph_value_count(servers); i++) {
		struct ph_spec *spec;

		if (ph_spec_read(&spec, ph_value_at(servers, i), &error))
			fail_msg("%s (%s)", error.what, error.where);
		ph_spec_free(spec);
	}
}

/* Whoever is meant by criteria is somebody. */
static void fulfil(struct ph_wiring *wiring)
{
	const struct ph_wiring_wish *wish = NULL;
	const struct ph_wiring_host *place = NULL;
	struct ph_wiring_wish_line line;

	while (ph_wiring_next_wish(wiring, &wish, &line))
		assert_int_equal(
			ph_wiring_fulfil(wiring, wish,
				&(struct ph_wiring_chosen){"epsilon", "enc",
					"raw", "epsilon~1.1/00ff"}),
			0);
	while (ph_wiring_next_place(wiring, &place))
		ph_wiring_place_set(wiring, place, "zeta");
	ph_wiring_places_settle(wiring);
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

			fulfil(wiring);

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

	assert_true(good > 150 && good < 2800);
}

/* What we show people has no finding but hosts that must be peers. */
static void examples_lint(void **state)
{
	static const char *const names[] = {
		"local-pipeline", "three-nodes", "fan", "guest"};

	setenv("IN", "/in", 1);
	setenv("OUT", "/out", 1);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[8192];
		const struct ph_finding *findings;
		struct ph_wiring *wiring;

		snprintf(text, sizeof(text), "examples/%s.yaml", names[i]);
		FILE *file = fopen(text, "r");
		assert_non_null(file);
		struct ph_wiring_input input = {.file = names[i],
			.text = text,
			.length = fread(text, 1, sizeof(text), file),
			.variable = ph_wiring_variable,
			.bundled = ph_bundled_servers};
		fclose(file);
		assert_int_equal(ph_wiring_read(&wiring, &input), 0);
		for (size_t j = ph_wiring_findings(wiring, &findings); j > 0;
			j--)
			assert_string_equal(findings[j - 1].rule, "P5");
		ph_wiring_free(wiring);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_say_what_the_file_says),
		cmocka_unit_test(a_default_way_is_for_wires_between_nodes),
		cmocka_unit_test(a_bundled_output_becomes_a_mux),
		cmocka_unit_test(single_quotes_are_read),
		cmocka_unit_test(a_thousand_servers_are_quick),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(findings_are_bounded),
		cmocka_unit_test(what_lints_runs),
		cmocka_unit_test(examples_lint),
	};

	return cmocka_run_group_tests_name("wiring_part", tests, NULL, NULL);
}
