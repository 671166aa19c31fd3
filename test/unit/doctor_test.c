#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "node/doctor.h"
#include "proto/error.h"

/* What is known, and what a person is told. */
struct way {
	bool own;
	const char *from;
	const char *verdict;
};

struct patient {
	bool known;
	bool revoked;
	bool barred;
	bool turned_away;
	const char *namesake;
	const char *state;
	const char *alike;
	struct way ways[4];
	int exit;
	const char *because; /* a piece of it */
};

/* A document looks into the bytes it was read from. */
static uint8_t bytes[2][4096];

static struct ph_document *document_of(struct ph_writer *writer, unsigned slot)
{
	struct ph_document *document;
	const uint8_t *data;
	size_t length;

	assert_int_equal(0, ph_writer_finish(writer, &data, &length));
	assert_true(length <= sizeof(bytes[slot]));
	memcpy(bytes[slot], data, length);
	ph_writer_free(writer);
	assert_int_equal(0, ph_document_read(&document, bytes[slot], length,
				    PH_SKIM_TABLE));
	return document;
}

static struct ph_document *why_of(const struct patient *patient)
{
	struct ph_writer *writer;

	assert_int_equal(0, ph_writer_create(&writer));
	ph_write_map(writer);
	ph_put_bool(writer, "known", patient->known);
	ph_put_bool(writer, "revoked", patient->revoked);
	ph_put_bool(writer, "barred", patient->barred);
	ph_put_bool(writer, "turned_away", patient->turned_away);
	if (patient->namesake)
		ph_put_text(writer, "namesake", patient->namesake);
	ph_put_bool(writer, "discovery", true);
	ph_put_text(writer, "state", patient->state ? patient->state : "");
	ph_put_list(writer, "alike");
	if (patient->alike)
		ph_write_text(writer, patient->alike);
	ph_write_end(writer);
	ph_write_end(writer);
	return document_of(writer, 0);
}

static struct ph_document *ways_of(const struct patient *patient)
{
	struct ph_writer *writer;

	assert_int_equal(0, ph_writer_create(&writer));
	ph_write_list(writer);
	for (unsigned i = 0; i < 4 && patient->ways[i].verdict; i++) {
		ph_write_map(writer);
		ph_put_bool(writer, "own", patient->ways[i].own);
		ph_put_bool(writer, "fresh", true);
		ph_put_text(writer, "from", patient->ways[i].from);
		ph_put_text(writer, "address", "192.0.2.1");
		ph_put_text(writer, "verdict", patient->ways[i].verdict);
		if (patient->ways[i].own)
			ph_put_text(writer, "origin", "gathered");
		ph_write_end(writer);
	}
	ph_write_end(writer);
	return document_of(writer, 1);
}

#define HERE(verdict)                                                          \
	{                                                                      \
		true, "here", verdict                                          \
	}
#define BETA(verdict)                                                          \
	{                                                                      \
		false, "beta", verdict                                         \
	}

static const struct patient patients[] = {
	{.exit = 4, .because = "was ever heard"},
	{.known = true, .revoked = true, .exit = 6, .because = "revoked"},
	{.known = true,
		.turned_away = true,
		.namesake = "0badf00d",
		.exit = 6,
		.because = "two keys go by the name"},
	{.known = true,
		.ways = {HERE("open-verified")},
		.exit = 6,
		.because = "ends the line"},
	{.revoked = true, .exit = 6, .because = "revoked"},
	{.known = true,
		.barred = true,
		.exit = 6,
		.because = "different passphrases"},
	{.known = true,
		.turned_away = true,
		.exit = 6,
		.because = "did not let this node in"},
	{.known = true, .exit = 3, .because = "no address of it is known"},
	{.known = true,
		.ways = {HERE("refused")},
		.exit = 3,
		.because = "nobody listens"},
	{.known = true,
		.ways = {HERE("refused"), BETA("open-verified")},
		.exit = 3,
		.because = "though beta reaches it"},
	{.known = true,
		.state = "dead",
		.ways = {HERE("refused"), BETA("open-verified")},
		.exit = 3,
		.because = "nobody listens"},
	{.known = true,
		.ways = {HERE("timeout")},
		.exit = 3,
		.because = "the host is off, or a firewall drops"},
	{.known = true,
		.ways = {HERE("timeout"), BETA("open-verified")},
		.exit = 3,
		.because = "a firewall between here and"},
	{.known = true,
		.ways = {HERE("timeout"), HERE("refused")},
		.exit = 3,
		.because = "nobody listens"},
	{.known = true,
		.ways = {HERE("unreachable")},
		.exit = 3,
		.because = "no route"},
	{.known = true,
		.ways = {HERE("denied")},
		.exit = 6,
		.because = "this host's own rules"},
	{.known = true,
		.ways = {HERE("open-foreign")},
		.exit = 3,
		.because = "somebody answers who is not it"},
	{.known = true,
		.ways = {HERE("untried")},
		.exit = 3,
		.because = "not dialled"},
};

static void every_patient_is_told_why(void **state)
{
	for (size_t i = 0; i < sizeof(patients) / sizeof(patients[0]); i++) {
		struct ph_document *why = why_of(&patients[i]);
		struct ph_document *ways = ways_of(&patients[i]);
		struct ph_finding finding;

		ph_doctor_find(&finding, "alpha", ph_document_root(why),
			ph_document_root(ways), false);
		if (finding.exit != patients[i].exit ||
			!strstr(finding.because, patients[i].because) ||
			!finding.next[0])
			fail_msg("patient %zu: %d, %s; %s", i, finding.exit,
				finding.because, finding.next);
		ph_document_free(why);
		ph_document_free(ways);
	}
}

static void who_answers_is_well(void **state)
{
	const struct patient well = {.known = true, .ways = {HERE("timeout")}};
	struct ph_document *why = why_of(&well);
	struct ph_document *ways = ways_of(&well);
	struct ph_finding finding;

	ph_doctor_find(&finding, "alpha", ph_document_root(why),
		ph_document_root(ways), true);
	assert_int_equal(0, finding.exit);
	ph_document_free(why);
	ph_document_free(ways);
}

static void a_name_that_is_nearly_one_is_offered(void **state)
{
	const struct patient typo = {.alike = "alpha"};
	struct ph_document *why = why_of(&typo);
	struct ph_document *ways = ways_of(&typo);
	struct ph_finding finding;

	ph_doctor_find(&finding, "alhpa", ph_document_root(why),
		ph_document_root(ways), false);
	assert_int_equal(4, finding.exit);
	assert_string_equal("did you mean alpha?", finding.next);
	ph_document_free(why);
	ph_document_free(ways);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_patient_is_told_why),
		cmocka_unit_test(who_answers_is_well),
		cmocka_unit_test(a_name_that_is_nearly_one_is_offered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
