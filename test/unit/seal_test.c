#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "proto/announcement.h"
#include "proto/seal.h"

#define PURPOSE "posthouse/test/v1"

static struct ph_signer signer_of(uint8_t first)
{
	uint8_t seed[32] = {first};
	struct ph_signer signer;

	ph_signer_init(&signer, seed);
	return signer;
}

static void a_mac_is_of_key_purpose_and_bytes(void **state)
{
	uint8_t mac[PH_SEAL_MAC], key[PH_SEAL_KEY] = {1};

	ph_seal_mac(mac, key, PURPOSE, "hello", 5);
	assert_true(ph_seal_mac_check(mac, key, PURPOSE, "hello", 5));
	assert_false(ph_seal_mac_check(mac, key, PURPOSE, "hellp", 5));
	assert_false(ph_seal_mac_check(mac, key, PURPOSE, "hello", 4));
	/* The border between purpose and bytes is sealed, too. */
	assert_false(
		ph_seal_mac_check(mac, key, "posthouse/test/v", "1hello", 6));
	mac[15] ^= 1;
	assert_false(ph_seal_mac_check(mac, key, PURPOSE, "hello", 5));
	mac[15] ^= 1;
	key[0] ^= 1;
	assert_false(ph_seal_mac_check(mac, key, PURPOSE, "hello", 5));
}

static void a_signature_is_of_one_node_and_purpose(void **state)
{
	struct ph_signer one = signer_of(1), other = signer_of(2);
	uint8_t signature[PH_SEAL_SIGNATURE];
	uint8_t most[PH_SEAL_MOST + 1] = {0};

	ph_seal_sign(signature, &one, PURPOSE, "hello", 5);
	assert_true(ph_seal_verify(signature, one.key, PURPOSE, "hello", 5));
	assert_false(ph_seal_verify(signature, other.key, PURPOSE, "hello", 5));
	assert_false(ph_seal_verify(signature, one.key, "other", "hello", 5));
	assert_false(ph_seal_verify(signature, one.key, PURPOSE, "hello!", 6));
	ph_seal_sign(signature, &one, PURPOSE, most, PH_SEAL_MOST);
	assert_true(ph_seal_verify(
		signature, one.key, PURPOSE, most, PH_SEAL_MOST));
	assert_false(ph_seal_verify(
		signature, one.key, PURPOSE, most, PH_SEAL_MOST + 1));
	ph_signer_fini(&one);
	assert_int_equal(one.secret[5], 0);
}

static void two_nodes_have_a_key_of_their_own(void **state)
{
	struct ph_signer a = signer_of(1), b = signer_of(2), c = signer_of(3);
	uint8_t ab[PH_SEAL_KEY], ba[PH_SEAL_KEY], ac[PH_SEAL_KEY];
	uint8_t link[PH_SEAL_KEY], other[PH_SEAL_KEY];
	uint8_t ring[PH_SEAL_KEY] = {7}, rotated[PH_SEAL_KEY] = {8};

	assert_int_equal(ph_seal_pair(ab, &a, b.key), 0);
	assert_int_equal(ph_seal_pair(ba, &b, a.key), 0);
	assert_int_equal(ph_seal_pair(ac, &a, c.key), 0);
	assert_memory_equal(ab, ba, PH_SEAL_KEY);
	assert_memory_not_equal(ab, ac, PH_SEAL_KEY);
	ph_seal_link(link, ab, ring);
	ph_seal_link(other, ba, ring);
	assert_memory_equal(link, other, PH_SEAL_KEY);
	ph_seal_link(other, ab, rotated);
	assert_memory_not_equal(link, other, PH_SEAL_KEY);
}

static void what_is_no_key_makes_no_pair(void **state)
{
	struct ph_signer a = signer_of(1);
	uint8_t out[PH_SEAL_KEY];
	/* The identity, and a point of order 4. */
	static const uint8_t small[][PH_PUBLIC_KEY] = {{1}, {0}};

	assert_int_equal(ph_seal_pair(out, &a, a.key), -EINVAL);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(ph_seal_pair(out, &a, small[i]), -EINVAL);
}

static int make(uint8_t out[PH_ANNOUNCEMENT_MAX],
	const struct ph_signer *signer, const uint8_t *ring)
{
	struct ph_announcement announcement = {
		.port = "7678",
		.ttl = 21,
		.name = "alpha",
		.epoch = 1,
		.mesh = {'m', 'e', 's', 'h', 'm', 'e', 's', 'h'},
		.ring = ring ? 5 : 0,
	};
	int length;

	ph_node_id(announcement.id, signer->key);
	memcpy(announcement.key, signer->key, PH_PUBLIC_KEY);
	length = ph_announcement_write(&announcement, out);
	assert_true(length > 0);
	ph_seal_announcement(out, (size_t)length, signer, ring);
	return length;
}

/* Every single bit of a sealed announcement is under the MAC, and every bit
 * before AUTH under the signature. */
static void no_bit_of_an_announcement_can_be_changed(void **state)
{
	uint8_t data[PH_ANNOUNCEMENT_MAX], ring[PH_SEAL_KEY] = {9};
	struct ph_signer signer = signer_of(4);
	struct ph_announcement read;
	size_t length = (size_t)make(data, &signer, ring);

	assert_int_equal(ph_announcement_read(&read, NULL, data, length), 0);
	assert_true(ph_seal_announcement_member(data, length, ring));
	assert_true(
		ph_seal_announcement_verify(data, length, read.id, read.key));
	for (size_t bit = 0; bit < (length - 2) * 8; bit++) {
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(ph_seal_announcement_member(data, length, ring));
		if (bit % 16 == 0 && bit / 8 < length - PH_AUTH_TAIL)
			assert_false(ph_seal_announcement_verify(
				data, length, read.id, read.key));
		data[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void an_id_is_that_of_its_key(void **state)
{
	uint8_t data[PH_ANNOUNCEMENT_MAX];
	struct ph_signer signer = signer_of(4);
	struct ph_announcement read;
	size_t length = (size_t)make(data, &signer, NULL);

	assert_int_equal(ph_announcement_read(&read, NULL, data, length), 0);
	assert_true(
		ph_seal_announcement_verify(data, length, read.id, read.key));
	read.id[0] ^= 1;
	assert_false(
		ph_seal_announcement_verify(data, length, read.id, read.key));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mac_is_of_key_purpose_and_bytes),
		cmocka_unit_test(a_signature_is_of_one_node_and_purpose),
		cmocka_unit_test(two_nodes_have_a_key_of_their_own),
		cmocka_unit_test(what_is_no_key_makes_no_pair),
		cmocka_unit_test(no_bit_of_an_announcement_can_be_changed),
		cmocka_unit_test(an_id_is_that_of_its_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
