#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/lines.h"
#include "node/reach_inner.h"
#include "proto/reach_advert.h"
#include "test/adversary.h"

/*
 * A trusted peer that lies about where nodes are: what it says may cost time,
 * and sends nobody anywhere he would not go.
 */
struct liar {
	struct prey prey;
	struct mask *mask;
	struct end end;
	struct ph_reach_head head;
	struct ph_reach_told rows[PH_REACH_ROWS];
	size_t count;
	uint8_t data[PH_REACH_MAX];
};

static int setup(void **state)
{
	struct liar *liar = calloc(1, sizeof(*liar));

	prey_open(&liar->prey, "prey");
	liar->mask = mask_open(&liar->prey, "liar");
	liar->end.prey = &liar->prey;
	end_enrol(&liar->end, liar->mask, PH_ROLE_EXEC);
	ph_node_id(liar->head.from, liar->mask->key);
	liar->head.epoch = 1;
	*state = liar;
	return 0;
}

static int teardown(void **state)
{
	struct liar *liar = *state;

	end_close(&liar->end);
	prey_close(&liar->prey);
	free(liar);
	return 0;
}

static struct peer *peer_of(struct liar *liar)
{
	char id[PH_NODE_ID_TEXT];

	return peer_find(
		liar->prey.node->lines, ph_node_id_text(id, liar->mask->key));
}

static void say(struct liar *liar, const char *address, unsigned port)
{
	struct ph_reach_told *told = &liar->rows[liar->count++];

	*told = (struct ph_reach_told){
		.row = {.port = (uint16_t)port,
			.transport = PH_REACH_TLS,
			.verdict = PH_VERDICT_OPEN_VERIFIED,
			.rtt_us = 1},
		.ttl_s = PH_REACH_TTL};
	snprintf(told->row.address, sizeof(told->row.address), "%s", address);
	/* Of itself: a node that is known. */
	ph_node_id(told->to, liar->mask->key);
}

static size_t write_advert(struct liar *liar, const uint8_t seed[32])
{
	struct ph_signer signer;
	size_t length = ph_reach_write(&liar->head, liar->rows, liar->count,
		liar->data, sizeof(liar->data));

	assert_int_not_equal(0, length);
	ph_signer_init(&signer, seed);
	length = ph_reach_sign(liar->data, length, &signer);
	ph_signer_fini(&signer);
	return length;
}

/* The status of the answer. */
static int tell(struct liar *liar, size_t length)
{
	struct ph_packet packet;
	struct ph_writer *writer;
	const uint8_t *data;
	size_t size;
	uint32_t id;

	assert_int_equal(0, ph_writer_create(&writer));
	ph_write_map(writer);
	ph_put_bytes(writer, "advert", liar->data, length);
	ph_write_end(writer);
	assert_int_equal(0, ph_writer_finish(writer, &data, &size));
	id = end_call(&liar->end, PH_REACH_TELL, "", data, size);
	ph_writer_free(writer);
	assert_int_equal(0, end_answer(&liar->end, id, &packet));
	return packet.status;
}

/* So that the next is not too soon: this test has no five seconds. */
static void later(struct liar *liar)
{
	peer_of(liar)->reach.heard = 0;
	liar->head.sequence++;
}

static void count_row(void *context, const uint8_t to[PH_NODE_ID_BYTES],
	const struct ph_matrix_row *row)
{
	*(size_t *)context += !row->own;
}

static size_t rows_by(struct liar *liar)
{
	size_t count = 0;

	ph_matrix_each(liar->prey.node->reach->matrix, NULL, count_row, &count);
	return count;
}

static void nobody_is_sent_where_he_would_not_go(void **state)
{
	static const char *const bad[] = {"127.0.0.1", "::1", "0.0.0.0",
		"169.254.169.254", "224.0.0.1", "255.255.255.255", "ff02::1",
		"fe80::1", "100.100.100.200", "fd00:ec2::254",
		/* ordinary ones, in no network of this host */
		"203.0.113.7", "2001:db8:dead::1"};
	const unsigned many = sizeof(bad) / sizeof(bad[0]);
	struct liar *liar = *state;
	unsigned candidates = peer_of(liar)->candidates.count;

	for (unsigned i = 0; i < many; i++)
		say(liar, bad[i], 7000 + i);
	later(liar);
	assert_int_equal(
		PH_CALL_OK, tell(liar, write_advert(liar, liar->mask->seed)));
	assert_int_equal(0, rows_by(liar));
	assert_int_equal(many, liar->prey.node->reach->refused);
	assert_int_equal(candidates, peer_of(liar)->candidates.count);
	/* With leave: where the operator says, and still not to the host. */
	assert_int_equal(
		0, ph_subnet_parse(&liar->prey.node->options.dial_allow[0],
			   "203.0.113.0/24"));
	assert_int_equal(
		0, ph_subnet_parse(&liar->prey.node->options.dial_allow[1],
			   "127.0.0.0/8"));
	liar->prey.node->options.dial_allows = 2;
	later(liar);
	assert_int_equal(
		PH_CALL_OK, tell(liar, write_advert(liar, liar->mask->seed)));
	assert_int_equal(1, rows_by(liar));
	assert_int_equal(candidates + 1, peer_of(liar)->candidates.count);
	assert_true(ph_candidates_find(&peer_of(liar)->candidates,
			    "203.0.113.7:7010") >= 0);
	prey_assert_healthy(&liar->prey, 1);
}

static void only_its_own_new_signed_word_is_taken(void **state)
{
	struct liar *liar = *state;
	struct mask *other = mask_open(&liar->prey, "other");
	uint8_t seed[32];
	size_t length;

	liar->prey.node->options.dial_allows = 1;
	assert_int_equal(
		0, ph_subnet_parse(&liar->prey.node->options.dial_allow[0],
			   "203.0.113.0/24"));
	say(liar, "203.0.113.7", 7678);
	/* Another's signature. */
	memcpy(seed, other->seed, sizeof(seed));
	later(liar);
	assert_int_equal(PH_CALL_FAILED, tell(liar, write_advert(liar, seed)));
	/* Another's advert, well signed: it is not passed on. */
	ph_node_id(liar->head.from, other->key);
	later(liar);
	assert_int_equal(PH_CALL_FAILED, tell(liar, write_advert(liar, seed)));
	ph_node_id(liar->head.from, liar->mask->key);
	/* A byte too many, or none at all. */
	later(liar);
	length = write_advert(liar, liar->mask->seed);
	assert_int_equal(PH_CALL_FAILED, tell(liar, length + 1));
	later(liar);
	assert_int_equal(PH_CALL_FAILED, tell(liar, 0));
	assert_int_equal(0, rows_by(liar));
	/* Good; then the same again; then a new one too soon. */
	later(liar);
	length = write_advert(liar, liar->mask->seed);
	assert_int_equal(PH_CALL_OK, tell(liar, length));
	assert_int_equal(1, rows_by(liar));
	peer_of(liar)->reach.heard = 0;
	assert_int_equal(PH_CALL_FAILED, tell(liar, length));
	later(liar);
	assert_int_equal(
		PH_CALL_OK, tell(liar, write_advert(liar, liar->mask->seed)));
	liar->head.sequence++;
	assert_int_equal(PH_CALL_FAILED,
		tell(liar, write_advert(liar, liar->mask->seed)));
	assert_int_equal(6, liar->prey.node->reach->unheard);
	prey_assert_healthy(&liar->prey, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			nobody_is_sent_where_he_would_not_go, setup, teardown),
		cmocka_unit_test_setup_teardown(
			only_its_own_new_signed_word_is_taken, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
