#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "proto/way.h"

/* Each case is a story of one peer: what happens, what is to be done. */
struct line {
	int64_t now; /* s */
	struct ph_way_event event;
	enum ph_way_action action;
	int64_t due; /* s; 0: as long as the transport will */
	bool absent;
};

#define AT(seconds, what, does, ...)                                           \
	{                                                                      \
		.now = (seconds), .event = what, .action = PH_WAY_DO_##does,   \
		__VA_ARGS__                                                    \
	}
#define EVENT(what, ...)                                                       \
	((struct ph_way_event){.kind = PH_WAY_##what, __VA_ARGS__})
#define BOTH .can_dial = true, .can_ask = true

static void tell(const struct line *lines, unsigned count)
{
	struct ph_way way = {0};
	struct ph_way_attempt attempt = {0};

	for (unsigned i = 0; i < count; i++) {
		struct ph_way_outputs outputs;

		ph_way_step(&way, &attempt, lines[i].now * PH_SECOND,
			&lines[i].event, &outputs);
		if (outputs.action != lines[i].action ||
			outputs.due != lines[i].due * PH_SECOND ||
			outputs.absent != lines[i].absent)
			fail_msg("line %u: action %d due %lld absent %d", i,
				outputs.action, (long long)outputs.due,
				outputs.absent);
	}
}

#define TELL(lines) tell(lines, sizeof(lines) / sizeof(lines[0]))

static void dials_what_can_be_dialled(void **state)
{
	static const struct line story[] = {
		AT(1, EVENT(WANTED, BOTH), DIAL, .due = 3),
		AT(2, EVENT(OPENED), NOTHING),
		AT(9, EVENT(WANTED, BOTH), DIAL, .due = 11),
	};
	/* Nobody can be asked: the dial has all the time there is. */
	static const struct line alone[] = {
		AT(1, EVENT(WANTED, .can_dial = true), DIAL),
		AT(11, EVENT(FAILED, .can_dial = true), FAIL),
	};

	TELL(story);
	TELL(alone);
}

static void asks_where_it_cannot_dial(void **state)
{
	static const struct line story[] = {
		AT(1, EVENT(WANTED, BOTH), DIAL, .due = 3),
		AT(3, EVENT(FAILED, BOTH), ASK, .due = 13),
		AT(4, EVENT(CAME), NOTHING),
		/* What worked last comes first, for a while. */
		AT(9, EVENT(WANTED, BOTH), ASK, .due = 19),
		AT(10, EVENT(CAME), NOTHING),
		AT(611, EVENT(WANTED, BOTH), DIAL, .due = 613),
		AT(612, EVENT(OPENED), NOTHING),
		AT(613, EVENT(WANTED, BOTH), DIAL, .due = 615),
	};
	static const struct line no_address[] = {
		AT(1, EVENT(WANTED, .can_ask = true), ASK, .due = 11),
		AT(2, EVENT(DENIED, .can_ask = true), FAIL),
	};
	static const struct line nothing[] = {
		AT(1, EVENT(WANTED), FAIL),
		/* A line came up. */
		AT(2, EVENT(WANTED, .can_ask = true), ASK, .due = 12),
	};

	TELL(story);
	TELL(no_address);
	TELL(nothing);
}

static void asking_fails_then_it_dials(void **state)
{
	static const struct line story[] = {
		AT(1, EVENT(WANTED, BOTH), DIAL, .due = 3),
		AT(3, EVENT(FAILED, BOTH), ASK, .due = 13),
		AT(4, EVENT(CAME), NOTHING),
		AT(5, EVENT(WANTED, BOTH), ASK, .due = 15),
		AT(6, EVENT(UNHEARD, .can_dial = true), DIAL),
		AT(7, EVENT(FAILED, BOTH), FAIL),
	};

	TELL(story);
}

/* A dial into a wall that drops would hold it for minutes. */
static void a_line_that_comes_up_is_asked_over(void **state)
{
	static const struct line turned[] = {
		AT(1, EVENT(WANTED, .can_ask = true), ASK, .due = 11),
		AT(2, EVENT(CAME), NOTHING),
		AT(5, EVENT(WANTED, BOTH), ASK, .due = 15),
		AT(6, EVENT(UNHEARD, .can_dial = true), DIAL),
		AT(7, EVENT(THERE, BOTH), ASK, .due = 17),
		AT(8, EVENT(THERE, BOTH), NOTHING),
		AT(9, EVENT(UNHEARD, BOTH), FAIL),
	};
	/* Nothing is known: the dial has the time it would have had. */
	static const struct line fresh[] = {
		AT(1, EVENT(WANTED, .can_dial = true), DIAL),
		AT(2, EVENT(THERE, BOTH), NOTHING, .due = 3),
		AT(3, EVENT(THERE, BOTH), ASK, .due = 13),
		AT(4, EVENT(CAME), NOTHING),
		AT(5, EVENT(THERE, BOTH), NOTHING),
	};

	/* And the line went meanwhile: it is as before. */
	static const struct line again[] = {
		AT(1, EVENT(WANTED, .can_dial = true), DIAL),
		AT(2, EVENT(THERE, BOTH), NOTHING, .due = 3),
		AT(3, EVENT(THERE, .can_dial = true), NOTHING),
		AT(5, EVENT(THERE, BOTH), ASK, .due = 15),
	};

	TELL(turned);
	TELL(fresh);
	TELL(again);
}

/* A refused dial says that no node is there, where one was dialled before, and
 * nobody has just said no. */
static void absence_is_said_by_a_dial_that_once_worked(void **state)
{
	static const struct line never[] = {
		AT(1, EVENT(WANTED, .can_dial = true), DIAL),
		AT(1, EVENT(FAILED, .refused = true), FAIL),
	};
	static const struct line before[] = {
		AT(1, EVENT(WANTED, .can_dial = true), DIAL),
		AT(1, EVENT(OPENED), NOTHING),
		AT(2, EVENT(WANTED, .can_dial = true), DIAL),
		AT(2, EVENT(FAILED, .refused = true), FAIL, .absent = true),
		AT(3, EVENT(WANTED, BOTH), DIAL, .due = 5),
		AT(3, EVENT(FAILED, .refused = true, .can_ask = true), ASK,
			.due = 13),
		AT(3, EVENT(DENIED), FAIL),
		AT(4, EVENT(WANTED, BOTH), DIAL, .due = 6),
		AT(4, EVENT(FAILED, .refused = true, .can_ask = true), ASK,
			.due = 14),
		AT(4, EVENT(UNHEARD), FAIL, .absent = true),
	};

	TELL(never);
	TELL(before);
}

/* What comes after its time changes nothing. */
static void late_words_are_nothing(void **state)
{
	static const struct line story[] = {
		AT(1, EVENT(CAME), NOTHING),
		AT(1, EVENT(OPENED), NOTHING),
		AT(1, EVENT(FAILED, BOTH), NOTHING),
		AT(1, EVENT(DENIED, BOTH), NOTHING),
		AT(2, EVENT(WANTED, BOTH), DIAL, .due = 4),
		AT(2, EVENT(UNHEARD, BOTH), NOTHING),
		AT(3, EVENT(LEFT), NOTHING),
		AT(3, EVENT(FAILED, BOTH), NOTHING),
	};

	TELL(story);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dials_what_can_be_dialled),
		cmocka_unit_test(asks_where_it_cannot_dial),
		cmocka_unit_test(asking_fails_then_it_dials),
		cmocka_unit_test(a_line_that_comes_up_is_asked_over),
		cmocka_unit_test(absence_is_said_by_a_dial_that_once_worked),
		cmocka_unit_test(late_words_are_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
