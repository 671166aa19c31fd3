#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/swim.h"

#define SENDER	"sender..sender.."
#define TARGET	"target..target.."
#define SUBJECT "subject.subject."
#define ACCUSER "accuser.accuser."
#define MAC	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

#define HEADER(held_type, count)                                               \
	"S\x01" held_type count "\x78\x56\x34\x12" SENDER                      \
	"\x08\x07\x06\x05\x04\x03\x02\x01\x0d\x0c\x0b\x0a"                     \
	"\x04\x03\x02\x01\x44\x33\x22\x11"

static const char ping_bytes[] = HEADER("\x11", "\x00") MAC;
static const char report_bytes[] =
	HEADER("\x24", "\x00") TARGET "\x03\0\0\0" MAC;
static const char news_bytes[] = HEADER("\x15", "\x01") SUBJECT ACCUSER
	"\x01\0\0\0\0\0\0\0\x02\0\0\0\x03\x01\0\0"
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" MAC;

static struct ph_swim swim_of(uint8_t type, uint8_t held)
{
	struct ph_swim swim = {
		.type = type,
		.held = held,
		.ring = 0x12345678,
		.epoch = UINT64_C(0x0102030405060708),
		.incarnation = 0x0a0b0c0d,
		.sequence = 0x01020304,
		.known = 0x11223344,
	};

	memcpy(swim.sender, SENDER, PH_NODE_ID_BYTES);
	return swim;
}

static struct ph_swim report(void)
{
	struct ph_swim swim = swim_of(PH_SWIM_REPORT, PH_SWIM_SUSPECT);

	memcpy(swim.target, TARGET, PH_NODE_ID_BYTES);
	swim.finding = PH_SWIM_REFUSED;
	return swim;
}

static struct ph_swim news(void)
{
	struct ph_swim swim = swim_of(PH_SWIM_NEWS, PH_SWIM_ALIVE);
	struct ph_swim_record *record = &swim.records[0];

	swim.count = 1;
	memcpy(record->subject, SUBJECT, PH_NODE_ID_BYTES);
	memcpy(record->accuser, ACCUSER, PH_NODE_ID_BYTES);
	record->epoch = 1;
	record->incarnation = 2;
	record->state = PH_SWIM_DEAD;
	record->cause = PH_SWIM_BY_REFUSAL;
	for (size_t i = 0; i < PH_SWIM_SIGNATURE; i++)
		record->signature[i] = (uint8_t) "0123456789abcdef"[i % 16];
	return swim;
}

static void is_these_bytes(
	const struct ph_swim *swim, const char *bytes, size_t length)
{
	uint8_t out[PH_SWIM_MAX], sender[PH_NODE_ID_BYTES];
	struct ph_swim read;
	uint32_t ring;

	assert_int_equal(ph_swim_write(swim, out), length);
	assert_memory_equal(out, bytes, length);
	assert_int_equal(ph_swim_peek(sender, &ring, out, length), 0);
	assert_memory_equal(sender, SENDER, PH_NODE_ID_BYTES);
	assert_int_equal(ring, 0x12345678);
	memset(&read, 0xff, sizeof(read));
	assert_int_equal(ph_swim_read(&read, out, length), 0);
	assert_memory_equal(&read, swim, offsetof(struct ph_swim, records));
	for (unsigned i = 0; i < swim->count; i++)
		assert_memory_equal(&read.records[i], &swim->records[i],
			offsetof(struct ph_swim_record, signature) +
				PH_SWIM_SIGNATURE);
}

static void layouts(void **state)
{
	struct ph_swim ping = swim_of(PH_SWIM_PING, PH_SWIM_ALIVE);
	struct ph_swim said = report();
	struct ph_swim told = news();

	(void)state;
	assert_int_equal(sizeof(ping_bytes) - 1, PH_SWIM_IDLE);
	is_these_bytes(&ping, ping_bytes, sizeof(ping_bytes) - 1);
	is_these_bytes(&said, report_bytes, sizeof(report_bytes) - 1);
	is_these_bytes(&told, news_bytes, sizeof(news_bytes) - 1);
}

static void fullest_fits(void **state)
{
	struct ph_swim full = report();
	struct ph_swim told = news();
	uint8_t out[PH_SWIM_MAX];
	struct ph_swim read;
	size_t length;

	(void)state;
	full.count = PH_SWIM_RECORDS;
	for (unsigned i = 0; i < PH_SWIM_RECORDS; i++)
		full.records[i] = told.records[0];
	length = ph_swim_write(&full, out);
	assert_int_equal(length, 44 + 20 + 10 * 112 + 16);
	assert_int_equal(ph_swim_read(&read, out, length), 0);
	assert_int_equal(read.count, PH_SWIM_RECORDS);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(ph_swim_read(&read, out, cut), -EBADMSG);
	assert_int_equal(ph_swim_read(&read, out, length + 1), -EBADMSG);
}

struct change {
	size_t at;
	uint8_t byte;
};

static void refused(const char *bytes, size_t length,
	const struct change *changes, size_t count)
{
	uint8_t changed[PH_SWIM_MAX];
	struct ph_swim read;

	for (size_t i = 0; i < count; i++) {
		memcpy(changed, bytes, length);
		changed[changes[i].at] = changes[i].byte;
		if (ph_swim_read(&read, changed, length) != -EBADMSG)
			fail_msg("byte %zu may be %u", changes[i].at,
				changes[i].byte);
	}
}

#define REFUSED(bytes, ...)                                                    \
	refused(bytes, sizeof(bytes) - 1,                                      \
		(const struct change[]){__VA_ARGS__},                          \
		sizeof((const struct change[]){__VA_ARGS__}) /                 \
			sizeof(struct change))

static void refuses(void **state)
{
	(void)state;
	/* Magic, version, type, held, count. */
	REFUSED(ping_bytes, {0, 2}, {1, 0}, {1, 2}, {2, 0x10}, {2, 0x16},
		{2, 0x01}, {2, 0x51}, {2, 0x14}, {3, 1}, {3, 255});
	/* Finding and what follows it. */
	REFUSED(report_bytes, {60, 0}, {60, 4}, {61, 1}, {63, 1}, {2, 0x23},
		{2, 0x21});
	/* State, cause, zeroes; the accuser of ALIVE is the subject. */
	REFUSED(news_bytes, {88, 0}, {88, 1}, {88, 4}, {88, 5}, {89, 2},
		{90, 1}, {91, 1}, {3, 0}, {3, 2});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layouts),
		cmocka_unit_test(fullest_fits),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
