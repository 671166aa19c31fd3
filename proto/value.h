#ifndef PH_PROTO_VALUE_H
#define PH_PROTO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/skim.h"

/*
 * The self-describing data that calls carry: MessagePack, read through the
 * skimmer. The one place where msgpack-c is seen.
 *
 * Reading never fails loudly: a missing or mistyped field reads as its
 * default. Whoever must know asks ph_value_type.
 */
enum ph_type {
	PH_NIL,
	PH_BOOL,
	PH_INT, /* signed or unsigned 64 bits */
	PH_FLOAT,
	PH_TEXT,
	PH_BYTES,
	PH_LIST,
	PH_MAP,
};

struct ph_document;
/* A place in a document; a copyable view. NULL inner means nil. */
struct ph_value {
	const void *object;
};

/* Skims, then unpacks; text and bytes point into `data`, which must outlive
 * the document. Errors of ph_skim, or -ENOMEM. */
int ph_document_read(struct ph_document **out, const uint8_t *data,
	size_t length, struct ph_skim_limits limits);
void ph_document_free(struct ph_document *document);
struct ph_value ph_document_root(const struct ph_document *document);

enum ph_type ph_value_type(struct ph_value value);
bool ph_value_bool(struct ph_value value, bool otherwise);
int64_t ph_value_int(struct ph_value value, int64_t otherwise);
uint64_t ph_value_u64(struct ph_value value, uint64_t otherwise);
double ph_value_float(struct ph_value value, double otherwise);
/* Not terminated; NULL and *length 0 when it is no text. */
const char *ph_value_text(struct ph_value value, size_t *length);
/* Copies text, terminated, cut to fit; "" when it is none. Returns out. */
char *ph_value_copy(struct ph_value value, char *out, size_t size);
bool ph_value_is(struct ph_value value, const char *text);
const uint8_t *ph_value_bytes(struct ph_value value, size_t *length);
/* Elements of a list or pairs of a map; 0 for anything else. */
size_t ph_value_count(struct ph_value value);
struct ph_value ph_value_at(struct ph_value list, size_t index);
/* Of a map: the pair's key and value by position. */
struct ph_value ph_value_key(struct ph_value map, size_t index);
struct ph_value ph_value_item(struct ph_value map, size_t index);
/* Of a map by key; nil when absent. */
struct ph_value ph_value_get(struct ph_value map, const char *key);

/* Shorthands for fields of a map. */
static inline int64_t ph_get_int(struct ph_value map, const char *key)
{
	return ph_value_int(ph_value_get(map, key), 0);
}

static inline uint64_t ph_get_u64(struct ph_value map, const char *key)
{
	return ph_value_u64(ph_value_get(map, key), 0);
}

static inline bool ph_get_bool(struct ph_value map, const char *key)
{
	return ph_value_bool(ph_value_get(map, key), false);
}

static inline char *ph_get_copy(
	struct ph_value map, const char *key, char *out, size_t size)
{
	return ph_value_copy(ph_value_get(map, key), out, size);
}

/*
 * Writing. Counts of maps and lists need not be known: begin, write, end. The
 * writer remembers the first error (-ENOMEM, or a misuse, which asserts) and
 * ph_writer_finish tells it.
 */
struct ph_writer;

int ph_writer_create(struct ph_writer **out);
void ph_writer_free(struct ph_writer *writer);
/* Empties it for another document. */
void ph_writer_reset(struct ph_writer *writer);
/* 0 or the first error; the bytes stand until reset or free. */
int ph_writer_finish(
	struct ph_writer *writer, const uint8_t **data, size_t *length);
/* What was written, to be read; the writer must outlive the document. Errors of
 * ph_writer_finish and ph_document_read. */
int ph_document_written(struct ph_document **out, struct ph_writer *writer,
	struct ph_skim_limits limits);

void ph_write_nil(struct ph_writer *writer);
void ph_write_bool(struct ph_writer *writer, bool value);
void ph_write_int(struct ph_writer *writer, int64_t value);
void ph_write_u64(struct ph_writer *writer, uint64_t value);
void ph_write_float(struct ph_writer *writer, double value);
/* Bytes that are not UTF-8, and NUL, become U+FFFD: what a reader's skimmer
 * would refuse is never written. */
void ph_write_text(struct ph_writer *writer, const char *text);
void ph_write_textn(struct ph_writer *writer, const char *text, size_t length);
void ph_write_bytes(struct ph_writer *writer, const void *data, size_t length);
/* Copies a value read from another document. */
void ph_write_value(struct ph_writer *writer, struct ph_value value);
/* Appends one value that is encoded already. */
void ph_write_encoded(
	struct ph_writer *writer, const void *data, size_t length);
/* Keys must differ; a map of more than PH_SKIM_KEYS pairs must have them in
 * ascending order, or no skimmer takes it. Tables are lists. Maps and lists
 * inside one another: at most PH_SKIM_DEPTH. */
void ph_write_map(struct ph_writer *writer);
void ph_write_list(struct ph_writer *writer);
/* Ends the innermost map or list. */
void ph_write_end(struct ph_writer *writer);

/* Pairs of the map that is open. */
void ph_put_text(struct ph_writer *writer, const char *key, const char *text);
void ph_put_int(struct ph_writer *writer, const char *key, int64_t value);
void ph_put_u64(struct ph_writer *writer, const char *key, uint64_t value);
void ph_put_bool(struct ph_writer *writer, const char *key, bool value);
void ph_put_float(struct ph_writer *writer, const char *key, double value);
void ph_put_bytes(struct ph_writer *writer, const char *key, const void *data,
	size_t length);
/* Opens `key: {` or `key: [`; close with ph_write_end. */
void ph_put_map(struct ph_writer *writer, const char *key);
void ph_put_list(struct ph_writer *writer, const char *key);
void ph_put_value(
	struct ph_writer *writer, const char *key, struct ph_value value);

#endif
