#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "node/web_auth.h"

/* Who may ask what over HTTP: Host, Origin, tokens. */

static const struct ph_http_peer local = {.source = "127.0.0.1",
	.local = "127.0.0.1",
	.port = 7679,
	.loopback = true};
static const struct ph_http_peer local6 = {
	.source = "::1", .local = "::1", .port = 7679, .loopback = true};
static const struct ph_http_peer far = {
	.source = "192.0.2.9", .local = "192.0.2.7", .port = 7679};
static const struct ph_http_peer own = {
	.source = "unix", .has_uid = true, .uid = 1000};
static const struct ph_http_peer other = {
	.source = "unix", .has_uid = true, .uid = 1001};
static const struct ph_http_peer root = {.source = "unix", .has_uid = true};

static const struct {
	const struct ph_http_peer *peer;
	const char *host;
	const char *origin;
	const char *site;
	bool fine;
} origins[] = {
	{&local, "127.0.0.1:7679", "", "", true},
	{&local, "localhost:7679", "", "", true},
	{&local, "LocalHost:7679", "", "", true},
	{&local6, "[::1]:7679", "", "", true},
	{&local, "127.0.0.1:7679", "http://127.0.0.1:7679", "same-origin",
		true},
	{&local, "localhost:7679", "http://localhost:7679", "", true},
	{&local, "127.0.0.1:7679", "", "none", true},
	{&far, "192.0.2.7:7679", "http://192.0.2.7:7679", "", true},
	{&own, "localhost", "", "", true},
	/* A name that was made to resolve to us. */
	{&local, "evil.example:7679", "", "", false},
	{&local, "127.0.0.1.evil.example:7679", "", "", false},
	{&local, "evil.example:7679", "http://evil.example:7679", "", false},
	{&local, "127.0.0.1", "", "", false},
	{&local, "127.0.0.1:7680", "", "", false},
	{&local, "127.0.0.1:76790", "", "", false},
	{&local, "", "", "", false},
	{&far, "localhost:7679", "", "", false},
	{&far, "127.0.0.1:7679", "", "", false},
	/* A page of somebody else. */
	{&local, "127.0.0.1:7679", "http://evil.example", "", false},
	{&local, "127.0.0.1:7679", "null", "", false},
	{&local, "127.0.0.1:7679", "https://127.0.0.1:7679", "", false},
	{&local, "127.0.0.1:7679", "http://127.0.0.1:8080", "", false},
	{&local, "127.0.0.1:7679", "http://localhost:7679", "", false},
	{&local, "127.0.0.1:7679", "http://127.0.0.1:7679.evil", "", false},
	{&local, "127.0.0.1:7679", "", "cross-site", false},
	{&local, "127.0.0.1:7679", "", "same-site", false},
	{&own, "localhost", "http://evil.example", "", false},
};

static void test_origin(void **state)
{
	for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
		struct web_claim claim = {.peer = origins[i].peer,
			.host = origins[i].host,
			.origin = origins[i].origin,
			.fetch_site = origins[i].site};
		const char *why = NULL;

		if (web_auth_origin(&claim, &why) != origins[i].fine)
			fail_msg("row %zu: %s, %s", i, origins[i].host,
				origins[i].origin);
	}
}

/* Behind a proxy that ends TLS: Host and Origin of one of these, both. */
static const char published[][PH_OPTIONS_ORIGIN] = {
	"https://ops.example", "https://ops.example:8443", "http://in.house"};
static const struct {
	const struct ph_http_peer *peer;
	const char *host;
	const char *origin;
	const char *site;
	bool fine;
} proxied[] = {
	{&local, "ops.example", "https://ops.example", "same-origin", true},
	{&local, "ops.example", "", "", true},
	{&local, "OPS.example", "https://ops.example", "", true},
	{&local, "ops.example:8443", "https://ops.example:8443", "", true},
	{&local, "in.house", "http://in.house", "", true},
	{&own, "ops.example", "https://ops.example", "", true},
	{&local, "127.0.0.1:7679", "http://127.0.0.1:7679", "", true},
	/* The proxy does not pass the Host on, or says another. */
	{&local, "127.0.0.1:7679", "https://ops.example", "", false},
	{&local, "ops.example", "https://ops.example:8443", "", false},
	{&local, "ops.example:8443", "https://ops.example", "", false},
	{&local, "ops.example", "http://ops.example", "", false},
	{&local, "in.house", "https://in.house", "", false},
	{&local, "ops.example", "https://in.house", "", false},
	{&local, "ops.example", "https://evil.example", "", false},
	{&local, "ops.example", "null", "", false},
	{&local, "ops.example.evil", "https://ops.example.evil", "", false},
	{&local, "ops.exampl", "https://ops.exampl", "", false},
	{&local, "ops.example", "https://ops.example", "cross-site", false},
	{&local, "evil.example", "https://ops.example", "", false},
};

static void test_published(void **state)
{
	for (size_t i = 0; i < sizeof(proxied) / sizeof(proxied[0]); i++) {
		struct web_claim claim = {.peer = proxied[i].peer,
			.host = proxied[i].host,
			.origin = proxied[i].origin,
			.fetch_site = proxied[i].site,
			.origins = published,
			.origin_count = 3};
		const char *why = NULL;

		if (web_auth_origin(&claim, &why) != proxied[i].fine)
			fail_msg("row %zu: %s, %s", i, proxied[i].host,
				proxied[i].origin);
		/* Nothing of it without the flag. */
		claim.origin_count = 0;
		if (proxied[i].peer == &local && i < 5)
			assert_false(web_auth_origin(&claim, &why));
	}
}

static const struct {
	const char *text;
	const char *kept; /* NULL: refused */
} written[] = {
	{"https://ops.example", "https://ops.example"},
	{"HTTPS://Ops.Example", "https://ops.example"},
	{"https://ops.example:8443", "https://ops.example:8443"},
	{"https://ops.example:443", "https://ops.example"},
	{"http://10.0.0.7:80", "http://10.0.0.7"},
	{"http://10.0.0.7:443", "http://10.0.0.7:443"},
	{"https://[2001:db8::7]:444", "https://[2001:db8::7]:444"},
	{"", NULL},
	{"*", NULL},
	{"null", NULL},
	{"ops.example", NULL},
	{"https://", NULL},
	{"https://ops.example/", NULL},
	{"https://ops.example/page", NULL},
	{"https://*.example", NULL},
	{"https://a@ops.example", NULL},
	{"https://ops.example:0", NULL},
	{"https://ops.example:65536", NULL},
	{"https://ops.example:", NULL},
	{"ftp://ops.example", NULL},
	{"https://[::1", NULL},
};

static void test_written(void **state)
{
	for (size_t i = 0; i < sizeof(written) / sizeof(written[0]); i++) {
		struct ph_options options = {0};
		struct ph_error error;
		int code = ph_options_http_origin(
			&options, written[i].text, &error);

		if (!code != (written[i].kept != NULL))
			fail_msg("%s: %d", written[i].text, code);
		if (code)
			continue;
		assert_string_equal(options.http_origin[0], written[i].kept);
		assert_true(options.http_token);
	}
}

static void test_several(void **state)
{
	struct ph_options options = {0};
	struct ph_error error;

	assert_int_equal(
		0, ph_options_http_origin(&options,
			   "https://a.example,https://b.example", &error));
	assert_int_equal(2, options.http_origins);
	assert_string_equal(options.http_origin[1], "https://b.example");
	while (options.http_origins < PH_OPTIONS_ORIGINS)
		assert_int_equal(0, ph_options_http_origin(&options,
					    "https://c.example", &error));
	assert_int_not_equal(0,
		ph_options_http_origin(&options, "https://d.example", &error));
}

static const struct {
	const struct ph_http_peer *peer;
	const char *method;
	enum web_token_state token;
	enum ph_role role;
	int wanted;
} roles[] = {
	{&local, "GET", WEB_TOKEN_NONE, 0, PH_ROLE_VIEW},
	{&local, "HEAD", WEB_TOKEN_NONE, 0, PH_ROLE_VIEW},
	{&local, "POST", WEB_TOKEN_NONE, 0, -1},
	{&local, "", WEB_TOKEN_NONE, 0, -1},
	{&local, "GET", WEB_TOKEN_BAD, PH_ROLE_EXEC, -1},
	{&local, "POST", WEB_TOKEN_BAD, PH_ROLE_EXEC, -1},
	{&local, "POST", WEB_TOKEN_GOOD, PH_ROLE_VIEW, PH_ROLE_VIEW},
	{&local, "POST", WEB_TOKEN_GOOD, PH_ROLE_EXEC, PH_ROLE_EXEC},
	{&far, "GET", WEB_TOKEN_NONE, 0, -1},
	{&far, "GET", WEB_TOKEN_GOOD, PH_ROLE_WIRE, PH_ROLE_WIRE},
	{&own, "POST", WEB_TOKEN_NONE, 0, PH_ROLE_EXEC},
	{&root, "POST", WEB_TOKEN_NONE, 0, PH_ROLE_EXEC},
	{&other, "GET", WEB_TOKEN_NONE, 0, -1},
	{&other, "POST", WEB_TOKEN_NONE, 0, -1},
	{&other, "POST", WEB_TOKEN_GOOD, PH_ROLE_WIRE, PH_ROLE_WIRE},
	{&own, "POST", WEB_TOKEN_BAD, 0, -1},
};

/* Behind a proxy everybody is the loopback. */
static void test_looking_may_take_a_token(void **state)
{
	struct web_claim claim = {
		.peer = &local, .method = "GET", .uid = 1000, .always = true};
	const char *why = NULL;

	assert_int_equal(
		-1, web_auth_role(&claim, WEB_TOKEN_NONE, PH_ROLE_VIEW, &why));
	assert_non_null(why);
	assert_int_equal(PH_ROLE_VIEW,
		web_auth_role(&claim, WEB_TOKEN_GOOD, PH_ROLE_VIEW, &why));
	claim.peer = &own;
	assert_int_equal(PH_ROLE_EXEC,
		web_auth_role(&claim, WEB_TOKEN_NONE, PH_ROLE_VIEW, &why));
}

/* The user of a unix socket is the proxy's, its loopback the proxy's, too. */
static void test_what_is_passed_on_takes_a_token(void **state)
{
	struct web_claim claim = {
		.method = "GET", .uid = 1000, .passed_on = true};
	const struct ph_http_peer *peers[] = {&local, &own, &root, &far};
	const char *why;

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		claim.peer = peers[i];
		assert_int_equal(-1, web_auth_role(&claim, WEB_TOKEN_NONE,
					     PH_ROLE_VIEW, &why));
		assert_int_equal(
			PH_ROLE_WIRE, web_auth_role(&claim, WEB_TOKEN_GOOD,
					      PH_ROLE_WIRE, &why));
	}
}

static void test_role(void **state)
{
	for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		struct web_claim claim = {.peer = roles[i].peer,
			.method = roles[i].method,
			.uid = 1000};
		const char *why = NULL;
		int got = web_auth_role(
			&claim, roles[i].token, roles[i].role, &why);

		if (got != roles[i].wanted)
			fail_msg("row %zu: %d", i, got);
		if (got < 0)
			assert_non_null(why);
	}
}

static void test_bearer(void **state)
{
	assert_null(web_auth_bearer(""));
	assert_string_equal(web_auth_bearer("Bearer ph_1"), "ph_1");
	assert_string_equal(web_auth_bearer("bearer ph_1"), "ph_1");
	/* Anything else is a token, too, and not one of ours. */
	assert_string_equal(web_auth_bearer("Basic eDp5"), "Basic eDp5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_origin),
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_what_is_passed_on_takes_a_token),
		cmocka_unit_test(test_role),
		cmocka_unit_test(test_looking_may_take_a_token),
		cmocka_unit_test(test_bearer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
