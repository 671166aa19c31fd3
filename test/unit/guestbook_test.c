#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hostess/guestbook.h"
#include "hostess/ledger.h"
#include "hostess/mask.h"
#include "kernel/clock.h"

#define UUID "6ba7b810-9dad-51d1-80b4-00c04fd430c8"

struct fixture {
	struct ph_guestbook book;
	struct ph_ledger ledger;
	struct ph_writer *writer;
	struct ph_error error;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	ph_guestbook_init(&fixture->book);
	ph_ledger_init(&fixture->ledger, &fixture->book, "alpha", 1);
	*state = fixture;
	return ph_writer_create(&fixture->writer);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ph_ledger_fini(&fixture->ledger);
	ph_guestbook_fini(&fixture->book);
	ph_writer_free(fixture->writer);
	free(fixture);
	return 0;
}

struct spec {
	const char *server, *class, *cap, *terminal, *direction, *type;
};

static void manifest_write(struct ph_writer *writer, const struct spec *spec)
{
	char identity[256];

	snprintf(identity, sizeof(identity),
		"alpha.example:%s:%s:ops:no:none:" UUID, spec->server,
		spec->class);
	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "server", spec->server);
	ph_put_list(writer, "terminals");
	ph_write_map(writer);
	ph_put_text(writer, "name", spec->terminal);
	ph_put_text(writer, "direction", spec->direction);
	ph_put_text(writer, "type", spec->type);
	ph_put_int(writer, "handle", 77);
	ph_put_map(writer, "labels");
	ph_put_text(writer, "zone", spec->terminal);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_write_end(writer);
	ph_put_list(writer, "caps");
	ph_write_text(writer, spec->cap);
	ph_write_end(writer);
	ph_put_map(writer, "labels");
	ph_put_text(writer, "room", "kitchen");
	ph_write_end(writer);
	ph_write_end(writer);
}

static int enter_written(struct fixture *fixture, struct ph_guest **guest)
{
	struct ph_document *document;
	int code;

	assert_int_equal(
		ph_document_written(&document, fixture->writer, PH_SKIM_PEER),
		0);
	code = ph_guestbook_enter(&fixture->book, ph_document_root(document),
		guest, &fixture->error);
	ph_document_free(document);
	return code;
}

static struct ph_guest *enter(struct fixture *fixture, const struct spec *spec)
{
	struct ph_guest *guest = NULL;

	manifest_write(fixture->writer, spec);
	return enter_written(fixture, &guest) == 0 ? guest : NULL;
}

static const struct spec camera = {
	"cam", "2a", "gpu=nvenc", "video", "mux", "video/mjpeg"};
static const struct spec disk = {"disk", "10", "raid", "in", "in", ""};

static void test_one_name_one_server(void **state)
{
	struct fixture *fixture = *state;

	assert_non_null(enter(fixture, &camera));
	assert_null(enter(fixture, &camera));
	assert_int_equal(fixture->error.exit, PH_EXIT_CONFLICT);
	assert_string_equal(fixture->error.where, "cam");
	ph_guestbook_remove(
		&fixture->book, ph_guestbook_find(&fixture->book, "cam", NULL));
	assert_non_null(enter(fixture, &camera));
}

static void test_wrong_manifests(void **state)
{
	static const struct spec wrong[] = {
		{"a b", "2a", "x", "in", "in", ""},
		{"cam", "0x2a", "x", "in", "in", ""},
		{"cam", "2a", "", "in", "in", ""},
		{"cam", "2a", "x", "", "in", ""},
		{"cam", "2a", "x", "in", "sideways", ""},
		{"cam", "2a", "x", "in", "in",
			"a-media-type/that-is-much-longer-than-any-media-"
			"type-has-reason-to-be"},
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_null(enter(fixture, &wrong[i]));
		assert_int_equal(fixture->error.exit, PH_EXIT_WIRING);
	}
	assert_int_equal(ph_guestbook_count(&fixture->book), 0);
}

static int enter_identity(
	struct fixture *fixture, const char *identity, size_t length)
{
	struct ph_writer *writer = fixture->writer;
	struct ph_guest *guest;

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_write_text(writer, "identity");
	ph_write_textn(writer, identity, length);
	ph_put_text(writer, "server", "cam");
	ph_put_list(writer, "terminals");
	ph_write_end(writer);
	ph_write_end(writer);
	return enter_written(fixture, &guest);
}

/* Refused with the field and the rule; the book stays as it is. */
static void test_identities_that_are_none(void **state)
{
	static const struct {
		const char *identity, *what;
	} rows[] = {
		{"", "fewer than seven"},
		{"a:cam:2a:ops:no:none", "fewer than seven"},
		{"a:cam:2a:ops:no:none:" UUID ":x", "more than seven"},
		{"a:b:cam:2a:ops:no:none:" UUID, "field 3, classHex"},
		{"::::::", "field 1, fqdn"},
		{"A:cam:2a:ops:no:none:" UUID, "field 1, fqdn"},
		{"a\n:cam:2a:ops:no:none:" UUID, "field 1, fqdn"},
		{"a:c\x1b[m:2a:ops:no:none:" UUID, "field 2, servername"},
		{"a:cam:2A:ops:no:none:" UUID, "field 3, classHex"},
		{"a:cam:02a:ops:no:none:" UUID, "field 3, classHex"},
		{"a:cam:123456789:ops:no:none:" UUID, "field 3, classHex"},
		{"a:cam:2a:o p:no:none:" UUID, "field 4, owner"},
		{"a:cam:2a:ops:maybe:none:" UUID, "field 5, authFlag"},
		{"a:cam:2a:ops:no:NONE:" UUID, "field 6, authMechanism"},
		{"a:cam:2a:ops:no:none:" UUID "0", "field 7, uuid"},
		{"a:cam:2a:ops:no:none:x", "field 7, uuid"},
	};
	struct fixture *fixture = *state;
	size_t huge = (size_t)1024 * 1024;
	char *text = malloc(huge);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(enter_identity(fixture, rows[i].identity,
					 strlen(rows[i].identity)),
			-1);
		assert_int_equal(fixture->error.exit, PH_EXIT_WIRING);
		assert_string_equal(fixture->error.where, "cam");
		assert_non_null(strstr(fixture->error.what, rows[i].what));
	}
	memset(text, 'a', huge);
	assert_int_equal(enter_identity(fixture, text, huge), -1);
	assert_non_null(strstr(fixture->error.what, "more than 512 bytes"));
	/* A zero byte inside. */
	memcpy(text, "a:cam:2a:ops:no:none:" UUID, 57);
	text[4] = '\0';
	assert_int_equal(enter_identity(fixture, text, 57), -1);
	assert_non_null(strstr(fixture->error.what, "field 2"));
	assert_int_equal(ph_guestbook_count(&fixture->book), 0);
	free(text);
}

static void test_identity_of_another(void **state)
{
	struct fixture *fixture = *state;
	struct ph_writer *writer = fixture->writer;
	struct ph_guest *guest;

	ph_writer_reset(writer);
	ph_write_map(writer);
	ph_put_text(
		writer, "identity", "alpha.example:cam:2a:ops:no:none:" UUID);
	ph_put_text(writer, "server", "other");
	ph_put_list(writer, "terminals");
	ph_write_end(writer);
	ph_write_end(writer);
	assert_int_equal(enter_written(fixture, &guest), -1);
	assert_int_equal(fixture->error.exit, PH_EXIT_WIRING);
}

static void test_what_is_missing_is_answered_with_what_is_there(void **state)
{
	struct fixture *fixture = *state;
	struct ph_guest *guest;

	enter(fixture, &camera);
	enter(fixture, &disk);
	assert_null(ph_guestbook_find(&fixture->book, "cat", &fixture->error));
	assert_int_equal(fixture->error.exit, PH_EXIT_NOT_FOUND);
	assert_non_null(strstr(fixture->error.what, "cam, disk"));
	guest = ph_guestbook_find(&fixture->book, "cam", NULL);
	assert_null(ph_guest_terminal_find(guest, "vidio", &fixture->error));
	assert_int_equal(fixture->error.exit, PH_EXIT_NOT_FOUND);
	assert_non_null(strstr(fixture->error.what, "video (mux)"));
}

static bool takes(struct fixture *fixture, const char *text, const char *server)
{
	struct ph_mask mask;

	assert_int_equal(
		ph_mask_parse(&mask, text, strlen(text), &fixture->error), 0);
	return ph_mask_takes(
		&mask, ph_guestbook_find(&fixture->book, server, NULL));
}

static void test_masks(void **state)
{
	static const struct {
		const char *mask;
		bool camera, disk;
	} cases[] = {
		{"", true, true},
		{"server=cam", true, false},
		{"server=*a*", true, false},
		{"server=d*k", false, true},
		{"class=2a", true, false},
		{"class=0x2A", true, false},
		{"owner=ops", true, true},
		{"owner=root", false, false},
		{"caps=gpu", true, false},
		{"caps=gpu=nvenc", true, false},
		{"caps=gpu=nv*", true, false},
		{"caps=gpu=vaapi", false, false},
		{"caps=gp", false, false},
		{"labels=room=kitchen", true, true},
		{"labels=room", true, true},
		{"labels=room=hall", false, false},
		{"labels=zone", true, true},
		{"labels=zone=video", true, false},
		{"labels=zone=video,labels=room,free=yes", true, false},
		{"labels=zone=in,direction=in", false, true},
		{"labels=zone=in,direction=mux", false, false},
		{"labels=room=kitchen,terminal=video", true, false},
		{"direction=in", false, true},
		{"direction=mux,terminal=video", true, false},
		{"direction=in,terminal=video", false, false},
		{"type=video/*", true, false},
		{"free=yes", true, true},
		{"free=no", false, false},
		{"class=2a,caps=gpu=nvenc,free=yes", true, false},
	};
	struct fixture *fixture = *state;

	enter(fixture, &camera);
	enter(fixture, &disk);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (takes(fixture, cases[i].mask, "cam") != cases[i].camera ||
			takes(fixture, cases[i].mask, "disk") != cases[i].disk)
			fail_msg("mask '%s'", cases[i].mask);
	}
}

static void test_masks_that_are_none(void **state)
{
	static const char *const wrong[] = {"server", "colour=red", "class=zz",
		"class=", "class=123456789", "direction=up", "free=maybe",
		"caps=1,caps=2,caps=3,caps=4,caps=5,caps=6,caps=7,caps=8,"
		"caps=9,caps=10,caps=11,caps=12,caps=13,caps=14,caps=15,"
		"caps=16,caps=17"};
	struct fixture *fixture = *state;
	char long_one[600];
	struct ph_mask mask;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(ph_mask_parse(&mask, wrong[i],
					 strlen(wrong[i]), &fixture->error),
			-1);
		assert_int_equal(fixture->error.exit, PH_EXIT_USAGE);
	}
	memset(long_one, 'a', sizeof(long_one));
	assert_int_equal(ph_mask_parse(&mask, long_one, sizeof(long_one),
				 &fixture->error),
		-1);
}

/* Of this thread: the other tests that run beside it do not count. */
static int64_t cpu_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * PH_SECOND + now.tv_nsec;
}

static void test_globs_do_not_explode(void **state)
{
	char text[512], pattern[256];
	int64_t before = cpu_now();

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (size_t i = 0; i < sizeof(pattern) - 2; i += 2) {
		pattern[i] = '*';
		pattern[i + 1] = 'a';
	}
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	for (unsigned i = 0; i < 100; i++)
		assert_false(ph_mask_glob(pattern, text));
	assert_true(cpu_now() - before < PH_SECOND);
	assert_true(ph_mask_glob("*", ""));
	assert_true(ph_mask_glob("a*b*c", "axxbyyc"));
	assert_false(ph_mask_glob("a*b*c", "axxbyycz"));
}

static void test_media(void **state)
{
	assert_false(ph_media_differ("", "text/plain"));
	assert_false(ph_media_differ("text/plain", "*/*"));
	assert_false(ph_media_differ("video/*", "video/mjpeg"));
	assert_false(ph_media_differ("Text/Plain", "text/plain"));
	assert_true(ph_media_differ("video/mjpeg", "video/h264"));
	assert_true(ph_media_differ("video/*", "audio/opus"));
}

static int book(struct fixture *fixture, int64_t now, const char *connection,
	struct ph_guest_terminal *terminal, struct ph_reservation **out)
{
	struct ph_ledger_entry entry = {
		.connection = connection,
		.node = "beta",
		.terminal = terminal,
		.media = "",
		.from = "beta/a:b",
		.hold = "",
		.token = (const uint8_t *)"0123456789abcdef",
	};

	return ph_ledger_book(
		&fixture->ledger, now, &entry, out, &fixture->error);
}

static void test_a_hundred_racers_one_winner(void **state)
{
	struct fixture *fixture = *state;
	struct ph_guest_terminal *terminal =
		&enter(fixture, &disk)->terminals[0];
	struct ph_reservation *out, *winner = NULL;
	unsigned winners = 0;

	for (unsigned i = 0; i < 100; i++) {
		char connection[32];

		snprintf(connection, sizeof(connection), "beta#1.%u", i);
		if (book(fixture, 0, connection, terminal, &out) == 0) {
			winners++;
			winner = out;
			continue;
		}
		assert_int_equal(fixture->error.exit, PH_EXIT_CONFLICT);
		assert_non_null(strstr(fixture->error.what, "beta#1.0"));
	}
	assert_int_equal(winners, 1);
	assert_int_equal(terminal->in_use, 1);
	/* The same connection gets the same again. */
	assert_int_equal(book(fixture, 1, "beta#1.0", terminal, &out), 0);
	assert_ptr_equal(out, winner);
	assert_int_equal(terminal->in_use, 1);
}

static void test_a_lease_that_ran_out_frees(void **state)
{
	struct fixture *fixture = *state;
	struct ph_guest_terminal *terminal =
		&enter(fixture, &disk)->terminals[0];
	struct ph_reservation *out;

	assert_int_equal(book(fixture, 0, "beta#1.1", terminal, &out), 0);
	assert_int_equal(
		book(fixture, PH_LEASE_LASTS - 1, "beta#1.2", terminal, &out),
		-1);
	assert_int_equal(
		book(fixture, PH_LEASE_LASTS, "beta#1.2", terminal, &out), 0);
	assert_int_equal(ph_ledger_tick(&fixture->ledger, PH_LEASE_LASTS),
		2 * PH_LEASE_LASTS);
	assert_int_equal(ph_ledger_tick(&fixture->ledger, 3 * PH_LEASE_LASTS),
		INT64_MAX);
	assert_int_equal(ph_ledger_count(&fixture->ledger), 0);
	assert_int_equal(terminal->in_use, 0);
	assert_true(takes(fixture, "free=yes", "disk"));
}

static void must_be_in_use(void *context, const char *connection)
{
	struct ph_guest_terminal **terminal = context;

	assert_string_equal(connection, "beta#1.1");
	assert_int_equal((*terminal)->in_use, 1);
	*terminal = NULL;
}

static void test_evicted_before_it_is_free(void **state)
{
	struct fixture *fixture = *state;
	struct ph_guest *guest = enter(fixture, &disk);
	struct ph_guest_terminal *watched = &guest->terminals[0];
	struct ph_reservation_event attach = {
		.kind = PH_RESERVE_ATTACH,
		.node = "beta",
		.token = (const uint8_t *)"0123456789abcdef",
		.generation = 1,
	};
	struct ph_reservation *out;

	fixture->ledger.evict = must_be_in_use;
	fixture->ledger.context = &watched;
	assert_int_equal(
		book(fixture, 0, "beta#1.1", &guest->terminals[0], &out), 0);
	ph_ledger_step(&fixture->ledger, out, 1, &attach);
	ph_ledger_leave(&fixture->ledger, 2, guest);
	assert_null(watched);
	assert_int_equal(guest->terminals[0].in_use, 0);
	assert_null(guest->terminals[0].bookings);
}

static int64_t query(struct fixture *fixture, const char *text, size_t *found)
{
	int64_t before = cpu_now();
	struct ph_mask mask;

	*found = 0;
	ph_writer_reset(fixture->writer);
	ph_write_list(fixture->writer);
	ph_mask_parse(&mask, text, strlen(text), NULL);
	for (struct ph_guest *at = fixture->book.guests; at; at = at->hh.next)
		if (ph_mask_takes(&mask, at)) {
			ph_guest_write(at, "alpha", &mask, fixture->writer);
			++*found;
		}
	ph_write_end(fixture->writer);
	return cpu_now() - before;
}

static int compare(const void *one, const void *other)
{
	int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;

	return a < b ? -1 : a > b;
}

static void test_ten_thousand_guests(void **state)
{
	struct fixture *fixture = *state;
	int64_t took[200];
	int64_t goal = 5 * PH_MILLISECOND;
	size_t found;

	for (unsigned i = 0; i < 10000; i++) {
		struct spec spec = disk;
		char name[16];

		snprintf(name, sizeof(name), "guest%u", i);
		spec.server = name;
		spec.cap = i % 100 ? "raid" : "gpu=nvenc";
		assert_non_null(enter(fixture, &spec));
	}
	for (unsigned i = 0; i < 200; i++) {
		took[i] = query(fixture,
			"class=10,caps=gpu=nvenc,direction=in,free=yes",
			&found);
		assert_int_equal(found, 100);
	}
	qsort(took, 200, sizeof(took[0]), compare);
	print_message("10,000 guests: query p50 %lld us, p99 %lld us\n",
		(long long)took[100] / 1000, (long long)took[197] / 1000);
#ifdef __SANITIZE_ADDRESS__
	goal *= 10;
#endif
#ifdef __SANITIZE_THREAD__
	goal *= 10;
#endif
	assert_true(took[197] < goal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_one_name_one_server, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_wrong_manifests, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_identities_that_are_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_identity_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_what_is_missing_is_answered_with_what_is_there,
			setup, teardown),
		cmocka_unit_test_setup_teardown(test_masks, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_masks_that_are_none, setup, teardown),
		cmocka_unit_test(test_globs_do_not_explode),
		cmocka_unit_test(test_media),
		cmocka_unit_test_setup_teardown(
			test_a_hundred_racers_one_winner, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_a_lease_that_ran_out_frees, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_evicted_before_it_is_free, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_ten_thousand_guests, setup, teardown),
	};

	return cmocka_run_group_tests_name("guestbook", tests, NULL, NULL);
}
