#include "proto/calls.h"

#include <errno.h>
#include <string.h>

/*
 * The table. Each CALL of the list ends the fields of the one before it and
 * begins its own; the empty first element lets a call have none.
 */
#define MUST true
#define MAY  false
static const struct ph_field_type fields_none[] = {
	{0},
#define CALL(ident, name, role, reach, sentence)                               \
	}                                                                      \
	, fields_##ident[] = {{0},
#define FIELD(ident, name, type, need, sentence)                               \
	{name, PH_##type, need, sentence},
#include "proto/calls.def"
#undef CALL
#undef FIELD
};
#undef MUST
#undef MAY

#define CALL(ident, name, role, reach, sentence)                               \
	[PH_##ident] = {name, PH_ROLE_##role, PH_REACH_##reach, sentence,      \
		fields_##ident + 1,                                            \
		sizeof(fields_##ident) / sizeof(fields_none[0]) - 1},
#define FIELD(ident, name, type, need, sentence)
static const struct ph_call_type calls[] = {
#include "proto/calls.def"
};
#undef CALL
#undef FIELD

static const char *const role_names[] = {
	[PH_ROLE_VIEW] = "view",
	[PH_ROLE_OPERATE] = "operate",
	[PH_ROLE_WIRE] = "wire",
	[PH_ROLE_EXEC] = "exec",
};

static const char *const type_names[] = {
	[PH_NIL] = "nothing",
	[PH_BOOL] = "true or false",
	[PH_INT] = "a whole number",
	[PH_FLOAT] = "a number",
	[PH_TEXT] = "text",
	[PH_BYTES] = "bytes",
	[PH_LIST] = "a list",
	[PH_MAP] = "a map",
};

_Static_assert(PH_METHODS <= PH_DOOR_METHODS, "the door serves all calls");

const struct ph_call_type *ph_call_type(uint16_t method)
{
	return &calls[method];
}

int ph_call_find(const char *name, size_t length)
{
	for (int i = 0; i < PH_METHODS; i++)
		if (strlen(calls[i].name) == length &&
			!memcmp(calls[i].name, name, length))
			return i;
	return -ENOENT;
}

int ph_role_parse(const char *text)
{
	for (int i = PH_ROLE_VIEW; i <= PH_ROLE_EXEC; i++)
		if (!strcmp(role_names[i], text))
			return i;
	return -ENOENT;
}

const char *ph_role_name(enum ph_role role)
{
	return (unsigned)role <= PH_ROLE_EXEC ? role_names[role] : "?";
}

static bool field_fits(const struct ph_field_type *field, enum ph_type type)
{
	return type == field->type ||
	       (field->type == PH_FLOAT && type == PH_INT);
}

static int field_check(const struct ph_call_type *call,
	const struct ph_field_type *field, struct ph_value value,
	struct ph_error *error)
{
	enum ph_type type = ph_value_type(value);

	if (type == PH_NIL && !field->must)
		return 0;
	if (field_fits(field, type))
		return 0;
	if (type == PH_NIL)
		return ph_fail(error, PH_EXIT_USAGE, call->name,
			field->sentence, "`%s` is missing", field->name);
	return ph_fail(error, PH_EXIT_USAGE, call->name, field->sentence,
		"`%s` must be %s, not %s", field->name, type_names[field->type],
		type_names[type]);
}

int ph_call_check(
	uint16_t method, struct ph_value arguments, struct ph_error *error)
{
	const struct ph_call_type *call = &calls[method];

	if (ph_value_type(arguments) != PH_MAP)
		return ph_fail(error, PH_EXIT_USAGE, call->name,
			"send the arguments as a map", "arguments are %s",
			type_names[ph_value_type(arguments)]);
	for (size_t i = 0; i < call->field_count; i++) {
		const struct ph_field_type *field = &call->fields[i];

		if (field_check(call, field,
			    ph_value_get(arguments, field->name), error))
			return -1;
	}
	return 0;
}

/*
 * Packets. The bytes were skimmed as a whole, so that what remains is to look
 * at the few values in front of the body; a reader that fails stays failed.
 */
enum {
	CALL_VALUES = 6,
	ANSWER_VALUES = 4
};

struct reader {
	const uint8_t *data;
	size_t left;
	bool failed;
};

/* The next value's head, of that kind; its head is passed. */
static uint64_t reader_take(
	struct reader *reader, enum ph_head_kind kind, uint64_t most)
{
	struct ph_head head;

	if (reader->failed || ph_head_read(&head, reader->data, reader->left) ||
		head.kind != kind || head.value > most) {
		reader->failed = true;
		return 0;
	}
	reader->data += head.size;
	reader->left -= head.size;
	return head.value;
}

static const char *reader_text(
	struct reader *reader, size_t most, size_t *length)
{
	const char *text;

	*length = reader_take(reader, PH_HEAD_TEXT, most);
	text = (const char *)reader->data;
	reader->data += *length;
	reader->left -= *length;
	return text;
}

static void read_call(struct ph_packet *packet, struct reader *reader)
{
	size_t length;
	const char *text;

	packet->id =
		(uint32_t)reader_take(reader, PH_HEAD_POSITIVE, UINT32_MAX);
	text = reader_text(reader, SIZE_MAX, &length);
	packet->method = ph_call_find(text, length);
	text = reader_text(reader, sizeof(packet->destination) - 1, &length);
	memcpy(packet->destination, text, length);
	packet->destination[length] = '\0';
	packet->deadline_ms =
		(uint32_t)reader_take(reader, PH_HEAD_POSITIVE, UINT32_MAX);
}

static void read_answer(struct ph_packet *packet, struct reader *reader)
{
	packet->id =
		(uint32_t)reader_take(reader, PH_HEAD_POSITIVE, UINT32_MAX);
	packet->status = (int)reader_take(reader, PH_HEAD_POSITIVE, UINT8_MAX);
}

/* The last value: a map, and it is all that is left. */
static void read_body(struct ph_packet *packet, struct reader *reader)
{
	packet->body = reader->data;
	packet->length = reader->left;
	reader_take(reader, PH_HEAD_MAP, UINT32_MAX);
}

/* The list, and whether it is a call or an answer. */
static void read_kind(struct ph_packet *packet, struct reader *reader)
{
	uint64_t values = reader_take(reader, PH_HEAD_LIST, CALL_VALUES);

	packet->answer = reader_take(reader, PH_HEAD_POSITIVE, 1);
	if (values != (packet->answer ? ANSWER_VALUES : CALL_VALUES))
		reader->failed = true;
}

int ph_packet_peek(struct ph_packet *packet, const uint8_t *data, size_t length)
{
	struct reader reader = {.data = data, .left = length};
	struct ph_packet read = {.method = -ENOENT};

	read_kind(&read, &reader);
	read.id = (uint32_t)reader_take(&reader, PH_HEAD_POSITIVE, UINT32_MAX);
	if (reader.failed)
		return -EBADMSG;
	*packet = read;
	return 0;
}

struct ph_skim_limits ph_call_limits(const struct ph_caller *caller)
{
	return caller->role >= PH_ROLE_EXEC ? PH_SKIM_TABLE : PH_SKIM_PEER;
}

int ph_packet_read(struct ph_packet *packet, const uint8_t *data, size_t length,
	struct ph_skim_limits limits)
{
	struct reader reader = {.data = data, .left = length};
	struct ph_packet read = {.method = -ENOENT};
	int error;

	if (length > PH_PACKET_MAX)
		return -E2BIG;
	error = ph_skim(data, length, limits);
	if (error)
		return error;
	read_kind(&read, &reader);
	if (reader.failed)
		return -EBADMSG;
	if (read.answer)
		read_answer(&read, &reader);
	else
		read_call(&read, &reader);
	read_body(&read, &reader);
	if (reader.failed)
		return -EBADMSG;
	*packet = read;
	return 0;
}

static int packet_end(
	struct ph_writer *writer, const uint8_t *body, size_t length)
{
	const uint8_t *data;
	size_t size;
	int error;

	if (length) {
		ph_write_encoded(writer, body, length);
	} else {
		ph_write_map(writer);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	error = ph_writer_finish(writer, &data, &size);
	return !error && size > PH_PACKET_MAX ? -EMSGSIZE : error;
}

int ph_packet_write_call(struct ph_writer *writer, uint32_t id, uint16_t method,
	const char *destination, uint32_t deadline_ms, const uint8_t *arguments,
	size_t length)
{
	if (length > PH_PACKET_MAX)
		return -EMSGSIZE;
	ph_writer_reset(writer);
	ph_write_list(writer);
	ph_write_u64(writer, 0);
	ph_write_u64(writer, id);
	ph_write_text(writer, calls[method].name);
	ph_write_text(writer, destination ? destination : "");
	ph_write_u64(writer, deadline_ms);
	return packet_end(writer, arguments, length);
}

int ph_packet_write_answer(struct ph_writer *writer, uint32_t id, int status,
	const uint8_t *body, size_t length)
{
	if (length > PH_PACKET_MAX)
		return -EMSGSIZE;
	ph_writer_reset(writer);
	ph_write_list(writer);
	ph_write_u64(writer, 1);
	ph_write_u64(writer, id);
	ph_write_u64(writer, (uint64_t)status);
	return packet_end(writer, body, length);
}
