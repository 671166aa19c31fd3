#include <string.h>

#include "transport/http_inner.h"

/*
 * What libwebsockets 4.1 does not see to: it hangs up on headers that it has no
 * room for, takes frames of a client that are not masked (RFC 6455 5.1), and
 * has no Close for control frames that are too long (5.5). So every byte of a
 * visitor passes here before libwebsockets has it. Only headers are looked at;
 * payloads are stepped over. Free of libwebsockets.
 */

/* --- requests --- */

void http_guard_begin(struct http_guard *guard)
{
	guard->cost = 0;
	guard->lines = 0;
	guard->line = 0;
	guard->whole = false;
	guard->behind = false;
}

/* Lines end as they do for libwebsockets, by LF alone if need be. */
static void take_byte(struct http_guard *guard, uint8_t byte)
{
	guard->cost++;
	if (byte == '\n') {
		guard->whole = !guard->line;
		guard->line = 0;
		guard->lines++;
		guard->cost += HTTP_HEADER;
	} else if (byte != '\r' || guard->line) {
		guard->line++;
	}
}

/* Ends a name as well as a value, and then the headers. */
static size_t cut(
	struct http_guard *guard, uint8_t *data, size_t at, size_t room)
{
	static const char end[] = {':', '\r', '\n', '\r', '\n'};

	guard->deaf = true;
	if (room - at < sizeof(end))
		return 0;
	memcpy(data + at, end, sizeof(end));
	return at + sizeof(end);
}

size_t http_guard_head(
	struct http_guard *guard, uint8_t *data, size_t length, size_t room)
{
	for (size_t i = 0; i < length; i++) {
		if (guard->whole) {
			guard->behind = true;
			break;
		}
		if (guard->cost >= HTTP_HEAD)
			return cut(guard, data, i, room);
		take_byte(guard, data[i]);
	}
	return length;
}

unsigned http_guard_verdict(const struct http_guard *guard)
{
	if (!guard->deaf)
		return 0;
	return guard->lines ? 431 : 414;
}

bool http_guard_may_upgrade(const struct http_guard *guard)
{
	return !guard->there || (guard->whole && !guard->behind);
}

/* --- frames --- */

#define MASK 4u

static unsigned header_size(const uint8_t *header)
{
	unsigned length = header[1] & 0x7f;

	return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static uint64_t payload_size(const uint8_t *header)
{
	unsigned size = header_size(header);
	uint64_t length = 0;

	if (size == 2)
		return header[1] & 0x7f;
	for (unsigned i = 2; i < size; i++)
		length = length << 8 | header[i];
	return length;
}

static const char *judge(const uint8_t *header)
{
	if (!(header[1] & 0x80))
		return "not masked";
	if ((header[0] & 8) && (header[1] & 0x7f) > 125)
		return "control frame too long";
	return NULL;
}

const char *http_guard_frames(
	struct http_guard *guard, const uint8_t *data, size_t length)
{
	size_t step;

	for (; length; data += step, length -= step) {
		const char *why = NULL;

		step = guard->left < length ? (size_t)guard->left : length;
		guard->left -= step;
		if (step)
			continue;
		step = 1;
		guard->header[guard->have++] = *data;
		if (guard->have == 2)
			why = judge(guard->header);
		if (why)
			return why;
		if (guard->have < 2 || guard->have < header_size(guard->header))
			continue;
		guard->left = payload_size(guard->header);
		if (guard->left >> 63)
			return "length of 64 bits";
		guard->left += MASK;
		guard->have = 0;
	}
	return NULL;
}
