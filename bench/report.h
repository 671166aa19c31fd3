#ifndef PH_BENCH_REPORT_H
#define PH_BENCH_REPORT_H

#include "bench/harness.h"

/* One row of the table: what each round gave, ours, the peer's, the ratio. */
struct bench_scores {
	double values[BENCH_ROUNDS];
	unsigned count;
};

/* In the metric's base unit: per second, or ns. */
double bench_metric_value(
	enum bench_metric metric, const struct bench_result *result);
/* "", " p50", " p99". */
const char *bench_metric_suffix(enum bench_metric metric);
/* Sorts the scores. */
void bench_report_row(struct bench_output *output, const char *name,
	const struct bench_row *row, struct bench_scores scores[3]);
void bench_report_skip(
	struct bench_output *output, const char *name, const char *reason);

#endif
