#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/reach_advert.h"

static const struct ph_reach_head head = {
	.from = {7}, .epoch = 3, .sequence = 9};
static struct ph_reach_told rows[PH_REACH_ROWS + 1];
static struct ph_reach_told back[PH_REACH_ROWS];
static uint8_t data[PH_REACH_MAX];

static struct ph_reach_told told(
	unsigned target, const char *address, unsigned port)
{
	struct ph_reach_told row = {
		.to = {(uint8_t)(target >> 8), (uint8_t)target},
		.row = {.port = (uint16_t)port,
			.transport = PH_REACH_TLS,
			.verdict = PH_VERDICT_OPEN_VERIFIED,
			.rtt_us = 123456},
		.age_s = 7,
		.ttl_s = 150};

	snprintf(row.row.address, sizeof(row.row.address), "%s", address);
	return row;
}

static size_t write_rows(size_t count)
{
	return ph_reach_write(&head, rows, count, data, sizeof(data));
}

static int read_back(size_t length, size_t *count)
{
	struct ph_reach_head read;
	/* Exactly so much memory: a byte too far is seen by a sanitizer. */
	uint8_t *copy = malloc(length);
	int error;

	memcpy(copy, data, length);
	error = ph_reach_read(&read, back, count, copy, length);
	free(copy);
	if (!error)
		assert_memory_equal(&read, &head, sizeof(head));
	return error;
}

static void it_is_read_as_it_was_written(void **state)
{
	size_t count;
	size_t length;

	rows[0] = told(1, "192.0.2.1", 7678);
	rows[1] = told(1, "2001:db8::1", 7678);
	rows[2] = told(2, "192.0.2.2", 20000);
	rows[2].row.verdict = PH_VERDICT_TIMEOUT;
	rows[2].row.transport = PH_REACH_TCP;
	length = write_rows(3) + PH_SEAL_SIGNATURE;
	assert_int_equal(35 + 17 + 17 + 29 + 17 + 17 + 64, length);
	assert_int_equal(0, read_back(length, &count));
	assert_int_equal(3, count);
	assert_memory_equal(rows, back, 3 * sizeof(rows[0]));
	/* Nothing at all is an advert, too. */
	assert_int_equal(PH_REACH_HEAD, write_rows(0));
	assert_int_equal(
		0, read_back(PH_REACH_HEAD + PH_SEAL_SIGNATURE, &count));
}

static void every_length_but_the_right_one_is_refused(void **state)
{
	size_t count;
	size_t length;

	rows[0] = told(1, "192.0.2.1", 7678);
	rows[1] = told(2, "2001:db8::1", 7678);
	length = write_rows(2) + PH_SEAL_SIGNATURE;
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(-EBADMSG, read_back(cut, &count));
	assert_int_equal(-EBADMSG, read_back(length + 1, &count));
}

static void what_may_not_be_told_is_refused(void **state)
{
	static const struct {
		unsigned at; /* of the byte, from the row on */
		uint8_t value;
	} changes[] = {
		{0, 0},			  /* no transport */
		{0, PH_REACH_UNIX},	  /* of this host alone */
		{0, PH_REACH_TRANSPORTS}, /* none yet */
		{1, PH_VERDICT_UNTRIED},  /* no result */
		{1, PH_VERDICT_SKIPPED},  /* no result */
		{1, PH_VERDICTS},	  /* none */
		{2, 5},			  /* no family */
		{2, 6},			  /* then it is too short */
		{15, 151},		  /* too long believed */
		{15, 0},		  /* never */
	};
	size_t count;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		size_t length;

		rows[0] = told(1, "192.0.2.1", 7678);
		length = write_rows(1) + PH_SEAL_SIGNATURE;
		data[PH_REACH_HEAD + PH_REACH_TARGET_SIZE + changes[i].at] =
			changes[i].value;
		if (read_back(length, &count) != -EBADMSG)
			fail_msg("change %zu was taken", i);
	}
	rows[0] = told(1, "192.0.2.1", 0);
	assert_int_equal(0, write_rows(1));
	rows[0] = told(1, "porch.lan", 7678);
	assert_int_equal(0, write_rows(1));
	rows[0] = told(1, "fe80::1%eth0", 7678);
	assert_int_equal(0, write_rows(1));
}

static void order_and_limits_are_kept(void **state)
{
	size_t count;
	size_t length;

	rows[0] = told(2, "192.0.2.1", 7678);
	rows[1] = told(1, "192.0.2.1", 7678);
	assert_int_equal(0, write_rows(2));
	/* Two targets alike: the second is renamed. */
	rows[0] = told(1, "192.0.2.1", 7678);
	rows[1] = told(2, "192.0.2.1", 7678);
	length = write_rows(2) + PH_SEAL_SIGNATURE;
	data[PH_REACH_HEAD + 17 + 17 + 1] = 1;
	assert_int_equal(-EBADMSG, read_back(length, &count));
	for (unsigned i = 0; i <= PH_REACH_ROWS; i++)
		rows[i] = told(i / 64, "2001:db8::1", 1 + i);
	length = write_rows(PH_REACH_ROWS);
	assert_int_not_equal(0, length);
	assert_int_equal(0, read_back(length + PH_SEAL_SIGNATURE, &count));
	assert_int_equal(PH_REACH_ROWS, count);
	assert_int_equal(0, write_rows(PH_REACH_ROWS + 1));
	for (unsigned i = 0; i < 65; i++)
		rows[i] = told(1, "192.0.2.1", 1 + i);
	assert_int_equal(0, write_rows(65));
}

static void its_signature_says_whose_it_is(void **state)
{
	struct ph_signer alpha;
	struct ph_signer beta;
	size_t length;

	ph_signer_init(&alpha, (const uint8_t[32]){1});
	ph_signer_init(&beta, (const uint8_t[32]){2});
	rows[0] = told(1, "192.0.2.1", 7678);
	length = ph_reach_sign(data, write_rows(1), &alpha);
	assert_true(ph_reach_verify(data, length, alpha.key));
	assert_false(ph_reach_verify(data, length, beta.key));
	for (size_t i = 0; i < length; i++) {
		data[i] ^= 1;
		assert_false(ph_reach_verify(data, length, alpha.key));
		data[i] ^= 1;
	}
	assert_false(ph_reach_verify(data, length - 1, alpha.key));
	assert_false(ph_reach_verify(data, 10, alpha.key));
	ph_signer_fini(&alpha);
	ph_signer_fini(&beta);
}

/* Each prefix of 16 bytes changed at random: never more than what is there. */
static void noise_is_survived(void **state)
{
	uint64_t random = 77;
	size_t count;

	for (unsigned round = 0; round < 20000; round++) {
		size_t length;

		rows[0] = told(1, "192.0.2.1", 7678);
		rows[1] = told(2, "2001:db8::1", 7678);
		length = write_rows(2) + PH_SEAL_SIGNATURE;
		for (unsigned i = 0; i < 3; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			data[random % length] = (uint8_t)(random >> 32);
		}
		{
			struct ph_reach_head read;
			uint8_t *copy = malloc(length);

			memcpy(copy, data, length);
			if (!ph_reach_read(&read, back, &count, copy, length))
				assert_int_equal(2, count);
			free(copy);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_read_as_it_was_written),
		cmocka_unit_test(every_length_but_the_right_one_is_refused),
		cmocka_unit_test(what_may_not_be_told_is_refused),
		cmocka_unit_test(order_and_limits_are_kept),
		cmocka_unit_test(its_signature_says_whose_it_is),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
