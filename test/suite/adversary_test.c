#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "node/gate.h"
#include "node/limits.h"
#include "node/lines.h"
#include "node/trust.h"
#include "test/adversary.h"

/*
 * Getting in without the right to: who changes messages, replays them, guesses
 * or bends the handshake never becomes a line, and learns nothing from how he
 * is refused.
 */

/* The control: what the refusals below would look like otherwise. */
static void the_passphrase_opens(void **state)
{
	struct prey *prey = *state;
	struct mask *friend;
	struct end end = {.prey = prey};

	friend = mask_open(prey, "friend");
	end_enrol(&end, friend, PH_ROLE_EXEC);
	prey_assert_healthy(prey, 1);
	end_close(&end);
	prey_until(prey, ph_lines_up(prey->node->lines) == 0);
	/* Pinned from now on: no passphrase. */
	end_open(&end, friend, 1);
	assert_int_equal(end_shake(&end, NULL, true), PH_HANDSHAKE_IN);
	prey_until(prey, prey->lines == 2);
	end_close(&end);
}

/* --- changed messages --- */

enum change {
	FLIP_BIT,
	SET_BYTE,
	CUT,
	GROW,
	TWICE,
	FLAGS,
	CHANGES
};

struct forgery {
	uint8_t data[2 * PH_HANDSHAKE_MAX];
	uint32_t length;
	uint8_t flags;
};

static void change(struct forgery *forgery, struct dice *dice, enum change how)
{
	uint32_t at = dice_below(dice, forgery->length);
	uint8_t old = forgery->data[at];

	switch (how) {
	case FLIP_BIT:
		forgery->data[at] ^= (uint8_t)(1u << dice_below(dice, 8));
		break;
	case SET_BYTE:
		forgery->data[at] = (uint8_t)(old + 1 + dice_below(dice, 255));
		break;
	case CUT:
		forgery->length = at;
		break;
	case GROW:
		at = 1 + dice_below(dice, 1200);
		dice_fill(dice, forgery->data + forgery->length,
			at > 900 ? 900 : at);
		forgery->length += at > 900 ? 900 : at;
		break;
	case TWICE:
		memcpy(forgery->data + forgery->length, forgery->data,
			forgery->length);
		forgery->length *= 2;
		break;
	default:
		while (forgery->flags == PH_FRAME_FIN)
			forgery->flags = (uint8_t)dice_below(dice, 256);
		break;
	}
}

/* Honestly as far as message `at`: 0 HELLO, 1 PAKE1, 2 CONFIRM. */
static void honest_start(struct end *end, struct seal *seal, unsigned at)
{
	end_begin(end, end->prey->secret, false);
	seal_init(seal, end->info.exporter);
	for (unsigned i = 0; i < at; i++) {
		const struct taken *taken;

		seal_note(seal, end->message, end->length);
		end_send(
			end, PH_FRAME_FIN, end->message, (uint32_t)end->length);
		assert_int_equal(end_step(end), PH_HANDSHAKE_GOES_ON);
		taken = &end->taken[end->read - 1];
		seal_note(seal, taken->data, taken->length);
	}
}

/* The message is changed on its way. */
static void changed_run(
	struct prey *prey, struct mask *mask, struct dice *dice, unsigned at)
{
	struct end end = {.prey = prey};
	struct forgery forgery = {.flags = PH_FRAME_FIN};
	struct seal seal;

	end_open(&end, mask, 1);
	honest_start(&end, &seal, at);
	memcpy(forgery.data, end.message, end.length);
	forgery.length = (uint32_t)end.length;
	change(&forgery, dice, dice_below(dice, CHANGES));
	end_send(&end, forgery.flags, forgery.data, forgery.length);
	end_assert_refused(&end);
	end_close(&end);
	prey_settle(prey);
	prey_forgive(prey);
}

/* The dialler himself says something else than he reckons with, under a `bind`
 * that fits. It may go on a while, as another offer; the tags then differ. */
static void sealed_run(
	struct prey *prey, struct mask *mask, struct dice *dice, unsigned at)
{
	enum ph_handshake_verdict verdict = PH_HANDSHAKE_GOES_ON;
	struct end end = {.prey = prey};
	struct seal seal;
	uint8_t *message = end.message;

	end_open(&end, mask, 1);
	honest_start(&end, &seal, at);
	message[dice_below(dice, (uint32_t)end.length - 34)] ^=
		(uint8_t)(1u << dice_below(dice, 8));
	seal_make(&seal, message, end.length);
	while (verdict == PH_HANDSHAKE_GOES_ON) {
		end_send(&end, PH_FRAME_FIN, message, (uint32_t)end.length);
		verdict = end_step(&end);
	}
	assert_int_equal(verdict, PH_HANDSHAKE_REFUSED);
	end_close(&end);
	prey_settle(prey);
	prey_forgive(prey);
}

static void changed_messages_are_refused(void **state)
{
	struct prey *prey = *state;
	struct dice dice = {.state = 20};
	struct mask *thief;
	unsigned runs = adversary_dose(500, 10000);

	thief = mask_open(prey, "thief");
	for (unsigned i = 0; i < runs; i++)
		changed_run(prey, thief, &dice, i % 3);
	for (unsigned i = 0; i < runs / 5; i++)
		sealed_run(prey, thief, &dice, i % 3);
	assert_int_equal(prey->lines, 0);
	assert_int_equal(ph_trust_count(prey->node->trust), 0);
	prey_assert_healthy(prey, 0);
}

/* One bit of this byte is flipped. False: the message is not that long. */
static bool flipped_run(
	struct prey *prey, struct mask *mask, unsigned message, unsigned at)
{
	struct end end = {.prey = prey};
	struct seal seal;
	bool flipped;

	end_open(&end, mask, 1);
	honest_start(&end, &seal, message);
	flipped = at < end.length;
	if (flipped) {
		end.message[at] ^= (uint8_t)(1u << at % 8);
		end_send(&end, PH_FRAME_FIN, end.message, (uint32_t)end.length);
		end_assert_refused(&end);
	}
	end_close(&end);
	prey_settle(prey);
	prey_forgive(prey);
	return flipped;
}

static void every_byte_counts(void **state)
{
	struct prey *prey = *state;
	struct mask *thief = mask_open(prey, "thief");
	unsigned step = adversary_dose(5, 1);

	for (unsigned message = 0; message < 3; message++) {
		unsigned at = message;

		while (flipped_run(prey, thief, message, at))
			at += step;
	}
	assert_int_equal(prey->lines, 0);
	assert_int_equal(ph_trust_count(prey->node->trust), 0);
}

/* A first frame that is no first frame, with a HELLO that would be right. */
static void unknown_flags_are_refused(void **state)
{
	struct prey *prey = *state;
	struct mask *thief;

	thief = mask_open(prey, "thief");
	for (unsigned flags = 0; flags < 256; flags++) {
		struct end end = {.prey = prey};

		if (flags == PH_FRAME_FIN)
			continue;
		end_open(&end, thief, 1);
		end_begin(&end, prey->secret, false);
		end_send(&end, (uint8_t)flags, end.message,
			(uint32_t)end.length);
		end_assert_refused(&end);
		end_close(&end);
		prey_settle(prey);
	}
	assert_int_equal(prey->lines, 0);
}

/* --- replayed messages --- */

#define RECORDED 6

struct record {
	uint8_t data[RECORDED][PH_HANDSHAKE_MAX];
	size_t length[RECORDED];
};

static void record_run(
	struct prey *prey, struct mask *mask, struct record *record)
{
	struct end end = {.prey = prey};
	enum ph_handshake_verdict verdict = PH_HANDSHAKE_GOES_ON;
	unsigned count = 0;

	end_open(&end, mask, 1);
	end_begin(&end, prey->secret, false);
	while (verdict == PH_HANDSHAKE_GOES_ON) {
		const struct taken *taken;

		memcpy(record->data[count], end.message, end.length);
		record->length[count++] = end.length;
		end_send(&end, PH_FRAME_FIN, end.message, (uint32_t)end.length);
		verdict = end_step(&end);
		taken = &end.taken[end.read - 1];
		memcpy(record->data[count], taken->data, taken->length);
		record->length[count++] = taken->length;
	}
	assert_int_equal(verdict, PH_HANDSHAKE_IN);
	assert_int_equal(count, RECORDED);
	end_close(&end);
	prey_until(prey, ph_lines_up(prey->node->lines) == 0);
}

/* After `honest` messages of a new run, an old one; with `bind` made new where
 * the replayer could, which is in HELLO. */
static void replay_run(struct prey *prey, struct mask *mask, unsigned honest,
	const uint8_t *old, size_t length, bool sealed)
{
	struct end end = {.prey = prey};
	uint8_t message[PH_HANDSHAKE_MAX];
	struct seal seal;

	memcpy(message, old, length);
	end_open(&end, mask, 1);
	honest_start(&end, &seal, honest);
	if (sealed)
		seal_make(&seal, message, length);
	end_send(&end, PH_FRAME_FIN, message, (uint32_t)length);
	if (sealed && honest < 2)
		/* Whatever he answers to HELLO_ACK or PAKE2, his scalar is
		 * not the old one's. */
		end_send(&end, PH_FRAME_FIN, message, (uint32_t)length);
	while (end_take(&end))
		;
	end_close(&end);
	prey_settle(prey);
	prey_forgive(prey);
}

static void old_messages_are_refused(void **state)
{
	struct prey *prey = *state;
	struct record record;
	struct mask *friend;
	struct mask *thief;

	friend = mask_open(prey, "friend");
	thief = mask_open(prey, "thief");
	record_run(prey, friend, &record);
	assert_int_equal(prey->lines, 1);
	for (unsigned honest = 0; honest < 3; honest++)
		for (unsigned i = 0; i < RECORDED; i++)
			for (unsigned sealed = 0; sealed < 2; sealed++)
				replay_run(prey, thief, honest, record.data[i],
					record.length[i], sealed);
	assert_int_equal(prey->lines, 1);
	assert_int_equal(ph_trust_count(prey->node->trust), 1);
	prey_assert_healthy(prey, 0);
}

/* The whole old conversation, every `bind` made new. */
static void an_old_conversation_is_refused(void **state)
{
	struct prey *prey = *state;
	struct record record;
	struct end end = {.prey = prey};
	struct mask *friend;
	struct mask *thief;
	struct seal seal;

	friend = mask_open(prey, "friend");
	thief = mask_open(prey, "thief");
	record_run(prey, friend, &record);
	end_open(&end, thief, 1);
	seal_init(&seal, end.info.exporter);
	for (unsigned i = 0; i < RECORDED; i += 2) {
		const struct taken *taken;

		seal_make(&seal, record.data[i], record.length[i]);
		seal_note(&seal, record.data[i], record.length[i]);
		end_send(&end, PH_FRAME_FIN, record.data[i],
			(uint32_t)record.length[i]);
		if (i == 4)
			break;
		taken = end_take(&end);
		assert_non_null(taken);
		assert_true(taken->length > 4);
		seal_note(&seal, taken->data, taken->length);
	}
	end_assert_refused(&end);
	end_close(&end);
	assert_int_equal(prey->lines, 1);
}

/* On a line, a handshake message is a fault. */
static void a_handshake_on_a_line_ends_it(void **state)
{
	struct prey *prey = *state;
	struct mask *friend;
	struct end end = {.prey = prey};

	friend = mask_open(prey, "friend");
	end_enrol(&end, friend, PH_ROLE_EXEC);
	end_begin(&end, prey->secret, false);
	end_send(&end, PH_FRAME_FIN, end.message, (uint32_t)end.length);
	prey_until(prey, end.closed);
	end_close(&end);
	prey_assert_healthy(prey, 0);
}

/* --- guessing --- */

static void sixth_guess_is_refused_at_once(void **state)
{
	struct prey *prey = *state;
	static const uint8_t wrong[PH_MESH_SECRET] = {1};
	struct mask *friend;
	struct mask *thief;
	struct end end = {.prey = prey};

	friend = mask_open(prey, "friend");
	thief = mask_open(prey, "thief");
	end_enrol(&end, friend, PH_ROLE_EXEC);
	end_close(&end);
	for (unsigned i = 0; i < 7; i++) {
		end_open(&end, thief, 1);
		assert_int_equal(
			end_shake(&end, wrong, false), PH_HANDSHAKE_REFUSED);
		/* HELLO_ACK, PAKE2 and CLOSE; from the sixth on CLOSE. */
		assert_null(end_take(&end));
		assert_int_equal(end.count, i < 5 ? 3 : 1);
		end_close(&end);
	}
	assert_int_equal(
		5, ph_limits_failures(prey->node->limits, adversary_now()));
	/* The right one from there is too late as well. */
	end_open(&end, thief, 1);
	assert_int_equal(
		end_shake(&end, prey->secret, false), PH_HANDSHAKE_REFUSED);
	end_close(&end);
	/* A pinned peer behind the same address is unaffected. */
	end_open(&end, friend, 1);
	assert_int_equal(end_shake(&end, NULL, true), PH_HANDSHAKE_IN);
	prey_until(prey, prey->lines == 2);
	end_close(&end);
	/* So is a newcomer from elsewhere. */
	end_open(&end, thief, 2);
	assert_int_equal(end_shake(&end, prey->secret, false), PH_HANDSHAKE_IN);
	prey_until(prey, prey->lines == 3);
	end_close(&end);
}

/* Who hangs up instead of hearing that he was wrong has guessed all the same,
 * and runs side by side are no way around. */
static void parallel_guesses_count(void **state)
{
	struct prey *prey = *state;
	static const uint8_t wrong[PH_MESH_SECRET] = {1};
	static struct end ends[20];
	struct mask *thief;
	struct ph_loop_stats stats;
	uint64_t turns;
	unsigned answered = 0;

	thief = mask_open(prey, "thief");
	for (unsigned i = 0; i < 20; i++) {
		ends[i].prey = prey;
		end_open(&ends[i], thief, 1);
		end_begin(&ends[i], wrong, false);
		end_send(&ends[i], PH_FRAME_FIN, ends[i].message,
			(uint32_t)ends[i].length);
	}
	for (unsigned i = 0; i < 20; i++)
		prey_turn(prey);
	for (unsigned i = 0; i < 20; i++) {
		if (!ends[i].count)
			continue;
		answered++;
		assert_int_equal(end_step(&ends[i]), PH_HANDSHAKE_GOES_ON);
		end_send(&ends[i], PH_FRAME_FIN, ends[i].message,
			(uint32_t)ends[i].length);
		/* PAKE2 lets him test his guess; he says no more. */
		assert_non_null(end_take(&ends[i]));
	}
	assert_int_equal(answered, 5);
	/* Fifteen wait for those to end, which costs little. */
	turns = ph_loop_stats(prey->node->loop, false).turns;
	for (int64_t until = adversary_now() + PH_SECOND / 5;
		adversary_now() < until;)
		ph_loop_turn(prey->node->loop, PH_SECOND / 5);
	stats = ph_loop_stats(prey->node->loop, false);
	assert_true(stats.turns - turns < 200);
	for (unsigned i = 0; i < 20; i++)
		end_close(&ends[i]);
	prey_settle(prey);
	assert_int_equal(
		5, ph_limits_failures(prey->node->limits, adversary_now()));
	assert_int_equal(prey->lines, 0);
}

/* Many sources together: the node's own hour. */
static void many_sources_pause_enrolment(void **state)
{
	struct prey *prey = *state;
	static const uint8_t wrong[PH_MESH_SECRET] = {1};
	struct mask *friend;
	struct mask *thief;
	struct end end = {.prey = prey};
	unsigned tested = 0;

	friend = mask_open(prey, "friend");
	thief = mask_open(prey, "thief");
	end_enrol(&end, friend, PH_ROLE_EXEC);
	end_close(&end);
	for (unsigned i = 0; i < 80; i++) {
		end_open(&end, thief, 2 + i);
		end_shake(&end, wrong, false);
		tested += end.count > 1;
		end_close(&end);
	}
	assert_int_equal(tested, 60);
	end_open(&end, friend, 1);
	assert_int_equal(end_shake(&end, NULL, true), PH_HANDSHAKE_IN);
	prey_until(prey, prey->lines == 2);
	end_close(&end);
	prey_assert_healthy(prey, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, prey_setup, prey_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		T(the_passphrase_opens),
		T(changed_messages_are_refused),
		T(every_byte_counts),
		T(unknown_flags_are_refused),
		T(old_messages_are_refused),
		T(an_old_conversation_is_refused),
		T(a_handshake_on_a_line_ends_it),
		T(sixth_guess_is_refused_at_once),
		T(parallel_guesses_count),
		T(many_sources_pause_enrolment),
	};

	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("adversary", tests, NULL, NULL);
}
