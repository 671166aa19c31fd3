#include <stdio.h>
#include <string.h>

#include "node/cli_wiring.h"
#include "node/table.h"

/* plan FILE, plan list, plan resolve: what would be done, and what is being
 * done and not settled yet. */

static const struct {
	const char *change;
	const char *sign;
} signs[] = {{"add", "+"}, {"remove", "-"}, {"replace", "~"}, {"adjust", "="}};

static const char *sign_of(struct ph_value effect)
{
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (ph_value_is(
			    ph_value_get(effect, "change"), signs[i].change))
			return signs[i].sign;
	}
	return "?";
}

static void print_host(struct ph_value host)
{
	struct ph_value effects = ph_value_get(host, "effects");
	unsigned long long all = ph_get_u64(host, "added") +
				 ph_get_u64(host, "changed") +
				 ph_get_u64(host, "removed");
	char node[64];
	char kind[16];
	char what[512];

	printf("%s (revision %llu)%s\n",
		ph_cell_text(node, sizeof(node), ph_value_get(host, "node"),
			PH_CELL_TEXT),
		(unsigned long long)ph_get_u64(host, "revision"),
		all ? "" : ": nothing changes");
	for (size_t i = 0; i < ph_value_count(effects); i++) {
		struct ph_value effect = ph_value_at(effects, i);

		printf("  %s %s %s\n", sign_of(effect),
			ph_cell_text(kind, sizeof(kind),
				ph_value_get(effect, "kind"), PH_CELL_TEXT),
			ph_cell_text(what, sizeof(what),
				ph_value_get(effect, "what"), PH_CELL_TEXT));
	}
	if (all > ph_value_count(effects))
		printf("  ... and %llu more\n", all - ph_value_count(effects));
}

static int plan_file(struct ph_cli *cli)
{
	struct ph_reply reply;
	struct ph_value items;
	char id[24];
	int code = ph_cli_wiring_call(cli, PH_CONTROL_PLAN, &reply);

	if (code)
		return code;
	items = ph_value_get(reply.body, "items");
	if (cli->json) {
		code = ph_cli_envelope_one(cli, reply.body);
	} else {
		for (size_t i = 0; i < ph_value_count(items); i++)
			print_host(ph_value_at(items, i));
		printf("%s: apply it as it is with: posthouse apply %s\n",
			ph_get_copy(reply.body, "plan", id, sizeof(id)), id);
	}
	ph_reply_free(&reply);
	return code;
}

/* What is not settled, then the plans that are kept, in one list. */
static int print_lists(
	struct ph_cli *cli, struct ph_value open, struct ph_value plans)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_list(writer);
	for (size_t i = 0; i < ph_value_count(open); i++)
		ph_write_value(writer, ph_value_at(open, i));
	for (size_t i = 0; i < ph_value_count(plans); i++)
		ph_write_value(writer, ph_value_at(plans, i));
	ph_write_end(writer);
	return ph_cli_written(cli, writer);
}

static void print_tables(struct ph_value unsettled, struct ph_value kept)
{
	static const struct ph_column plans[] = {{"PLAN", "plan", PH_CELL_TEXT},
		{"SCOPE", "scope", PH_CELL_TEXT},
		{"FILE", "file", PH_CELL_TEXT}, {"BY", "by", PH_CELL_TEXT},
		{"AGE", "since", PH_CELL_AGE}};
	static const struct ph_column open[] = {
		{"CHANGE", "transaction", PH_CELL_TEXT},
		{"SCOPE", "scope", PH_CELL_TEXT},
		{"STATE", "state", PH_CELL_TEXT},
		{"BEGUN BY", "coordinator", PH_CELL_TEXT},
		{"AGE", "since", PH_CELL_AGE}};

	ph_table_items(stdout, open, 5, unsettled);
	if (!ph_value_count(kept))
		return;
	printf("\n");
	ph_table_items(stdout, plans, 5, kept);
}

static int plan_list(struct ph_cli *cli)
{
	struct ph_value unsettled;
	struct ph_value kept;
	struct ph_reply open;
	struct ph_reply plans;
	int code = ph_cli_call(cli, PH_CONTROL_TRANSACTIONS, NULL, &open);

	if (code)
		return code;
	code = ph_cli_call(cli, PH_CONTROL_PLANS, NULL, &plans);
	if (!code) {
		unsettled = ph_value_get(open.body, "items");
		kept = ph_value_get(plans.body, "items");
		if (cli->json)
			code = print_lists(cli, unsettled, kept);
		else
			print_tables(unsettled, kept);
		ph_reply_free(&plans);
	}
	ph_reply_free(&open);
	return code;
}

static int plan_resolve(struct ph_cli *cli)
{
	struct ph_writer *writer;
	struct ph_reply reply;
	int code;

	if (ph_writer_create(&writer))
		return PH_EXIT_NEGATIVE;
	ph_write_map(writer);
	ph_put_text(writer, "transaction", cli->argv[1]);
	ph_put_text(writer, "outcome", cli->argv[2]);
	ph_write_end(writer);
	code = ph_cli_call(cli, PH_CONTROL_RESOLVE, writer, &reply);
	if (code)
		return code;
	ph_reply_free(&reply);
	return ph_cli_done(cli, "resolved", "transaction", cli->argv[1]);
}

int ph_cmd_plan(struct ph_cli *cli)
{
	if (cli->argc == 1 && !strcmp(cli->argv[0], "list"))
		return plan_list(cli);
	if (cli->argc == 3 && !strcmp(cli->argv[0], "resolve"))
		return plan_resolve(cli);
	if (cli->argc == 1 && strcmp(cli->argv[0], "resolve") != 0)
		return plan_file(cli);
	return ph_cli_usage(cli, "plan");
}
