#include "controlsurface/plan.h"
#include "controlsurface/apply_choose.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <utlist.h>

static char *copy(const char *data, size_t length)
{
	char *out = malloc(length + 1);

	if (!out)
		return NULL;
	if (length)
		memcpy(out, data, length);
	out[length] = '\0';
	return out;
}

struct ph_plan *ph_plan_make(const char *text, size_t length,
	const char *variables, size_t variables_length, const char *file)
{
	struct ph_plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return NULL;
	plan->text = copy(text, length);
	plan->length = length;
	if (variables) {
		plan->variables = copy(variables, variables_length);
		plan->variables_length = variables_length;
	}
	snprintf(plan->file, sizeof(plan->file), "%s", file);
	if (plan->text && (!variables || plan->variables))
		return plan;
	ph_plan_free(plan);
	return NULL;
}

void ph_plan_free(struct ph_plan *plan)
{
	if (!plan)
		return;
	free(plan->expected);
	free(plan->choices);
	free(plan->variables);
	free(plan->text);
	free(plan);
}

static void plan_drop(struct ph_control *control, struct ph_plan *plan)
{
	DL_DELETE(control->plans, plan);
	ph_plan_free(plan);
}

void ph_plans_fini(struct ph_control *control)
{
	while (control->plans)
		plan_drop(control, control->plans);
}

/* The oldest stands first. */
static void drop_old(struct ph_control *control, unsigned room)
{
	int64_t now = ph_loop_now(control->config.loop);
	struct ph_plan *plan;
	unsigned count;

	DL_COUNT(control->plans, plan, count);
	while (control->plans &&
		(count + room > PH_PLANS_MOST ||
			now - control->plans->made > PH_PLAN_KEPT)) {
		plan_drop(control, control->plans);
		count--;
	}
}

const struct ph_plan *ph_plan_find(
	struct ph_control *control, const char *id, struct ph_error *error)
{
	struct ph_plan *plan;

	drop_old(control, 0);
	DL_FOREACH(control->plans, plan)
	{
		if (!strcmp(plan->id, id))
			return plan;
	}
	ph_fail(error, PH_EXIT_NOT_FOUND, id,
		"plan the file again: a plan is kept by the node that made "
		"it, for 30 minutes and until that restarts",
		"%s has no such plan", control->node);
	return NULL;
}

static void write_host(
	struct ph_writer *writer, const struct ph_apply_host *host)
{
	ph_write_map(writer);
	ph_put_text(writer, "node", host->name);
	ph_put_u64(writer, "revision", host->revision);
	ph_put_u64(writer, "added", host->added);
	ph_put_u64(writer, "changed", host->changed);
	ph_put_u64(writer, "removed", host->removed);
	ph_write_text(writer, "effects");
	if (host->effects) {
		ph_write_encoded(writer, host->effects, host->effects_length);
	} else {
		ph_write_list(writer);
		ph_write_end(writer);
	}
	ph_write_end(writer);
}

static int note_expected(struct ph_plan *plan, const struct ph_apply *apply)
{
	unsigned count = 0;

	plan->expected = calloc(apply->host_count ? apply->host_count : 1,
		sizeof(*plan->expected));
	if (!plan->expected)
		return -ENOMEM;
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (apply->hosts[i].answer != PH_APPLY_YES)
			continue;
		memcpy(plan->expected[count].node, apply->hosts[i].name,
			sizeof(plan->expected[count].node));
		plan->expected[count++].revision = apply->hosts[i].revision;
	}
	plan->expected_count = count;
	return 0;
}

static int keep(struct ph_apply *apply)
{
	struct ph_control *control = apply->control;
	struct ph_plan *plan = apply->kept;

	if (!plan || note_expected(plan, apply) ||
		ph_choices_copy(&plan->choices, &plan->choice_count,
			apply->choices, apply->choice_count))
		return -ENOMEM;
	drop_old(control, 1);
	snprintf(plan->id, sizeof(plan->id), "p-%llu.%llu",
		(unsigned long long)control->config.epoch,
		(unsigned long long)++control->planned);
	memcpy(plan->scope, apply->scope, sizeof(plan->scope));
	memcpy(plan->by, apply->by, sizeof(plan->by));
	plan->made = ph_apply_now(apply);
	plan->since = ph_clock_wall();
	DL_APPEND(control->plans, plan);
	apply->kept = NULL;
	return 0;
}

void ph_plan_answer(struct ph_apply *apply)
{
	struct ph_control *control = apply->control;
	struct ph_plan *plan = apply->kept;
	struct ph_writer *writer;
	struct ph_error error;

	if (keep(apply)) {
		ph_fail(&error, PH_EXIT_NEGATIVE, apply->scope, "free memory",
			"out of memory");
		ph_apply_fail(apply, &error);
		return;
	}
	ph_apply_choose_end(apply, false);
	writer = ph_control_writer(control);
	ph_write_map(writer);
	ph_put_text(writer, "plan", plan->id);
	ph_put_text(writer, "scope", apply->scope);
	ph_put_u64(writer, "servers", apply->servers);
	ph_put_u64(writer, "wires", apply->wires);
	ph_put_list(writer, "items");
	for (unsigned i = 0; i < apply->host_count; i++) {
		if (apply->hosts[i].answer == PH_APPLY_YES)
			write_host(writer, &apply->hosts[i]);
	}
	ph_write_end(writer);
	ph_apply_write_findings(writer, apply->wiring, apply->file);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, apply->ticket, writer);
	ph_apply_end(apply);
}

void ph_control_serve_plans(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_writer *writer = ph_control_writer(control);
	const struct ph_plan *plan;

	drop_old(control, 0);
	ph_write_map(writer);
	ph_put_list(writer, "items");
	DL_FOREACH(control->plans, plan)
	{
		ph_write_map(writer);
		ph_put_text(writer, "plan", plan->id);
		ph_put_text(writer, "scope", plan->scope);
		ph_put_text(writer, "file", plan->file);
		ph_put_text(writer, "by", plan->by);
		ph_put_int(writer, "since", plan->since);
		ph_write_end(writer);
	}
	ph_write_end(writer);
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}
