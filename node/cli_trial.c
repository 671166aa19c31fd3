#include "node/cli_trial.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#define OUT_MOST ((size_t)64 * 1024 * 1024)

static bool file_read(const char *path, struct ph_bytes *out)
{
	FILE *file = fopen(path, "re");
	size_t size = 0;

	*out = (struct ph_bytes){0};
	if (!file)
		return false;
	FILE *memory = open_memstream(&out->data, &size);
	char block[16384];
	size_t got;
	while (memory && size <= OUT_MOST &&
		(got = fread(block, 1, sizeof(block), file)) > 0) {
		fwrite(block, 1, got, memory);
		fflush(memory);
	}
	bool good = memory && !ferror(file);
	fclose(file);
	if (memory && fclose(memory))
		good = false;
	out->length = size;
	if (!good)
		free(out->data);
	return good;
}

/* A file that the test names stands beside the wiring file. */
static bool file_beside(
	const struct ph_trial *trial, const char *name, struct ph_bytes *out)
{
	char path[4096];
	char copy[4096];

	snprintf(copy, sizeof(copy), "%s", trial->path);
	snprintf(path, sizeof(path), "%s/%s", *name == '/' ? "" : dirname(copy),
		name);
	return file_read(path, out);
}

bool ph_trial_bytes(const struct ph_trial *trial, struct ph_wiring_put put,
	struct ph_bytes *out, char why[PH_TRIAL_WHY])
{
	if (put.text) {
		out->data = strdup(put.text);
		out->length = strlen(put.text);
		return out->data != NULL;
	}
	if (file_beside(trial, put.file, out))
		return true;
	snprintf(why, PH_TRIAL_WHY, "cannot read %.200s: %s", put.file,
		strerror(errno));
	return false;
}

/* Bytes for people: one line, at most so many. */
static void quote(char *out, size_t size, const char *data, size_t length)
{
	size_t to = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)data[i];

		if (to + 8 > size) {
			snprintf(out + to, size - to, "...");
			return;
		}
		if (byte == '\n')
			to += (size_t)snprintf(out + to, size - to, "\\n");
		else if (byte < 0x20 || byte > 0x7e)
			to += (size_t)snprintf(
				out + to, size - to, "\\x%02x", byte);
		else
			out[to++] = (char)byte;
	}
	out[to] = 0;
}

static bool is_equal(const struct ph_bytes *came, const struct ph_bytes *wanted,
	const char *at, char why[PH_TRIAL_WHY])
{
	size_t same = 0;
	char one[60];
	char other[60];

	while (same < came->length && same < wanted->length &&
		came->data[same] == wanted->data[same])
		same++;
	if (same == came->length && same == wanted->length)
		return true;
	size_t from = same > 10 ? same - 10 : 0;
	quote(one, sizeof(one), came->data + from, came->length - from);
	quote(other, sizeof(other), wanted->data + from, wanted->length - from);
	snprintf(why, PH_TRIAL_WHY,
		"%.80s: %zu bytes came, %zu are expected; from byte %zu on "
		"\"%s\" instead of \"%s\"",
		at, came->length, wanted->length, from, one, other);
	return false;
}

/* What came until now, of a stream that has not ended. */
static bool part_read(
	const struct ph_trial *trial, size_t index, struct ph_bytes *out)
{
	char pattern[120];
	glob_t found;
	bool read = false;

	snprintf(pattern, sizeof(pattern), "%s/.posthouse.out.%zu-*.part",
		trial->stage.directory, index);
	if (!glob(pattern, GLOB_NOSORT, NULL, &found)) {
		read = found.gl_pathc > 0 && file_read(found.gl_pathv[0], out);
		globfree(&found);
	}
	return read;
}

static enum ph_verdict expect_look(const struct ph_trial *trial,
	const struct ph_wiring_test *test, size_t index, char why[PH_TRIAL_WHY])
{
	struct ph_wiring_put put = ph_wiring_test_expect(test, index);
	enum ph_verdict verdict = PH_VERDICT_WAITS;
	struct ph_bytes came;
	struct ph_bytes wanted;
	char path[96];

	snprintf(path, sizeof(path), "%s/out.%zu", trial->stage.directory,
		index);
	bool ended = file_read(path, &came);
	if (!ended && !(put.contains && part_read(trial, index, &came))) {
		snprintf(why, PH_TRIAL_WHY, "%.80s: its stream has not ended",
			put.at);
		return PH_VERDICT_WAITS;
	}
	if (!ph_trial_bytes(trial, put, &wanted, why)) {
		free(came.data);
		return PH_VERDICT_BROKEN;
	}
	if (!put.contains)
		verdict = is_equal(&came, &wanted, put.at, why)
				  ? PH_VERDICT_HOLDS
				  : PH_VERDICT_BROKEN;
	else if (memmem(came.data, came.length, wanted.data, wanted.length))
		verdict = PH_VERDICT_HOLDS;
	else if (ended)
		verdict = PH_VERDICT_BROKEN;
	if (put.contains && verdict != PH_VERDICT_HOLDS)
		snprintf(why, PH_TRIAL_WHY,
			"%.80s: what is expected is not in the %zu bytes that "
			"came",
			put.at, came.length);
	free(came.data);
	free(wanted.data);
	return verdict;
}

enum ph_verdict ph_trial_look(const struct ph_trial *trial,
	const struct ph_wiring_test *test, char why[PH_TRIAL_WHY])
{
	enum ph_verdict verdict = PH_VERDICT_HOLDS;

	for (size_t i = 0; i < ph_wiring_test_expects(test); i++) {
		enum ph_verdict one = expect_look(trial, test, i, why);

		if (one == PH_VERDICT_BROKEN)
			return PH_VERDICT_BROKEN;
		if (one == PH_VERDICT_WAITS)
			verdict = PH_VERDICT_WAITS;
	}
	return verdict;
}
