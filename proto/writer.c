#include "proto/value.h"

#include <assert.h>
#include <errno.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

/*
 * The writing half. A container begins as one byte whose place is remembered;
 * its end knows the count and, when that does not fit into the byte, moves the
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

int ph_document_written(struct ph_document **out, struct ph_writer *writer,
	struct ph_skim_limits limits)
{
	const uint8_t *data;
	size_t length;
	int error = ph_writer_finish(writer, &data, &length);

	return error ? error : ph_document_read(out, data, length, limits);
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
	/* As it is, nearly always: looked at once. */
	bool clean = ph_text_valid(text, length) == length;
	size_t mended = clean ? length : mended_length(text, length);

	if (!writer_next(writer, true))
		return;
	assert(mended <= UINT32_MAX);
	writer_check(writer, msgpack_pack_str(&writer->packer, mended));
	if (writer->error)
		return;
	if (!clean)
		writer_check(
			writer, pack_mended(&writer->packer, text, length));
	else if (length)
		writer_check(writer,
			msgpack_pack_str_body(&writer->packer, text, length));
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
