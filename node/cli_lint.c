#include <stdlib.h>
#include <string.h>

#include "controlsurface/wiring_rule.h"
#include "controlsurface/wiring_schema.h"
#include "node/answers.h"
#include "node/cli_live.h"
#include "node/version.h"

/* lint and schema. */

static void write_finding(struct ph_writer *writer,
	const struct ph_finding *finding, const char *path)
{
	char name[PH_FINDING_FILE];

	ph_write_map(writer);
	ph_put_text(writer, "file",
		ph_finding_file(finding, path, name, sizeof(name)));
	ph_put_int(writer, "line", finding->line);
	ph_put_int(writer, "column", finding->column);
	ph_put_text(writer, "rule", finding->rule);
	ph_put_text(writer, "severity",
		finding->severity == PH_FINDING_ERROR ? "error" : "warning");
	ph_put_text(writer, "message", finding->message);
	if (finding->next)
		ph_put_text(writer, "next", finding->next);
	ph_write_end(writer);
}

static void print_findings_json(
	const struct ph_wiring *wiring, const char *path)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_list(writer);
	for (size_t i = 0; i < count; i++)
		write_finding(writer, &findings[i], path);
	ph_write_end(writer);
	ph_cli_offline_written(writer);
}

static int print_sarif(const struct ph_wiring *wiring, const char *path)
{
	char *text = ph_wiring_sarif(wiring, path, PH_VERSION);

	if (!text)
		return PH_EXIT_NEGATIVE;
	puts(text);
	free(text);
	return 0;
}

static bool is_refused(const struct ph_cli *cli, const struct ph_wiring *wiring)
{
	const struct ph_finding *findings;

	if (ph_wiring_errors(wiring))
		return true;
	return cli->deny && ph_wiring_findings(wiring, &findings) > 0;
}

/* Each host tells of itself. */
static int node_is_none(const struct ph_cli *cli)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_USAGE, "--node",
		"leave it out; --live asks every host of the file",
		"lint asks no one node");
	return ph_cli_fail(cli, &error);
}

int ph_cmd_lint(struct ph_cli *cli)
{
	struct ph_wiring *wiring;
	size_t length;
	char *text;
	int code;

	if (cli->argc != 1)
		return ph_cli_usage(cli, "lint");
	if (cli->node[0])
		return node_is_none(cli);
	code = ph_cli_wiring(cli, cli->argv[0], NULL, &wiring, &text, &length);
	if (code)
		return code;
	if (cli->live && !ph_wiring_errors(wiring))
		code = ph_cli_live(cli, wiring, text, length);
	if (code)
		;
	else if (cli->sarif)
		code = print_sarif(wiring, cli->argv[0]);
	else if (cli->json)
		print_findings_json(wiring, cli->argv[0]);
	else
		ph_cli_findings(stdout, wiring, cli->argv[0]);
	if (!code && is_refused(cli, wiring))
		code = PH_EXIT_WIRING;
	ph_wiring_free(wiring);
	free(text);
	return code;
}

int ph_cmd_schema(struct ph_cli *cli)
{
	struct ph_error error;
	char *text;

	if (cli->argc > 1)
		return ph_cli_usage(cli, "schema");
	text = cli->argc ? ph_answer_schema(cli->argv[0])
			 : ph_wiring_schema(ph_bundled_servers);
	if (!text && cli->argc) {
		ph_fail(&error, PH_EXIT_NOT_FOUND, cli->argv[0],
			"posthouse help lists the commands",
			"no command answers JSON by this name");
		return ph_cli_fail(cli, &error);
	}
	if (!text)
		return PH_EXIT_NEGATIVE;
	puts(text);
	free(text);
	return 0;
}
