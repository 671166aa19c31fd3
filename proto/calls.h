#ifndef PH_PROTO_CALLS_H
#define PH_PROTO_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/door.h"
#include "proto/error.h"
#include "proto/value.h"

/*
 * The table of calls (proto/calls.def) and the frames in which they travel on
 * a line. One frame chain is one MessagePack list:
 *
 *   call    [0, id u32, "name", "destination", deadline_ms u32, {arguments}]
 *   answer  [1, id u32, status, {body}]
 *
 * A call's deadline is relative: clocks of two hosts are never compared.
 */
enum ph_role {
	PH_ROLE_VIEW,
	PH_ROLE_OPERATE,
	PH_ROLE_WIRE,
	PH_ROLE_EXEC
};

enum ph_reach {
	PH_REACH_MESH,
	PH_REACH_HERE
};

enum ph_method {
#define CALL(ident, name, role, reach, sentence) PH_##ident,
#define FIELD(ident, name, type, need, sentence)
#include "proto/calls.def"
#undef CALL
#undef FIELD
	PH_METHODS
};

struct ph_field_type {
	const char *name;
	enum ph_type type;
	bool must;
	const char *sentence;
};

struct ph_call_type {
	const char *name;
	enum ph_role role;
	enum ph_reach reach;
	const char *sentence;
	const struct ph_field_type *fields;
	size_t field_count;
};

/* method < PH_METHODS. */
const struct ph_call_type *ph_call_type(uint16_t method);
/* -ENOENT. */
int ph_call_find(const char *name, size_t length);
/* "view operate wire exec"; -ENOENT. */
int ph_role_parse(const char *text);
const char *ph_role_name(enum ph_role role);

/* Every MUST field is there and every known field has its type. */
int ph_call_check(
	uint16_t method, struct ph_value arguments, struct ph_error *error);

/* One call or answer read from a line. Views into the bytes it was read from.
 * `body` is the encoded arguments or answer map. */
struct ph_packet {
	bool answer;
	uint32_t id;
	int method; /* calls: -ENOENT when this version does not know it */
	char destination[64];
	uint32_t deadline_ms;
	int status; /* answers */
	const uint8_t *body;
	size_t length;
};

/* What a call's arguments may hold. Who may run programs here need not be kept
 * from long tables: parts of a wiring are such. */
struct ph_skim_limits ph_call_limits(const struct ph_caller *caller);

/* Longest call or answer on a line; longer ones are refused unread. */
#define PH_PACKET_MAX ((size_t)4 * 1024 * 1024)

/* Of bytes that were not skimmed: whether it is an answer, and its id; the
 * rest of `packet` is empty. For what ph_packet_read would refuse as too
 * large, so that it can be answered. -EBADMSG. */
int ph_packet_peek(
	struct ph_packet *packet, const uint8_t *data, size_t length);
/* Skims with `limits`. -EBADMSG and the skimmer's errors. */
int ph_packet_read(struct ph_packet *packet, const uint8_t *data, size_t length,
	struct ph_skim_limits limits);
/* Encodes into the writer (reset first). -EMSGSIZE past PH_PACKET_MAX. */
int ph_packet_write_call(struct ph_writer *writer, uint32_t id, uint16_t method,
	const char *destination, uint32_t deadline_ms, const uint8_t *arguments,
	size_t length);
int ph_packet_write_answer(struct ph_writer *writer, uint32_t id, int status,
	const uint8_t *body, size_t length);

/* The body of a failed answer: {error: {exit what where next}}. */
void ph_error_write(struct ph_writer *writer, const struct ph_error *error);
/* Reads it back, from a status other than PH_CALL_OK too when the body has
 * none (unreachable, denied, timeout): there is always a usable error. */
void ph_error_read(
	struct ph_error *error, int status, const uint8_t *body, size_t length);

/* The same of an answer to `method`: says when no role is enough for it. */
void ph_error_read_answer(struct ph_error *error, uint16_t method, int status,
	const uint8_t *body, size_t length);

/*
 * For servers: a call's arguments parsed and checked, and answers in one
 * line. `ph_request_open` answers itself when the arguments are wrong.
 */
struct ph_request {
	struct ph_door *door;
	ph_handle ticket;
	const struct ph_call *call;
	struct ph_document *document;
	struct ph_value arguments;
};

/* 0, or non-zero when it has been answered already. */
int ph_request_open(struct ph_request *request, struct ph_door *door,
	ph_handle ticket, const struct ph_call *call);
void ph_request_close(struct ph_request *request);
/* Answers; `writer` may be NULL for an empty map. */
void ph_answer_ok(
	struct ph_door *door, ph_handle ticket, struct ph_writer *writer);
void ph_answer_error(
	struct ph_door *door, ph_handle ticket, const struct ph_error *error);

/* Calls `method` at `destination` ("" here) with the map in `writer` (NULL:
 * empty), `timeout` ns from now. */
int ph_call_send(struct ph_door *door, const struct ph_caller *caller,
	const char *destination, uint16_t method, struct ph_writer *writer,
	int64_t now, int64_t timeout, ph_answer_fn *answer, void *context);

#endif
