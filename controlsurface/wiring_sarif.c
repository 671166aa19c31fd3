#include "controlsurface/wiring_rule.h"

#include <jansson.h>
#include <string.h>

/* jansson's setters take NULL for "no memory" and fail, so nothing is looked
 * at before the end. */

static const char *level_of(enum ph_severity severity)
{
	return severity == PH_FINDING_ERROR ? "error" : "warning";
}

static json_t *rules_list(void)
{
	json_t *list = json_array();

	for (const struct ph_rule *rule = ph_wiring_rules; rule->name != NULL;
		rule++)
		json_array_append_new(
			list, json_pack("{s:s,s:{s:s},s:{s:s}}", "id",
				      rule->name, "shortDescription", "text",
				      rule->sentence, "defaultConfiguration",
				      "level", level_of(rule->severity)));
	return list;
}

static int rule_index(const char *name)
{
	int index = 0;

	while (ph_wiring_rules[index].name != NULL &&
		strcmp(ph_wiring_rules[index].name, name) != 0)
		index++;
	return ph_wiring_rules[index].name != NULL ? index : -1;
}

static json_t *place(const struct ph_finding *finding, const char *path)
{
	char name[PH_FINDING_FILE];
	const char *file = ph_finding_file(finding, path, name, sizeof(name));
	json_t *physical =
		json_pack("{s:{s:s}}", "artifactLocation", "uri", file);

	if (finding->line > 0)
		json_object_set_new(physical, "region",
			json_pack("{s:i,s:i,s:i}", "startLine",
				(int)finding->line, "startColumn",
				(int)finding->column, "endColumn",
				(int)(finding->column + finding->width)));
	return json_pack("[{s:o}]", "physicalLocation", physical);
}

static json_t *result(const struct ph_finding *finding, const char *file)
{
	json_t *message =
		finding->next ? json_pack("{s:s++}", "text", finding->message,
					". ", finding->next)
			      : json_pack("{s:s}", "text", finding->message);

	return json_pack("{s:s,s:i,s:s,s:o,s:o}", "ruleId", finding->rule,
		"ruleIndex", rule_index(finding->rule), "level",
		level_of(finding->severity), "message", message, "locations",
		place(finding, file));
}

char *ph_wiring_sarif(
	const struct ph_wiring *wiring, const char *file, const char *version)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	json_t *results = json_array();
	char *text = NULL;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(results, result(&findings[i], file));
	json_t *log = json_pack("{s:s,s:s,s:[{s:{s:{s:s,s:s,s:o}},s:s,s:o}]}",
		"$schema", "https://json.schemastore.org/sarif-2.1.0.json",
		"version", "2.1.0", "runs", "tool", "driver", "name",
		"posthouse", "version", version, "rules", rules_list(),
		"columnKind", "unicodeCodePoints", "results", results);
	if (log != NULL)
		text = json_dumps(log, JSON_INDENT(2));
	json_decref(log);
	return text;
}
