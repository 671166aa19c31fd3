#include "controlsurface/wiring_schema.h"

#include <jansson.h>
#include <string.h>

/*
 * The table as JSON Schema, for editors and other tools. They see YAML values
 * where we see text: 1 and yes are a number and a boolean to them, so both
 * forms are let in. What this version refuses is left out.
 *
 * jansson's setters take NULL for "no memory" and fail, so nothing is looked
 * at before the end.
 */
#define NAME_PATTERN	 "^([A-Za-z0-9][A-Za-z0-9._-]{0,38}|.*\\$\\{.*)$"
#define SIZE_PATTERN	 "^([0-9]+(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)?|.*\\$\\{.*)$"
#define DURATION_PATTERN "^([0-9]+(ns|us|ms|s|m|h)|.*\\$\\{.*)$"
#define WORDS_MOST	 64

static json_t *types(const char *one, const char *other, const char *third)
{
	return third ? json_pack("{s:[s,s,s]}", "type", one, other, third)
		     : json_pack("{s:[s,s]}", "type", one, other);
}

static json_t *text_schema(void)
{
	return types("string", "number", "boolean");
}

static json_t *pattern_schema(const char *pattern)
{
	json_t *schema = types("string", "number", NULL);

	json_object_set_new(schema, "pattern", json_string(pattern));
	return schema;
}

static json_t *list_schema(json_t *items)
{
	return json_pack("{s:s,s:o}", "type", "array", "items", items);
}

static json_t *either_schema(json_t *one, json_t *other)
{
	return json_pack("{s:[o,o]}", "anyOf", one, other);
}

static json_t *map_schema(json_t *values)
{
	return json_pack(
		"{s:s,s:o}", "type", "object", "additionalProperties", values);
}

static json_t *null_schema(void)
{
	return json_pack("{s:s}", "type", "null");
}

static const char *level_name(enum ph_level level)
{
	static const char *const names[PH_LEVELS] = {
		[PH_LEVEL_FILE] = "file",
		[PH_LEVEL_DEFAULTS] = "defaults",
		[PH_LEVEL_HOST] = "host",
		[PH_LEVEL_SERVER] = "server",
		[PH_LEVEL_LIMITS] = "limits",
		[PH_LEVEL_TERMINAL] = "terminal",
		[PH_LEVEL_WIRE] = "wire",
		[PH_LEVEL_CRITERIA] = "criteria",
		[PH_LEVEL_TEST] = "test",
		[PH_LEVEL_INJECT] = "inject",
		[PH_LEVEL_EXPECT] = "expect",
		[PH_LEVEL_NEVER] = "never",
		[PH_LEVEL_ALARM] = "alarm",
		[PH_LEVEL_SELECTOR] = "selector",
	};

	return names[level];
}

static json_t *reference(enum ph_level level)
{
	return json_pack("{s:s+}", "$ref", "#/definitions/", level_name(level));
}

static json_t *or_variable(json_t *schema)
{
	return either_schema(schema,
		json_pack("{s:s,s:s}", "type", "string", "pattern", "\\$\\{"));
}

/* yes, no and 1 are other things to YAML than text. */
static json_t *choice_schema(const char *const *choices)
{
	json_t *list = json_array();

	for (; *choices != NULL; choices++) {
		json_array_append_new(list, json_string(*choices));
		if (strcmp(*choices, "yes") == 0)
			json_array_append_new(list, json_true());
		if (strcmp(*choices, "no") == 0)
			json_array_append_new(list, json_false());
		if (strcmp(*choices, "1") == 0)
			json_array_append_new(list, json_integer(1));
	}
	return or_variable(json_pack("{s:o}", "enum", list));
}

static json_t *use_schema(const struct ph_server_type *const *bundled)
{
	json_t *list = json_array();

	for (; bundled != NULL && *bundled != NULL; bundled++) {
		json_array_append_new(list, json_string((*bundled)->name));
		if (strcmp((*bundled)->name, "null") == 0)
			json_array_append_new(list, json_null());
	}
	return or_variable(json_pack("{s:o}", "enum", list));
}

static json_t *names_schema(json_t *values)
{
	json_t *schema = map_schema(values);

	json_object_set_new(schema, "propertyNames",
		json_pack("{s:s}", "pattern", NAME_PATTERN));
	return schema;
}

static json_t *terminal_schema(enum ph_level level)
{
	json_t *media =
		json_pack("{s:s,s:s}", "type", "string", "pattern", "/|\\$\\{");

	return either_schema(
		either_schema(media, null_schema()), reference(level));
}

static json_t *named_schema(const struct ph_key *key)
{
	if (key->below == PH_LEVEL_HOST)
		return names_schema(
			either_schema(null_schema(), reference(key->below)));
	return names_schema(reference(key->below));
}

static json_t *list_of_text(void)
{
	json_t *schema = list_schema(text_schema());

	json_object_set_new(schema, "maxItems", json_integer(WORDS_MOST));
	return schema;
}

static json_t *shape_schema(const struct ph_key *key)
{
	switch (key->shape) {
	case PH_SHAPE_TEXT:
		return text_schema();
	case PH_SHAPE_NAME:
		return pattern_schema(NAME_PATTERN);
	case PH_SHAPE_CHOICE:
		return choice_schema(key->choices);
	case PH_SHAPE_SIZE:
		return pattern_schema(SIZE_PATTERN);
	case PH_SHAPE_DURATION:
		return pattern_schema(DURATION_PATTERN);
	case PH_SHAPE_WORDS:
		return list_of_text();
	case PH_SHAPE_SOME:
		return either_schema(text_schema(), list_of_text());
	case PH_SHAPE_PAIRS:
		return map_schema(either_schema(text_schema(), null_schema()));
	case PH_SHAPE_EACH:
		return map_schema(list_schema(text_schema()));
	case PH_SHAPE_MAP:
		return reference(key->below);
	case PH_SHAPE_MAPS:
		return list_schema(reference(key->below));
	case PH_SHAPE_ONE_OR_MANY:
		return either_schema(reference(key->below),
			list_schema(reference(key->below)));
	case PH_SHAPE_NAMED:
		return named_schema(key);
	case PH_SHAPE_TERMINALS:
		return names_schema(terminal_schema(key->below));
	case PH_SHAPE_WIRES:
		return list_schema(
			either_schema(json_pack("{s:s,s:s}", "type", "string",
					      "pattern", "->|\\$\\{"),
				reference(key->below)));
	case PH_SHAPE_SELECT:
		return either_schema(text_schema(), reference(key->below));
	case PH_SHAPE_END:
		return either_schema(either_schema(text_schema(),
					     list_schema(text_schema())),
			reference(key->below));
	}
	return NULL;
}

/* A section with nothing below it: `wires:`. */
static json_t *or_nothing(const struct ph_key *key, json_t *schema)
{
	switch (key->shape) {
	case PH_SHAPE_TEXT:
	case PH_SHAPE_NAME:
	case PH_SHAPE_CHOICE:
	case PH_SHAPE_SIZE:
	case PH_SHAPE_DURATION:
	case PH_SHAPE_SOME:
	case PH_SHAPE_SELECT:
	case PH_SHAPE_END:
	case PH_SHAPE_ONE_OR_MANY:
		return schema;
	default:
		return either_schema(schema, null_schema());
	}
}

static void rules_add(enum ph_level level, json_t *schema)
{
	if (level == PH_LEVEL_SERVER)
		json_object_set_new(schema, "oneOf",
			json_pack("[{s:[s]},{s:[s]}]", "required", "exec",
				"required", "use"));
	if (level == PH_LEVEL_TEST)
		json_object_set_new(schema, "anyOf",
			json_pack("[{s:[s]},{s:[s]}]", "required", "reach",
				"required", "expect"));
}

static json_t *level_schema(
	enum ph_level level, const struct ph_server_type *const *bundled)
{
	json_t *properties = json_object();
	json_t *required = json_array();

	for (const struct ph_key *key = ph_level_keys(level); key->name != NULL;
		key++) {
		if (key->state != PH_KEY_BUILT)
			continue;
		json_t *schema = strcmp(key->name, "use") == 0
					 ? use_schema(bundled)
					 : or_nothing(key, shape_schema(key));
		json_object_set_new(
			schema, "description", json_string(key->sentence));
		json_object_set_new(properties, key->name, schema);
		if (key->must)
			json_array_append_new(required, json_string(key->name));
	}
	json_t *schema = json_pack("{s:s,s:o,s:b}", "type", "object",
		"properties", properties, "additionalProperties", 0);
	if (json_array_size(required) > 0)
		json_object_set(schema, "required", required);
	json_decref(required);
	rules_add(level, schema);
	return schema;
}

char *ph_wiring_schema(const struct ph_server_type *const *bundled)
{
	json_t *definitions = json_object();
	json_t *root = level_schema(PH_LEVEL_FILE, bundled);
	char *text = NULL;

	for (enum ph_level level = PH_LEVEL_FILE + 1; level < PH_LEVELS;
		level++)
		if (level_name(level) != NULL)
			json_object_set_new(definitions, level_name(level),
				level_schema(level, bundled));
	json_object_set_new(root, "$schema",
		json_string("http://json-schema.org/draft-07/schema#"));
	json_object_set_new(
		root, "title", json_string("posthouse wiring file"));
	json_object_set_new(root, "definitions", definitions);
	if (root != NULL)
		text = json_dumps(root, JSON_INDENT(2) | JSON_SORT_KEYS);
	json_decref(root);
	return text;
}
