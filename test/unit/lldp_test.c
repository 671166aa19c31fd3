#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/lldp.h"
#include "test/unit/lldp_frames.h"

/* Bytes in memory of exactly their size, so that a sanitizer sees a reader go
 * past them. */
struct piece {
	uint8_t *data;
	size_t length;
};

static struct piece piece_of(const void *data, size_t length)
{
	struct piece piece = {malloc(length ? length : 1), length};

	if (length)
		memcpy(piece.data, data, length);
	return piece;
}

static struct piece of_hex(const char *hex)
{
	struct piece piece = {malloc(strlen(hex) / 2), strlen(hex) / 2};

	for (size_t i = 0; i < piece.length; i++) {
		char two[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		piece.data[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	return piece;
}

static int read_bytes(const void *data, size_t length)
{
	struct piece piece = piece_of(data, length);
	struct ph_lldp lldp;
	int error = ph_lldp_read(&lldp, piece.data, piece.length);

	if (!error)
		assert_true(lldp.length <= length);
	free(piece.data);
	return error;
}

static int read_hex(const char *hex)
{
	struct piece piece = of_hex(hex);
	int error = read_bytes(piece.data, piece.length);

	free(piece.data);
	return error;
}

static bool bytes_are(struct ph_lldp_bytes bytes, const char *text)
{
	return bytes.length == strlen(text) &&
	       memcmp(bytes.data, text, bytes.length) == 0;
}

static struct piece frame_lldpdu(const char *hex)
{
	struct piece frame = of_hex(hex), out;
	struct ph_lldp_bytes lldpdu;
	uint8_t source[6];

	assert_int_equal(
		ph_lldp_frame_read(frame.data, frame.length, source, &lldpdu),
		0);
	assert_memory_equal(source, "\x7a\x7e\xf3\x2f\x02\x2b", 6);
	out = piece_of(lldpdu.data, lldpdu.length);
	free(frame.data);
	return out;
}

static void lldpd_is_understood(void **state)
{
	struct piece piece = frame_lldpdu(frame_plain);
	struct ph_lldp lldp;
	char text[64];

	assert_int_equal(ph_lldp_read(&lldp, piece.data, piece.length), 0);
	assert_int_equal(lldp.length, piece.length);
	assert_string_equal(
		ph_lldp_chassis_text(&lldp.chassis, text, sizeof(text)),
		"7a:7e:f3:2f:02:2b");
	assert_string_equal(ph_lldp_port_text(&lldp.port, text, sizeof(text)),
		"7a:7e:f3:2f:02:2b");
	assert_int_equal(lldp.ttl, 120);
	assert_true(bytes_are(lldp.name, "debian-host"));
	assert_true(bytes_are(lldp.description, "plain-host"));
	assert_true(bytes_are(lldp.port_description, "cdv0"));
	assert_int_equal(lldp.supported, 0x9c); /* bridge AP router station */
	assert_int_equal(lldp.enabled, PH_LLDP_CAN_STATION);
	assert_int_equal(lldp.managements, 2);
	assert_string_equal(
		ph_lldp_address_text(&lldp.management[0], text, sizeof(text)),
		"10.99.0.1");
	assert_string_equal(
		ph_lldp_address_text(&lldp.management[1], text, sizeof(text)),
		"fd00:99::1");
	assert_int_equal(lldp.organisations, 2); /* 802.3 */
	assert_int_equal(lldp.unknown, 0);
	free(piece.data);
}

static void tlvs_of_others_are_kept(void **state)
{
	struct piece piece = frame_lldpdu(frame_med);
	struct ph_lldp_tlv tlv;
	struct ph_lldp lldp;
	unsigned own = 0, all = 0;
	uint16_t at = 0;
	char text[64];

	assert_int_equal(ph_lldp_read(&lldp, piece.data, piece.length), 0);
	assert_int_equal(lldp.organisations, 7);
	assert_string_equal(
		ph_lldp_chassis_text(&lldp.chassis, text, sizeof(text)),
		"the-chassis");
	while (ph_lldp_next(&lldp, &at, &tlv)) {
		all++;
		if (tlv.type != PH_LLDP_ORGANISATION ||
			tlv.organisation != 0x334455)
			continue;
		own++;
		assert_int_equal(tlv.subtype, 0x2c);
		assert_true(bytes_are(tlv.value, "EEE"));
	}
	assert_int_equal(own, 1);
	assert_int_equal(tlv.type, PH_LLDP_END);
	assert_int_equal(all, 3 + 4 + 2 + 7 + 1);
	free(piece.data);
}

static void lldpd_says_goodbye(void **state)
{
	struct piece piece = frame_lldpdu(frame_goodbye);
	struct ph_lldp lldp;

	assert_int_equal(ph_lldp_read(&lldp, piece.data, piece.length), 0);
	assert_int_equal(lldp.ttl, 0);
	free(piece.data);
}

/* Cut anywhere: refused, but between two TLVs behind the first three (End may
 * be missing). */
static void every_frame_is_cut_at_every_byte(void **state)
{
	const char *const frames[] = {frame_plain, frame_med, frame_goodbye};

	for (unsigned i = 0; i < 3; i++) {
		struct piece piece = frame_lldpdu(frames[i]);
		uint8_t border[PH_LLDP_MOST + 1] = {0};
		struct ph_lldp_tlv tlv;
		struct ph_lldp lldp;
		unsigned count = 0;
		uint16_t at = 0;

		assert_int_equal(
			ph_lldp_read(&lldp, piece.data, piece.length), 0);
		while (ph_lldp_next(&lldp, &at, &tlv))
			border[at] = ++count >= 3;
		for (size_t cut = 0; cut <= piece.length; cut++)
			assert_int_equal(read_bytes(piece.data, cut),
				border[cut] ? 0 : -EBADMSG);
		free(piece.data);
	}
}

/* One TLV of every type, its value shortened and lengthened to every length:
 * which of them its type allows. */
static void every_tlv_has_its_lengths(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t least, most;
	} rows[] = {
		{PH_LLDP_PORT_DESCRIPTION, 0, 255},
		{PH_LLDP_SYSTEM_NAME, 0, 255},
		{PH_LLDP_SYSTEM_DESCRIPTION, 0, 255},
		{PH_LLDP_CAPABILITIES, 4, 4},
		{PH_LLDP_ORGANISATION, 4, 511},
		{9, 0, 511},
		{126, 0, 511},
		{PH_LLDP_CHASSIS, 2, 256},
		{PH_LLDP_PORT, 2, 256},
		{PH_LLDP_TTL, 2, 2},
	};
	static const uint8_t first[][5] = {
		{0x02, 2, 7, 'c'}, {0x04, 2, 7, 'p'}, {0x06, 2, 0, 9}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned length = 0; length <= 511; length++) {
			bool right = length >= rows[i].least &&
				     length <= rows[i].most;
			uint8_t data[3 * 4 + 2 + 511 + 2] = {0};
			size_t at = 0;

			for (unsigned j = 0; j < 3; j++) {
				if (rows[i].type == j + 1)
					break;
				memcpy(data + at, first[j], 4);
				at += 4;
			}
			data[at++] = (uint8_t)(rows[i].type << 1 | length >> 8);
			data[at++] = (uint8_t)length;
			memset(data + at, 7, length); /* also a subtype */
			at += length;
			for (unsigned j = rows[i].type; j < 3; j++) {
				memcpy(data + at, first[j], 4);
				at += 4;
			}
			at += 2; /* End */
			assert_int_equal(
				read_bytes(data, at), right ? 0 : -EBADMSG);
		}
	}
}

/* Chassis "c", port "p", TTL 9. */
#define FIRST                                                                  \
	"02020763"                                                             \
	"04020770"                                                             \
	"06020009"

static void what_is_wrong_drops_all_of_it(void **state)
{
	static const struct {
		const char *hex;
		bool right;
	} rows[] = {
		{FIRST "0000", true},
		{FIRST, true},		    /* no End: since 2016 */
		{FIRST "0000ffffff", true}, /* padding, of any kind */
		{FIRST "0001ff", false},    /* an End that has a value */
		{FIRST "00", false},	    /* half a header */
		{FIRST "0a", false},
		{FIRST "0a0161", true},	       /* a name */
		{FIRST "0a0261", false},       /* past the end */
		{FIRST "0a01610a0162", false}, /* two names */
		{FIRST "080161080162", false},
		{FIRST "0c01610c0162", false},
		{FIRST "0e0400800080"
		       "0e0400800080",
			false},
		{FIRST "0e0400800080", true},
		{FIRST "02020763", false}, /* first ones again */
		{FIRST "04020770", false},
		{FIRST "06020009", false},
		{"04020770"
		 "02020763"
		 "06020009",
			false}, /* order */
		{"02020763"
		 "06020009"
		 "04020770",
			false},
		{"02020763"
		 "04020770",
			false}, /* one is missing */
		{"02020763"
		 "04020770"
		 "0000",
			false},
		{"02020763", false},
		{"0000", false},
		{"", false},
		{"02020063"
		 "04020770"
		 "06020009",
			false}, /* subtype 0 */
		{"02020863"
		 "04020770"
		 "06020009",
			false}, /* and 8 */
		{"02020763"
		 "04020870"
		 "06020009",
			false},
		{FIRST "1203616263"
		       "fa00"
		       "1a0161",
			true}, /* 9, 125, 13 */
		{FIRST "1203616263"
		       "1203616263",
			true},
		{FIRST "fe04feedfa01"
		       "fe04feedfa01",
			true},
		{FIRST "fe03feedfa", false},
		/* Management addresses: as many as one likes. */
		{FIRST "100c05010a630001020000000200", true},
		{FIRST "100c05010a630001020000000200"
		       "100c05010a630001020000000200",
			true},
		{FIRST "100c06010a630001020000000200", false},
		{FIRST "100c01010a630001020000000200", false},
		{FIRST "100c05010a630001020000000201", false},
		{FIRST "100d05010a63000102000000020100", true},
		{FIRST "100d05010a63000102000000020000", false},
		{FIRST "100821010a63000102000000", false},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (read_hex(rows[i].hex) != (rows[i].right ? 0 : -EBADMSG))
			fail_msg("%s", rows[i].hex);
}

static void unknown_types_are_counted(void **state)
{
	struct piece piece = of_hex(FIRST "1203616263"
					  "fa00"
					  "fe04feedfa01");
	struct ph_lldp lldp;

	assert_int_equal(ph_lldp_read(&lldp, piece.data, piece.length), 0);
	assert_int_equal(lldp.unknown, 2);
	assert_int_equal(lldp.organisations, 1);
	free(piece.data);
}

static void a_frame_has_a_header(void **state)
{
	struct ph_lldp_bytes lldpdu;
	uint8_t source[6], frame[PH_LLDP_HEADER + 2] = {0};
	struct piece tagged;

	ph_lldp_frame_write(
		frame, ph_lldp_nearest_customer, (const uint8_t *)"abcdef");
	assert_memory_equal(frame, "\x01\x80\xc2\0\0\0abcdef\x88\xcc", 14);
	assert_int_equal(
		ph_lldp_frame_read(frame, sizeof(frame), source, &lldpdu), 0);
	assert_int_equal(lldpdu.length, 2);
	for (size_t cut = 0; cut < PH_LLDP_HEADER; cut++) {
		struct piece piece = piece_of(frame, cut);

		assert_int_equal(
			ph_lldp_frame_read(piece.data, cut, source, &lldpdu),
			-EBADMSG);
		free(piece.data);
	}
	/* Behind a tag, cut at every byte of it. */
	tagged = of_hex("0180c200000e"
			"7a7ef32f022b"
			"81000007"
			"88cc");
	for (size_t cut = 0; cut <= tagged.length; cut++) {
		struct piece piece = piece_of(tagged.data, cut);

		assert_int_equal(
			ph_lldp_frame_read(piece.data, cut, source, &lldpdu),
			cut == tagged.length ? 0 : -EBADMSG);
		free(piece.data);
	}
	free(tagged.data);
}

/* Writing. */

static void what_was_written_is_read(void **state)
{
	struct ph_lldp_writer writer;
	uint8_t out[PH_LLDP_MOST];
	struct ph_lldp lldp;
	int length;

	ph_lldp_write(&writer, out, sizeof(out));
	ph_lldp_put_tlv(&writer, PH_LLDP_CHASSIS, "\x07house", 6);
	ph_lldp_put_tlv(&writer, PH_LLDP_PORT,
		"\x05"
		"eth0",
		5);
	ph_lldp_put_tlv(&writer, PH_LLDP_TTL, "\0\x15", 2);
	ph_lldp_put_management(&writer, PH_LLDP_IPV4, "\x0a\0\0\x01", 4);
	ph_lldp_begin_organisation(&writer, 0xfeedfa, 3);
	ph_lldp_put_number(&writer, 0x0102030405060708, 8);
	ph_lldp_finish(&writer);
	length = ph_lldp_end(&writer);
	assert_true(length > 0);
	assert_int_equal(ph_lldp_read(&lldp, out, (size_t)length), 0);
	assert_int_equal(lldp.length, length);
	assert_int_equal(lldp.ttl, 21);
	assert_int_equal(lldp.port.subtype, PH_LLDP_PORT_IFNAME);
	assert_true(bytes_are(lldp.port.value, "eth0"));
	assert_int_equal(lldp.managements, 1);
	assert_memory_equal(out + length - 16,
		"\xfe\x0c\xfe\xed\xfa\x03\1\2\3\4\5\6\7\x08\0\0", 16);
}

static void the_writer_fails_at_the_end(void **state)
{
	struct ph_lldp_writer writer;
	uint8_t out[PH_LLDP_MOST], big[PH_LLDP_VALUE + 1] = {0};

	/* Order. */
	ph_lldp_write(&writer, out, sizeof(out));
	ph_lldp_put_tlv(&writer, PH_LLDP_PORT, "\x07p", 2);
	ph_lldp_put_tlv(&writer, PH_LLDP_CHASSIS,
		"\x07"
		"c",
		2);
	ph_lldp_put_tlv(&writer, PH_LLDP_TTL, "\0\x15", 2);
	assert_int_equal(ph_lldp_end(&writer), -EMSGSIZE);
	/* One TLV too long. */
	ph_lldp_write(&writer, out, sizeof(out));
	ph_lldp_put_tlv(&writer, PH_LLDP_CHASSIS, big, sizeof(big));
	assert_int_equal(ph_lldp_end(&writer), -EMSGSIZE);
	/* No room, at every size. */
	for (size_t size = 0; size < 14; size++) {
		struct piece piece = piece_of(big, size);

		ph_lldp_write(&writer, piece.data, size);
		ph_lldp_put_tlv(&writer, PH_LLDP_CHASSIS,
			"\x07"
			"c",
			2);
		ph_lldp_put_tlv(&writer, PH_LLDP_PORT, "\x07p", 2);
		ph_lldp_put_tlv(&writer, PH_LLDP_TTL, "\0\x15", 2);
		assert_int_equal(ph_lldp_end(&writer), -EMSGSIZE);
		free(piece.data);
	}
}

static void texts_are_harmless(void **state)
{
	struct ph_lldp_id id = {.subtype = 7};
	char text[16];

	id.value = (struct ph_lldp_bytes){(const uint8_t *)"a\x1b[2Jb", 6};
	assert_string_equal(
		ph_lldp_chassis_text(&id, text, sizeof(text)), "a.[2Jb");
	id.value = (struct ph_lldp_bytes){
		(const uint8_t *)"\1\2\3\4\xfe\xff\x80\x90\x91", 9};
	assert_string_equal(ph_lldp_chassis_text(&id, text, sizeof(text)),
		"01020304feff80");
	assert_string_equal(ph_lldp_chassis_text(&id, text, 4), "01");
	assert_string_equal(ph_lldp_chassis_text(&id, text, 1), "");
	id.value = (struct ph_lldp_bytes){(const uint8_t *)"eth0\0\0", 6};
	assert_string_equal(ph_lldp_port_text(&id, text, sizeof(text)), "eth0");
	assert_string_equal(ph_lldp_port_text(&id, text, 3), "et");
	id.subtype = 5; /* a network address */
	id.value = (struct ph_lldp_bytes){(const uint8_t *)"\1\x0a\0\0\2", 5};
	assert_string_equal(
		ph_lldp_chassis_text(&id, text, sizeof(text)), "10.0.0.2");
	id.value.length = 3;
	assert_string_equal(
		ph_lldp_chassis_text(&id, text, sizeof(text)), "0a:00");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lldpd_is_understood),
		cmocka_unit_test(tlvs_of_others_are_kept),
		cmocka_unit_test(lldpd_says_goodbye),
		cmocka_unit_test(every_frame_is_cut_at_every_byte),
		cmocka_unit_test(every_tlv_has_its_lengths),
		cmocka_unit_test(what_is_wrong_drops_all_of_it),
		cmocka_unit_test(unknown_types_are_counted),
		cmocka_unit_test(a_frame_has_a_header),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(the_writer_fails_at_the_end),
		cmocka_unit_test(texts_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
