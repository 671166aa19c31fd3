#include "node/cli_wiring.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlsurface/wiring_bundle.h"
#include "node/gather.h"
#include "node/table.h"

/* What commands that read a wiring file share; apply. */

/* "-" is standard input. */
char *ph_cli_read(const char *path, size_t *length, struct ph_error *error)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = malloc(PH_WIRING_BYTES + 1);
	size_t got = 0;

	if (file && text)
		got = fread(text, 1, PH_WIRING_BYTES + 1, file);
	/* A byte too many is for the reader to tell. */
	if (!file || !text || ferror(file)) {
		ph_fail(error, file ? PH_EXIT_USAGE : PH_EXIT_NOT_FOUND, path,
			"name a wiring file that can be read", "%s",
			strerror(errno));
		free(text);
		text = NULL;
	}
	if (file && file != stdin)
		fclose(file);
	*length = got;
	return text;
}

/* What the file takes from the environment, once each: the node that applies
 * it has another one. */
struct variables {
	struct ph_writer *writer; /* in an open map; or NULL */
	char **names;
	size_t count;
	const char *file; /* the wiring's */
	char *manifest;	  /* the one that was read last */
};

static bool variable_is_new(struct variables *variables, const char *name)
{
	char **grown;

	for (size_t i = 0; i < variables->count; i++)
		if (!strcmp(variables->names[i], name))
			return false;
	grown = reallocarray(
		variables->names, variables->count + 1, sizeof(*grown));
	if (!grown)
		return false;
	variables->names = grown;
	grown[variables->count] = strdup(name);
	variables->count += grown[variables->count] != NULL;
	return true;
}

static const char *variable(void *context, const char *name)
{
	struct variables *variables = context;
	const char *value = getenv(name);

	if (value && variables->writer && variable_is_new(variables, name))
		ph_put_text(variables->writer, name, value);
	return value;
}

/* It is handed on as variables are. */
static const char *manifest(void *context, const char *path, size_t *length)
{
	struct variables *variables = context;
	char name[sizeof(PH_WIRING_MANIFEST) + PATH_MAX];

	free(variables->manifest);
	variables->manifest = ph_wiring_manifest(variables->file, path, length);
	snprintf(name, sizeof(name), PH_WIRING_MANIFEST "%s", path);
	if (variables->manifest && variables->writer &&
		variable_is_new(variables, name)) {
		ph_write_text(variables->writer, name);
		ph_write_textn(variables->writer, variables->manifest, *length);
	}
	return variables->manifest;
}

/* A part, beside the file that is at `context`. */
static char *part_read(void *context, const char *name, size_t *length)
{
	const char *path = context;
	const char *slash = strrchr(path, '/');
	char beside[4096];
	struct ph_error error;
	char *text;

	if (snprintf(beside, sizeof(beside), "%.*s%s",
		    slash ? (int)(slash + 1 - path) : 0, path,
		    name) >= (int)sizeof(beside))
		return NULL;
	text = ph_cli_read(beside, length, &error);
	if (text && *length > PH_WIRING_BYTES) {
		free(text);
		text = NULL;
	}
	return text;
}

/* The file with all that it includes. */
static int read_whole(
	struct ph_cli *cli, const char *path, char **text, size_t *length)
{
	struct ph_error error;
	char *own = ph_cli_read(path, length, &error);
	int code;

	*text = own;
	if (!own)
		return ph_cli_fail(cli, &error);
	code = ph_bundle(text, length, part_read, (void *)path);
	if (*text != own)
		free(own);
	if (!code)
		return 0;
	free(*text);
	ph_fail(&error, code == -E2BIG ? PH_EXIT_WIRING : PH_EXIT_NEGATIVE,
		path, "split the wiring file",
		code == -E2BIG ? "with what it includes it is over 1 MiB"
			       : "out of memory");
	return ph_cli_fail(cli, &error);
}

int ph_cli_wiring(struct ph_cli *cli, const char *path,
	struct ph_writer *values, struct ph_wiring **wiring, char **text,
	size_t *length)
{
	struct variables variables = {.writer = values, .file = path};
	struct ph_wiring_input input = {.file = path,
		.variable = variable,
		.manifest = manifest,
		.context = &variables,
		.program = ph_wiring_program,
		.bundled = ph_bundled_servers};
	struct ph_error error;
	int code;

	code = read_whole(cli, path, text, length);
	if (code)
		return code;
	input.text = *text;
	input.length = *length;
	code = ph_wiring_read(wiring, &input);
	while (variables.count)
		free(variables.names[--variables.count]);
	free(variables.names);
	free(variables.manifest);
	if (code) {
		free(*text);
		ph_fail(&error, PH_EXIT_NEGATIVE, path, "", "out of memory");
		return ph_cli_fail(cli, &error);
	}
	return 0;
}

void ph_cli_findings(
	FILE *out, const struct ph_wiring *wiring, const char *path)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	unsigned errors = ph_wiring_errors(wiring);
	size_t warnings = 0;

	for (size_t i = 0; i < count; i++) {
		char *text = ph_finding_text(&findings[i], path);

		warnings += findings[i].severity == PH_FINDING_WARNING;
		fputs(text ? text : "", out);
		free(text);
	}
	if (errors > count - warnings)
		fprintf(out, "(the first %zu of them are shown)\n", count);
	fprintf(out, "%s: %u error%s, %zu warning%s\n", path, errors,
		errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
}

/* Takes the writer: the open map `variables` in an open map. */
static int send_wiring(struct ph_cli *cli, uint16_t method,
	struct ph_writer *writer, const char *text, size_t length,
	struct ph_reply *reply)
{
	ph_write_end(writer);
	ph_write_text(writer, "text");
	ph_write_textn(writer, text, length);
	ph_put_text(writer, "file", cli->argv[0]);
	ph_write_end(writer);
	return ph_cli_change(
		cli, method, writer, PH_APPLY_PATIENCE, PH_APPLY_LOOK, reply);
}

int ph_cli_wiring_call(
	struct ph_cli *cli, uint16_t method, struct ph_reply *reply)
{
	struct ph_wiring *wiring;
	struct ph_writer *writer;
	size_t length;
	char *text;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_map(writer, "variables");
	code = ph_cli_wiring(
		cli, cli->argv[0], writer, &wiring, &text, &length);
	if (code) {
		ph_writer_free(writer);
		return code;
	}
	/* Linted here for its findings in full; the node lints again. */
	if (ph_wiring_errors(wiring)) {
		ph_cli_findings(stderr, wiring, cli->argv[0]);
		code = PH_EXIT_WIRING;
		ph_writer_free(writer);
	} else {
		code = send_wiring(cli, method, writer, text, length, reply);
	}
	ph_wiring_free(wiring);
	free(text);
	return code;
}

static int apply_plan(struct ph_cli *cli, struct ph_reply *reply)
{
	return ph_cli_change(cli, PH_CONTROL_APPLY,
		ph_cli_argument("plan", cli->argv[0]), PH_APPLY_PATIENCE,
		PH_APPLY_LOOK, reply);
}

/* p-12.3, unless a file is called so. */
static bool is_plan(const char *text)
{
	return !strncmp(text, "p-", 2) &&
	       strspn(text + 2, "0123456789.") == strlen(text + 2) &&
	       access(text, F_OK);
}

/* Servers of the scope that were given up: applying does not start them again,
 * and nobody would look. How many. */
static int tell_failed(struct ph_cli *cli, const char *scope)
{
	struct ph_gathered servers;
	char node[40];
	char name[40];
	char why[200];
	int count = 0;

	if (ph_gather(cli, PH_EXECUTOR_LIST, NULL, NULL, &servers))
		return 0;
	for (size_t i = 0; i < ph_value_count(servers.items); i++) {
		struct ph_value item = ph_value_at(servers.items, i);

		if (!ph_value_is(ph_value_get(item, "scope"), scope) ||
			!ph_value_is(ph_value_get(item, "state"), "failed"))
			continue;
		count++;
		ph_get_copy(item, "node", node, sizeof(node));
		ph_get_copy(item, "name", name, sizeof(name));
		fprintf(stderr,
			"posthouse: %s/%s has failed: %s\n"
			"  next: posthouse logs %s/%s; posthouse start %s/%s\n",
			node, name,
			ph_cell_text(why, sizeof(why),
				ph_value_get(item, "reason"), PH_CELL_TEXT),
			node, name, node, name);
	}
	ph_gathered_free(&servers);
	return count;
}

int ph_cmd_apply(struct ph_cli *cli)
{
	struct ph_reply reply;
	char scope[64];
	char hosts[200];
	long long servers;
	long long wires;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "apply");
	code = is_plan(cli->argv[0])
		       ? apply_plan(cli, &reply)
		       : ph_cli_wiring_call(cli, PH_CONTROL_APPLY, &reply);
	if (code)
		return code;
	servers = ph_get_int(reply.body, "servers");
	wires = ph_get_int(reply.body, "wires");
	if (!cli->json)
		printf("applied %s: %lld server%s, %lld wire%s on %s\n",
			ph_get_copy(reply.body, "scope", scope, sizeof(scope)),
			servers, servers == 1 ? "" : "s", wires,
			wires == 1 ? "" : "s",
			ph_cell_text(hosts, sizeof(hosts),
				ph_value_get(reply.body, "hosts"),
				PH_CELL_LIST));
	else
		code = ph_cli_envelope_one(cli, reply.body);
	ph_get_copy(reply.body, "scope", scope, sizeof(scope));
	ph_reply_free(&reply);
	return !code && tell_failed(cli, scope) ? PH_EXIT_NEGATIVE : code;
}
