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

static int plan_list(struct ph_cli *cli)
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
	struct ph_reply reply;
	int code = ph_cli_call(cli, PH_CONTROL_TRANSACTIONS, NULL, &reply);

	if (code)
		return code;
	if (cli->json)
		code = ph_cli_envelope(cli, ph_value_get(reply.body, "items"));
	else
		ph_table_items(
			stdout, open, 5, ph_value_get(reply.body, "items"));
	ph_reply_free(&reply);
	if (code || cli->json)
		return code;
	code = ph_cli_call(cli, PH_CONTROL_PLANS, NULL, &reply);
	if (code)
		return code;
	if (ph_value_count(ph_value_get(reply.body, "items"))) {
		printf("\n");
		ph_table_items(
			stdout, plans, 5, ph_value_get(reply.body, "items"));
	}
	ph_reply_free(&reply);
	return 0;
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
