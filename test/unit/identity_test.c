#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <regex.h>
#include <stdbool.h>
#include <string.h>

#include "proto/identity.h"

/* The grammar once more, by somebody else's engine. Lengths are checked apart:
 * large counts make its automaton huge. */
static const char grammar[] =
	"^([a-z0-9.-]+):"
	"([A-Za-z0-9][A-Za-z0-9._-]*):"
	"(0|[1-9a-f][0-9a-f]*):"
	"([A-Za-z0-9._@-]+):"
	"(yes|no|optional):"
	"([a-z0-9-]+):"
	"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$";

static const int longest[] = {512, 253, 39, 8, 64, 8, 32, 36};

static bool grammar_takes(const regex_t *regex, const char *text, size_t length)
{
	regmatch_t matches[8];

	if (memchr(text, 0, length) || regexec(regex, text, 8, matches, 0))
		return false;
	for (int i = 0; i < 8; i++)
		if (matches[i].rm_eo - matches[i].rm_so > longest[i])
			return false;
	return true;
}

static const char *const seeds[] = {
	"pi4.lan:cam:2a:root:yes:psk:00112233-4455-6677-8899-aabbccddeeff",
	"a:9.x_Y-z:0:A.b_c@d-e:no:none:ffffffff-ffff-ffff-ffff-ffffffffffff",
	"host-1.example.org:file.read:ffffffff:ops@example.org:optional:"
	"ed25519:0a1b2c3d-0000-5000-8000-000000000001",
};

static void seeds_come_back(void **state)
{
	struct ph_identity identity;
	char out[PH_IDENTITY_MAX + 1];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ph_identity_parse(
					 &identity, seeds[i], strlen(seeds[i])),
			0);
		assert_int_equal(
			ph_identity_format(&identity, out, sizeof(out)),
			strlen(seeds[i]));
		assert_string_equal(out, seeds[i]);
	}
	assert_int_equal(
		ph_identity_parse(&identity, seeds[0], strlen(seeds[0])), 0);
	assert_string_equal(identity.fqdn, "pi4.lan");
	assert_string_equal(identity.server, "cam");
	assert_int_equal(identity.class, 0x2a);
	assert_string_equal(identity.owner, "root");
	assert_int_equal(identity.auth, PH_AUTH_YES);
	assert_string_equal(identity.mechanism, "psk");
}

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Changes, drops, doubles or inserts; now and then repeats a letter so often
 * that a field becomes too long. */
static size_t mutate(char *text, size_t length, size_t size, uint64_t *seed)
{
	static const char letters[] = ":0aAfFgzZ._-@9 \n\x80\xff";
	uint64_t r = next_random(seed);
	size_t at = (r >> 32) % length;
	size_t count = r % 16 == 0 ? 1 + (r >> 8) % 260 : 1;
	char letter = letters[(r >> 16) % sizeof(letters)];

	if (r % 4 == 1 || length + count >= size) {
		memmove(text + at, text + at + 1, length - at);
		return length - 1;
	}
	if (r % 4 == 2) {
		text[at] = letter;
		return length;
	}
	memmove(text + at + count, text + at, length - at + 1);
	memset(text + at, r % 4 == 3 ? letter : text[at + count], count);
	return length + count;
}

static void check(
	const regex_t *regex, const char *text, size_t length, unsigned *taken)
{
	struct ph_identity identity;
	char out[PH_IDENTITY_MAX + 1];
	bool mine = !ph_identity_parse(&identity, text, length);

	if (mine != grammar_takes(regex, text, length))
		fail_msg("parser %s, grammar does not agree: %s",
			mine ? "takes" : "refuses", text);
	if (!mine)
		return;
	++*taken;
	assert_int_equal(
		ph_identity_format(&identity, out, sizeof(out)), length);
	assert_memory_equal(out, text, length);
}

static void mutants_agree_with_the_grammar(void **state)
{
	uint64_t seed = 49;
	unsigned taken = 0;
	regex_t regex;

	(void)state;
	assert_int_equal(regcomp(&regex, grammar, REG_EXTENDED), 0);
	for (unsigned i = 0; i < 100000; i++) {
		char text[1024];
		size_t length = strlen(seeds[i % 3]);

		memcpy(text, seeds[i % 3], length + 1);
		for (unsigned edit = 0; edit < 1 + i % 3 && length; edit++)
			length = mutate(text, length, sizeof(text), &seed);
		check(&regex, text, length, &taken);
	}
	regfree(&regex);
	assert_in_range(taken, 10000, 90000);
}

static void too_long(void **state)
{
	struct ph_identity identity;
	char text[600];

	(void)state;
	memset(text, 'a', sizeof(text));
	assert_int_equal(ph_identity_parse(&identity, text, 513), -E2BIG);
	assert_int_equal(ph_identity_parse(&identity, text, 512), -EINVAL);
	assert_int_equal(ph_identity_parse(&identity, "", 0), -EINVAL);
}

static void format_refuses(void **state)
{
	struct ph_identity good;
	struct ph_identity bad;
	char out[PH_IDENTITY_MAX + 1];

	(void)state;
	assert_int_equal(
		ph_identity_parse(&good, seeds[0], strlen(seeds[0])), 0);
	bad = good;
	strncpy(bad.owner, "a:b", sizeof(bad.owner));
	assert_int_equal(ph_identity_format(&bad, out, sizeof(out)), -EINVAL);
	bad = good;
	bad.fqdn[0] = '\0';
	assert_int_equal(ph_identity_format(&bad, out, sizeof(out)), -EINVAL);
	bad = good;
	bad.uuid[0] = 'A';
	assert_int_equal(ph_identity_format(&bad, out, sizeof(out)), -EINVAL);
	bad = good;
	bad.auth = (enum ph_auth)3;
	assert_int_equal(ph_identity_format(&bad, out, sizeof(out)), -EINVAL);
	bad = good;
	memset(bad.server, 'a', sizeof(bad.server)); /* no terminator */
	assert_int_equal(ph_identity_format(&bad, out, sizeof(out)), -EINVAL);
	assert_int_equal(ph_identity_format(&good, out, 20), -ENOSPC);
}

/* BLAKE2b-128 of 32 zero bytes and of 0..31, from an independent program. */
static void node_ids(void **state)
{
	uint8_t key[PH_PUBLIC_KEY] = {0};
	char text[PH_NODE_ID_TEXT];

	(void)state;
	assert_string_equal(
		ph_node_id_text(text, key), "ff0f22492f44bac4c4b30ae58d0e8daa");
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	assert_string_equal(
		ph_node_id_text(text, key), "f39a2cad58411cd49f577e5086b8031f");
}

static void server_uuids(void **state)
{
	uint8_t key[PH_PUBLIC_KEY] = {1};
	char cam[37];
	char again[37];
	char mic[37];
	char text[PH_IDENTITY_MAX];
	struct ph_identity identity;

	(void)state;
	ph_server_uuid(cam, key, "cam");
	ph_server_uuid(again, key, "cam");
	ph_server_uuid(mic, key, "mic");
	assert_string_equal(cam, again);
	assert_string_not_equal(cam, mic);
	assert_int_equal(cam[14], '5');
	assert_non_null(strchr("89ab", cam[19]));
	memcpy(text, "h:cam:0:o:no:none:", 19);
	memcpy(text + strlen(text), cam, 37);
	assert_int_equal(ph_identity_parse(&identity, text, strlen(text)), 0);
	key[31] = 1;
	ph_server_uuid(again, key, "cam");
	assert_string_not_equal(cam, again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(seeds_come_back),
		cmocka_unit_test(mutants_agree_with_the_grammar),
		cmocka_unit_test(too_long),
		cmocka_unit_test(format_refuses),
		cmocka_unit_test(node_ids),
		cmocka_unit_test(server_uuids),
	};

	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
