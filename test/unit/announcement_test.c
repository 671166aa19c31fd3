#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/announcement.h"
#include "test/unit/lldp_frames.h"

static const struct ph_announcement plain = {
	.id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
	.port = "7678",
	.ttl = 21,
	.name = "alpha",
	.description = "posthouse 0.4 (linux)",
	.can = PH_LLDP_CAN_STATION,
	.management = {{4, {192, 0, 2, 1}}},
	.version = PH_ANNOUNCEMENT_VERSION,
	.epoch = 0x0102030405060708,
	.seq = 77,
	.content = 3,
	.mesh = {'k', '7', 'q', '2', 'm', 'x', '4', 'p'},
	.locators = 2,
	.locator =
		{
			{PH_LOCATOR_TCP, PH_LOCATOR_IPV4, true, 12, 7678, 4,
				{192, 0, 2, 1}},
			{PH_LOCATOR_TCP, PH_LOCATOR_IPV6, false, 0, 7678, 16,
				{0xfe, 0x80, [15] = 1}},
		},
	.supported = PH_CAN_RELAY | PH_CAN_HOSTESS | PH_CAN_MEMBERSHIP,
	.enabled = PH_CAN_HOSTESS | PH_CAN_MEMBERSHIP,
	.caps_length = 32,
	.caps = "arch=x86_64\0cpus=4\0memory=16GiB",
	.menu = {9, 12, {0xab, 0xcd}},
	.connectome = {4, 2, {0xef}},
	.ring = 0x1112131415161718,
	.key = {0x20, [31] = 0x3f},
	.signature = {0x40, [63] = 0x7f},
	.mac = {0x80, [15] = 0x8f},
};

/* Everything as large as it can be. */
static struct ph_announcement largest(void)
{
	struct ph_announcement all = plain;

	memset(all.port, 'p', sizeof(all.port) - 1);
	memset(all.port_description, 'd', sizeof(all.port_description) - 1);
	memset(all.name, 'n', sizeof(all.name) - 1);
	memset(all.description, 's', sizeof(all.description) - 1);
	for (unsigned i = 0; i < 2; i++)
		all.management[i].length = 16;
	all.locators = PH_LOCATORS;
	for (unsigned i = 0; i < PH_LOCATORS; i++)
		all.locator[i] = plain.locator[1];
	all.caps_length = 0;
	while (ph_announcement_cap_add(&all, "k=0123456789abc") == 0)
		;
	return all;
}

static int read_bytes(
	struct ph_announcement *out, const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	int error;

	memcpy(copy, data, length);
	error = ph_announcement_read(out, NULL, copy, length);
	free(copy);
	return error;
}

static size_t write_bytes(const struct ph_announcement *announcement,
	uint8_t out[PH_ANNOUNCEMENT_MAX])
{
	int length = ph_announcement_write(announcement, out);

	assert_true(length > 0);
	return (size_t)length;
}

static void same(struct ph_announcement one, struct ph_announcement other)
{
	one.length = other.length = 0;
	one.flags = other.flags = 0;
	assert_memory_equal(&one, &other, sizeof(one));
}

static void what_is_written_is_read(void **state)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement read, all = largest();
	size_t length = write_bytes(&plain, out);

	assert_true(length <= 400);
	assert_int_equal(read_bytes(&read, out, length), 0);
	assert_int_equal(read.length, length);
	same(read, plain);
	length = write_bytes(&all, out);
	assert_true(length > 1100 && length <= PH_ANNOUNCEMENT_MAX);
	assert_int_equal(read_bytes(&read, out, length), 0);
	same(read, all);
}

static void a_reader_needs_little(void **state)
{
	struct ph_announcement least = {.port = "p", .name = "a", .version = 1},
			       read;
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	size_t length = write_bytes(&least, out);

	assert_int_equal(read_bytes(&read, out, length), 0);
	same(read, least);
}

/* The bytes that PROTOCOL.md draws. */
static void it_is_these_bytes(void **state)
{
	static const uint8_t core[] = "\xfe\x1e\xfe\xed\xfa\x01"
				      "\x01\x00"
				      "\1\2\3\4\5\6\7\x08"
				      "\0\0\0\x4d"
				      "\0\0\0\3"
				      "k7q2mx4p";
	static const uint8_t locators[] = "\xfe\x28\xfe\xed\xfa\x02"
					  "\x0b\1\1\0\x0c\x1d\xfe\1\xc0\0\2\1"
					  "\x17\1\0\0\0\x1d\xfe\2\xfe\x80\0";
	static const uint8_t caps[] = "\xfe\x2c\xfe\xed\xfa\x03"
				      "\0\0\0\x49\0\0\0\x48"
				      "\x0b"
				      "arch=x86_64"
				      "\x06"
				      "cpus=4"
				      "\x0c"
				      "memory=16GiB";
	static const uint8_t menu[] = "\xfe\x20\xfe\xed\xfa\x04"
				      "\0\0\0\0\0\0\0\x09\0\0\0\x0c\xab\xcd";
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	size_t length = write_bytes(&plain, out);
	const uint8_t *auth = out + length - PH_AUTH_TAIL;

	assert_non_null(memmem(out, length, core, sizeof(core) - 1));
	assert_non_null(memmem(out, length, locators, sizeof(locators) - 1));
	assert_non_null(memmem(out, length, caps, sizeof(caps) - 1));
	assert_non_null(memmem(out, length, menu, sizeof(menu) - 1));
	assert_memory_equal(auth,
		"\xfe\x7c\xfe\xed\xfa\x06"
		"\x11\x12\x13\x14\x15\x16\x17\x18\x20",
		15);
	assert_int_equal(out[length - PH_AUTH_SIGNATURE], 0x40);
	assert_int_equal(out[length - PH_AUTH_MAC], 0x80);
	assert_int_equal(out[length - 3], 0x8f);
}

static void it_is_cut_at_every_byte(void **state)
{
	struct ph_announcement read, all = largest();
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	size_t length = write_bytes(&all, out);

	for (size_t cut = 0; cut < length; cut++)
		assert_true(read_bytes(&read, out, cut) < 0);
}

/* A TLV of ours in `out`: where its header stands. */
static size_t tlv_find(
	const uint8_t *out, size_t length, enum ph_announcement_tlv subtype)
{
	struct ph_lldp_tlv tlv;
	struct ph_lldp lldp;
	uint16_t at = 0;

	assert_int_equal(ph_lldp_read(&lldp, out, length), 0);
	while (ph_lldp_next(&lldp, &at, &tlv))
		if (tlv.organisation == PH_ORGANISATION &&
			tlv.subtype == subtype)
			return tlv.at;
	fail_msg("no TLV %d", subtype);
	return 0;
}

static size_t tlv_length(const uint8_t *out, size_t at)
{
	return ph_lldp_number(out + at, 2) & PH_LLDP_VALUE;
}

/* The value of the TLV at `at` becomes `length` bytes, of zeros where it had
 * none. Returns the length of all. */
static size_t tlv_resize(uint8_t *out, size_t total, size_t at, size_t length)
{
	size_t before = tlv_length(out, at);
	uint8_t *end = out + at + 2 + before;

	memmove(out + at + 2 + length, end, total - (size_t)(end - out));
	if (length > before)
		memset(end, 0, length - before);
	out[at] = (uint8_t)(PH_LLDP_ORGANISATION << 1 | length >> 8);
	out[at + 1] = (uint8_t)length;
	return total - before + length;
}

/* Each of our TLVs, with every length that is too small for it, the header
 * saying so; and with more than this version knows. */
static void every_tlv_is_cut_at_every_byte(void **state)
{
	struct ph_announcement read;

	for (unsigned subtype = PH_TLV_CORE; subtype <= PH_TLV_AUTH;
		subtype++) {
		uint8_t whole[PH_ANNOUNCEMENT_MAX], out[PH_ANNOUNCEMENT_MAX];
		size_t length = write_bytes(&plain, whole), total;
		size_t at = tlv_find(whole, length, subtype);
		size_t value = tlv_length(whole, at);
		unsigned taken = 0;

		for (size_t cut = 4; cut < value; cut++) {
			memcpy(out, whole, length);
			total = tlv_resize(out, length, at, cut);
			taken += read_bytes(&read, out, total) == 0;
		}
		/* Between two entries of a list only. */
		assert_int_equal(taken, subtype == PH_TLV_LOCATORS ? 2
					: subtype == PH_TLV_CAPS   ? 3
								   : 0);
		for (size_t more = 1; more < 20; more++) {
			memcpy(out, whole, length);
			total = tlv_resize(out, length, at, value + more);
			assert_int_equal(read_bytes(&read, out, total),
				subtype == PH_TLV_AUTH ? -EBADMSG : 0);
			if (subtype != PH_TLV_AUTH)
				same(read, plain);
		}
	}
}

static void a_second_one_drops_it_all(void **state)
{
	struct ph_announcement read;

	for (unsigned subtype = PH_TLV_CORE; subtype < PH_TLV_AUTH; subtype++) {
		uint8_t out[PH_ANNOUNCEMENT_MAX];
		size_t length = write_bytes(&plain, out);
		size_t at = tlv_find(out, length, subtype);
		size_t value = 2 + tlv_length(out, at);

		memmove(out + at + value, out + at, length - at);
		assert_int_equal(
			read_bytes(&read, out, length + value), -EBADMSG);
	}
}

/* `bytes` in front of AUTH, as a newer version would have it. */
static size_t insert(uint8_t *out, size_t length, const void *bytes, size_t n)
{
	uint8_t *auth = out + length - PH_AUTH_TAIL;

	memmove(auth + n, auth, PH_AUTH_TAIL);
	memcpy(auth, bytes, n);
	return length + n;
}

static void newer_versions_are_understood(void **state)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement read;
	size_t length = write_bytes(&plain, out);
	size_t core = tlv_find(out, length, PH_TLV_CORE);
	size_t locators;

	out[core + 6] = 2; /* version */
	length = insert(out, length, "\xfe\x06\xfe\xed\xfa\x07hi", 8);
	length = insert(out, length, "\xfe\x04\xfe\xed\xfa\xff", 6);
	length = insert(out, length, "\xfe\x06\0\x80\xc2\1\0\7", 8);
	length = insert(out, length, "\x12\x01x", 3); /* reserved type */
	assert_int_equal(read_bytes(&read, out, length), 0);
	assert_int_equal(read.version, 2);
	assert_int_equal(read.unknown, 4);
	read.version = 1;
	read.unknown = 0;
	same(read, plain);
	/* Locators of a transport, and of a kind, that are not known here. */
	locators = tlv_find(out, length, PH_TLV_LOCATORS);
	out[locators + 6 + 1] = 9;
	out[locators + 6 + 12 + 7] = 77;
	assert_int_equal(read_bytes(&read, out, length), 0);
	assert_int_equal(read.locators, 0);
	assert_int_equal(read.unknown, 6);
}

static void nothing_follows_auth_but_end(void **state)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement read;
	size_t length = write_bytes(&plain, out);

	memcpy(out + length - 2, "\xfe\x04\0\x80\xc2\1\0\0", 8);
	assert_int_equal(read_bytes(&read, out, length + 6), -EBADMSG);
	/* Without End; with padding behind it, which is not part of it. */
	length = write_bytes(&plain, out);
	assert_int_equal(read_bytes(&read, out, length - 2), -EBADMSG);
	memset(out + length, 0x5a, 40);
	assert_int_equal(read_bytes(&read, out, length + 40), 0);
	assert_int_equal(read.length, length);
	/* Without AUTH. */
	memset(out + length - PH_AUTH_TAIL, 0, 2);
	assert_int_equal(read_bytes(&read, out, length), -EBADMSG);
}

static void a_foreign_one_is_none_of_ours(void **state)
{
	uint8_t data[300];
	size_t length = strlen(frame_med) / 2 - PH_LLDP_HEADER;
	struct ph_announcement read;
	struct ph_lldp lldp;

	for (size_t i = 0; i < length; i++) {
		const char *at = frame_med + 2 * (i + PH_LLDP_HEADER);
		char two[3] = {at[0], at[1], '\0'};

		data[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	assert_int_equal(
		ph_announcement_read(&read, &lldp, data, length), -ENOMSG);
	assert_int_equal(lldp.ttl, 120);
	data[0] = 0;
	assert_int_equal(
		ph_announcement_read(&read, &lldp, data, length), -EBADMSG);
}

static void ours_are_held_to_more(void **state)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement read;
	size_t length = write_bytes(&plain, out);
	uint8_t *name = memmem(out, length, "alpha", 5);

	name[0] = '-'; /* no name of a node */
	assert_int_equal(read_bytes(&read, out, length), -EBADMSG);
	name[0] = 'a';
	out[2] = 4; /* chassis: a MAC */
	assert_int_equal(read_bytes(&read, out, length), -EBADMSG);
	out[2] = 7;
	out[tlv_find(out, length, PH_TLV_CORE) + 6] = 0; /* no version */
	assert_int_equal(read_bytes(&read, out, length), -EBADMSG);
}

static void caps_are_texts(void **state)
{
	struct ph_announcement announcement = plain;
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	uint16_t at = 0;
	size_t length = write_bytes(&plain, out);
	struct ph_announcement read;

	assert_string_equal(
		ph_announcement_cap_next(&plain, &at), "arch=x86_64");
	assert_string_equal(ph_announcement_cap_next(&plain, &at), "cpus=4");
	assert_string_equal(
		ph_announcement_cap_next(&plain, &at), "memory=16GiB");
	assert_null(ph_announcement_cap_next(&plain, &at));
	assert_int_equal(ph_announcement_cap_add(&announcement, ""), -EINVAL);
	assert_int_equal(ph_announcement_cap_add(&announcement, "=x"), -EINVAL);
	assert_int_equal(
		ph_announcement_cap_add(&announcement, "GPU=x"), -EINVAL);
	assert_int_equal(
		ph_announcement_cap_add(&announcement, "gpu=\x1b"), -EINVAL);
	assert_int_equal(ph_announcement_cap_add(&announcement,
				 "a123456789012345678901234567890123=x"),
		-EINVAL);
	assert_int_equal(ph_announcement_cap_add(&announcement, "gpu"), 0);
	assert_int_equal(
		ph_announcement_cap_add(&announcement, "gpu=Größe = 2"), 0);
	assert_int_equal(announcement.flags, 0);
	while (ph_announcement_cap_add(&announcement, "more=0123456789") == 0)
		;
	assert_int_equal(announcement.flags, PH_CAPS_INCOMPLETE);
	/* What comes over the wire is held to the same. */
	*(uint8_t *)memmem(out, length, "arch", 4) = 'A';
	assert_int_equal(read_bytes(&read, out, length), -EBADMSG);
}

static void what_cannot_be_said_is_refused(void **state)
{
	uint8_t out[PH_ANNOUNCEMENT_MAX];
	struct ph_announcement wrong = plain;

	wrong.name[0] = '\0';
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	memset(wrong.port, 'x', sizeof(wrong.port));
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.port[0] = '\0';
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.locators = PH_LOCATORS + 1;
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.locator[0].port = 0;
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.locator[0].length = 5;
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.caps_length--; /* the last text has no zero */
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	wrong = plain;
	wrong.management[0].length = 5;
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
	/* Sixteen names are more than there is room for. */
	wrong = plain;
	wrong.locators = PH_LOCATORS;
	for (unsigned i = 0; i < PH_LOCATORS; i++)
		wrong.locator[i] =
			(struct ph_locator){PH_LOCATOR_TCP, PH_LOCATOR_NAME,
				false, 0, 1, 20, "abcdefghijklmnopqrst"};
	assert_int_equal(ph_announcement_write(&wrong, out), -EINVAL);
}

static void locators_are_addresses(void **state)
{
	static const struct {
		const char *address;
		int error;
		const char *back; /* with the zone eth9 */
	} rows[] = {
		{"192.0.2.7:80", 0, "192.0.2.7:80"},
		{"[2001:db8::7]:7678", 0, "[2001:db8::7]:7678"},
		{"[fe80::1%eth0]:7678", 0, "[fe80::1%eth9]:7678"},
		{"alpha.example:7678", 0, "alpha.example:7678"},
		{"0.0.0.0:7678", -EINVAL, NULL},
		{"[::]:7678", -EINVAL, NULL},
		{"239.255.76.78:7678", -EINVAL, NULL},
		{"[ff02::7678]:7678", -EINVAL, NULL},
		{"unix:/run/x", -ENOTSUP, NULL},
	};
	struct ph_address address;
	struct ph_locator locator;
	char text[128];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			ph_address_parse(&address, rows[i].address), 0);
		assert_int_equal(
			ph_locator_of(&locator, &address), rows[i].error);
		if (rows[i].error)
			continue;
		assert_true(ph_locator_is_valid(&locator));
		assert_int_equal(
			ph_locator_address(&locator, "eth9", &address), 0);
		assert_string_equal(
			ph_address_format(&address, text, sizeof(text)),
			rows[i].back);
	}
	assert_int_equal(
		ph_locator_address(&plain.locator[1], NULL, &address), -EINVAL);
	locator = plain.locator[0];
	locator.transport = PH_LOCATOR_WS;
	assert_int_equal(ph_locator_address(&locator, NULL, &address), 0);
	assert_int_equal(address.scheme, PH_ADDRESS_WS);
	assert_int_equal(ph_locator_of(&locator, &address), 0);
	assert_int_equal(locator.transport, PH_LOCATOR_WS);
	locator.transport = PH_LOCATOR_WSS + 1;
	assert_int_equal(
		ph_locator_address(&locator, NULL, &address), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_reader_needs_little),
		cmocka_unit_test(it_is_these_bytes),
		cmocka_unit_test(it_is_cut_at_every_byte),
		cmocka_unit_test(every_tlv_is_cut_at_every_byte),
		cmocka_unit_test(a_second_one_drops_it_all),
		cmocka_unit_test(newer_versions_are_understood),
		cmocka_unit_test(nothing_follows_auth_but_end),
		cmocka_unit_test(a_foreign_one_is_none_of_ours),
		cmocka_unit_test(ours_are_held_to_more),
		cmocka_unit_test(caps_are_texts),
		cmocka_unit_test(what_cannot_be_said_is_refused),
		cmocka_unit_test(locators_are_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
