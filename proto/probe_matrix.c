#include "proto/probe_matrix.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/probe_key.h"

void ph_probe_matrix_fini(struct ph_probe_matrix *matrix)
{
	free(matrix->rows);
	memset(matrix, 0, sizeof(*matrix));
}

static int grow(struct ph_probe_matrix *matrix)
{
	uint32_t room = matrix->room ? matrix->room * 2 : 128;
	uint8_t *rows;

	if (matrix->count < matrix->room)
		return 0;
	if (matrix->count >= PH_PROBE_ROWS)
		return -ENOSPC;
	rows = realloc(matrix->rows, (size_t)room * PH_PROBE_ROW);
	if (!rows)
		return -ENOMEM;
	matrix->rows = rows;
	matrix->room = room;
	return 0;
}

int ph_probe_matrix_add(
	struct ph_probe_matrix *matrix, const struct ph_probe_row *row)
{
	int error = grow(matrix);

	if (error)
		return error;
	ph_probe_row_write(
		row, matrix->rows + (size_t)matrix->count * PH_PROBE_ROW);
	matrix->count++;
	matrix->counts[row->verdict]++;
	return 0;
}

void ph_probe_matrix_at(const struct ph_probe_matrix *matrix, uint32_t index,
	struct ph_probe_row *out)
{
	ph_probe_row_read(out, matrix->rows + (size_t)index * PH_PROBE_ROW);
}

void ph_probe_matrix_digest(
	const struct ph_probe_matrix *matrix, uint8_t digest[PH_PROBE_DIGEST])
{
	memset(digest, 0, PH_PROBE_DIGEST);
	for (uint32_t i = 0; i < matrix->count; i++)
		ph_probe_digest(
			digest, matrix->rows + (size_t)i * PH_PROBE_ROW);
}

static int take_rows(
	struct ph_probe_intake *intake, const struct ph_report *report)
{
	struct ph_probe_row row;
	int error = 0;

	if (report->count > intake->told - intake->matrix.count)
		return -EBADMSG;
	for (uint32_t i = 0; !error && i < report->count; i++) {
		error = ph_probe_row_read(
			&row, report->rows + (size_t)i * PH_PROBE_ROW);
		if (!error)
			error = ph_probe_matrix_add(&intake->matrix, &row);
	}
	return error;
}

static int take_end(
	struct ph_probe_intake *intake, const struct ph_report *report)
{
	uint8_t digest[PH_PROBE_DIGEST];

	ph_probe_matrix_digest(&intake->matrix, digest);
	if (intake->matrix.count != intake->told ||
		memcmp(digest, report->digest, sizeof(digest)) != 0)
		return -EBADMSG;
	intake->ended = true;
	return 0;
}

int ph_probe_intake_take(
	struct ph_probe_intake *intake, const uint8_t *body, size_t length)
{
	struct ph_report report;

	if (ph_report_read(&report, body, length) || intake->ended ||
		intake->begun == (report.part == PH_REPORT_BEGIN))
		return -EBADMSG;
	if (report.part == PH_REPORT_ROWS)
		return take_rows(intake, &report);
	if (report.part == PH_REPORT_END)
		return take_end(intake, &report);
	if (report.count > PH_PROBE_ROWS)
		return -EBADMSG;
	intake->begun = true;
	intake->told = report.count;
	return 0;
}

/* `*at`: 0 the beginning, then one more than the rows that went, then the
 * end. */
size_t ph_probe_matrix_part(const struct ph_probe_matrix *matrix, uint32_t *at,
	uint8_t out[PH_PROBE_BODY])
{
	struct ph_report report = {
		.part = PH_REPORT_BEGIN, .count = matrix->count};
	uint8_t digest[PH_PROBE_DIGEST];
	uint32_t gone = *at ? *at - 1 : 0;

	if (*at > matrix->count + 1)
		return 0;
	if (*at == 0) {
		*at = 1;
	} else if (gone < matrix->count) {
		report.part = PH_REPORT_ROWS;
		report.count = matrix->count - gone;
		if (report.count > PH_REPORT_ROWS_MOST)
			report.count = PH_REPORT_ROWS_MOST;
		report.rows = matrix->rows + (size_t)gone * PH_PROBE_ROW;
		*at += report.count;
	} else {
		ph_probe_matrix_digest(matrix, digest);
		report.part = PH_REPORT_END;
		report.digest = digest;
		*at += 1;
	}
	return ph_report_write(&report, out);
}
