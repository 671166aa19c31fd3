#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlsurface/wiring_list.h"
#include "node/cli_wiring.h"

/* posthouse compile FILE: a wiring file as C (node/builtin.h). */

/* Between quotes, one line of C for each line of text. */
static void literal(FILE *out, const char *text, size_t length)
{
	fputc('"', out);
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte == '\n')
			fputs(i + 1 < length ? "\\n\"\n\t\"" : "\\n", out);
		else if (byte == '"' || byte == '\\')
			fprintf(out, "\\%c", byte);
		else if (byte == '?' || byte < 0x20 || byte > 0x7e)
			fprintf(out, "\\%03o", byte);
		else
			fputc(byte, out);
	}
	fputc('"', out);
}

static void word(FILE *out, const char *text)
{
	literal(out, text, strlen(text));
}

static void end_print(FILE *out, const struct ph_wiring_end_line *end)
{
	char text[3 * 48];

	snprintf(text, sizeof(text), "%s%s%s:%s", end->node,
		*end->node ? "/" : "", end->server, end->terminal);
	word(out, text);
}

/* A table without rows is no C. */
static size_t variables_print(FILE *out, struct ph_value map)
{
	size_t count = ph_value_count(map);

	fputs("static const struct ph_builtin_variable variables[] = {\n", out);
	for (size_t i = 0; i < count; i++) {
		size_t length;
		const char *text = ph_value_text(ph_value_key(map, i), &length);

		fputs("\t{", out);
		literal(out, text, length);
		fputs(", ", out);
		text = ph_value_text(ph_value_item(map, i), &length);
		literal(out, text, length);
		fputs("},\n", out);
	}
	fputs("\t{0},\n};\n\n", out);
	return count;
}

static size_t servers_print(FILE *out, const struct ph_wiring *wiring)
{
	struct ph_wiring_server_line server;
	size_t count = 0;

	fputs("static const struct ph_builtin_server servers[] = {\n", out);
	for (; ph_wiring_server_at(wiring, count, &server); count++) {
		fputs("\t{", out);
		word(out, server.node);
		fputs(", ", out);
		word(out, server.name);
		fputs(", ", out);
		word(out, server.runs);
		fputs("},\n", out);
	}
	fputs("\t{0},\n};\n\n", out);
	return count;
}

static size_t wires_print(FILE *out, const struct ph_wiring *wiring)
{
	const struct ph_wiring_wire *position = NULL;
	struct ph_wiring_end_line from;
	struct ph_wiring_end_line to;
	size_t count = 0;

	fputs("static const struct ph_builtin_wire wires[] = {\n", out);
	for (; ph_wiring_next_wire(wiring, &position, &from, &to); count++) {
		fputs("\t{", out);
		end_print(out, &from);
		fputs(", ", out);
		end_print(out, &to);
		fputs("},\n", out);
	}
	fputs("\t{0},\n};\n\n", out);
	return count;
}

static void program_print(FILE *out, const struct ph_wiring *wiring,
	const char *path, const char *text, size_t length,
	struct ph_value variables)
{
	const char *name = strrchr(path, '/');
	size_t variable_count;
	size_t server_count;
	size_t wire_count;

	name = name ? name + 1 : path;
	fputs("/* Made by posthouse compile; do not edit. */\n"
	      "#include \"node/builtin.h\"\n\n"
	      "static const char text[] =\n\t",
		out);
	literal(out, text, length);
	fputs(";\n\n", out);
	variable_count = variables_print(out, variables);
	server_count = servers_print(out, wiring);
	wire_count = wires_print(out, wiring);
	fputs("static const struct ph_builtin wiring = {\n\t.name = ", out);
	word(out, ph_wiring_name(wiring));
	fputs(",\n\t.file = ", out);
	word(out, name);
	fprintf(out,
		",\n\t.text = text,\n\t.length = sizeof(text) - 1,\n"
		"\t.variables = variables,\n\t.variable_count = %zu,\n"
		"\t.servers = servers,\n\t.server_count = %zu,\n"
		"\t.wires = wires,\n\t.wire_count = %zu,\n};\n\n"
		"const struct ph_builtin *const ph_builtin = &wiring;\n",
		variable_count, server_count, wire_count);
}

/* Whole or not at all: a build must not go on with half a file. */
static int output(struct ph_cli *cli, const struct ph_wiring *wiring,
	const char *text, size_t length, struct ph_value variables)
{
	FILE *file = cli->output ? fopen(cli->output, "we") : stdout;
	struct ph_error error;
	bool failed;

	if (file)
		program_print(
			file, wiring, cli->argv[0], text, length, variables);
	failed = !file || ferror(file);
	if (file && cli->output && fclose(file))
		failed = true;
	if (!failed)
		return 0;
	ph_fail(&error, PH_EXIT_NEGATIVE, cli->output ? cli->output : "stdout",
		"name a file that can be written with -o", "cannot write: %s",
		strerror(errno));
	if (file && cli->output)
		unlink(cli->output);
	return ph_cli_fail(cli, &error);
}

int ph_cmd_compile(struct ph_cli *cli)
{
	struct ph_document *document = NULL;
	struct ph_wiring *wiring;
	struct ph_writer *values;
	size_t length;
	char *text;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "compile");
	if (ph_writer_create(&values))
		return PH_EXIT_NEGATIVE;
	ph_write_map(values);
	code = ph_cli_wiring(
		cli, cli->argv[0], values, &wiring, &text, &length);
	if (code) {
		ph_writer_free(values);
		return code;
	}
	ph_write_end(values);
	if (ph_wiring_errors(wiring)) {
		ph_cli_findings(stderr, wiring, cli->argv[0]);
		code = PH_EXIT_WIRING;
	} else if (ph_document_written(&document, values, PH_SKIM_TABLE)) {
		code = PH_EXIT_NEGATIVE;
	} else {
		code = output(
			cli, wiring, text, length, ph_document_root(document));
	}
	ph_document_free(document);
	ph_writer_free(values);
	ph_wiring_free(wiring);
	free(text);
	return code;
}
