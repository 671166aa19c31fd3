#include "node/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>

static json_t *json_of(struct ph_value value);

static json_t *json_hex(struct ph_value value)
{
	size_t length;
	const uint8_t *bytes = ph_value_bytes(value, &length);
	char *text = malloc(2 * length + 1);
	json_t *json;

	if (!text)
		return json_null();
	for (size_t i = 0; i < length; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	json = json_stringn(text, 2 * length);
	free(text);
	return json;
}

static json_t *json_list(struct ph_value value)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ph_value_count(value); i++)
		json_array_append_new(list, json_of(ph_value_at(value, i)));
	return list;
}

static json_t *json_map(struct ph_value value)
{
	json_t *map = json_object();
	char key[128];

	for (size_t i = 0; i < ph_value_count(value); i++)
		json_object_set_new(map,
			ph_value_copy(ph_value_key(value, i), key, sizeof(key)),
			json_of(ph_value_item(value, i)));
	return map;
}

static json_t *json_of(struct ph_value value)
{
	size_t length;
	const char *text;

	switch (ph_value_type(value)) {
	case PH_BOOL:
		return json_boolean(ph_value_bool(value, false));
	case PH_INT:
		return json_integer(ph_value_int(value, 0));
	case PH_FLOAT:
		return json_real(ph_value_float(value, 0));
	case PH_TEXT:
		text = ph_value_text(value, &length);
		return json_stringn(text, length);
	case PH_BYTES:
		return json_hex(value);
	case PH_LIST:
		return json_list(value);
	case PH_MAP:
		return json_map(value);
	case PH_NIL:
		break;
	}
	return json_null();
}

char *ph_json_text(struct ph_value value)
{
	json_t *json = json_of(value);
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(json);
	return text;
}

char *ph_json_written(struct ph_writer *writer)
{
	struct ph_document *document;
	char *text = NULL;

	if (!ph_document_written(&document, writer, PH_SKIM_TABLE)) {
		text = ph_json_text(ph_document_root(document));
		ph_document_free(document);
	}
	ph_writer_free(writer);
	return text;
}

char *ph_json_string(const char *text, size_t length)
{
	json_t *json = json_stringn(text, length);
	char *quoted =
		json ? json_dumps(json, JSON_ENCODE_ANY) : strdup("\"\"");

	json_decref(json);
	return quoted;
}

/* RFC 3339, UTC. */
static json_t *json_now(void)
{
	struct timespec now;
	struct tm utc;
	char text[40];
	size_t used;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &utc);
	used = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc);
	snprintf(text + used, sizeof(text) - used, ".%03ldZ",
		now.tv_nsec / 1000000);
	return json_string(text);
}

int ph_json_envelope(
	FILE *out, const struct ph_envelope *envelope, struct ph_value items)
{
	json_t *json = json_object();
	int error;

	json_object_set_new(json, "api", json_integer(1));
	json_object_set_new(json, "node", json_string(envelope->node));
	json_object_set_new(
		json, "epoch", json_integer((json_int_t)envelope->epoch));
	json_object_set_new(
		json, "revision", json_integer((json_int_t)envelope->revision));
	json_object_set_new(json, "ts", json_now());
	json_object_set_new(json, "items", json_list(items));
	if (envelope->sources.object)
		json_object_set_new(
			json, "sources", json_list(envelope->sources));
	error = json_dumpf(json, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(json);
	return error;
}
