#ifndef PH_NODE_CLI_H
#define PH_NODE_CLI_H

#include <stdbool.h>

#include "node/client.h"
#include "proto/error.h"

struct ph_column;

/*
 * The command line: one table of commands (cli.c), the flags every command
 * has, and what they share. Data goes to stdout, the rest to stderr; every
 * command returns the exit code of DESIGN section 12.
 */
struct ph_cli {
	const char *socket;	 /* --socket */
	const char *node;	 /* --node; "" the local one */
	bool json;		 /* --json */
	int64_t timeout;	 /* --timeout, ns */
	bool timed;		 /* it was given */
	bool follow;		 /* --follow, -f of logs */
	bool watch;		 /* --watch */
	long count;		 /* -n; -1: not given */
	const char *mask;	 /* --mask */
	const char *reason;	 /* --why */
	const char *on_crash;	 /* --on-crash */
	const char *output;	 /* -o */
	bool deny;		 /* --deny-warnings */
	bool sarif;		 /* --sarif */
	bool live;		 /* --live */
	bool write;		 /* --write */
	bool check;		 /* --check */
	int64_t lasts;		 /* --for, ns; 0: not given */
	const char *to;		 /* --to */
	const char *on_full;	 /* --on-full */
	const char *via;	 /* --via */
	const char *reservation; /* --reservation */
	int64_t wait;		 /* --wait T, ns; 0: without T, or not given */
	bool replace;		 /* --replace */
	int64_t drain;		 /* --drain, ns; 0: not given */
	const char *range;	 /* --range */
	bool fresh;		 /* --new */
	const char *auth_file;	 /* --auth-file */
	int argc;		 /* what is left: the command's own words */
	char **argv;
	char left_out[512]; /* " NODE " of those that were told so */
	struct ph_client *client;
};

/* Applying waits for hosts that are just coming up. */
#define PH_APPLY_PATIENCE (30 * PH_SECOND)
#define PH_APPLY_LOOK	  "`posthouse plan list` and `posthouse servers`"

struct ph_command {
	const char *name;
	const char *usage;
	const char *sentence;
	int (*run)(struct ph_cli *cli);
	bool remote; /* talks to a node */
};

extern const struct ph_command ph_commands[];

/* Prints the error (or its JSON) and returns its exit code. */
int ph_cli_fail(const struct ph_cli *cli, const struct ph_error *error);
int ph_cli_usage(const struct ph_cli *cli, const char *command);
/* Calls; prints the error and returns non-zero when it failed. */
int ph_cli_call(struct ph_cli *cli, uint16_t method, struct ph_writer *writer,
	struct ph_reply *reply);
/* The same of what changes something and may take `patience`, unless --timeout
 * says less: after a timeout it may still be done, which `look` tells. */
int ph_cli_change(struct ph_cli *cli, uint16_t method, struct ph_writer *writer,
	int64_t patience, const char *look, struct ph_reply *reply);
/* {key: text}, for calls with one argument; value NULL: an empty map. */
struct ph_writer *ph_cli_argument(const char *key, const char *value);
/* The local node's name and epoch, for envelopes. */
int ph_cli_envelope(struct ph_cli *cli, struct ph_value items);
/* The same around one map. */
int ph_cli_envelope_one(struct ph_cli *cli, struct ph_value item);
/* The same around the list that was written; frees the writer. */
int ph_cli_written(struct ph_cli *cli, struct ph_writer *writer);
/* Calls, and prints what came as a table; `none` when nothing did. */
int ph_cli_list(struct ph_cli *cli, uint16_t method,
	const struct ph_column *columns, size_t count, const char *none);
/* What a change did: "DONE NAME", or {KEY: NAME} in an envelope. */
int ph_cli_done(struct ph_cli *cli, const char *done, const char *key,
	const char *name);
/* A text in an envelope: {text}. */
void ph_cli_words(const char *words);
/* For commands that ask no node; frees the writer, too. */
void ph_cli_offline_written(struct ph_writer *writer);

/* cli_peers.c */
int ph_cmd_peers(struct ph_cli *cli);
/* cli_probe.c */
int ph_cmd_probe(struct ph_cli *cli);
/* cli_reach.c */
int ph_cmd_reach(struct ph_cli *cli);
/* cli_doctor.c */
int ph_cmd_doctor(struct ph_cli *cli);
/* cli_server.c */
int ph_cmd_start(struct ph_cli *cli);
int ph_cmd_stop(struct ph_cli *cli);
int ph_cmd_restart(struct ph_cli *cli);
/* cli_views.c */
int ph_cmd_status(struct ph_cli *cli);
int ph_cmd_connections(struct ph_cli *cli);
int ph_cmd_show(struct ph_cli *cli);
int ph_cmd_servers(struct ph_cli *cli);
/* cli_guests.c */
int ph_cmd_guests(struct ph_cli *cli);
int ph_cmd_menu(struct ph_cli *cli);
/* cli_reserve.c */
int ph_cmd_reserve(struct ph_cli *cli);
int ph_cmd_release(struct ph_cli *cli);
/* cli_monitor.c */
int ph_cmd_monitor(struct ph_cli *cli);
/* cli_top.c */
int ph_cmd_top(struct ph_cli *cli);
/* cli_wiring.c */
int ph_cmd_apply(struct ph_cli *cli);
/* cli_plan.c */
int ph_cmd_plan(struct ph_cli *cli);
/* cli_lint.c */
int ph_cmd_lint(struct ph_cli *cli);
int ph_cmd_schema(struct ph_cli *cli);
/* cli_format.c */
int ph_cmd_fmt(struct ph_cli *cli);
/* cli_compile.c */
int ph_cmd_compile(struct ph_cli *cli);
/* cli_test.c */
int ph_cmd_test(struct ph_cli *cli);
/* cli_change.c */
int ph_cmd_down(struct ph_cli *cli);
int ph_cmd_unapply(struct ph_cli *cli);
int ph_cmd_passphrase(struct ph_cli *cli);
/* cli_wire.c */
int ph_cmd_interpose(struct ph_cli *cli);
int ph_cmd_withdraw(struct ph_cli *cli);
/* cli_graph.c */
int ph_cmd_graph(struct ph_cli *cli);
int ph_cmd_topology(struct ph_cli *cli);
int ph_cmd_flow(struct ph_cli *cli);
/* cli_alarms.c */
int ph_cmd_alarms(struct ph_cli *cli);
int ph_cmd_ack(struct ph_cli *cli);
int ph_cmd_shelve(struct ph_cli *cli);
int ph_cmd_unshelve(struct ph_cli *cli);
/* cli_token.c */
int ph_cmd_token(struct ph_cli *cli);
/* cli_mcp.c */
int ph_cmd_mcp(struct ph_cli *cli);
/* cli_metrics.c */
int ph_cmd_metrics(struct ph_cli *cli);
/* cli_manual.c */
int ph_cmd_connect(struct ph_cli *cli);
int ph_cmd_disconnect(struct ph_cli *cli);
int ph_cmd_move(struct ph_cli *cli);
int ph_cmd_revert(struct ph_cli *cli);
int ph_cmd_diff(struct ph_cli *cli);
int ph_cmd_save(struct ph_cli *cli);
/* cli_look.c */
int ph_cmd_tap(struct ph_cli *cli);
int ph_cmd_logs(struct ph_cli *cli);
int ph_cmd_events(struct ph_cli *cli);
int ph_cmd_health(struct ph_cli *cli);
int ph_cmd_ready(struct ph_cli *cli);
/* cli_help.c */
int ph_cmd_version(struct ph_cli *cli);
int ph_cmd_help(struct ph_cli *cli);
/* cli_completion.c */
int ph_cmd_completion(struct ph_cli *cli);
/* cli_man.c */
int ph_cmd_man(struct ph_cli *cli);

#endif
