#include "controlsurface/apply.h"

#include <stdio.h>
#include <stdlib.h>

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

void ph_apply_write_part(struct ph_apply *apply,
	const struct ph_apply_host *host, struct ph_writer *writer)
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

static void take_effects(struct ph_apply_host *host, struct ph_value effects)
{
	struct ph_writer *writer;
	const uint8_t *data;
	size_t length;

	free(host->effects);
	host->effects = NULL;
	if (ph_writer_create(&writer))
		return;
	ph_write_value(writer, effects);
	if (ph_value_type(effects) == PH_LIST &&
		!ph_writer_finish(writer, &data, &length))
		host->effects = malloc(length);
	if (host->effects) {
		memcpy(host->effects, data, length);
		host->effects_length = length;
	}
	ph_writer_free(writer);
}

static void take_survey(struct ph_apply *apply, struct ph_apply_host *host,
	struct ph_value body)
{
	host->knew = ph_get_bool(body, "known");
	host->revision = ph_get_u64(body, "revision");
	host->scope_revision = ph_get_u64(body, "scope_revision");
	host->added = ph_get_u64(body, "added");
	host->changed = ph_get_u64(body, "changed");
	host->removed = ph_get_u64(body, "removed");
	if (apply->order.plan)
		take_effects(host, ph_value_get(body, "effects"));
	/* Last: it may move the hosts. */
	take_hosts(apply, ph_value_get(body, "hosts"));
}

/* What lives changes without it; what is left to do there is told. One that is
 * not known here any more (it was forgotten) is away for good. */
static bool is_dispensable(
	const struct ph_apply *apply, const struct ph_apply_host *host)
{
	return apply->phase == PH_APPLY_SURVEY && !host->needed;
}

static void give_up(struct ph_apply_host *host)
{
	host->answer = PH_APPLY_UNREACHED;
	host->forgotten = host->error.exit == PH_EXIT_NOT_FOUND;
	host->error.exit = PH_EXIT_UNREACHABLE;
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
	else if (is_dispensable(apply, host) &&
		 ph_reply_is_away(reply, host->name))
		give_up(host);
	else if (reply->status == PH_CALL_FAILED ||
		 reply->status == PH_CALL_DENIED)
		host->answer = PH_APPLY_NO;
	else
		host->answer = PH_APPLY_UNASKED;
	if (!reply->status && apply->phase == PH_APPLY_SURVEY)
		take_survey(apply, host, reply->body);
	ph_apply_step(apply);
}

static void write_nodes(struct ph_apply *apply, struct ph_writer *writer)
{
	bool coordinator = false;

	ph_put_list(writer, "nodes");
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (!apply->hosts[i].takes)
			continue;
		ph_write_text(writer, apply->hosts[i].name);
		coordinator |=
			!strcmp(apply->hosts[i].name, apply->control->node);
	}
	/* It decides, and so is asked, also when it has no part of its own. */
	if (!coordinator)
		ph_write_text(writer, apply->control->node);
	ph_write_end(writer);
}

static void write_question(struct ph_apply *apply,
	const struct ph_apply_host *host, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_text(writer, "scope", apply->scope);
	ph_apply_write_part(apply, host, writer);
	if (apply->phase != PH_APPLY_SURVEY) {
		ph_put_text(writer, "by", apply->by);
		ph_put_u64(writer, "expects", host->scope_revision);
	}
	if (apply->phase == PH_APPLY_PREPARE) {
		ph_put_text(writer, "transaction", apply->id);
		write_nodes(apply, writer);
	}
	ph_write_end(writer);
}

void ph_apply_ask(struct ph_apply *apply, unsigned number)
{
	static const uint16_t methods[] = {
		[PH_APPLY_SURVEY] = PH_CONTROL_SURVEY,
		[PH_APPLY_PREPARE] = PH_CONTROL_PREPARE,
		[PH_APPLY_COMMIT] = PH_CONTROL_COMMIT,
	};
	struct ph_control *control = apply->control;
	struct ph_apply_host *host = &apply->hosts[number];
	struct ph_ask ask = {
		.method = methods[apply->phase],
		.timeout = ask_time(apply),
		.reply = host_replied,
		.context = apply,
		.number = number,
	};

	write_question(apply, host, ph_control_writer(control));
	ask_destination(apply, host, &ask);
	host->answer = PH_APPLY_ASKED;
	host->asked |= apply->phase == PH_APPLY_PREPARE;
	apply->pending++;
	ph_control_ask(control, &ask);
}

static void nobody_listens(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
}

/* Whoever does not hear of it asks, and then hears that nothing was decided. */
void ph_apply_let_go(struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_writer *writer = ph_control_writer(apply->control);
		struct ph_ask ask = {
			.method = PH_CONTROL_ABORT,
			.timeout = ASK_TIME,
			.reply = nobody_listens,
		};

		if (!apply->hosts[i].asked)
			continue;
		ph_write_map(writer);
		ph_put_text(writer, "transaction", apply->id);
		ph_write_end(writer);
		ask_destination(apply, &apply->hosts[i], &ask);
		ph_control_ask(apply->control, &ask);
	}
}
