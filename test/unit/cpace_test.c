#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>

#include <string.h>

#include "proto/cpace.h"
#include "test/unit/cpace_vectors.h"

/* The 25 published checks, each counted, so that none is lost unseen. */
static unsigned checks;

struct octets {
	uint8_t data[512];
	size_t length;
};

static struct octets hex(const char *text)
{
	struct octets out;

	assert_int_equal(sodium_hex2bin(out.data, sizeof(out.data), text,
				 strlen(text), NULL, &out.length, NULL),
		0);
	return out;
}

#define VIEW(octets) ((struct ph_bytes){(octets).data, (octets).length})

static void check(const void *data, size_t length, const char *expected)
{
	struct octets want = hex(expected);

	assert_int_equal(length, want.length);
	assert_memory_equal(data, want.data, length);
	checks++;
}

/* The draft's o_cat, for the strings that the product never builds. */
static struct octets o_cat(struct octets a, struct octets b)
{
	size_t common = a.length < b.length ? a.length : b.length;
	int order = memcmp(a.data, b.data, common);
	bool a_first = order ? order > 0 : a.length > b.length;
	struct octets out = {.data = "oc", .length = 2};
	const struct octets *parts[] = {a_first ? &a : &b, a_first ? &b : &a};

	for (int i = 0; i < 2; i++) {
		memcpy(out.data + out.length, parts[i]->data, parts[i]->length);
		out.length += parts[i]->length;
	}
	return out;
}

static struct octets lv(const struct octets *parts, size_t count)
{
	struct ph_bytes views[8];
	struct octets out;
	int length;

	for (size_t i = 0; i < count; i++)
		views[i] = VIEW(parts[i]);
	length = ph_lv(out.data, sizeof(out.data), views, count);
	assert_true(length >= 0);
	out.length = (size_t)length;
	return out;
}

static void check_lengths(void **state)
{
	static const char *const cases[][2] = {
		{V_LEN_0_IN, V_LEN_0_OUT},
		{V_LEN_1_IN, V_LEN_1_OUT},
		{V_LEN_2_IN, V_LEN_2_OUT},
		{V_LEN_3_IN, V_LEN_3_OUT},
	};

	for (int i = 0; i < 4; i++) {
		struct octets in = hex(cases[i][0]);
		struct octets out = lv(&in, 1);

		check(out.data, out.length, cases[i][1]);
	}
}

static void check_concatenations(void **state)
{
	struct octets parts[] = {
		hex("31323334"), hex("35"), hex(""), hex("363738")};
	struct octets out = lv(parts, 4);

	check(out.data, out.length, V_CAT_OUT);
	out = o_cat(hex(V_O_0_A), hex(V_O_0_B));
	check(out.data, out.length, V_O_0_OUT);
	out = o_cat(hex(V_O_1_A), hex(V_O_1_B));
	check(out.data, out.length, V_O_1_OUT);
}

static void transcript(const char *const c[5], bool ordered)
{
	struct octets a[] = {hex(c[0]), hex(c[1])};
	struct octets b[] = {hex(c[2]), hex(c[3])};
	struct octets all[] = {a[0], a[1], b[0], b[1]};
	struct octets out = ordered ? o_cat(lv(a, 2), lv(b, 2)) : lv(all, 4);

	check(out.data, out.length, c[4]);
}

#define CASE(name)                                                             \
	(const char *const[])                                                  \
	{                                                                      \
		name##_YA, name##_ADA, name##_YB, name##_ADB, name##_OUT       \
	}

static void check_transcripts(void **state)
{
	transcript(CASE(V_IR_0), false);
	transcript(CASE(V_IR_1), false);
	transcript(CASE(V_OC_0), true);
	transcript(CASE(V_OC_1), true);
}

static void check_generator(void **state)
{
	struct octets prs = hex(V_PRS);
	struct octets ci = hex(V_CI);
	struct octets sid = hex(V_SID);
	struct octets pad = {.length = 100};
	struct octets dsi = {.data = "CPaceRistretto255", .length = 17};
	struct octets text;
	uint8_t hash[64];
	uint8_t g[32];

	memset(pad.data, 0, pad.length);
	text = lv((struct octets[]){dsi, prs, pad, ci, sid}, 5);
	check(text.data, text.length, V_GENERATOR_STRING);
	crypto_hash_sha512(hash, text.data, text.length);
	check(hash, sizeof(hash), V_GENERATOR_STRING_HASH);
	ph_cpace_generator(g, VIEW(prs), VIEW(ci), VIEW(sid));
	check(g, sizeof(g), V_G);
}

static void check_shares(void **state)
{
	struct octets g = hex(V_G);
	struct octets a = hex(V_SCALAR_A);
	struct octets b = hex(V_SCALAR_B);
	uint8_t out[32];

	assert_int_equal(ph_cpace_share(out, a.data, g.data), 0);
	check(out, sizeof(out), V_SHARE_A);
	assert_int_equal(ph_cpace_share(out, b.data, g.data), 0);
	check(out, sizeof(out), V_SHARE_B);
	assert_int_equal(ph_cpace_share(out, a.data, hex(V_SHARE_B).data), 0);
	check(out, sizeof(out), V_K);
	assert_int_equal(ph_cpace_share(out, b.data, hex(V_SHARE_A).data), 0);
	check(out, sizeof(out), V_K);
}

static void check_keys(void **state)
{
	struct octets a = hex(V_SCALAR_A);
	struct octets b = hex(V_SCALAR_B);
	struct octets ya = hex(V_SHARE_A);
	struct octets yb = hex(V_SHARE_B);
	struct octets ada = hex(V_ADA);
	struct octets adb = hex(V_ADB);
	struct octets sid = hex(V_SID);
	uint8_t isk[64];
	uint8_t other[64];

	assert_int_equal(ph_cpace_key(isk, a.data, yb.data, VIEW(sid), VIEW(ya),
				 VIEW(ada), VIEW(yb), VIEW(adb)),
		0);
	check(isk, sizeof(isk), V_ISK_IR);
	assert_int_equal(ph_cpace_key(other, b.data, ya.data, VIEW(sid),
				 VIEW(ya), VIEW(ada), VIEW(yb), VIEW(adb)),
		0);
	assert_memory_equal(isk, other, sizeof(isk));
	assert_int_equal(ph_cpace_key_symmetric(isk, a.data, yb.data, VIEW(sid),
				 VIEW(ya), VIEW(ada), VIEW(yb), VIEW(adb)),
		0);
	check(isk, sizeof(isk), V_ISK_OC);
	/* Whoever is named first. */
	assert_int_equal(
		ph_cpace_key_symmetric(other, b.data, ya.data, VIEW(sid),
			VIEW(yb), VIEW(adb), VIEW(ya), VIEW(ada)),
		0);
	assert_memory_equal(isk, other, sizeof(isk));
}

static void check_session_outputs(void **state)
{
	struct octets a[] = {hex(V_SHARE_A), hex(V_ADA)};
	struct octets b[] = {hex(V_SHARE_B), hex(V_ADB)};
	struct octets all[] = {a[0], a[1], b[0], b[1]};
	struct octets texts[] = {lv(all, 4), o_cat(lv(a, 2), lv(b, 2))};
	const char *const expected[] = {V_SID_IR, V_SID_OC};

	for (int i = 0; i < 2; i++) {
		crypto_hash_sha512_state hash;
		uint8_t out[64];

		crypto_hash_sha512_init(&hash);
		crypto_hash_sha512_update(
			&hash, (const uint8_t *)"CPaceSidOutput", 14);
		crypto_hash_sha512_update(
			&hash, texts[i].data, texts[i].length);
		crypto_hash_sha512_final(&hash, out);
		check(out, sizeof(out), expected[i]);
	}
}

static void check_multiplication_and_aborts(void **state)
{
	static const char *const bad[] = {V_ABORT_NO_POINT, V_ABORT_IDENTITY};
	struct ph_bytes none = {(const uint8_t *)"", 0};
	struct octets s = hex(V_ABORT_S);
	uint8_t out[64];

	assert_int_equal(
		ph_cpace_share(out, hex(V_MULT_S).data, hex(V_MULT_X).data), 0);
	check(out, 32, V_MULT_RESULT);
	for (int i = 0; i < 2; i++) {
		struct octets y = hex(bad[i]);

		assert_int_equal(ph_cpace_share(out, s.data, y.data), -EINVAL);
		assert_int_equal(ph_cpace_key(out, s.data, y.data, none,
					 VIEW(y), none, VIEW(y), none),
			-EINVAL);
		checks++;
	}
}

static void all_published_checks_ran(void **state)
{
	assert_int_equal(checks, 25);
}

static void lv_respects_its_room(void **state)
{
	uint8_t data[200] = {0};
	uint8_t out[256];
	struct ph_bytes parts[] = {{data, 200}, {data, 3}};

	assert_int_equal(ph_lv(out, 206, parts, 2), 206);
	assert_int_equal(ph_lv(out, 205, parts, 2), -ENOSPC);
	assert_int_equal(ph_lv(out, 1, parts, 2), -ENOSPC);
	assert_int_equal(ph_lv(out, 0, parts, 1), -ENOSPC);
	assert_int_equal(ph_lv(out, 0, parts, 0), 0);
}

static void tags_differ_by_everything(void **state)
{
	uint8_t isk[PH_CPACE_KEY] = {1};
	struct octets sid = hex("0102");
	struct octets share = hex("03");
	struct octets ad = hex("04");
	uint8_t tags[5][PH_CPACE_KEY];

	ph_cpace_tag(tags[0], isk, VIEW(sid), VIEW(share), VIEW(ad));
	ph_cpace_tag(tags[1], isk, VIEW(share), VIEW(share), VIEW(ad));
	ph_cpace_tag(tags[2], isk, VIEW(sid), VIEW(ad), VIEW(ad));
	ph_cpace_tag(tags[3], isk, VIEW(sid), VIEW(share), VIEW(share));
	isk[0] = 2;
	ph_cpace_tag(tags[4], isk, VIEW(sid), VIEW(share), VIEW(ad));
	for (int i = 0; i < 5; i++)
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(tags[i], tags[j], PH_CPACE_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_lengths),
		cmocka_unit_test(check_concatenations),
		cmocka_unit_test(check_transcripts),
		cmocka_unit_test(check_generator),
		cmocka_unit_test(check_shares),
		cmocka_unit_test(check_keys),
		cmocka_unit_test(check_session_outputs),
		cmocka_unit_test(check_multiplication_and_aborts),
		cmocka_unit_test(all_published_checks_ran),
		cmocka_unit_test(lv_respects_its_room),
		cmocka_unit_test(tags_differ_by_everything),
	};

	return cmocka_run_group_tests_name("cpace", tests, NULL, NULL);
}
