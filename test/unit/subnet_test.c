#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>

#include "proto/subnet.h"

static bool has(const char *subnet, const char *address)
{
	struct ph_subnet set;
	struct ph_ip ip;

	assert_int_equal(0, ph_subnet_parse(&set, subnet));
	assert_int_equal(0, ph_ip_parse(&ip, address));
	return ph_subnet_has(&set, &ip);
}

static void what_is_in_is_in(void **state)
{
	assert_true(has("10.0.0.0/8", "10.255.255.255"));
	assert_false(has("10.0.0.0/8", "11.0.0.0"));
	assert_true(has("192.0.2.64/26", "192.0.2.127"));
	assert_false(has("192.0.2.64/26", "192.0.2.128"));
	assert_true(has("192.0.2.7", "192.0.2.7"));
	assert_false(has("192.0.2.7", "192.0.2.6"));
	assert_true(has("0.0.0.0/0", "203.0.113.9"));
	assert_false(has("0.0.0.0/0", "2001:db8::1"));
	assert_true(has("2001:db8::/32", "2001:db8:ffff::1"));
	assert_false(has("2001:db8::/33", "2001:db8:ffff::1"));
	assert_true(has("192.0.2.0/24", "::ffff:192.0.2.9"));
	assert_true(has("fe80::/10", "fe80::1%eth0"));
}

static void what_is_no_subnet_is_refused(void **state)
{
	static const char *const bad[] = {"", "/8", "10.0.0.0/33", "10.0.0.1/8",
		"2001:db8::/129", "2001:db8::1/64", "10.0.0.0/", "10.0.0.0/8x",
		"10.0.0.0/-1", "10.0.0.0/ 8", "host/8", "porch.lan"};
	struct ph_subnet subnet;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (ph_subnet_parse(&subnet, bad[i]) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
}

static void special_ones_are_known(void **state)
{
	static const struct {
		const char *address;
		const char *what;
	} cases[] = {
		{"127.0.0.1", "loopback"},
		{"127.9.9.9", "loopback"},
		{"::1", "loopback"},
		{"::ffff:127.0.0.1", "loopback"},
		{"0.0.0.0", "unspecified"},
		{"::", "unspecified"},
		{"169.254.169.254", "link-local"},
		{"::ffff:169.254.169.254", "link-local"},
		{"fd00:ec2::254", "metadata"},
		{"100.100.100.200", "metadata"},
		{"fe80::1", "link-local"},
		{"239.255.76.78", "multicast"},
		{"ff02::7678", "multicast"},
		{"255.255.255.255", "broadcast"},
		{"192.0.2.1", NULL},
		{"10.1.2.3", NULL},
		{"2001:db8::1", NULL},
		{"fd77::1", NULL},
	};
	struct ph_ip ip;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *what;

		assert_int_equal(0, ph_ip_parse(&ip, cases[i].address));
		what = ph_ip_special(&ip);
		if (!cases[i].what)
			assert_null(what);
		else
			assert_string_equal(cases[i].what, what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_is_in),
		cmocka_unit_test(what_is_no_subnet_is_refused),
		cmocka_unit_test(special_ones_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
