#include "proto/reach_advert.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "kernel/bytes.h"
#include "proto/subnet.h"

#define PURPOSE "posthouse/reach/v1"

/* What is read or written, and how far. Sticky: past the end all is zero. */
struct cursor {
	uint8_t *at;
	size_t left;
	bool failed;
};

static uint8_t *step(struct cursor *cursor, size_t length)
{
	uint8_t *at = cursor->at;

	if (cursor->failed || cursor->left < length) {
		cursor->failed = true;
		return NULL;
	}
	cursor->at += length;
	cursor->left -= length;
	return at;
}

static void put(struct cursor *cursor, uint64_t value, size_t length)
{
	uint8_t *at = step(cursor, length);
	uint8_t bytes[8];

	ph_store64(bytes, value);
	if (at)
		memcpy(at, bytes, length);
}

static void put_bytes(struct cursor *cursor, const void *data, size_t length)
{
	uint8_t *at = step(cursor, length);

	if (at)
		memcpy(at, data, length);
}

static uint64_t get(struct cursor *cursor, size_t length)
{
	const uint8_t *at = step(cursor, length);
	uint8_t bytes[8] = {0};

	if (at)
		memcpy(bytes, at, length);
	return ph_load64(bytes);
}

static void get_bytes(struct cursor *cursor, void *out, size_t length)
{
	const uint8_t *at = step(cursor, length);

	if (at)
		memcpy(out, at, length);
}

static bool is_told(const struct ph_reach_told *told)
{
	return told->row.verdict >= PH_VERDICT_OPEN_VERIFIED &&
	       told->row.verdict <= PH_VERDICT_DENIED &&
	       told->row.transport >= PH_REACH_TCP &&
	       told->row.transport < PH_REACH_TRANSPORTS && told->row.port &&
	       told->ttl_s && told->ttl_s <= PH_REACH_TTL;
}

static void write_row(struct cursor *cursor, const struct ph_reach_told *told)
{
	struct ph_ip ip;

	if (!is_told(told) || strchr(told->row.address, '%') ||
		ph_ip_parse(&ip, told->row.address)) {
		cursor->failed = true;
		return;
	}
	put(cursor, told->row.transport, 1);
	put(cursor, told->row.verdict, 1);
	put(cursor, ip.family == AF_INET ? 4 : 6, 1);
	put_bytes(cursor, ip.bytes, ip.family == AF_INET ? 4 : 16);
	put(cursor, told->row.port, 2);
	put(cursor, told->row.rtt_us, 4);
	put(cursor, told->age_s, 2);
	put(cursor, told->ttl_s, 2);
}

/* How many from the first on are of one target. */
static size_t run(const struct ph_reach_told *rows, size_t count)
{
	size_t length = 1;

	while (length < count &&
		!memcmp(rows[length].to, rows[0].to, PH_NODE_ID_BYTES))
		length++;
	return length;
}

static size_t count_targets(const struct ph_reach_told *rows, size_t count)
{
	size_t targets = 0;

	for (size_t i = 0; i < count; i += run(rows + i, count - i)) {
		if (i && memcmp(rows[i - 1].to, rows[i].to, PH_NODE_ID_BYTES) >=
				 0)
			return SIZE_MAX;
		if (run(rows + i, count - i) > PH_REACH_PER_TARGET)
			return SIZE_MAX;
		targets++;
	}
	return targets;
}

size_t ph_reach_write(const struct ph_reach_head *head,
	const struct ph_reach_told *rows, size_t count, uint8_t *out,
	size_t size)
{
	struct cursor cursor = {.at = out, .left = size};
	size_t targets = count_targets(rows, count);

	if (count > PH_REACH_ROWS || targets > PH_REACH_TARGETS)
		return 0;
	put(&cursor, PH_REACH_VERSION, 1);
	put_bytes(&cursor, head->from, PH_NODE_ID_BYTES);
	put(&cursor, head->epoch, 8);
	put(&cursor, head->sequence, 8);
	put(&cursor, targets, 2);
	for (size_t i = 0; i < count;) {
		size_t length = run(rows + i, count - i);

		put_bytes(&cursor, rows[i].to, PH_NODE_ID_BYTES);
		put(&cursor, length, 1);
		while (length--)
			write_row(&cursor, &rows[i++]);
	}
	return cursor.failed ? 0 : size - cursor.left;
}

size_t ph_reach_sign(
	uint8_t *data, size_t length, const struct ph_signer *signer)
{
	uint8_t digest[16];

	ph_seal_digest(digest, data, length);
	ph_seal_sign(data + length, signer, PURPOSE, digest, sizeof(digest));
	return length + PH_SEAL_SIGNATURE;
}

bool ph_reach_verify(
	const uint8_t *data, size_t length, const uint8_t key[PH_PUBLIC_KEY])
{
	uint8_t digest[16];

	if (length < PH_REACH_HEAD + PH_SEAL_SIGNATURE)
		return false;
	length -= PH_SEAL_SIGNATURE;
	ph_seal_digest(digest, data, length);
	return ph_seal_verify(
		data + length, key, PURPOSE, digest, sizeof(digest));
}

static void read_address(struct cursor *cursor, struct ph_reach_row *row)
{
	uint8_t family = (uint8_t)get(cursor, 1);
	uint8_t bytes[16] = {0};
	struct ph_ip ip;

	if (family != 4 && family != 6)
		cursor->failed = true;
	get_bytes(cursor, bytes, family == 4 ? 4 : 16);
	if (cursor->failed)
		return;
	inet_ntop(family == 4 ? AF_INET : AF_INET6, bytes, row->address,
		sizeof(row->address));
	/* IPv4 in IPv6's clothes would be another point by another name. */
	if (ph_ip_parse(&ip, row->address) ||
		ip.family != (family == 4 ? AF_INET : AF_INET6))
		cursor->failed = true;
}

static void read_row(struct cursor *cursor, struct ph_reach_told *told)
{
	told->row.transport = (uint8_t)get(cursor, 1);
	told->row.verdict = (uint8_t)get(cursor, 1);
	read_address(cursor, &told->row);
	told->row.port = (uint16_t)get(cursor, 2);
	told->row.rtt_us = (uint32_t)get(cursor, 4);
	told->age_s = (uint16_t)get(cursor, 2);
	told->ttl_s = (uint16_t)get(cursor, 2);
	if (!is_told(told))
		cursor->failed = true;
}

static void read_target(struct cursor *cursor, const uint8_t *last,
	struct ph_reach_told *rows, size_t *count)
{
	uint8_t to[PH_NODE_ID_BYTES] = {0};
	size_t length;

	get_bytes(cursor, to, sizeof(to));
	length = get(cursor, 1);
	if (!length || length > PH_REACH_PER_TARGET ||
		*count + length > PH_REACH_ROWS ||
		(last && memcmp(last, to, sizeof(to)) >= 0))
		cursor->failed = true;
	while (length-- && !cursor->failed) {
		rows[*count] = (struct ph_reach_told){0};
		memcpy(rows[*count].to, to, sizeof(to));
		read_row(cursor, &rows[*count]);
		(*count)++;
	}
}

int ph_reach_read(struct ph_reach_head *head, struct ph_reach_told *rows,
	size_t *count, const uint8_t *data, size_t length)
{
	struct cursor cursor = {.at = (uint8_t *)data};
	size_t targets;

	*count = 0;
	if (length < PH_REACH_HEAD + PH_SEAL_SIGNATURE || length > PH_REACH_MAX)
		return -EBADMSG;
	cursor.left = length - PH_SEAL_SIGNATURE;
	if (get(&cursor, 1) != PH_REACH_VERSION)
		return -EBADMSG;
	get_bytes(&cursor, head->from, PH_NODE_ID_BYTES);
	head->epoch = get(&cursor, 8);
	head->sequence = get(&cursor, 8);
	targets = get(&cursor, 2);
	if (targets > PH_REACH_TARGETS)
		return -EBADMSG;
	while (targets-- && !cursor.failed)
		read_target(&cursor, *count ? rows[*count - 1].to : NULL, rows,
			count);
	return cursor.failed || cursor.left ? -EBADMSG : 0;
}
