#include "controlsurface/apply.h"
#include "controlsurface/apply_choose.h"
#include "controlsurface/decision.h"

#include <stdio.h>
#include <string.h>

#include "kernel/log.h"

/* How an apply may end, and what its caller is told. */

void ph_apply_fail(struct ph_apply *apply, const struct ph_error *error)
{
	ph_log_warn("control", "apply.refused scope=%s by=%s", apply->scope,
		apply->by);
	ph_control_note(apply->control, apply->by, error->what,
		"apply %s refused", apply->scope);
	ph_apply_let_go(apply);
	ph_apply_choose_end(apply, false);
	ph_answer_error(apply->control->config.door, apply->ticket, error);
	ph_apply_end(apply);
}

/* The host's error, with the host's name in it. */
static void host_error(const struct ph_apply_host *host, struct ph_error *error)
{
	const struct ph_error *cause = &host->error;
	bool away = host->status != PH_CALL_FAILED &&
		    host->status != PH_CALL_DENIED;
	char where[sizeof(error->where) + PH_NAME_MAX + 3];
	bool named = !*cause->where || !strcmp(cause->where, host->name);

	*error = *cause;
	if (away)
		error->exit = host->status == PH_CALL_TIMEOUT
				      ? PH_EXIT_TIMEOUT
				      : PH_EXIT_UNREACHABLE;
	snprintf(where, sizeof(where), "%s%s%s", host->name, named ? "" : ": ",
		named ? "" : cause->where);
	where[sizeof(error->where) - 1] = '\0';
	where[ph_text_valid(where, strlen(where))] = '\0';
	memcpy(error->where, where, sizeof(error->where));
}

void ph_apply_fail_by(struct ph_apply *apply, const struct ph_apply_host *host)
{
	struct ph_error error;

	host_error(host, &error);
	ph_apply_fail(apply, &error);
}

void ph_apply_fail_alone(
	struct ph_apply *apply, const struct ph_apply_host *host)
{
	struct ph_error cause;
	struct ph_error error;

	host_error(host, &cause);
	ph_fail(&error, cause.exit, cause.where,
		*cause.next ? cause.next : "see the log of that node",
		"nothing was %s: %s", apply->wiring ? "applied" : "taken away",
		cause.what);
	ph_apply_fail(apply, &error);
}

static void write_hosts(struct ph_apply *apply, struct ph_writer *writer)
{
	ph_put_list(writer, "hosts");
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (apply->hosts[i].needed || !apply->wiring)
			if (apply->hosts[i].answer == PH_APPLY_YES)
				ph_write_text(writer, apply->hosts[i].name);
	}
	ph_write_end(writer);
}

void ph_apply_succeed(struct ph_apply *apply)
{
	struct ph_writer *writer = ph_control_writer(apply->control);

	ph_log_info("control", "apply.done scope=%s hosts=%u by=%s",
		apply->scope, apply->host_count, apply->by);
	ph_write_map(writer);
	ph_put_text(writer, "scope", apply->scope);
	write_hosts(apply, writer);
	ph_put_u64(writer, "servers", apply->servers);
	ph_put_u64(writer, "wires", apply->wires);
	ph_apply_write_findings(writer, apply->wiring, apply->file);
	ph_write_end(writer);
	ph_answer_ok(apply->control->config.door, apply->ticket, writer);
	ph_apply_end(apply);
}

/* Some hosts have it and some do not: say which. */
void ph_apply_partly(struct ph_apply *apply, const struct ph_apply_host *host)
{
	const char *verb = apply->wiring ? "applied" : "unapplied";
	struct ph_error cause;
	struct ph_error error;

	host_error(host, &cause);
	if (host->needed)
		ph_fail(&error, cause.exit, cause.where,
			"apply the same file again: what is done stays done",
			"%s, but not on '%s': %s", verb, host->name,
			cause.what);
	else
		ph_fail(&error, cause.exit, cause.where,
			apply->wiring ? "when it is back, apply the file once "
					"more"
				      : "when it is back, unapply it once more",
			"%s, but '%s' was not reached and keeps its old "
			"part: %s",
			verb, host->name, cause.what);
	ph_control_note(apply->control, apply->by, error.what, "%s %s partly",
		apply->wiring ? "apply" : "unapply", apply->scope);
	ph_answer_error(apply->control->config.door, apply->ticket, &error);
	ph_apply_end(apply);
}

/* The decision stands and goes on by itself. */
void ph_apply_decided(struct ph_apply *apply)
{
	const struct ph_decision *decision = apply->decision;
	struct ph_error error;
	char names[120] = "";
	size_t used = 0;

	for (unsigned i = 0; decision && i < decision->node_count; i++) {
		int wrote;

		if (decision->nodes[i].has)
			continue;
		wrote = snprintf(names + used, sizeof(names) - used, "%s%s",
			used ? ", " : "", decision->nodes[i].name);
		if (wrote < 0 || (size_t)wrote >= sizeof(names) - used)
			break;
		used += (size_t)wrote;
	}
	ph_fail(&error, PH_EXIT_TIMEOUT, names,
		"nothing: they are told as soon as they are there; posthouse "
		"plan list there shows it",
		"decided (%s), but not everybody has heard of it yet",
		apply->id);
	ph_control_note(apply->control, apply->by, error.what,
		"apply %s decided", apply->scope);
	ph_answer_error(apply->control->config.door, apply->ticket, &error);
	ph_apply_end(apply);
}
