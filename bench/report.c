#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>

struct bench_output {
	FILE *json;
	unsigned missed;
	bool titled;
};

static const struct {
	const char *unit;
	const char *suffix;
	double scale;
	bool less_is_better;
} metrics[] = {
	[BENCH_MESSAGES] = {"msg/s", "", 1, false},
	[BENCH_BYTES] = {"MB/s", "", 1e-6, false},
	[BENCH_P50] = {"us", " p50", 1e-3, true},
	[BENCH_P99] = {"us", " p99", 1e-3, true},
	[BENCH_INSTRUCTIONS] = {"instr", "", 1, true},
	[BENCH_CPU] = {"s/GB", " CPU", 1, true},
	[BENCH_WAKEUPS] = {"/s", " wake-ups", 1e-3, true},
	[BENCH_MEMORY] = {"KiB", " memory", 1.0 / 1024, true},
};

struct bench_output *bench_output_open(const char *path)
{
	struct bench_output *output = calloc(1, sizeof(*output));

	if (output)
		output->json = fopen(path, "w");
	if (!output || !output->json) {
		free(output);
		return NULL;
	}
	return output;
}

unsigned bench_output_close(struct bench_output *output)
{
	unsigned missed = output->missed;

	fclose(output->json);
	free(output);
	return missed;
}

double bench_metric_value(
	enum bench_metric metric, const struct bench_result *result)
{
	double seconds = (double)result->ns * 1e-9;

	switch (metric) {
	case BENCH_MESSAGES:
		return (double)result->messages / seconds;
	case BENCH_BYTES:
		return (double)result->bytes / seconds;
	case BENCH_P50:
	case BENCH_INSTRUCTIONS:
	case BENCH_MEMORY:
		return (double)result->p50;
	case BENCH_CPU:
		return (double)result->p50 / (double)result->bytes;
	default:
		return (double)result->p99;
	}
}

static int compare_double(const void *one, const void *other)
{
	double a = *(const double *)one, b = *(const double *)other;

	return a < b ? -1 : a > b;
}

/* Sorts them too. */
static double scores_median(struct bench_scores *scores)
{
	unsigned middle = scores->count / 2;

	qsort(scores->values, scores->count, sizeof(double), compare_double);
	if (scores->count % 2)
		return scores->values[middle];
	return (scores->values[middle - 1] + scores->values[middle]) / 2;
}

const char *bench_metric_suffix(enum bench_metric metric)
{
	return metrics[metric].suffix;
}

static void output_title(struct bench_output *output)
{
	if (output->titled)
		return;
	output->titled = true;
	printf("%-50s %10s %10s %-5s %6s %6s %-4s %s\n", "row", "ours", "peer",
		"unit", "ratio", "goal", "met", "spread of the ratio");
}

void bench_report_skip(
	struct bench_output *output, const char *name, const char *reason)
{
	output_title(output);
	printf("%-50s skipped: %s\n", name, reason);
	fprintf(output->json, "{\"row\":\"%s\",\"skipped\":\"%s\"}\n", name,
		reason);
	fflush(output->json);
}

static int digits(double value)
{
	return value < 10 ? 2 : value < 1000;
}

void bench_report_row(struct bench_output *output, const char *name,
	const struct bench_row *row, struct bench_scores scores[3])
{
	double ours = scores_median(&scores[0]) * metrics[row->metric].scale;
	double peer = scores_median(&scores[1]) * metrics[row->metric].scale;
	double ratio = scores_median(&scores[2]);
	double low = scores[2].values[0];
	double high = scores[2].values[scores[2].count - 1];
	bool met = metrics[row->metric].less_is_better ? ratio <= row->goal
						       : ratio >= row->goal;

	output_title(output);
	output->missed += !met;
	printf("%-50s %10.*f %10.*f %-5s %6.2f %s%5.2f %-4s %.2f .. %.2f\n",
		name, digits(ours), ours, digits(peer), peer,
		metrics[row->metric].unit, ratio,
		metrics[row->metric].less_is_better ? "<" : ">", row->goal,
		met ? "yes" : "no", low, high);
	fprintf(output->json,
		"{\"row\":\"%s\",\"ours\":%.3f,\"peer\":%.3f,\"unit\":\"%s\","
		"\"ratio\":%.4f,\"goal\":%.2f,\"met\":%s,"
		"\"spread\":[%.4f,%.4f],\"rounds\":%u}\n",
		name, ours, peer, metrics[row->metric].unit, ratio, row->goal,
		met ? "true" : "false", low, high, scores[2].count);
	fflush(output->json);
	fflush(stdout);
}
