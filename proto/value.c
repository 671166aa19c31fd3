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

/*
 * The writer. A container begins as one byte whose place is remembered; its
 * end knows the count and, when that does not fit into the byte, moves the
 * content up to make room. Containers further out begin before it, so their
 * places stand.
 */
struct level {
	size_t start;	/* of the head byte */
	uint32_t count; /* values so far; a pair is two */
	bool map;
};

struct ph_writer {
	msgpack_sbuffer buffer;
	msgpack_packer packer;
	int error;
	unsigned depth;
	unsigned roots;
	struct level levels[PH_SKIM_DEPTH];
};

int ph_writer_create(struct ph_writer **out)
{
	struct ph_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return -ENOMEM;
	msgpack_sbuffer_init(&writer->buffer);
	msgpack_packer_init(
		&writer->packer, &writer->buffer, msgpack_sbuffer_write);
	*out = writer;
	return 0;
}

void ph_writer_free(struct ph_writer *writer)
{
	if (!writer)
		return;
	msgpack_sbuffer_destroy(&writer->buffer);
	free(writer);
}

void ph_writer_reset(struct ph_writer *writer)
{
	msgpack_sbuffer_clear(&writer->buffer);
	writer->error = 0;
	writer->depth = 0;
	writer->roots = 0;
}

int ph_writer_finish(
	struct ph_writer *writer, const uint8_t **data, size_t *length)
{
	if (writer->error)
		return writer->error;
	assert(!writer->depth && "a map or list was not ended");
	assert(writer->roots == 1 && "one document is one value");
	*data = (const uint8_t *)writer->buffer.data;
	*length = writer->buffer.size;
	return 0;
}

/* Counts a value that is about to be written; false after an error. */
static bool writer_next(struct ph_writer *writer, bool text)
{
	struct level *level;

	if (writer->error)
		return false;
	if (!writer->depth) {
		assert(!writer->roots && "one document is one value");
		writer->roots = 1;
		return true;
	}
	level = &writer->levels[writer->depth - 1];
	assert((text || !level->map || level->count % 2) && "keys are text");
	level->count++;
	return true;
}

static void writer_check(struct ph_writer *writer, int failed)
{
	if (failed)
		writer->error = -ENOMEM;
}

void ph_write_nil(struct ph_writer *writer)
{
	if (writer_next(writer, false))
		writer_check(writer, msgpack_pack_nil(&writer->packer));
}

void ph_write_bool(struct ph_writer *writer, bool value)
{
	if (!writer_next(writer, false))
		return;
	writer_check(writer, value ? msgpack_pack_true(&writer->packer)
				   : msgpack_pack_false(&writer->packer));
}

void ph_write_int(struct ph_writer *writer, int64_t value)
{
	if (writer_next(writer, false))
		writer_check(
			writer, msgpack_pack_int64(&writer->packer, value));
}

void ph_write_u64(struct ph_writer *writer, uint64_t value)
{
	if (writer_next(writer, false))
		writer_check(
			writer, msgpack_pack_uint64(&writer->packer, value));
}

void ph_write_float(struct ph_writer *writer, double value)
{
	if (writer_next(writer, false))
		writer_check(
			writer, msgpack_pack_double(&writer->packer, value));
}

void ph_write_text(struct ph_writer *writer, const char *text)
{
	ph_write_textn(writer, text, strlen(text));
}

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* Length of the text once every bad byte is a replacement. */
static size_t mended_length(const char *text, size_t length)
{
	size_t sum = 0;
	size_t at = 0;

	while (at < length) {
		size_t good = ph_text_valid(text + at, length - at);

		sum += good;
		at += good;
		if (at == length)
			break;
		sum += strlen(replacement);
		at++;
	}
	return sum;
}

static int pack_mended(msgpack_packer *packer, const char *text, size_t length)
{
	int failed = 0;
	size_t at = 0;

	while (at < length && !failed) {
		size_t good = ph_text_valid(text + at, length - at);

		if (good)
			failed = msgpack_pack_str_body(packer, text + at, good);
		at += good;
		if (at == length || failed)
			break;
		failed = msgpack_pack_str_body(
			packer, replacement, strlen(replacement));
		at++;
	}
	return failed;
}

void ph_write_textn(struct ph_writer *writer, const char *text, size_t length)
{
	size_t mended = mended_length(text, length);

	if (!writer_next(writer, true))
		return;
	assert(mended <= UINT32_MAX);
	writer_check(writer, msgpack_pack_str(&writer->packer, mended));
	if (!writer->error)
		writer_check(
			writer, pack_mended(&writer->packer, text, length));
}

void ph_write_bytes(struct ph_writer *writer, const void *data, size_t length)
{
	if (!writer_next(writer, false))
		return;
	assert(length <= UINT32_MAX);
	writer_check(writer, msgpack_pack_bin(&writer->packer, length));
	if (length && !writer->error)
		writer_check(writer,
			msgpack_pack_bin_body(&writer->packer, data, length));
}

void ph_write_value(struct ph_writer *writer, struct ph_value value)
{
	bool text = ph_value_type(value) == PH_TEXT;
	const msgpack_object *object = value.object;

	if (!object)
		ph_write_nil(writer);
	else if (writer_next(writer, text))
		writer_check(
			writer, msgpack_pack_object(&writer->packer, *object));
}

void ph_write_encoded(struct ph_writer *writer, const void *data, size_t length)
{
	assert(length > 0);
	if (writer_next(writer, false))
		writer_check(writer,
			msgpack_sbuffer_write(&writer->buffer, data, length));
}

static void writer_begin(struct ph_writer *writer, bool map)
{
	struct level *level;

	if (!writer_next(writer, false))
		return;
	assert(writer->depth < PH_SKIM_DEPTH);
	level = &writer->levels[writer->depth++];
	level->start = writer->buffer.size;
	level->count = 0;
	level->map = map;
	writer_check(writer, msgpack_sbuffer_write(&writer->buffer, "", 1));
}

void ph_write_map(struct ph_writer *writer)
{
	writer_begin(writer, true);
}

void ph_write_list(struct ph_writer *writer)
{
	writer_begin(writer, false);
}

/* Makes room for `more` bytes behind a container's head byte. */
static int writer_widen(struct ph_writer *writer, size_t start, size_t more)
{
	size_t content = writer->buffer.size - start - 1;
	char *head;

	if (msgpack_sbuffer_write(&writer->buffer, "\0\0\0\0", more))
		return -1;
	head = writer->buffer.data + start;
	memmove(head + 1 + more, head + 1, content);
	return 0;
}

/* Puts the head in its place, in the smallest form that holds the count. */
static void writer_head(struct ph_writer *writer, const struct level *level)
{
	uint32_t count = level->map ? level->count / 2 : level->count;
	unsigned width = count < 16 ? 0 : count <= UINT16_MAX ? 2 : 4;
	uint8_t *head;

	if (width && writer_widen(writer, level->start, width)) {
		writer->error = -ENOMEM;
		return;
	}
	head = (uint8_t *)writer->buffer.data + level->start;
	if (!width)
		head[0] = (uint8_t)((level->map ? 0x80 : 0x90) | count);
	else
		head[0] = (uint8_t)((level->map ? 0xde : 0xdc) + (width == 4));
	for (unsigned i = 0; i < width; i++)
		head[1 + i] = (uint8_t)(count >> 8 * (width - 1 - i));
}

void ph_write_end(struct ph_writer *writer)
{
	const struct level *level;

	if (writer->error)
		return;
	assert(writer->depth > 0);
	level = &writer->levels[--writer->depth];
	assert((!level->map || level->count % 2 == 0) && "a key has no value");
	writer_head(writer, level);
}

void ph_put_text(struct ph_writer *writer, const char *key, const char *text)
{
	ph_write_text(writer, key);
	ph_write_text(writer, text);
}

void ph_put_int(struct ph_writer *writer, const char *key, int64_t value)
{
	ph_write_text(writer, key);
	ph_write_int(writer, value);
}

void ph_put_u64(struct ph_writer *writer, const char *key, uint64_t value)
{
	ph_write_text(writer, key);
	ph_write_u64(writer, value);
}

void ph_put_bool(struct ph_writer *writer, const char *key, bool value)
{
	ph_write_text(writer, key);
	ph_write_bool(writer, value);
}

void ph_put_float(struct ph_writer *writer, const char *key, double value)
{
	ph_write_text(writer, key);
	ph_write_float(writer, value);
}

void ph_put_bytes(struct ph_writer *writer, const char *key, const void *data,
	size_t length)
{
	ph_write_text(writer, key);
	ph_write_bytes(writer, data, length);
}

void ph_put_map(struct ph_writer *writer, const char *key)
{
	ph_write_text(writer, key);
	ph_write_map(writer);
}

void ph_put_list(struct ph_writer *writer, const char *key)
{
	ph_write_text(writer, key);
	ph_write_list(writer);
}

void ph_put_value(
	struct ph_writer *writer, const char *key, struct ph_value value)
{
	ph_write_text(writer, key);
	ph_write_value(writer, value);
}
