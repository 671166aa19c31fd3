#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/attach.h"

static const struct ph_attach attach = {
	.connection = "alpha#3.17",
	.resume = true,
	.generation = UINT64_C(0x0102030404030201),
	.token = "0123456789abcde",
	.next = UINT64_C(0x0807060504030201),
};

static const uint8_t attach_bytes[] = "\x02\x0a\1\0\0\0\0\0"
				      "\1\2\3\4\4\3\2\1"
				      "0123456789abcde\0"
				      "\1\2\3\4\5\6\7\x08"
				      "alpha#3.17";

static void attach_is_these_bytes(void **state)
{
	uint8_t out[PH_ATTACH_MAX];
	struct ph_attach read;

	(void)state;
	assert_int_equal(
		ph_attach_write(&attach, out), sizeof(attach_bytes) - 1);
	assert_memory_equal(out, attach_bytes, sizeof(attach_bytes) - 1);
	assert_int_equal(
		ph_attach_read(&read, attach_bytes, sizeof(attach_bytes) - 1),
		0);
	assert_string_equal(read.connection, attach.connection);
	assert_true(read.resume);
	assert_true(read.generation == attach.generation);
	assert_memory_equal(read.token, attach.token, PH_ATTACH_TOKEN);
	assert_true(read.next == attach.next);
}

/* The carrier that was asked for: the same bytes, but one. */
static void an_offer_is_no_attach(void **state)
{
	struct ph_attach offer = attach;
	uint8_t out[PH_ATTACH_MAX];
	struct ph_attach read;
	size_t length;

	offer.resume = false;
	offer.offer = true;
	length = ph_attach_write(&offer, out);
	assert_int_equal(out[2], 2);
	assert_int_equal(ph_attach_read(&read, out, length), 0);
	assert_true(read.offer && !read.resume);
	out[2] = 1;
	assert_int_equal(ph_attach_read(&read, out, length), 0);
	assert_true(!read.offer && read.resume);
}

static void attach_refuses(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} changes[] = {{0, 1}, {0, 3}, {1, 9}, {1, 11}, {1, 0}, {1, 255},
		{2, 3}, {3, 1}, {4, 1}, {7, 1}, {40, 0}, {40, '-'}, {45, '%'},
		{48, '0'}, {47, 0}, {48, 'x'}, {49, '\n'}};
	uint8_t bytes[sizeof(attach_bytes)];
	struct ph_attach read;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		memcpy(bytes, attach_bytes, sizeof(bytes));
		bytes[changes[i].at] = changes[i].byte;
		if (ph_attach_read(&read, bytes, sizeof(bytes) - 1) != -EBADMSG)
			fail_msg("change %zu was taken", i);
	}
	for (size_t cut = 0; cut < sizeof(bytes) - 1; cut++)
		assert_int_equal(
			ph_attach_read(&read, attach_bytes, cut), -EBADMSG);
	assert_int_equal(
		ph_attach_read(&read, attach_bytes, sizeof(attach_bytes)),
		-EBADMSG);
}

/* The longest id there can be fits. */
static void attach_longest(void **state)
{
	struct ph_attach longest = {
		.connection = "n23456789012345678901234567890123456789"
			      "#18446744073709551615.18446744073709551615"};
	uint8_t out[PH_ATTACH_MAX];
	struct ph_attach read;
	size_t length;

	(void)state;
	length = ph_attach_write(&longest, out);
	assert_int_equal(ph_attach_read(&read, out, length), 0);
	assert_string_equal(read.connection, longest.connection);
}

static void attached(void **state)
{
	const struct ph_attached attached = {1, 7, UINT64_C(1) << 40};
	uint8_t out[PH_ATTACHED_LENGTH];
	struct ph_attached read;

	(void)state;
	assert_int_equal(ph_attached_write(&attached, out), 24);
	assert_memory_equal(
		out, "\2\1\0\0\0\0\0\0\7\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0", 24);
	assert_int_equal(ph_attached_read(&read, out, 24), 0);
	assert_int_equal(read.status, 1);
	assert_int_equal(read.generation, 7);
	assert_true(read.next == attached.next);
	for (size_t cut = 0; cut < 24; cut++)
		assert_int_equal(ph_attached_read(&read, out, cut), -EBADMSG);
	for (size_t at = 0; at < 8; at++) {
		out[at] ^= 0x40;
		assert_int_equal(ph_attached_read(&read, out, 24), -EBADMSG);
		out[at] ^= 0x40;
	}
	out[1] = 2;
	assert_int_equal(ph_attached_read(&read, out, 24), -EBADMSG);
}

static void ack(void **state)
{
	const struct ph_ack ack = {1, 256, 65536, UINT64_MAX};
	uint8_t out[PH_ACK_LENGTH];
	struct ph_ack read;

	(void)state;
	assert_int_equal(ph_ack_write(&ack, out), 32);
	assert_memory_equal(out,
		"\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0"
		"\xff\xff\xff\xff\xff\xff\xff\xff",
		32);
	assert_int_equal(ph_ack_read(&read, out, 32), 0);
	assert_memory_equal(&read, &ack, sizeof(ack));
	assert_int_equal(ph_ack_read(&read, out, 31), -EBADMSG);
	assert_int_equal(ph_ack_read(&read, out, 33), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attach_is_these_bytes),
		cmocka_unit_test(an_offer_is_no_attach),
		cmocka_unit_test(attach_refuses),
		cmocka_unit_test(attach_longest),
		cmocka_unit_test(attached),
		cmocka_unit_test(ack),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}
