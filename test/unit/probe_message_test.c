#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "node/options.h"
#include "proto/probe_key.h"
#include "proto/probe_order.h"

/* The bytes of probes and beacons, as doc/PROTOCOL.md draws them. */

static const uint8_t nonce[] = "nonce of 16 byte";
static const uint8_t session[] = "session 16 bytes";
static const uint8_t key[] = "a key of thirty-two bytes, all.";

static struct ph_point point_of(const char *host, uint16_t port)
{
	struct ph_point point;

	assert_int_equal(ph_point_parse(&point, host, port), 0);
	return point;
}

static void points_are_these_bytes(void **state)
{
	static const uint8_t v4[PH_POINT] =
		"\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\7\x20\x4e";
	struct ph_point point = point_of("192.0.2.7", 20000);
	struct ph_point again;
	struct sockaddr_storage socket;
	uint8_t out[PH_POINT];
	char text[PH_POINT_HOST];

	(void)state;
	ph_point_write(&point, out);
	assert_memory_equal(out, v4, sizeof(v4));
	ph_point_read(&again, out);
	assert_true(ph_point_same(&again, &point));
	assert_string_equal(
		ph_point_host(&point, text, sizeof(text)), "192.0.2.7");
	ph_point_socket(&point, &socket);
	assert_int_equal(
		ph_point_of_socket(&again, (struct sockaddr *)&socket), 0);
	assert_true(ph_point_same(&again, &point));
	assert_int_equal(ph_point_parse(&again, "host", 1), -EINVAL);
}

static void blocks_hold_what_they_say(void **state)
{
	struct ph_point point = point_of("10.77.3.9", 20000);
	struct ph_point_block block = {.prefix = 96 + 16};

	(void)state;
	memcpy(block.address, point_of("10.77.0.1", 0).address, 16);
	assert_true(ph_point_in_block(&point, &block));
	block.prefix = 96 + 22;
	assert_true(ph_point_in_block(&point, &block));
	block.prefix = 96 + 23;
	assert_false(ph_point_in_block(&point, &block));
	block.prefix = 129;
	assert_false(ph_point_in_block(&point, &block));
}

static void some_points_are_forbidden(void **state)
{
	static const char *const bad[] = {"0.0.0.0", "0.1.2.3", "224.0.0.251",
		"239.255.76.78", "240.0.0.1", "255.255.255.255",
		"169.254.169.254", "::", "ff02::7678", "fe80::1",
		"febf::a9fe:a9fe", "fd00:ec2::254", "64:ff9b::a9fe:a9fe",
		"::ffff:169.254.169.254", "::2"};
	static const char *const good[] = {"127.0.0.1", "10.0.0.1", "192.0.2.7",
		"223.255.255.255", "::1", "fd77::2", "2001:db8::1",
		"64:ff9b::c000:207"};
	struct ph_point point;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		point = point_of(bad[i], 20000);
		assert_non_null(ph_point_forbidden(&point));
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		point = point_of(good[i], 20000);
		assert_null(ph_point_forbidden(&point));
		point.port = 1023;
		assert_non_null(ph_point_forbidden(&point));
	}
}

static void a_banner_is_these_bytes(void **state)
{
	uint8_t mac[PH_PROBE_MAC];
	uint8_t out[PH_PROBE_BANNER];
	const uint8_t *read_nonce;
	const uint8_t *read_mac;

	(void)state;
	memset(mac, 'm', sizeof(mac));
	ph_banner_write(out, nonce, mac);
	assert_memory_equal(out, "phbeacn1nonce of 16 bytemmmm", 28);
	assert_int_equal(ph_banner_read(out, &read_nonce, &read_mac), 0);
	assert_ptr_equal(read_nonce, out + 8);
	assert_ptr_equal(read_mac, out + 24);
	assert_true(ph_banner_begins(out, 3));
	out[7] = '2';
	assert_int_equal(ph_banner_read(out, &read_nonce, &read_mac), -EBADMSG);
	assert_false(ph_banner_begins(out, 8));
}

static void a_frame_is_read_as_a_whole(void **state)
{
	uint8_t frame[PH_PROBE_HEADER + PH_TERMINATE + PH_PROBE_MAC] = {0};
	struct ph_probe_frame read;

	(void)state;
	ph_probe_frame_header(frame, PH_PROBE_TERMINATE, PH_TERMINATE);
	assert_memory_equal(frame, "\x20\0\x09\0", 4);
	for (size_t cut = 0; cut < sizeof(frame); cut++)
		assert_int_equal(
			ph_probe_frame_read(&read, frame, cut), -EAGAIN);
	assert_int_equal(ph_probe_frame_read(&read, frame, sizeof(frame)), 0);
	assert_int_equal(read.size, sizeof(frame));
	assert_ptr_equal(read.mac, frame + 36);
	frame[1] = 5; /* 1,312 bytes: refused before they come */
	assert_int_equal(ph_probe_frame_read(&read, frame, 4), -EBADMSG);
	frame[1] = 0;
	frame[2] = PH_PROBE_GREETING;
	assert_int_equal(ph_probe_frame_read(&read, frame, 4), -EBADMSG);
}

static void a_row_is_these_bytes(void **state)
{
	struct ph_probe_row row = {.point = point_of("192.0.2.7", 20001),
		.transport = PH_REACH_TLS,
		.verdict = PH_VERDICT_OPEN_VERIFIED,
		.error = 111,
		.met = 20002,
		.rtt_us = 0x01020304};
	struct ph_probe_row read;
	uint8_t out[PH_PROBE_ROW];

	(void)state;
	ph_probe_row_write(&row, out);
	assert_memory_equal(out + 16, "\x21\x4e\5\1\x6f\0\x22\x4e\4\3\2\1", 12);
	assert_int_equal(ph_probe_row_read(&read, out), 0);
	assert_int_equal(read.met, 20002);
	out[19] = PH_VERDICTS;
	assert_int_equal(ph_probe_row_read(&read, out), -EBADMSG);
	out[19] = PH_VERDICT_UNTRIED;
	assert_int_equal(ph_probe_row_read(&read, out), -EBADMSG);
}

/* A matrix part by part, and what is wrong with others. */
static void a_report_arrives_as_it_was(void **state)
{
	struct ph_probe_matrix matrix = {0};
	struct ph_probe_intake intake = {0};
	struct ph_probe_intake wrong = {0};
	uint8_t body[PH_PROBE_BODY];
	uint32_t at = 0;
	size_t length;
	unsigned parts = 0;

	(void)state;
	for (unsigned i = 0; i < 100; i++) {
		struct ph_probe_row row = {
			.point = point_of("::1", (uint16_t)(20000 + i)),
			.transport = PH_REACH_TCP,
			.verdict = PH_VERDICT_REFUSED};

		assert_int_equal(ph_probe_matrix_add(&matrix, &row), 0);
	}
	while ((length = ph_probe_matrix_part(&matrix, &at, body)) > 0) {
		if (parts == 1) {
			assert_int_equal(
				ph_probe_intake_take(&wrong, body, length),
				-EBADMSG);
		}
		assert_int_equal(
			ph_probe_intake_take(&intake, body, length), 0);
		parts++;
	}
	assert_int_equal(parts, 5); /* begin, 36, 36, 28, end */
	assert_true(intake.ended);
	assert_int_equal(intake.matrix.counts[PH_VERDICT_REFUSED], 100);
	assert_memory_equal(
		intake.matrix.rows, matrix.rows, 100 * PH_PROBE_ROW);
	assert_int_equal(ph_probe_intake_take(&intake, body, 8), -EBADMSG);
	ph_probe_matrix_fini(&matrix);
	ph_probe_matrix_fini(&intake.matrix);
	ph_probe_matrix_fini(&wrong.matrix);
}

/* Every part of what it stands for changes a MAC. */
static void a_mac_stands_for_all_of_it(void **state)
{
	struct ph_point here = point_of("192.0.2.7", 20000);
	struct ph_point there = point_of("192.0.2.7", 20001);
	const struct ph_probe_claim claim = {
		session, nonce, &here, 3, PH_PROBE_CHALLENGE};
	struct ph_probe_claim other[5] = {claim, claim, claim, claim, claim};
	static const uint8_t body[] = "body";
	uint8_t mac[PH_PROBE_MAC];
	uint8_t wrong[PH_PROBE_KEY];

	(void)state;
	other[0].session = nonce;
	other[1].nonce = session;
	other[2].where = &there;
	other[3].sequence++;
	other[4].type = PH_PROBE_RESPONSE;
	ph_probe_mac(mac, key, &claim, body, 4);
	assert_true(ph_probe_mac_check(mac, key, &claim, body, 4));
	assert_false(ph_probe_mac_check(mac, key, &claim, body, 3));
	memcpy(wrong, key, sizeof(wrong));
	wrong[7] ^= 1;
	assert_false(ph_probe_mac_check(mac, wrong, &claim, body, 4));
	for (unsigned i = 0; i < 5; i++)
		assert_false(ph_probe_mac_check(mac, key, &other[i], body, 4));
}

static void keys_of_the_directions_differ(void **state)
{
	struct ph_probe_keys first;
	struct ph_probe_keys proven;

	(void)state;
	ph_probe_keys_first(&first, key);
	ph_probe_keys_proven(&proven, key);
	assert_memory_not_equal(first.probe, first.beacon, PH_PROBE_KEY);
	assert_memory_not_equal(first.probe, proven.probe, PH_PROBE_KEY);
	assert_memory_not_equal(first.beacon, proven.beacon, PH_PROBE_KEY);
	assert_memory_not_equal(proven.probe, proven.beacon, PH_PROBE_KEY);
}

static void a_range_is_two_ports(void **state)
{
	static const char *const bad[] = {"", "-", "1023", "1023-2000",
		"20000-19999", "20000-65536", "20000-", "a-b", "20000 -3",
		"20000-20001x"};
	struct ph_range range;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(ph_options_range(&range, bad[i]), -1);
	assert_int_equal(ph_options_range(&range, "1024-65535"), 0);
	assert_int_equal(range.first, 1024);
	assert_int_equal(range.last, 65535);
	assert_int_equal(ph_options_range(&range, "20007"), 0);
	assert_int_equal(range.first, 20007);
	assert_int_equal(range.last, 20007);
}

static int start(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(points_are_these_bytes),
		cmocka_unit_test(blocks_hold_what_they_say),
		cmocka_unit_test(some_points_are_forbidden),
		cmocka_unit_test(a_banner_is_these_bytes),
		cmocka_unit_test(a_frame_is_read_as_a_whole),
		cmocka_unit_test(a_row_is_these_bytes),
		cmocka_unit_test(a_report_arrives_as_it_was),
		cmocka_unit_test(a_mac_stands_for_all_of_it),
		cmocka_unit_test(keys_of_the_directions_differ),
		cmocka_unit_test(a_range_is_two_ports),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
