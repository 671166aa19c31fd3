#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "probe/matrix.h"

#define S INT64_C(1000000000)

static const uint8_t self[16] = {1};
static const uint8_t alpha[16] = {2};
static const uint8_t beta[16] = {3};

static struct ph_matrix *start(void)
{
	struct ph_matrix *matrix;

	assert_int_equal(0, ph_matrix_create(&matrix, self, 7));
	return matrix;
}

static struct ph_reach_row point(
	const char *address, unsigned port, enum ph_verdict verdict)
{
	struct ph_reach_row row = {.port = (uint16_t)port,
		.transport = PH_REACH_TLS,
		.verdict = (uint8_t)verdict};

	snprintf(row.address, sizeof(row.address), "%s", address);
	return row;
}

static bool learn(struct ph_matrix *matrix, int64_t now, const char *address,
	unsigned port, enum ph_verdict verdict)
{
	struct ph_reach_row row = point(address, port, verdict);

	return ph_matrix_learn(matrix, now, alpha, &row, false);
}

static bool hear(struct ph_matrix *matrix, int64_t now, const char *address,
	unsigned port, enum ph_verdict verdict, int64_t ttl)
{
	struct ph_reach_row row = point(address, port, verdict);

	return ph_matrix_hear(matrix, now, beta, alpha, &row, 0, ttl);
}

static enum ph_reach_trust trust(struct ph_matrix *matrix, int64_t now,
	const char *address, unsigned port)
{
	struct ph_reach_row row = point(address, port, 0);
	struct ph_priority facts;

	ph_matrix_judge(matrix, now, alpha, &row, &facts);
	return facts.trust;
}

static const struct ph_matrix_row *row_of(
	struct ph_matrix *matrix, const char *address, unsigned port)
{
	struct ph_reach_row row = point(address, port, 0);

	return ph_matrix_find(matrix, alpha, &row);
}

/* The 31 bits: each field counts only when all before are equal. */
static void priorities_are_in_order(void **state)
{
	static const struct ph_priority falling[] = {
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_TLS, 255, 1, true},
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_TLS, 255, 1, false},
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_TLS, 255, 900, true},
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_TLS, 254, 1, true},
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_WSS, 255, 1, true},
		{PH_REACH_SEEN, PH_REACH_NEAR, PH_REACH_TCP, 255, 1, true},
		{PH_REACH_SEEN, PH_REACH_ROUTED, PH_REACH_TLS, 255, 1, true},
		{PH_REACH_TOLD, PH_REACH_PROCESS, PH_REACH_TLS, 255, 1, true},
		{PH_REACH_UNVERIFIED, PH_REACH_PROCESS, PH_REACH_TLS, 255, 1,
			true},
		{PH_REACH_FAILED, PH_REACH_PROCESS, PH_REACH_TLS, 255, 1, true},
	};
	uint32_t last = UINT32_C(1) << 31;

	for (size_t i = 0; i < sizeof(falling) / sizeof(falling[0]); i++) {
		uint32_t priority = ph_priority(&falling[i]);

		if (priority >= last)
			fail_msg("%zu: %u is not below %u", i, priority, last);
		last = priority;
	}
	/* P = 3*2^29 + 110*2^22 + 3*2^18 + 200*2^10 + (255-12)*2^2 + 1 */
	assert_int_equal(ph_priority(&(struct ph_priority){PH_REACH_SEEN,
				 PH_REACH_NEAR, PH_REACH_TLS, 200, 50, true}),
		(3u << 29) + (110u << 22) + (3u << 18) + (200u << 10) +
			(243u << 2) + 1);
}

static void success_is_fresh_for_five_minutes(void **state)
{
	struct ph_matrix *matrix = start();
	const struct ph_matrix_row *row;
	struct ph_reach_row here = point("192.0.2.1", 7678, 0);

	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 0, "192.0.2.1", 7678));
	assert_true(learn(matrix, 10 * S, "192.0.2.1", 7678, 1));
	assert_false(learn(matrix, 10 * S, "192.0.2.1", 7678, 1));
	row = row_of(matrix, "192.0.2.1", 7678);
	assert_non_null(row);
	assert_int_equal(310 * S, row->until);
	assert_int_equal(
		PH_REACH_SEEN, trust(matrix, 309 * S, "192.0.2.1", 7678));
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 310 * S, "192.0.2.1", 7678));
	/* Checked anew after three quarters. */
	assert_false(ph_matrix_needs_probe(matrix, 234 * S, alpha, &here));
	assert_true(ph_matrix_needs_probe(matrix, 236 * S, alpha, &here));
	/* The same host, another port or transport: another point. */
	assert_null(row_of(matrix, "192.0.2.1", 7679));
	ph_matrix_destroy(matrix);
}

static void failure_is_kept_ever_longer(void **state)
{
	struct ph_matrix *matrix = start();
	static const int most[] = {30, 60, 120, 240, 480, 600, 600, 600};
	int64_t now = 0;
	int64_t first = 0;
	bool spread = false;

	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		int64_t time;

		learn(matrix, now, "192.0.2.1", 1, PH_VERDICT_TIMEOUT);
		time = row_of(matrix, "192.0.2.1", 1)->until - now;
		assert_in_range(
			time, most[i] * 8 * S / 10, most[i] * 12 * S / 10);
		if (i == 5)
			first = time;
		spread |= i > 5 && time != first;
		assert_int_equal(PH_REACH_FAILED,
			trust(matrix, now + time - 1, "192.0.2.1", 1));
		now += time;
		assert_int_equal(PH_REACH_UNVERIFIED,
			trust(matrix, now, "192.0.2.1", 1));
	}
	assert_true(spread);
	/* One success and it begins anew. */
	learn(matrix, now, "192.0.2.1", 1, PH_VERDICT_OPEN_VERIFIED);
	learn(matrix, now, "192.0.2.1", 1, PH_VERDICT_REFUSED);
	assert_in_range(
		row_of(matrix, "192.0.2.1", 1)->until - now, 24 * S, 36 * S);
	ph_matrix_destroy(matrix);
}

static void hearsay_reorders_and_no_more(void **state)
{
	struct ph_matrix *matrix = start();

	assert_true(hear(matrix, 0, "192.0.2.1", 1, 1, 1000 * S));
	assert_false(hear(matrix, 0, "192.0.2.1", 1, 1, 1000 * S));
	assert_int_equal(PH_REACH_TOLD, trust(matrix, 0, "192.0.2.1", 1));
	/* At most 150 s, whatever it says. */
	assert_int_equal(PH_REACH_TOLD, trust(matrix, 149 * S, "192.0.2.1", 1));
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 150 * S, "192.0.2.1", 1));
	/* What was seen here is worth more, either way. */
	learn(matrix, 0, "192.0.2.1", 1, PH_VERDICT_TIMEOUT);
	assert_int_equal(PH_REACH_FAILED, trust(matrix, 1 * S, "192.0.2.1", 1));
	hear(matrix, 0, "192.0.2.2", 1, PH_VERDICT_REFUSED, 100 * S);
	assert_int_equal(PH_REACH_FAILED, trust(matrix, 1 * S, "192.0.2.2", 1));
	learn(matrix, 0, "192.0.2.2", 1, 1);
	assert_int_equal(PH_REACH_SEEN, trust(matrix, 1 * S, "192.0.2.2", 1));
	ph_matrix_destroy(matrix);
}

static void nobody_speaks_for_this_node(void **state)
{
	struct ph_matrix *matrix = start();
	struct ph_reach_row row = point("192.0.2.1", 1, 1);

	assert_false(ph_matrix_hear(matrix, 0, self, alpha, &row, 0, 100 * S));
	assert_int_equal(0, ph_matrix_count(matrix));
	ph_matrix_destroy(matrix);
}

static void another_network_makes_it_stale(void **state)
{
	struct ph_matrix *matrix = start();

	learn(matrix, 0, "192.0.2.1", 1, 1);
	learn(matrix, 0, "192.0.2.2", 1, PH_VERDICT_UNREACHABLE);
	ph_matrix_moved(matrix);
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 1 * S, "192.0.2.1", 1));
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 1 * S, "192.0.2.2", 1));
	/* But what worked is tried before what did not. */
	assert_true(row_of(matrix, "192.0.2.1", 1)->average >
		    row_of(matrix, "192.0.2.2", 1)->average);
	learn(matrix, 2 * S, "192.0.2.2", 1, 1);
	assert_int_equal(PH_REACH_SEEN, trust(matrix, 3 * S, "192.0.2.2", 1));
	ph_matrix_destroy(matrix);
}

static void what_was_kept_is_stale(void **state)
{
	struct ph_matrix *matrix = start();
	struct ph_reach_row row = point("192.0.2.1", 1, 1);

	row.rtt_us = 800;
	ph_matrix_recall(matrix, 5 * S, alpha, &row, 250, 3600 * S);
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 5 * S, "192.0.2.1", 1));
	assert_true(row_of(matrix, "192.0.2.1", 1)->stale);
	assert_int_equal(250, row_of(matrix, "192.0.2.1", 1)->average);
	learn(matrix, 6 * S, "192.0.2.1", 1, 1);
	assert_false(row_of(matrix, "192.0.2.1", 1)->stale);
	assert_int_equal(800, row_of(matrix, "192.0.2.1", 1)->point.rtt_us);
	/* It never takes the place of what is known by now. */
	ph_matrix_recall(matrix, 7 * S, alpha, &row, 1, 0);
	assert_false(row_of(matrix, "192.0.2.1", 1)->stale);
	ph_matrix_destroy(matrix);
}

static void an_address_is_judged_by_its_ports(void **state)
{
	struct ph_matrix *matrix = start();

	learn(matrix, 0, "192.0.2.1", 20000, 1);
	learn(matrix, 0, "192.0.2.2", 20000, PH_VERDICT_TIMEOUT);
	learn(matrix, 0, "192.0.2.3", 20000, PH_VERDICT_REFUSED);
	assert_int_equal(PH_REACH_TOLD, trust(matrix, 1, "192.0.2.1", 7678));
	assert_int_equal(PH_REACH_FAILED, trust(matrix, 1, "192.0.2.2", 7678));
	/* A port where nobody listens says that the host is there. */
	assert_int_equal(
		PH_REACH_UNVERIFIED, trust(matrix, 1, "192.0.2.3", 7678));
	ph_matrix_destroy(matrix);
}

static void it_is_bounded_and_own_rows_win(void **state)
{
	struct ph_matrix *matrix = start();
	uint8_t from[16] = {9};
	uint8_t to[16] = {8};
	struct ph_reach_row row;

	for (unsigned i = 0; i < 300; i++) {
		row = point("192.0.2.1", 1000 + i, 1);
		ph_matrix_hear(matrix, i, from, alpha, &row, 0, 100 * S);
	}
	assert_int_equal(PH_MATRIX_PER_PAIR, ph_matrix_count(matrix));
	for (unsigned i = 0; i < 400; i++) {
		to[1] = (uint8_t)i;
		to[2] = (uint8_t)(i >> 8);
		for (unsigned k = 0; k < 64; k++) {
			row = point("192.0.2.1", 1000 + k, 1);
			ph_matrix_hear(matrix, S, from, to, &row, 0, 100 * S);
		}
	}
	assert_int_equal(PH_MATRIX_ROWS, ph_matrix_count(matrix));
	learn(matrix, S, "198.51.100.1", 1, 1);
	assert_non_null(row_of(matrix, "198.51.100.1", 1));
	assert_int_equal(PH_MATRIX_ROWS, ph_matrix_count(matrix));
	/* What expired goes first. */
	to[3] = 1;
	ph_matrix_hear(matrix, 200 * S, from, to, &row, 0, S);
	assert_int_equal(2, ph_matrix_count(matrix));
	ph_matrix_forget(matrix, from);
	assert_int_equal(1, ph_matrix_count(matrix));
	ph_matrix_destroy(matrix);
}

/* A hundred ports on each of four addresses, of which one is walled off. One
 * node has probed them all and tells 64 rows of them, of all addresses. */
static unsigned asked_of(struct ph_matrix *matrix, int64_t now)
{
	unsigned asked = 0;

	for (unsigned i = 0; i < 400; i++) {
		struct ph_reach_row row;
		char address[16];

		snprintf(address, sizeof(address), "192.0.2.%u", i / 100);
		row = point(address, 20000 + i % 100, 0);
		asked += ph_matrix_needs_probe(matrix, now, alpha, &row);
	}
	return asked;
}

static uint8_t *invented(uint8_t id[16], unsigned number)
{
	memset(id, 0xee, 16);
	id[0] = (uint8_t)number;
	id[1] = (uint8_t)(number >> 8);
	return id;
}

static unsigned told_by(struct ph_matrix *matrix, int64_t now,
	const uint8_t from[16], unsigned first, unsigned count)
{
	struct ph_reach_row row = point("10.0.0.9", 1, PH_VERDICT_REFUSED);
	unsigned taken = 0;
	uint8_t id[16];

	for (unsigned i = first; i < first + count; i++)
		taken += ph_matrix_hear(
			matrix, now, from, invented(id, i), &row, 0, 150 * S);
	return taken;
}

/* A peer that speaks of nodes nobody knows takes no room from this node's own
 * results, half of it at most from other tellers, and none once it is gone. */
static void invented_nodes_crowd_nobody_out(void **state)
{
	static const uint8_t gamma[16] = {4};
	struct ph_reach_row row =
		point("10.0.0.1", 7678, PH_VERDICT_OPEN_VERIFIED);
	struct ph_matrix *matrix = start();
	uint8_t id[16];

	assert_int_equal(PH_MATRIX_TOLD, told_by(matrix, S, beta, 0, 1024));
	assert_int_equal(100, told_by(matrix, S, gamma, 2000, 100));
	told_by(matrix, S, gamma, 3000, 1024);
	for (unsigned i = 5000; i < 5000 + PH_MATRIX_TARGETS; i++)
		assert_true(ph_matrix_learn(
			matrix, 2 * S, invented(id, i), &row, true));
	/* Own results go for nobody's. */
	assert_int_equal(0, told_by(matrix, 2 * S, beta, 7000, 10));
	assert_int_equal(PH_MATRIX_TARGETS, ph_matrix_count(matrix));
	ph_matrix_destroy(matrix);

	matrix = start();
	told_by(matrix, S, beta, 0, 1024);
	ph_matrix_forget(matrix, beta);
	assert_int_equal(PH_MATRIX_TOLD, told_by(matrix, S, gamma, 0, 1024));
	ph_matrix_destroy(matrix);
}

static void a_newcomer_probes_little(void **state)
{
	struct ph_matrix *matrix = start();

	assert_int_equal(400, asked_of(matrix, 0));
	for (unsigned i = 0; i < 64; i++) {
		char address[16];

		snprintf(address, sizeof(address), "192.0.2.%u", i / 16);
		hear(matrix, 0, address, 20000 + i % 16,
			i / 16 == 3 ? PH_VERDICT_TIMEOUT
				    : PH_VERDICT_OPEN_VERIFIED,
			140 * S);
	}
	assert_int_equal(7, asked_of(matrix, S));
	/* One of the two it asked for is closed to it: it is known. */
	learn(matrix, S, "192.0.2.0", 20000, PH_VERDICT_TIMEOUT);
	assert_int_equal(6, asked_of(matrix, 2 * S));
	/* All is asked when what was told is old. */
	assert_int_equal(400, asked_of(matrix, 141 * S));
	ph_matrix_destroy(matrix);
}

static void dialled_points_outlive_probed_ones(void **state)
{
	struct ph_matrix *matrix = start();
	struct ph_reach_row row = point("192.0.2.1", 7678, 1);

	ph_matrix_learn(matrix, 0, alpha, &row, true);
	for (unsigned i = 0; i < 2000; i++)
		learn(matrix, S, "192.0.2.1", 10000 + i, 1);
	assert_int_equal(PH_MATRIX_OWN, ph_matrix_count(matrix));
	assert_non_null(row_of(matrix, "192.0.2.1", 7678));
	ph_matrix_destroy(matrix);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priorities_are_in_order),
		cmocka_unit_test(success_is_fresh_for_five_minutes),
		cmocka_unit_test(failure_is_kept_ever_longer),
		cmocka_unit_test(hearsay_reorders_and_no_more),
		cmocka_unit_test(nobody_speaks_for_this_node),
		cmocka_unit_test(another_network_makes_it_stale),
		cmocka_unit_test(what_was_kept_is_stale),
		cmocka_unit_test(an_address_is_judged_by_its_ports),
		cmocka_unit_test(it_is_bounded_and_own_rows_win),
		cmocka_unit_test(invented_nodes_crowd_nobody_out),
		cmocka_unit_test(a_newcomer_probes_little),
		cmocka_unit_test(dialled_points_outlive_probed_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
