#include <stdio.h>

#include "controlsurface/metrics.h"
#include "node/cli.h"

/* metrics: one node's numbers for Prometheus. */

static const uint16_t questions[] = {PH_NODE_STATUS, PH_CONTROL_LIST,
	PH_EXECUTOR_LIST, PH_MESH_PEERS, PH_CONTROL_DIFF};

#define QUESTIONS (sizeof(questions) / sizeof(questions[0]))

int ph_cmd_metrics(struct ph_cli *cli)
{
	struct ph_reply replies[QUESTIONS];
	struct ph_value items[QUESTIONS];
	size_t asked = 0;
	int code = 0;

	if (cli->argc || cli->json)
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
		ph_metrics_print(
			&(struct ph_metrics){
				.status = ph_value_at(items[0], 0),
				.connections = items[1],
				.servers = items[2],
				.peers = items[3],
				.changes = items[4],
			},
			stdout);
	while (asked)
		ph_reply_free(&replies[--asked]);
	return code;
}
