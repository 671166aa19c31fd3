#include "controlsurface/apply.h"

#include <stdio.h>

/* What the coordinator asks one host, and what it makes of the answer. */
#define ASK_TIME (5 * PH_SECOND)

static void write_empty_part(struct ph_apply *apply, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_text(writer, "scope", apply->scope);
	ph_put_list(writer, "hosts");
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (apply->hosts[i].needed)
			ph_write_text(writer, apply->hosts[i].name);
	}
	ph_write_end(writer);
	ph_put_list(writer, "servers");
	ph_write_end(writer);
	ph_put_list(writer, "wires");
	ph_write_end(writer);
	ph_write_end(writer);
}

static void write_part(struct ph_apply *apply, const struct ph_apply_host *host,
	struct ph_writer *writer)
{
	ph_write_text(writer, "part");
	if (host->needed)
		ph_wiring_part(apply->wiring, host->name, apply->control->node,
			writer);
	else
		write_empty_part(apply, writer);
}

static int64_t ask_time(const struct ph_apply *apply)
{
	int64_t left = apply->deadline - ph_apply_now(apply);

	if (left < PH_APPLY_AGAIN)
		left = PH_APPLY_AGAIN;
	return left < ASK_TIME ? left : ASK_TIME;
}

static void ask_destination(const struct ph_apply *apply,
	const struct ph_apply_host *host, struct ph_ask *ask)
{
	if (strcmp(host->name, apply->control->node))
		snprintf(ask->destination, sizeof(ask->destination), "%s",
			host->name);
}

static void take_hosts(struct ph_apply *apply, struct ph_value hosts)
{
	for (size_t i = 0; i < ph_value_count(hosts); i++) {
		char name[PH_NAME_MAX + 1];

		ph_value_copy(ph_value_at(hosts, i), name, sizeof(name));
		if (ph_name_is_valid(name, strlen(name)))
			ph_apply_add(apply, name, false);
	}
}

static void host_replied(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_apply_host *host = &apply->hosts[ask->number];

	apply->pending--;
	host->status = reply->status;
	host->error = reply->error;
	if (!reply->status)
		host->answer = PH_APPLY_YES;
	else if (reply->status == PH_CALL_FAILED ||
		 reply->status == PH_CALL_DENIED)
		host->answer = PH_APPLY_NO;
	else
		host->answer = PH_APPLY_UNASKED;
	if (!reply->status && apply->phase == PH_APPLY_PREPARE) {
		host->held = true;
		host->knew = ph_get_bool(reply->body, "known");
		/* May move the hosts. */
		take_hosts(apply, ph_value_get(reply->body, "hosts"));
	}
	ph_apply_step(apply);
}

void ph_apply_ask(struct ph_apply *apply, unsigned number)
{
	struct ph_control *control = apply->control;
	struct ph_apply_host *host = &apply->hosts[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = apply->phase == PH_APPLY_PREPARE ? PH_CONTROL_PREPARE
							   : PH_CONTROL_COMMIT,
		.timeout = ask_time(apply),
		.reply = host_replied,
		.context = apply,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "scope", apply->scope);
	write_part(apply, host, writer);
	ph_write_end(writer);
	ask_destination(apply, host, &ask);
	host->answer = PH_APPLY_ASKED;
	apply->pending++;
	ph_control_ask(control, &ask);
}

static void nobody_listens(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
}

/* Nothing comes of it: others may apply this scope. */
void ph_apply_let_go(struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_writer *writer = ph_control_writer(apply->control);
		struct ph_ask ask = {
			.method = PH_CONTROL_PREPARE,
			.timeout = ASK_TIME,
			.reply = nobody_listens,
		};

		if (!apply->hosts[i].held)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "scope", apply->scope);
		ph_put_map(writer, "part");
		ph_write_end(writer);
		ph_put_bool(writer, "abort", true);
		ph_write_end(writer);
		ask_destination(apply, &apply->hosts[i], &ask);
		ph_control_ask(apply->control, &ask);
	}
}
