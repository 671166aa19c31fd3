#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct good {
	const char *text;
	const char *canonical;
	bool local;
};

static const struct good goods[] = {
	{"beta", "beta:7678", false},
	{"beta:1", "beta:1", false},
	{"tcp://beta.example.org:65535", "beta.example.org:65535", false},
	{":7000", ":7000", false},
	{"127.0.0.1:0", "127.0.0.1:0", true},
	{"127.255.0.9", "127.255.0.9:7678", true},
	{"128.0.0.1", "128.0.0.1:7678", false},
	{"localhost", "localhost:7678", true},
	{"LocalHost:9", "LocalHost:9", true},
	{"localhost.evil", "localhost.evil:7678", false},
	{"127.0.0.1.evil", "127.0.0.1.evil:7678", false},
	{"[::1]", "[::1]:7678", true},
	{"[::]:7678", "[::]:7678", false},
	{"[fe80::1%eth0]:2", "[fe80::1%eth0]:2", false},
	{"ws://beta", "ws://beta:7679", false},
	{"ws://127.0.0.1:80", "ws://127.0.0.1:80", true},
	{"wss://beta.example.org", "wss://beta.example.org:443", false},
	{"wss://[::1]:8443", "wss://[::1]:8443", true},
	{"tcp://[2001:db8::5]", "[2001:db8::5]:7678", false},
	{"unix:/run/posthouse.sock", "unix:/run/posthouse.sock", true},
	{"unix:/a:b c", "unix:/a:b c", true},
	{"my_host", "my_host:7678", false},
	{"unix", "tcp://unix:7678", false},
	{"shm:/run/rings", "shm:/run/rings", true},
	{"inproc:sink", "inproc:sink", true},
	{"inproc:7678", "inproc:7678", true},
	{"shm", "tcp://shm:7678", false},
	{"tcp://inproc:80", "tcp://inproc:80", false},
};

static void addresses(void **state)
{
	struct ph_address address;
	struct ph_address again;
	char out[160];

	(void)state;
	for (size_t i = 0; i < COUNT(goods); i++) {
		if (ph_address_parse(&address, goods[i].text))
			fail_msg("refused %s", goods[i].text);
		ph_address_format(&address, out, sizeof(out));
		assert_string_equal(out, goods[i].canonical);
		assert_int_equal(ph_address_parse(&again, out), 0);
		assert_int_equal(again.scheme, address.scheme);
		assert_int_equal(again.port, address.port);
		assert_string_equal(again.host, address.host);
		if (ph_address_is_local(&address) != goods[i].local)
			fail_msg("local is wrong: %s", goods[i].text);
	}
}

static void tellable_addresses(void **state)
{
	static const struct {
		const char *text;
		bool tellable;
	} cases[] = {
		{"beta", true},
		{"192.0.2.7", true},
		{"10.0.0.1:9", true},
		{"[2001:db8::5]", true},
		{"[fd00::5]", true},
		{"[::ffff:192.0.2.7]", true},
		{"localhost", false},
		{"127.0.0.1", false},
		{"127.9.9.9", false},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"224.0.0.1", false},
		{"239.255.76.78", false},
		{"255.255.255.255", false},
		{"169.254.169.254", false},
		{"[::]", false},
		{"[::1]", false},
		{"[::ffff:127.0.0.1]", false},
		{"[::ffff:169.254.169.254]", false},
		{"[::127.0.0.1]", false},
		{"[ff02::1]", false},
		{"[fe80::1]", false},
		{"[fe80::1%eth0]", false},
		{"unix:/run/posthouse.sock", false},
		{"shm:/run/rings", false},
		{"inproc:sink", false},
		{":7678", false},
	};
	struct ph_address address;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(ph_address_parse(&address, cases[i].text), 0);
		if (ph_address_is_tellable(&address) != cases[i].tellable)
			fail_msg("wrong of %s", cases[i].text);
	}
}

static void bad_addresses(void **state)
{
	static const char *const bads[] = {"", "beta:", "beta:x", "beta:65536",
		"beta:-1", "beta:+1", "beta: 1", "beta:01", "beta:1:2", "::1",
		"2001:db8::5", "[::1", "[::1]x", "[::1]:", "[beta]", "[]",
		"[::1%]", "[::1%a b]", "be ta", "beta/", "-beta", ".beta",
		"unix:", "unix:relative", "unix:/a\nb", "shm:", "shm:x",
		"inproc:", "inproc:/a", "inproc:a b", "tcp://", "udp://beta",
		"tcp://unix:/a", "b\xc3\xa4r", "beta\n",
		"beta:99999999999999999999999"};
	struct ph_address address = {.port = 42};
	char text[200];

	(void)state;
	for (size_t i = 0; i < COUNT(bads); i++)
		if (ph_address_parse(&address, bads[i]) != -EINVAL)
			fail_msg("taken: %s", bads[i]);
	memset(text, 'a', sizeof(text));
	text[107] = '\0';
	assert_int_equal(ph_address_parse(&address, text), 0);
	address.port = 42;
	text[107] = 'a';
	text[108] = '\0';
	assert_int_equal(ph_address_parse(&address, text), -ENAMETOOLONG);
	memcpy(text, "unix:/", 6);
	text[108] = 'a';
	text[113] = '\0';
	assert_int_equal(ph_address_parse(&address, text), -ENAMETOOLONG);
	assert_int_equal(address.port, 42);
}

static void places(void **state)
{
	static const char *const good[] = {
		"cam", "cam:video", "pi4/cam", "pi4/cam:video", "a.b-c_d/9:x"};
	static const char *const bad[] = {"", "/", ":", "cam:", "/cam", "pi4/",
		"pi4/:video", "a/b/c", "a:b:c", "a:b/c", "c am", "-a", ".a",
		"a/_b", "a\x80"};
	struct ph_place place;
	char out[160];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(ph_place_parse(&place, good[i]), 0);
		assert_string_equal(
			ph_place_format(&place, out, sizeof(out)), good[i]);
	}
	assert_int_equal(ph_place_parse(&place, "pi4/cam:video"), 0);
	assert_string_equal(place.node, "pi4");
	assert_string_equal(place.server, "cam");
	assert_string_equal(place.terminal, "video");
	for (size_t i = 0; i < COUNT(bad); i++)
		if (ph_place_parse(&place, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
	assert_string_equal(place.node, "pi4");
	assert_int_equal(ph_place_parse(&place,
				 "a/a234567890123456789012345678901234567890"),
		-ENAMETOOLONG);
}

static void connection_ids(void **state)
{
	static const char *const good[] = {"alpha#0.0", "a#1.2",
		"pi-4.lan#18446744073709551615.18446744073709551615"};
	static const char *const bad[] = {"", "#1.2", "a#", "a#1", "a#1.",
		"a#.1", "a#01.1", "a#1.01", "a#1.1.1", "a#-1.1", "a#1.1 ",
		"a#18446744073709551616.1", "a1.1", "a/b#1.1", "a#1#1.1"};
	struct ph_connection_id id;
	char out[160];

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(ph_connection_id_parse(&id, good[i]), 0);
		assert_string_equal(
			ph_connection_id_format(&id, out, sizeof(out)),
			good[i]);
	}
	for (size_t i = 0; i < COUNT(bad); i++)
		if (ph_connection_id_parse(&id, bad[i]) != -EINVAL)
			fail_msg("taken: %s", bad[i]);
}

/* Whatever is taken is printed in a form that reads as the same. */
static void mutants(void **state)
{
	uint32_t seed = 7;
	unsigned taken = 0;

	(void)state;
	for (unsigned i = 0; i < 200000; i++) {
		struct ph_address address;
		struct ph_address again;
		char text[64];
		char out[160];

		snprintf(
			text, sizeof(text), "%s", goods[i % COUNT(goods)].text);
		for (unsigned edit = 0; edit < 1 + i % 2; edit++) {
			seed = seed * 1664525 + 1013904223;
			text[(seed >> 16) % strlen(text)] =
				":[]/.%#a0 1-\x7f"[(seed >> 8) % 13];
		}
		if (ph_address_parse(&address, text))
			continue;
		taken++;
		ph_address_format(&address, out, sizeof(out));
		assert_int_equal(ph_address_parse(&again, out), 0);
		assert_int_equal(again.scheme, address.scheme);
		assert_int_equal(again.port, address.port);
		assert_string_equal(again.host, address.host);
	}
	assert_in_range(taken, 1000, 199000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(tellable_addresses),
		cmocka_unit_test(bad_addresses),
		cmocka_unit_test(places),
		cmocka_unit_test(connection_ids),
		cmocka_unit_test(mutants),
	};

	return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
