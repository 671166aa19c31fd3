#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "discovery/announcer.h"
#include "kernel/hal.h"

/* An announcer, its clock, and what it sent. */
struct tower {
	struct ph_announcer announcer;
	int64_t now;
	unsigned sent;
	int64_t at[512];
	uint16_t ttl[512];
};

static void tower_init(struct tower *tower, uint64_t seed)
{
	struct ph_announcer_config config = ph_announcer_defaults(seed);

	memset(tower, 0, sizeof(*tower));
	tower->now = 77 * PH_SECOND;
	ph_announcer_init(&tower->announcer, &config);
}

/* Goes on to `until`, waking at deadlines only. */
static void run(struct tower *tower, int64_t until)
{
	int64_t deadline;
	uint16_t ttl;

	for (;;) {
		while (ph_announcer_due(&tower->announcer, tower->now, &ttl)) {
			assert_true(tower->sent < 512);
			tower->at[tower->sent] = tower->now;
			tower->ttl[tower->sent++] = ttl;
		}
		deadline = ph_announcer_deadline(&tower->announcer);
		if (deadline > until)
			break;
		assert_true(deadline > tower->now);
		tower->now = deadline;
	}
	tower->now = until;
}

static void pass(struct tower *tower, int64_t span)
{
	run(tower, tower->now + span);
}

static void step(struct tower *tower, enum ph_announcer_event event)
{
	ph_announcer_step(&tower->announcer, event, tower->now);
}

static void within(int64_t span, int64_t middle)
{
	assert_in_range(span, middle - middle / 10, middle + middle / 10);
}

static void it_starts_fast_and_goes_on_calmly(void **state)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct tower tower;
		int64_t begin;

		tower_init(&tower, seed);
		assert_int_equal(
			ph_announcer_deadline(&tower.announcer), INT64_MAX);
		begin = tower.now;
		step(&tower, PH_ANNOUNCER_ON_UP);
		pass(&tower, 60 * PH_SECOND);
		assert_int_equal(tower.at[0], begin);
		for (unsigned i = 1; i < 4; i++)
			within(tower.at[i] - tower.at[i - 1],
				250 * PH_MILLISECOND);
		for (unsigned i = 4; i < tower.sent; i++)
			within(tower.at[i] - tower.at[i - 1], 5 * PH_SECOND);
		assert_in_range(tower.sent, 4 + 10, 4 + 13);
		for (unsigned i = 0; i < tower.sent; i++)
			assert_int_equal(tower.ttl[i], 21);
	}
}

static void seeds_tell_nodes_apart(void **state)
{
	struct tower one, same, other;

	tower_init(&one, 1);
	tower_init(&same, 1);
	tower_init(&other, 2);
	step(&one, PH_ANNOUNCER_ON_UP);
	step(&same, PH_ANNOUNCER_ON_UP);
	step(&other, PH_ANNOUNCER_ON_UP);
	pass(&one, 100 * PH_SECOND);
	pass(&same, 100 * PH_SECOND);
	pass(&other, 100 * PH_SECOND);
	assert_memory_equal(one.at, same.at, sizeof(one.at));
	assert_memory_not_equal(one.at, other.at, sizeof(one.at));
}

static void a_change_is_said_within_100_ms(void **state)
{
	struct tower tower;
	int64_t changed;

	tower_init(&tower, 3);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 30 * PH_SECOND);
	tower.sent = 0;
	changed = tower.now;
	/* Several at once are one. */
	step(&tower, PH_ANNOUNCER_ON_CHANGED);
	pass(&tower, 20 * PH_MILLISECOND);
	step(&tower, PH_ANNOUNCER_ON_CHANGED);
	pass(&tower, 80 * PH_MILLISECOND);
	assert_int_equal(tower.sent, 1);
	assert_in_range(tower.at[0], changed, changed + 100 * PH_MILLISECOND);
	pass(&tower, 3 * PH_SECOND);
	assert_int_equal(tower.sent, 1);
}

/* Whatever happens, 5 at once and 1 a second. */
static void the_bucket_bounds_it(void **state)
{
	struct tower tower;

	tower_init(&tower, 4);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 60 * PH_SECOND);
	tower.sent = 0;
	for (unsigned i = 0; i < 10000; i++) {
		step(&tower, PH_ANNOUNCER_ON_CHANGED);
		if (i % 100 == 0)
			step(&tower, PH_ANNOUNCER_ON_UP);
		if (i % 7 == 0)
			step(&tower, PH_ANNOUNCER_ON_NEWCOMER);
		pass(&tower, 10 * PH_MILLISECOND);
	}
	assert_in_range(tower.sent, 100, 105);
	for (unsigned i = 5; i < tower.sent; i++)
		assert_true(tower.at[i] - tower.at[i - 5] >= PH_SECOND);
}

static void a_newcomer_is_greeted(void **state)
{
	struct tower tower;
	int64_t heard;

	tower_init(&tower, 5);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 20 * PH_SECOND);
	ph_announcer_crowd(&tower.announcer, 2, tower.now);
	tower.sent = 0;
	heard = tower.now;
	step(&tower, PH_ANNOUNCER_ON_NEWCOMER);
	pass(&tower, PH_SECOND);
	assert_int_equal(tower.sent, 4);
	assert_true(tower.at[0] - heard <= 25 * PH_MILLISECOND);
}

static void a_crowd_greets_once_and_spread(void **state)
{
	int64_t first = INT64_MAX, last = 0;

	for (uint64_t seed = 0; seed < 100; seed++) {
		struct tower tower;
		int64_t heard;

		tower_init(&tower, seed);
		step(&tower, PH_ANNOUNCER_ON_UP);
		ph_announcer_crowd(&tower.announcer, 100, tower.now);
		pass(&tower, 2 * PH_SECOND);
		tower.sent = 0;
		heard = tower.now;
		step(&tower, PH_ANNOUNCER_ON_NEWCOMER);
		pass(&tower, PH_SECOND);
		assert_int_equal(tower.sent, 1);
		first = tower.at[0] - heard < first ? tower.at[0] - heard
						    : first;
		last = tower.at[0] - heard > last ? tower.at[0] - heard : last;
	}
	assert_true(last <= 250 * PH_MILLISECOND);
	assert_true(last - first > 200 * PH_MILLISECOND);
}

/* 100 on a link: every 20 s, and nobody is forgotten on the way there. */
static void a_crowd_says_less(void **state)
{
	struct tower tower;

	tower_init(&tower, 6);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 22 * PH_SECOND);
	ph_announcer_crowd(&tower.announcer, 100, tower.now);
	pass(&tower, 200 * PH_SECOND);
	for (unsigned i = 1; i < tower.sent; i++)
		assert_true(tower.at[i] - tower.at[i - 1] <
			    tower.ttl[i - 1] * PH_SECOND);
	within(tower.at[tower.sent - 1] - tower.at[tower.sent - 2],
		20 * PH_SECOND);
	assert_int_equal(tower.ttl[tower.sent - 1], 81);
	/* They went: back to 5 s at once. */
	ph_announcer_crowd(&tower.announcer, 1, tower.now);
	tower.sent = 0;
	pass(&tower, 20 * PH_SECOND);
	assert_in_range(tower.sent, 3, 5);
	assert_int_equal(tower.ttl[0], 21);
}

static void it_says_goodbye_three_times(void **state)
{
	struct tower tower;
	int64_t stop;

	tower_init(&tower, 7);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 800 * PH_MILLISECOND); /* the bucket is nearly empty */
	tower.sent = 0;
	stop = tower.now;
	step(&tower, PH_ANNOUNCER_ON_STOP);
	pass(&tower, PH_SECOND);
	assert_int_equal(tower.sent, 3);
	assert_int_equal(tower.at[0], stop);
	assert_true(tower.at[2] - stop <= 100 * PH_MILLISECOND);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(tower.ttl[i], 0);
	assert_int_equal(tower.announcer.state, PH_ANNOUNCER_REINIT);
	pass(&tower, 60 * PH_SECOND);
	assert_int_equal(tower.sent, 3);
	assert_int_equal(tower.announcer.state, PH_ANNOUNCER_OFF);
}

static void it_is_silent_for_2_s_before_it_comes_again(void **state)
{
	struct tower tower;

	tower_init(&tower, 8);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 10 * PH_SECOND);
	tower.sent = 0;
	step(&tower, PH_ANNOUNCER_ON_STOP);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 10 * PH_SECOND);
	assert_int_equal(tower.ttl[2], 0);
	assert_int_equal(tower.ttl[3], 21);
	assert_int_equal(tower.at[3] - tower.at[2], 2 * PH_SECOND);
	/* Up and stopped again meanwhile: it stays away. */
	step(&tower, PH_ANNOUNCER_ON_STOP);
	step(&tower, PH_ANNOUNCER_ON_UP);
	step(&tower, PH_ANNOUNCER_ON_STOP);
	pass(&tower, 10 * PH_SECOND);
	assert_int_equal(tower.announcer.state, PH_ANNOUNCER_OFF);
}

static void a_lost_link_hears_no_goodbye(void **state)
{
	struct tower tower;

	tower_init(&tower, 9);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, 10 * PH_SECOND);
	tower.sent = 0;
	step(&tower, PH_ANNOUNCER_ON_DOWN);
	step(&tower, PH_ANNOUNCER_ON_CHANGED);
	step(&tower, PH_ANNOUNCER_ON_NEWCOMER);
	step(&tower, PH_ANNOUNCER_ON_STOP);
	pass(&tower, 60 * PH_SECOND);
	assert_int_equal(tower.sent, 0);
	step(&tower, PH_ANNOUNCER_ON_UP);
	pass(&tower, PH_SECOND);
	assert_int_equal(tower.sent, 4);
}

static void an_hour_of_anything_keeps_its_rules(void **state)
{
	struct tower tower;
	uint64_t random = 42;

	tower_init(&tower, 10);
	for (unsigned i = 0; i < 20000; i++) {
		random = random * UINT64_C(6364136223846793005) +
			 1442695040888963407;
		switch (random >> 60) {
		case 0:
		case 1:
		case 2:
		case 3:
		case 4:
			step(&tower, (random >> 56) & 3);
			break;
		case 5:
			if (!((random >> 50) & 15))
				step(&tower, PH_ANNOUNCER_ON_STOP);
			break;
		case 6:
			ph_announcer_crowd(&tower.announcer,
				(unsigned)(random >> 40) % 300, tower.now);
			break;
		default:
			pass(&tower, (int64_t)((random >> 33) % (1 << 29)));
		}
		if (tower.sent > 400)
			tower.sent = 0;
		assert_string_not_equal(
			ph_announcer_state_name(tower.announcer.state), "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_starts_fast_and_goes_on_calmly),
		cmocka_unit_test(seeds_tell_nodes_apart),
		cmocka_unit_test(a_change_is_said_within_100_ms),
		cmocka_unit_test(the_bucket_bounds_it),
		cmocka_unit_test(a_newcomer_is_greeted),
		cmocka_unit_test(a_crowd_greets_once_and_spread),
		cmocka_unit_test(a_crowd_says_less),
		cmocka_unit_test(it_says_goodbye_three_times),
		cmocka_unit_test(it_is_silent_for_2_s_before_it_comes_again),
		cmocka_unit_test(a_lost_link_hears_no_goodbye),
		cmocka_unit_test(an_hour_of_anything_keeps_its_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
