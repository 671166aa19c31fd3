#include "proto/value.h"

#include <assert.h>
#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

struct ph_document {
	msgpack_unpacked unpacked;
};

int ph_document_read(struct ph_document **out, const uint8_t *data,
	size_t length, struct ph_skim_limits limits)
{
	struct ph_document *document;
	size_t at = 0;
	int error = ph_skim(data, length, limits);

	if (error)
		return error;
	document = malloc(sizeof(*document));
	if (!document)
		return -ENOMEM;
	msgpack_unpacked_init(&document->unpacked);
	if (msgpack_unpack_next(&document->unpacked, (const char *)data, length,
		    &at) != MSGPACK_UNPACK_SUCCESS) {
		ph_document_free(document);
		return -ENOMEM; /* it was skimmed: nothing else can fail */
	}
	*out = document;
	return 0;
}

void ph_document_free(struct ph_document *document)
{
	if (!document)
		return;
	msgpack_unpacked_destroy(&document->unpacked);
	free(document);
}

struct ph_value ph_document_root(const struct ph_document *document)
{
	return (struct ph_value){.object = &document->unpacked.data};
}

static const msgpack_object *object_of(
	struct ph_value value, msgpack_object_type type)
{
	const msgpack_object *object = value.object;

	return object && object->type == type ? object : NULL;
}

enum ph_type ph_value_type(struct ph_value value)
{
	const msgpack_object *object = value.object;

	if (!object)
		return PH_NIL;
	switch (object->type) {
	case MSGPACK_OBJECT_BOOLEAN:
		return PH_BOOL;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return PH_INT;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return PH_FLOAT;
	case MSGPACK_OBJECT_STR:
		return PH_TEXT;
	case MSGPACK_OBJECT_BIN:
		return PH_BYTES;
	case MSGPACK_OBJECT_ARRAY:
		return PH_LIST;
	case MSGPACK_OBJECT_MAP:
		return PH_MAP;
	default:
		return PH_NIL;
	}
}

bool ph_value_bool(struct ph_value value, bool otherwise)
{
	const msgpack_object *object = object_of(value, MSGPACK_OBJECT_BOOLEAN);

	return object ? object->via.boolean : otherwise;
}

int64_t ph_value_int(struct ph_value value, int64_t otherwise)
{
	const msgpack_object *object = value.object;

	if (!object)
		return otherwise;
	if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
		return object->via.i64;
	if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
		object->via.u64 <= INT64_MAX)
		return (int64_t)object->via.u64;
	return otherwise;
}

uint64_t ph_value_u64(struct ph_value value, uint64_t otherwise)
{
	const msgpack_object *object =
		object_of(value, MSGPACK_OBJECT_POSITIVE_INTEGER);

	return object ? object->via.u64 : otherwise;
}

double ph_value_float(struct ph_value value, double otherwise)
{
	const msgpack_object *object = value.object;

	if (!object)
		return otherwise;
	switch (object->type) {
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return object->via.f64;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		return (double)object->via.u64;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return (double)object->via.i64;
	default:
		return otherwise;
	}
}

const char *ph_value_text(struct ph_value value, size_t *length)
{
	const msgpack_object *object = object_of(value, MSGPACK_OBJECT_STR);

	*length = object ? object->via.str.size : 0;
	return object ? object->via.str.ptr : NULL;
}

char *ph_value_copy(struct ph_value value, char *out, size_t size)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	assert(size > 0);
	if (length > size - 1)
		length = ph_text_valid(text, size - 1); /* whole letters */
	if (length)
		memcpy(out, text, length);
	out[length] = '\0';
	return out;
}

bool ph_value_is(struct ph_value value, const char *text)
{
	const msgpack_object *object = object_of(value, MSGPACK_OBJECT_STR);

	return object && object->via.str.size == strlen(text) &&
	       !memcmp(object->via.str.ptr, text, object->via.str.size);
}

const uint8_t *ph_value_bytes(struct ph_value value, size_t *length)
{
	const msgpack_object *object = object_of(value, MSGPACK_OBJECT_BIN);

	*length = object ? object->via.bin.size : 0;
	return object ? (const uint8_t *)object->via.bin.ptr : NULL;
}

size_t ph_value_count(struct ph_value value)
{
	const msgpack_object *object = value.object;

	if (object && object->type == MSGPACK_OBJECT_ARRAY)
		return object->via.array.size;
	if (object && object->type == MSGPACK_OBJECT_MAP)
		return object->via.map.size;
	return 0;
}

struct ph_value ph_value_at(struct ph_value list, size_t index)
{
	const msgpack_object *object = object_of(list, MSGPACK_OBJECT_ARRAY);

	if (!object || index >= object->via.array.size)
		return (struct ph_value){NULL};
	return (struct ph_value){&object->via.array.ptr[index]};
}

static const msgpack_object_kv *pair_at(struct ph_value map, size_t index)
{
	const msgpack_object *object = object_of(map, MSGPACK_OBJECT_MAP);

	if (!object || index >= object->via.map.size)
		return NULL;
	return &object->via.map.ptr[index];
}

struct ph_value ph_value_key(struct ph_value map, size_t index)
{
	const msgpack_object_kv *pair = pair_at(map, index);

	return (struct ph_value){pair ? &pair->key : NULL};
}

struct ph_value ph_value_item(struct ph_value map, size_t index)
{
	const msgpack_object_kv *pair = pair_at(map, index);

	return (struct ph_value){pair ? &pair->val : NULL};
}

struct ph_value ph_value_get(struct ph_value map, const char *key)
{
	const msgpack_object *object = object_of(map, MSGPACK_OBJECT_MAP);
	size_t count = object ? object->via.map.size : 0;

	for (size_t i = 0; i < count; i++) {
		struct ph_value name = {&object->via.map.ptr[i].key};

		if (ph_value_is(name, key))
			return (struct ph_value){&object->via.map.ptr[i].val};
	}
	return (struct ph_value){NULL};
}
