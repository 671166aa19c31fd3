#include "node/answers.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "node/json.h"
#include "proto/value.h"

enum answer_shape {
	ANSWER_NONE,
#define SHAPE(ident, sentence) ANSWER_##ident,
#define ITEM(shape, field, kind, need, below, sentence)
#define ANSWER(command, ...)
#include "node/answers.def"
#undef SHAPE
#undef ITEM
#undef ANSWER
	ANSWER_SHAPES
};

enum answer_kind {
	KIND_TEXT,
	KIND_INT,
	KIND_NUMBER,
	KIND_BOOL,
	KIND_TEXTS,
	KIND_PAIRS,
	KIND_MAP,
	KIND_LIST,
	KIND_MAYBE
};

static const struct {
	const char *name;
	const char *sentence;
} shapes[] = {
	{"", ""},
#define SHAPE(ident, sentence) {#ident, sentence},
#define ITEM(shape, field, kind, need, below, sentence)
#define ANSWER(command, ...)
#include "node/answers.def"
#undef SHAPE
#undef ITEM
#undef ANSWER
};

enum {
	MAY,
	MUST
};

static const struct field {
	enum answer_shape shape;
	const char *name;
	enum answer_kind kind;
	bool must;
	enum answer_shape below;
	const char *sentence;
} fields[] = {
#define SHAPE(ident, sentence)
#define ITEM(shape, field, kind, need, below, sentence)                        \
	{ANSWER_##shape, field, KIND_##kind, need, ANSWER_##below, sentence},
#define ANSWER(command, ...)
#include "node/answers.def"
#undef SHAPE
#undef ITEM
#undef ANSWER
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))
#define LIKE   4

/* ANSWER's shapes with their prefix; there are one to four. */
#define SHAPE_1(a)			  ANSWER_##a
#define SHAPE_2(a, b)			  ANSWER_##a, ANSWER_##b
#define SHAPE_3(a, b, c)		  ANSWER_##a, ANSWER_##b, ANSWER_##c
#define SHAPE_4(a, b, c, d)		  ANSWER_##a, ANSWER_##b, ANSWER_##c, ANSWER_##d
#define SHAPE_PICK(a, b, c, d, pick, ...) pick
#define SHAPE_LIST(...)                                                        \
	SHAPE_PICK(__VA_ARGS__, SHAPE_4, SHAPE_3, SHAPE_2, SHAPE_1, none)      \
	(__VA_ARGS__)

static const struct answer {
	const char *command;
	enum answer_shape like[LIKE];
} answers[] = {
#define SHAPE(ident, sentence)
#define ITEM(shape, field, kind, need, below, sentence)
#define ANSWER(command, ...) {command, {SHAPE_LIST(__VA_ARGS__)}},
#include "node/answers.def"
#undef SHAPE
#undef ITEM
#undef ANSWER
};

#define ANSWERS (sizeof(answers) / sizeof(answers[0]))

static const struct answer *answer_find(const char *command)
{
	for (size_t i = 0; i < ANSWERS; i++) {
		if (!strcmp(answers[i].command, command))
			return &answers[i];
	}
	return NULL;
}

bool ph_answer_is_text(const char *command)
{
	const struct answer *answer = answer_find(command);

	return answer && answer->like[0] == ANSWER_TEXTUAL;
}

/* --- JSON Schema --- */

static void put_reference(struct ph_writer *writer, enum answer_shape shape)
{
	char text[64];

	snprintf(text, sizeof(text), "#/definitions/%s", shapes[shape].name);
	ph_put_text(writer, "$ref", text);
}

static void put_type(
	struct ph_writer *writer, const char *key, const char *type)
{
	ph_put_map(writer, key);
	ph_put_text(writer, "type", type);
	ph_write_end(writer);
}

static void put_maybe(struct ph_writer *writer, enum answer_shape below)
{
	ph_put_list(writer, "anyOf");
	ph_write_map(writer);
	ph_put_text(writer, "type", "null");
	ph_write_end(writer);
	ph_write_map(writer);
	put_reference(writer, below);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void put_kind(struct ph_writer *writer, const struct field *field)
{
	static const char *const types[] = {[KIND_TEXT] = "string",
		[KIND_INT] = "integer",
		[KIND_NUMBER] = "number",
		[KIND_BOOL] = "boolean",
		[KIND_TEXTS] = "array",
		[KIND_PAIRS] = "object",
		[KIND_LIST] = "array",
		[KIND_MAYBE] = NULL};

	if (types[field->kind])
		ph_put_text(writer, "type", types[field->kind]);
	switch (field->kind) {
	case KIND_TEXTS:
		put_type(writer, "items", "string");
		break;
	case KIND_PAIRS:
		put_type(writer, "additionalProperties", "string");
		break;
	case KIND_LIST:
		ph_put_map(writer, "items");
		put_reference(writer, field->below);
		ph_write_end(writer);
		break;
	case KIND_MAP:
		/* Beside $ref, draft-07 reads nothing else. */
		ph_put_list(writer, "allOf");
		ph_write_map(writer);
		put_reference(writer, field->below);
		ph_write_end(writer);
		ph_write_end(writer);
		break;
	case KIND_MAYBE:
		put_maybe(writer, field->below);
		break;
	default:
		break;
	}
}

static void put_shape(struct ph_writer *writer, enum answer_shape shape)
{
	ph_put_map(writer, shapes[shape].name);
	ph_put_text(writer, "description", shapes[shape].sentence);
	ph_put_text(writer, "type", "object");
	ph_put_map(writer, "properties");
	for (size_t i = 0; i < FIELDS; i++) {
		if (fields[i].shape != shape)
			continue;
		ph_put_map(writer, fields[i].name);
		ph_put_text(writer, "description", fields[i].sentence);
		put_kind(writer, &fields[i]);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_put_list(writer, "required");
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].shape == shape && fields[i].must)
			ph_write_text(writer, fields[i].name);
	ph_write_end(writer);
	ph_write_end(writer);
}

/* The shapes that an answer reaches. */
static void reach(bool used[ANSWER_SHAPES], enum answer_shape shape)
{
	if (shape == ANSWER_NONE || used[shape])
		return;
	used[shape] = true;
	for (size_t i = 0; i < FIELDS; i++)
		if (fields[i].shape == shape)
			reach(used, fields[i].below);
}

static void put_definitions(
	struct ph_writer *writer, const struct answer *answer)
{
	bool used[ANSWER_SHAPES] = {false};

	for (size_t i = 0; i < LIKE; i++)
		reach(used, answer->like[i]);
	ph_put_map(writer, "definitions");
	for (unsigned shape = 1; shape < ANSWER_SHAPES; shape++)
		if (used[shape])
			put_shape(writer, shape);
	ph_write_end(writer);
}

static void put_items(struct ph_writer *writer, const struct answer *answer)
{
	ph_put_map(writer, "items");
	ph_put_text(writer, "type", "array");
	ph_put_map(writer, "items");
	ph_put_list(writer, "anyOf");
	for (size_t i = 0; i < LIKE && answer->like[i]; i++) {
		ph_write_map(writer);
		put_reference(writer, answer->like[i]);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

static void put_number(struct ph_writer *writer, const char *key)
{
	put_type(writer, key, "integer");
}

static void put_envelope(struct ph_writer *writer, const struct answer *answer)
{
	static const char *const keys[] = {
		"api", "node", "epoch", "revision", "ts", "items"};

	ph_put_text(writer, "type", "object");
	ph_put_map(writer, "properties");
	ph_put_map(writer, "api");
	ph_put_int(writer, "const", 1);
	ph_write_end(writer);
	put_type(writer, "node", "string");
	put_number(writer, "epoch");
	put_number(writer, "revision");
	ph_put_map(writer, "ts");
	ph_put_text(writer, "type", "string");
	ph_put_text(writer, "pattern",
		"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z$");
	ph_write_end(writer);
	put_items(writer, answer);
	ph_write_end(writer);
	ph_put_list(writer, "required");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		ph_write_text(writer, keys[i]);
	ph_write_end(writer);
}

static void put_error(struct ph_writer *writer)
{
	static const char *const keys[] = {"exit", "where", "what", "next"};

	ph_put_text(writer, "type", "object");
	ph_put_map(writer, "properties");
	ph_put_map(writer, "error");
	ph_put_text(writer, "type", "object");
	ph_put_map(writer, "properties");
	for (size_t i = 0; i < 4; i++)
		put_type(writer, keys[i], i ? "string" : "integer");
	ph_write_end(writer);
	ph_put_list(writer, "required");
	for (size_t i = 0; i < 4; i++)
		ph_write_text(writer, keys[i]);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_put_list(writer, "required");
	ph_write_text(writer, "error");
	ph_write_end(writer);
}

char *ph_answer_schema(const char *command)
{
	const struct answer *answer = answer_find(command);
	bool error = !strcmp(command, "error");
	struct ph_writer *writer;
	char title[80];

	if ((!answer && !error) || ph_writer_create(&writer))
		return NULL;
	ph_write_map(writer);
	ph_put_text(
		writer, "$schema", "http://json-schema.org/draft-07/schema#");
	snprintf(title, sizeof(title), "posthouse %s --json", command);
	ph_put_text(writer, "title", error ? "an error" : title);
	if (error) {
		put_error(writer);
	} else {
		put_envelope(writer, answer);
		put_definitions(writer, answer);
	}
	ph_write_end(writer);
	return ph_json_written(writer);
}
