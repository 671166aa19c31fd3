#include "node/json.h"

#include <string.h>

#include <jansson.h>

/* A map may hold maps: as deep as the skimmer would take them, less what calls
 * put around them. */
#define DEPTH 8

static int write_json(struct ph_writer *writer, json_t *json, unsigned depth);

static int write_object(struct ph_writer *writer, json_t *json, unsigned depth)
{
	const char *key;
	json_t *item;
	int code = 0;

	/* More must be in order, or no skimmer takes them. */
	if (json_object_size(json) > PH_SKIM_KEYS)
		return -1;
	ph_write_map(writer);
	json_object_foreach(json, key, item)
	{
		if (strlen(key) > 255)
			code = -1;
		if (code)
			break;
		ph_write_text(writer, key);
		code = write_json(writer, item, depth + 1);
	}
	ph_write_end(writer);
	return code;
}

static int write_array(struct ph_writer *writer, json_t *json, unsigned depth)
{
	int code = 0;

	ph_write_list(writer);
	for (size_t i = 0; i < json_array_size(json) && !code; i++)
		code = write_json(writer, json_array_get(json, i), depth + 1);
	ph_write_end(writer);
	return code;
}

static int write_json(struct ph_writer *writer, json_t *json, unsigned depth)
{
	if (depth > DEPTH) {
		ph_write_nil(writer);
		return -1;
	}
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		return write_object(writer, json, depth);
	case JSON_ARRAY:
		return write_array(writer, json, depth);
	case JSON_STRING:
		ph_write_textn(writer, json_string_value(json),
			json_string_length(json));
		return 0;
	case JSON_INTEGER:
		ph_write_int(writer, json_integer_value(json));
		return 0;
	case JSON_REAL:
		ph_write_float(writer, json_real_value(json));
		return 0;
	case JSON_TRUE:
	case JSON_FALSE:
		ph_write_bool(writer, json_is_true(json));
		return 0;
	default:
		ph_write_nil(writer);
		return 0;
	}
}

int ph_json_read(struct ph_writer *writer, const char *text, size_t length,
	char *why, size_t size)
{
	json_error_t error;
	json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	int code = -1;

	if (!json) {
		snprintf(why, size, "line %d, column %d: %.100s", error.line,
			error.column, error.text);
	} else if (!json_is_object(json)) {
		snprintf(why, size, "an object is wanted");
	} else {
		code = write_json(writer, json, 0);
		if (code)
			snprintf(why, size, "too deep, or too many keys");
	}
	json_decref(json);
	return code;
}
