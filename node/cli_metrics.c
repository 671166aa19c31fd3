#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlsurface/metrics.h"
#include "node/cli.h"

/* metrics: one node's numbers for Prometheus. */

static const uint16_t questions[] = {PH_NODE_STATUS, PH_CONTROL_LIST,
	PH_EXECUTOR_LIST, PH_MESH_PEERS, PH_CONTROL_DIFF, PH_CONTROL_ALARMS};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

/* The text from a quote to the next; where it ends. */
static const char *take_quoted(char *out, size_t size, const char *text)
{
	size_t used = 0;

	while (*text && *text != '"') {
		char c = *text++;

		if (c == '\\' && *text) {
			c = *text == 'n' ? '\n' : *text;
			text++;
		}
		if (used + 1 < size)
			out[used++] = c;
	}
	out[used] = '\0';
	return text + (*text == '"');
}

/* name{label="value",...} number */
static void write_sample(struct ph_writer *writer, const char *line)
{
	size_t length = strcspn(line, "{ ");
	char label[64];
	char value[256];

	ph_write_map(writer);
	ph_write_text(writer, "name");
	ph_write_textn(writer, line, length);
	ph_put_map(writer, "labels");
	line += length;
	while (*line == '{' || *line == ',') {
		length = strcspn(++line, "=");
		snprintf(label, sizeof(label), "%.*s", (int)length, line);
		line += length;
		if (!strncmp(line, "=\"", 2))
			line = take_quoted(value, sizeof(value), line + 2);
		ph_put_text(writer, label, value);
	}
	ph_write_end(writer);
	line += strcspn(line, " ");
	ph_put_float(writer, "value", strtod(line, NULL));
	ph_write_end(writer);
}

/* What is printed for Prometheus, number by number. */
static int print_samples(struct ph_cli *cli, char *text)
{
	struct ph_writer *writer;
	char *rest = NULL;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(writer);
	for (char *line = strtok_r(text, "\n", &rest); line;
		line = strtok_r(NULL, "\n", &rest))
		if (line[0] != '#')
			write_sample(writer, line);
	ph_write_end(writer);
	return ph_cli_written(cli, writer);
}

static int print_metrics(struct ph_cli *cli, const struct ph_metrics *metrics)
{
	char *text = NULL;
	size_t length;
	FILE *out;
	int code;

	if (!cli->json) {
		ph_metrics_print(metrics, stdout);
		return 0;
	}
	out = open_memstream(&text, &length);
	if (!out)
		return PH_EXIT_NEGATIVE;
	ph_metrics_print(metrics, out);
	code = fclose(out) ? PH_EXIT_NEGATIVE : print_samples(cli, text);
	free(text);
	return code;
}

int ph_cmd_metrics(struct ph_cli *cli)
{
	struct ph_reply replies[QUESTIONS];
	struct ph_value items[QUESTIONS];
	size_t asked = 0;
	int code = 0;

	if (cli->argc)
		return ph_cli_usage(cli, "metrics");
	while (asked < QUESTIONS && !code) {
		code = ph_cli_call(
			cli, questions[asked], NULL, &replies[asked]);
		if (!code) {
			items[asked] =
				ph_value_get(replies[asked].body, "items");
			asked++;
		}
	}
	if (!code)
		code = print_metrics(
			cli, &(struct ph_metrics){
				     .status = ph_value_at(items[0], 0),
				     .connections = items[1],
				     .servers = items[2],
				     .peers = items[3],
				     .changes = items[4],
				     .alarms = items[5],
			     });
	while (asked)
		ph_reply_free(&replies[--asked]);
	return code;
}
