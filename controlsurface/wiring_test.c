#include "controlsurface/wiring_test.h"

#include <stdint.h>
#include <string.h>

#include "controlsurface/wiring_end.h"
#include "controlsurface/wiring_reach.h"
#include "controlsurface/wiring_trial.h"

#define TESTS_MOST  1000
#define WITHIN	    (10 * (int64_t)1000000000)
#define WITHIN_MOST (600 * (int64_t)1000000000)

/* One of `server:terminal` of the file; of a guest with `guests`. */
static bool end_take(struct ph_wiring *wiring, struct ph_yaml_node *node,
	const char *what, bool output, bool guests, struct ph_wiring_end *end)
{
	if (!ph_wiring_is(wiring, node, PH_YAML_TEXT, what))
		return false;
	if (*node->text == '\0') {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Write server:terminal.", "'%s' is empty", what);
		return false;
	}
	if (!ph_wiring_read_end(
		    wiring, node, 0, strlen(node->text), output, end))
		return false;
	if (end->server != NULL || guests)
		return true;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Only servers of this file run for a test.",
		"'%.80s' is a guest that runs elsewhere", node->text);
	return false;
}

static void reach_read(struct ph_wiring *wiring, struct ph_wiring_test *test,
	const struct ph_yaml_node *map)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, map, "reach", PH_YAML_LIST);

	if (list == NULL)
		return;
	if (list->count < 2) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			"Write reach: [cam:video, rec:in].",
			"'reach' takes two terminals or more");
		return;
	}
	test->reach = ph_arena_take(
		&wiring->arena, list->count * sizeof(*test->reach));
	if (test->reach == NULL)
		return;
	for (struct ph_yaml_node *item = list->first; item != NULL;
		item = item->next)
		if (end_take(wiring, item, "reach", item->next != NULL, true,
			    &test->reach[test->reach_count]))
			test->reach_count++;
}

/* Exactly one of text, file and contains. */
static bool put_read(struct ph_wiring *wiring, struct ph_yaml_node *map,
	bool inject, struct ph_trial_put *put)
{
	static const char *const keys[] = {"text", "file", "contains"};
	const char *what = inject ? "inject" : "expect";
	enum ph_level level = inject ? PH_LEVEL_INJECT : PH_LEVEL_EXPECT;
	const char *found[3] = {NULL, NULL, NULL};
	unsigned count = 0;

	if (!ph_wiring_is(wiring, map, PH_YAML_MAP, what))
		return false;
	ph_wiring_keys(wiring, level, map);
	if (!ph_wiring_must(wiring, level, map, what))
		return false;
	for (unsigned i = 0; i < (inject ? 2 : 3); i++) {
		const struct ph_yaml_node *node = ph_yaml_get(map, keys[i]);

		if (node == NULL || node->kind != PH_YAML_TEXT)
			continue;
		found[i] = node->text;
		count++;
	}
	if (count != 1) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", map->span,
			inject ? "Write {at: server:terminal, text: \"...\"} "
				 "or "
				 "file: PATH."
			       : "Write {at: server:terminal, text: \"...\"}, "
				 "contains: \"...\" or file: PATH.",
			"%s says %s bytes are meant", what,
			count == 0 ? "not which" : "twice which");
		return false;
	}
	put->text = found[0] ? found[0] : found[2];
	put->file = found[1];
	put->contains = found[2] != NULL;
	put->written = ph_yaml_get(map, "at")->text;
	return end_take(
		wiring, ph_yaml_get(map, "at"), "at", !inject, false, &put->at);
}

static void puts_read(struct ph_wiring *wiring, struct ph_yaml_node *map,
	bool inject, struct ph_trial_put *puts, unsigned *count)
{
	const char *key = inject ? "inject" : "expect";
	struct ph_yaml_node *node = ph_yaml_get(map, key);

	if (node == NULL || node->bad)
		return;
	if (node->kind == PH_YAML_MAP) {
		*count += put_read(wiring, node, inject, &puts[0]);
		return;
	}
	if (node->kind == PH_YAML_LIST && node->count > PH_TRIAL_PUTS) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
			"Make two tests of it.",
			"'%s' holds %u, the most is %d", key, node->count,
			PH_TRIAL_PUTS);
		return;
	}
	for (struct ph_yaml_node *item = node->first; item != NULL;
		item = item->next)
		*count += put_read(wiring, item, inject, &puts[*count]);
}

static void complete_check(
	struct ph_wiring *wiring, const struct ph_yaml_node *node)
{
	bool reach = ph_yaml_get(node, "reach") != NULL;
	bool inject = ph_yaml_get(node, "inject") != NULL;
	bool expect = ph_yaml_get(node, "expect") != NULL;

	if (expect || (reach && !inject))
		return;
	ph_findings_add(wiring, PH_FINDING_ERROR, "S4", node->span,
		"Write reach: [a:out, b:in], or inject: and expect:.",
		inject ? "the test expects nothing"
		       : "the test says nothing to try");
}

static void test_read(struct ph_wiring *wiring, struct ph_yaml_node *node,
	struct ph_wiring_test **last)
{
	if (!ph_wiring_is(wiring, node, PH_YAML_MAP, "tests"))
		return;
	ph_wiring_keys(wiring, PH_LEVEL_TEST, node);
	ph_wiring_must(wiring, PH_LEVEL_TEST, node, "a test");
	complete_check(wiring, node);
	struct ph_wiring_test *test =
		ph_arena_take(&wiring->arena, sizeof(*test));
	if (test == NULL)
		return;
	test->name = ph_wiring_text(wiring, node, "name");
	test->span = node->span;
	test->within = ph_wiring_duration(wiring, node, "within", WITHIN);
	if (test->within > WITHIN_MOST)
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4",
			ph_yaml_get(node, "within")->span, NULL,
			"a test takes up to 10 minutes");
	reach_read(wiring, test, node);
	puts_read(wiring, node, true, test->injects, &test->inject_count);
	puts_read(wiring, node, false, test->expects, &test->expect_count);
	if (*last == NULL)
		wiring->tests = test;
	else
		(*last)->next = test;
	*last = test;
}

void ph_wiring_read_tests(
	struct ph_wiring *wiring, const struct ph_yaml_node *root)
{
	struct ph_yaml_node *list =
		ph_wiring_get(wiring, root, "tests", PH_YAML_LIST);
	struct ph_wiring_test *last = NULL;

	if (list != NULL && list->count > TESTS_MOST) {
		ph_findings_add(wiring, PH_FINDING_ERROR, "S4", list->span,
			NULL, "'tests' holds %u, the most is %d", list->count,
			TESTS_MOST);
		return;
	}
	for (struct ph_yaml_node *node = list ? list->first : NULL;
		node != NULL; node = node->next)
		test_read(wiring, node, &last);
}

const struct ph_wiring_test *ph_wiring_test_next(
	const struct ph_wiring *wiring, const struct ph_wiring_test *test)
{
	return test == NULL ? wiring->tests : test->next;
}

const char *ph_wiring_test_name(const struct ph_wiring_test *test)
{
	return test->name ? test->name : "";
}

unsigned ph_wiring_test_line(
	const struct ph_wiring *wiring, const struct ph_wiring_test *test)
{
	return ph_findings_line(wiring, test->span.start);
}

int64_t ph_wiring_test_within(const struct ph_wiring_test *test)
{
	return test->within;
}

size_t ph_wiring_test_injects(const struct ph_wiring_test *test)
{
	return test->inject_count;
}

size_t ph_wiring_test_expects(const struct ph_wiring_test *test)
{
	return test->expect_count;
}

static struct ph_wiring_put put_show(const struct ph_trial_put *put)
{
	return (struct ph_wiring_put){
		.at = put->written,
		.text = put->text,
		.file = put->file,
		.contains = put->contains,
	};
}

struct ph_wiring_put ph_wiring_test_inject(
	const struct ph_wiring_test *test, size_t index)
{
	return put_show(&test->injects[index]);
}

struct ph_wiring_put ph_wiring_test_expect(
	const struct ph_wiring_test *test, size_t index)
{
	return put_show(&test->expects[index]);
}

/* Where a leg of `reach` ends. */
static bool leg_arrives(void *context, const struct ph_wiring_wire *wire)
{
	const struct ph_wiring_end *end = context;

	if (wire->to.server != end->server)
		return false;
	if (end->server == NULL)
		return strcmp(wire->to.node, end->node) == 0 &&
		       strcmp(wire->to.server_name, end->server_name) == 0 &&
		       strcmp(wire->to.terminal, end->terminal) == 0;
	/* What comes in may leave at any output. */
	return ph_wiring_is_output(end->port->direction) ||
	       wire->to.port == end->port;
}

static bool leg_begins(
	const struct ph_wiring_end *end, const struct ph_wiring_wire *wire)
{
	if (wire->from.server != end->server)
		return false;
	if (end->server == NULL)
		return strcmp(wire->from.node, end->node) == 0 &&
		       strcmp(wire->from.server_name, end->server_name) == 0 &&
		       strcmp(wire->from.terminal, end->terminal) == 0;
	return !ph_wiring_is_output(end->port->direction) ||
	       wire->from.port == end->port;
}

static bool leg_holds(struct ph_reach *reach, const struct ph_wiring_end *from,
	struct ph_wiring_end *to)
{
	if (from->server != NULL && from->server == to->server &&
		!ph_wiring_is_output(from->port->direction) &&
		ph_wiring_is_output(to->port->direction))
		return true;
	ph_reach_reset(reach);
	reach->arrived = leg_arrives;
	reach->context = to;
	for (struct ph_wiring_wire *wire = reach->wiring->wires; wire != NULL;
		wire = wire->next)
		if (leg_begins(from, wire) && ph_reach_along(reach, wire))
			return true;
	return ph_reach_run(reach) != NULL;
}

const char *ph_wiring_test_reach(
	struct ph_wiring *wiring, const struct ph_wiring_test *test)
{
	struct ph_reach reach;

	if (test->reach_count == 0)
		return NULL;
	if (!ph_reach_begin(&reach, wiring))
		return "out of memory";
	for (unsigned i = 0; i + 1 < test->reach_count; i++)
		if (!leg_holds(&reach, &test->reach[i], &test->reach[i + 1]))
			return ph_trial_say(wiring,
				"no wires lead from %s:%s to %s:%s",
				test->reach[i].server_name,
				test->reach[i].terminal,
				test->reach[i + 1].server_name,
				test->reach[i + 1].terminal);
	return NULL;
}
