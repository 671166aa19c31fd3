#include "controlsurface/wiring_model.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Longer lines are shown around the place only. */
#define SOURCE_BYTES  200
#define SOURCE_BEFORE 80
/* Bounds did-you-mean in files with thousands of unknown names. */
#define GUESS_COMPARISONS 100000
#define GUESS_BYTES	  40

int ph_findings_begin(struct ph_wiring *wiring)
{
	const struct ph_wiring_input *input = &wiring->input;
	size_t count = 1;

	for (size_t i = 0; i < input->length; i++)
		count += input->text[i] == '\n';
	wiring->lines =
		ph_arena_take(&wiring->arena, count * sizeof(*wiring->lines));
	wiring->findings = ph_arena_take(&wiring->arena,
		(PH_WIRING_FINDINGS + 1) * sizeof(*wiring->findings));
	wiring->places = ph_arena_take(&wiring->arena,
		(PH_WIRING_FINDINGS + 1) * sizeof(*wiring->places));
	if (wiring->arena.failed)
		return -ENOMEM;
	wiring->line_count = 1;
	for (size_t i = 0; i < input->length; i++)
		if (input->text[i] == '\n')
			wiring->lines[wiring->line_count++] = i + 1;
	return 0;
}

unsigned ph_findings_row(const struct ph_wiring *wiring, size_t offset)
{
	size_t low = 0;
	size_t high = wiring->line_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (wiring->lines[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	return (unsigned)low + 1;
}

unsigned ph_findings_line(const struct ph_wiring *wiring, size_t offset)
{
	unsigned line = ph_findings_row(wiring, offset);

	if (wiring->source_count < 2)
		return line;
	return line - ph_wiring_source_of(wiring, offset)->line + 1;
}

/* Characters; bytes that are none count one each. */
static unsigned characters(const char *text, size_t length)
{
	unsigned count = 0;

	for (size_t at = 0; at < length; count++) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text + at, length - at, &code);

		at += size == 0 ? 1 : size;
	}
	return count;
}

/* What terminals obey or cannot show becomes '?': names come from outside. */
static void text_tame(char *text)
{
	size_t length = strlen(text);
	size_t to = 0;

	for (size_t at = 0; at < length;) {
		unsigned code = 0;
		size_t size = ph_utf8_next(text + at, length - at, &code);
		bool shown = size > 0 && (code >= 0x20 || code == '\t') &&
			     (code < 0x7f || code >= 0xa0) &&
			     (code < 0x202a || code > 0x202e) &&
			     (code < 0x2066 || code > 0x2069);

		if (size == 0)
			size = 1;
		if (shown)
			memmove(text + to, text + at, size);
		else
			text[to] = '?';
		to += shown ? size : 1;
		at += size;
	}
	text[to] = '\0';
}

/* To the beginning of the character that `at` is in. */
static size_t character_start(const char *text, size_t from, size_t at)
{
	while (at > from && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	return at;
}

static void finding_place(struct ph_wiring *wiring, struct ph_finding *finding,
	struct ph_span span)
{
	const char *text = wiring->input.text;
	size_t length = wiring->input.length;

	if (span.start > length)
		return;
	unsigned line = ph_findings_row(wiring, span.start);
	size_t begin = wiring->lines[line - 1];
	size_t end =
		line < wiring->line_count ? wiring->lines[line] - 1 : length;
	finding->line = ph_findings_line(wiring, span.start);
	finding->part = ph_wiring_source_of(wiring, span.start)->name;
	if (end > begin && text[end - 1] == '\r')
		end--;
	if (span.start > end)
		span.start = end;
	if (span.end > end)
		span.end = end;
	finding->column = characters(text + begin, span.start - begin) + 1;
	finding->width = span.end > span.start ? characters(text + span.start,
							 span.end - span.start)
					       : 1;
	if (end - begin > SOURCE_BYTES) {
		if (span.start - begin > SOURCE_BEFORE)
			begin = character_start(
				text, begin, span.start - SOURCE_BEFORE);
		if (end - begin > SOURCE_BYTES)
			end = character_start(
				text, begin, begin + SOURCE_BYTES);
	}
	finding->caret = characters(text + begin, span.start - begin) + 1;
	unsigned room = characters(text + begin, end - begin) + 1;
	if (finding->width > room - finding->caret && finding->width > 1)
		finding->width =
			room > finding->caret ? room - finding->caret : 1;
	finding->source =
		ph_arena_text(&wiring->arena, text + begin, end - begin);
	if (finding->source != NULL)
		text_tame(finding->source);
}

struct ph_finding *ph_findings_add(struct ph_wiring *wiring,
	enum ph_severity severity, const char *rule, struct ph_span span,
	const char *next, const char *format, ...)
{
	va_list list;

	wiring->errors += severity == PH_FINDING_ERROR;
	if (wiring->finding_count >= PH_WIRING_FINDINGS) {
		wiring->unshown++;
		return NULL;
	}
	wiring->places[wiring->finding_count] = span.start;
	struct ph_finding *finding = &wiring->findings[wiring->finding_count++];
	*finding = (struct ph_finding){.severity = severity};
	snprintf(finding->rule, sizeof(finding->rule), "%s", rule);
	va_start(list, format);
	finding->message = ph_arena_format(&wiring->arena, format, list);
	va_end(list);
	if (finding->message != NULL)
		text_tame(finding->message);
	finding_place(wiring, finding, span);
	if (next != NULL)
		ph_findings_next(wiring, finding, "%s", next);
	return finding;
}

void ph_findings_next(struct ph_wiring *wiring, struct ph_finding *finding,
	const char *format, ...)
{
	va_list list;

	if (finding == NULL)
		return;
	va_start(list, format);
	finding->next = ph_arena_format(&wiring->arena, format, list);
	va_end(list);
	if (finding->next != NULL)
		text_tame(finding->next);
}

/* By place, what has none behind; equal places as they were told. There are
 * at most PH_WIRING_FINDINGS, nearly in order. */
static void findings_sort(struct ph_wiring *wiring)
{
	for (size_t i = 1; i < wiring->finding_count; i++) {
		struct ph_finding finding = wiring->findings[i];
		size_t place = wiring->places[i];
		size_t at = i;

		for (; at > 0 && wiring->places[at - 1] > place; at--) {
			wiring->findings[at] = wiring->findings[at - 1];
			wiring->places[at] = wiring->places[at - 1];
		}
		wiring->findings[at] = finding;
		wiring->places[at] = place;
	}
}

void ph_findings_end(struct ph_wiring *wiring)
{
	findings_sort(wiring);
	if (wiring->unshown == 0)
		return;
	wiring->places[wiring->finding_count] = SIZE_MAX;
	struct ph_finding *finding = &wiring->findings[wiring->finding_count++];
	char message[80];
	*finding = (struct ph_finding){
		.severity = wiring->errors > 0 ? PH_FINDING_ERROR
					       : PH_FINDING_WARNING};
	snprintf(finding->rule, sizeof(finding->rule), "S0");
	snprintf(message, sizeof(message), "%u more findings are not shown",
		wiring->unshown);
	finding->message =
		ph_arena_text(&wiring->arena, message, strlen(message));
	ph_findings_next(wiring, finding, "%s", "Repair these first.");
}

void ph_findings_again(
	struct ph_wiring *wiring, const char *text, size_t length)
{
	size_t count = wiring->finding_count;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		length -= 3;
	}
	wiring->input.text = text;
	wiring->input.length = length;
	if (count > 0 && strcmp(wiring->findings[count - 1].rule, "S0") == 0)
		wiring->finding_count--;
}

/* Optimal string alignment: insert, delete, replace, swap neighbours. */
static unsigned distance(const char *one, const char *other)
{
	unsigned row[3][GUESS_BYTES + 1];
	size_t rows = strlen(one);
	size_t columns = strlen(other);

	for (unsigned j = 0; j <= columns; j++)
		row[0][j] = j;
	for (size_t i = 1; i <= rows; i++) {
		unsigned *now = row[i % 3];
		const unsigned *up = row[(i + 2) % 3];
		const unsigned *up2 = row[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= columns; j++) {
			bool same = one[i - 1] == other[j - 1];
			unsigned least = up[j - 1] + !same;

			if (up[j] + 1 < least)
				least = up[j] + 1;
			if (now[j - 1] + 1 < least)
				least = now[j - 1] + 1;
			if (i > 1 && j > 1 && one[i - 1] == other[j - 2] &&
				one[i - 2] == other[j - 1] &&
				up2[j - 2] + 1 < least)
				least = up2[j - 2] + 1;
			now[j] = least;
		}
	}
	return row[rows % 3][columns];
}

struct ph_guess ph_guess_begin(struct ph_wiring *wiring, const char *text)
{
	size_t length = strlen(text);
	unsigned near = length < 3 ? 1 : (unsigned)length / 3 + 1;

	return (struct ph_guess){
		.wiring = wiring,
		.text = text,
		.distance = (near > 3 ? 3 : near) + 1,
	};
}

void ph_guess_offer(struct ph_guess *guess, const char *candidate)
{
	size_t length = strlen(guess->text);
	size_t other = strlen(candidate);
	size_t apart = length > other ? length - other : other - length;

	if (length > GUESS_BYTES || other > GUESS_BYTES || apart >= 4 ||
		guess->wiring->comparisons >= GUESS_COMPARISONS)
		return;
	guess->wiring->comparisons++;
	unsigned far = distance(guess->text, candidate);
	/* A single letter that differs in full is no likeness. */
	if (far < guess->distance && far < length + (other > length)) {
		guess->distance = far;
		guess->best = candidate;
	}
}

/* The caret line: tabs stay, so that it stands under the same place. */
static void caret_print(FILE *out, const struct ph_finding *finding)
{
	const char *at = finding->source;

	for (unsigned i = 1; i < finding->caret; i++) {
		unsigned code = 0;
		size_t size = ph_utf8_next(at, strlen(at), &code);

		fputc(*at == '\t' ? '\t' : ' ', out);
		at += size;
	}
	fputc('^', out);
	for (unsigned i = 1; i < finding->width; i++)
		fputc('~', out);
	fputc('\n', out);
}

const char *ph_finding_file(const struct ph_finding *finding, const char *file,
	char *out, size_t size)
{
	const char *slash = strrchr(file, '/');

	if (finding->part == NULL || *finding->part == '\0')
		return file;
	snprintf(out, size, "%.*s%s", slash ? (int)(slash + 1 - file) : 0, file,
		finding->part);
	return out;
}

char *ph_finding_text(const struct ph_finding *finding, const char *path)
{
	char name[PH_FINDING_FILE];
	const char *file = ph_finding_file(finding, path, name, sizeof(name));
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	if (out == NULL)
		return NULL;
	if (finding->line > 0)
		fprintf(out, "%s:%u:%u: ", file, finding->line,
			finding->column);
	else
		fprintf(out, "%s: ", file);
	fprintf(out, "%s %s: %s\n",
		finding->severity == PH_FINDING_ERROR ? "error" : "warning",
		finding->rule, finding->message);
	if (finding->source != NULL && finding->caret > 0) {
		fprintf(out, "%s\n", finding->source);
		caret_print(out, finding);
	}
	if (finding->next != NULL)
		fprintf(out, "  %s\n", finding->next);
	bool failed = ferror(out) != 0;
	if (fclose(out) != 0 || failed) {
		free(text);
		return NULL;
	}
	return text;
}
