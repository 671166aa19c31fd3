#include "controlsurface/apply_choose.h"
#include "controlsurface/plan.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The wiring file is read on the worker: a thousand servers take tens of
 * milliseconds, and the data thread has five.
 */
#define TEXT_MOST     PH_WIRING_BYTES
#define FINDINGS_MOST 200u
#define APPLIES_MOST  16u
/* Each use of one looks through them. */
#define VARIABLES_MOST 1024u

struct read_job {
	struct ph_control_work work;
	struct ph_job job;
	struct ph_control *control; /* NULL: it has gone */
	ph_handle ticket;
	int64_t deadline;
	const struct ph_server_type *const *bundled;
	struct ph_wiring *wiring;
	int status;
	char by[PH_NAME_MAX + 1];
	char here[PH_NAME_MAX + 1];
	char file[256];
	struct ph_apply_order order;
	char *variables; /* name, value, name...; NULL: the environment's */
	size_t variables_length;
	bool own;	/* of this node: its files may be read */
	char *manifest; /* the one that was read last */
	size_t length;
	char text[];
};

static const char *variable_given(void *context, const char *name)
{
	const struct read_job *reading = context;
	const char *at = reading->variables;
	const char *end = at + reading->variables_length;

	while (at < end) {
		const char *value = at + strlen(at) + 1;

		if (!strcmp(at, name))
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

/* Whoever sent the wiring sent its manifests along; a wiring that this node
 * reads itself has them beside it. */
static const char *manifest_given(
	void *context, const char *path, size_t *length)
{
	struct read_job *reading = context;
	char name[sizeof(PH_WIRING_MANIFEST) + PATH_MAX];
	const char *text;

	if (!reading->variables) {
		free(reading->manifest);
		reading->manifest = NULL;
		if (reading->own)
			reading->manifest =
				ph_wiring_manifest(reading->file, path, length);
		return reading->manifest;
	}
	snprintf(name, sizeof(name), PH_WIRING_MANIFEST "%s", path);
	text = variable_given(reading, name);
	*length = text ? strlen(text) : 0;
	return text;
}

static void read_work(struct ph_job *job)
{
	struct read_job *reading = PH_CONTAINER(job, struct read_job, job);

	reading->status = ph_wiring_read(&reading->wiring,
		&(struct ph_wiring_input){
			.file = reading->file,
			.text = reading->text,
			.length = reading->length,
			.variable = reading->variables ? variable_given
						       : ph_wiring_variable,
			.manifest = manifest_given,
			.context = reading,
			.here = reading->here,
			.bundled = reading->bundled,
		});
}

static void write_finding(struct ph_writer *writer,
	const struct ph_finding *finding, const char *file)
{
	char name[PH_FINDING_FILE];

	ph_write_map(writer);
	ph_put_text(writer, "file",
		ph_finding_file(finding, file, name, sizeof(name)));
	ph_put_u64(writer, "line", finding->line);
	ph_put_u64(writer, "column", finding->column);
	ph_put_u64(writer, "width", finding->width);
	ph_put_u64(writer, "caret", finding->caret);
	ph_put_text(writer, "rule", finding->rule);
	ph_put_text(writer, "severity",
		finding->severity == PH_FINDING_ERROR ? "error" : "warning");
	ph_put_text(writer, "message", finding->message);
	ph_put_text(writer, "next", finding->next ? finding->next : "");
	ph_put_text(writer, "source", finding->source ? finding->source : "");
	ph_write_end(writer);
}

void ph_apply_write_findings(struct ph_writer *writer,
	const struct ph_wiring *wiring, const char *file)
{
	const struct ph_finding *findings = NULL;
	size_t count = wiring ? ph_wiring_findings(wiring, &findings) : 0;

	ph_put_list(writer, "findings");
	for (size_t i = 0; i < count && i < FINDINGS_MOST; i++)
		write_finding(writer, &findings[i], file);
	ph_write_end(writer);
}

static const struct ph_finding *first_error(const struct ph_wiring *wiring)
{
	const struct ph_finding *findings;
	size_t count = ph_wiring_findings(wiring, &findings);

	for (size_t i = 0; i < count; i++) {
		if (findings[i].severity == PH_FINDING_ERROR)
			return &findings[i];
	}
	return NULL;
}

static void write_error(struct ph_writer *writer,
	const struct ph_wiring *wiring, const char *file)
{
	const struct ph_finding *first = first_error(wiring);
	unsigned errors = ph_wiring_errors(wiring);
	char name[PH_FINDING_FILE];
	char what[512];
	char where[320];

	snprintf(what, sizeof(what), "%u error%s; the first is %s: %s", errors,
		errors == 1 ? "" : "s", first->rule, first->message);
	what[ph_text_valid(what, strlen(what))] = '\0';
	snprintf(where, sizeof(where), "%s:%u:%u",
		ph_finding_file(first, file, name, sizeof(name)), first->line,
		first->column);
	ph_put_map(writer, "error");
	ph_put_int(writer, "exit", PH_EXIT_WIRING);
	ph_put_text(writer, "what", what);
	ph_put_text(writer, "where", where);
	ph_put_text(writer, "next",
		first->next ? first->next : "correct the file, then apply it");
	ph_write_end(writer);
}

static void answer_findings(const struct read_job *reading)
{
	struct ph_control *control = reading->control;
	struct ph_writer *writer = ph_control_writer(control);
	const uint8_t *data = NULL;
	size_t length = 0;

	ph_write_map(writer);
	write_error(writer, reading->wiring, reading->file);
	ph_apply_write_findings(writer, reading->wiring, reading->file);
	ph_write_end(writer);
	if (ph_writer_finish(writer, &data, &length))
		length = 0;
	ph_door_answer(control->config.door, reading->ticket, PH_CALL_FAILED,
		data, length);
}

static void begin(struct read_job *reading)
{
	struct ph_plan *kept = NULL;

	if (reading->order.plan)
		kept = ph_plan_make(reading->text, reading->length,
			reading->variables, reading->variables_length,
			reading->file);
	ph_apply_begin(reading->control, reading->ticket, reading->by,
		reading->deadline, reading->wiring, reading->file,
		&reading->order, kept);
	reading->order = (struct ph_apply_order){0};
	reading->wiring = NULL;
}

static void read_finish(struct read_job *reading)
{
	struct ph_control *control = reading->control;
	struct ph_error error;

	control->applying--;
	ph_control_work_end(control, &reading->work);
	if (reading->status) {
		ph_fail(&error, PH_EXIT_NEGATIVE, reading->file, "free memory",
			"out of memory");
		ph_answer_error(control->config.door, reading->ticket, &error);
	} else if (ph_wiring_errors(reading->wiring)) {
		answer_findings(reading);
	} else {
		begin(reading);
	}
}

static void read_free(struct read_job *reading)
{
	ph_apply_order_fini(&reading->order);
	free(reading->variables);
	free(reading->manifest);
	free(reading);
}

static void read_done(struct ph_job *job)
{
	struct read_job *reading = PH_CONTAINER(job, struct read_job, job);

	if (reading->control)
		read_finish(reading);
	ph_wiring_free(reading->wiring);
	read_free(reading);
}

/* The worker still has it: read_done frees it. */
static void read_abandon(struct ph_control_work *work)
{
	struct read_job *reading = PH_CONTAINER(work, struct read_job, work);

	reading->control = NULL;
}

/* One text, terminated; what stands behind a zero byte is not taken. */
static void variables_put(FILE *out, struct ph_value value)
{
	size_t length;
	const char *text = ph_value_text(value, &length);

	if (length)
		fwrite(text, 1, strnlen(text, length), out);
	fputc('\0', out);
}

static int read_variables(struct read_job *reading, struct ph_value map)
{
	FILE *out;

	if (ph_value_type(map) != PH_MAP)
		return 0;
	out = open_memstream(&reading->variables, &reading->variables_length);
	if (!out)
		return -1;
	for (size_t i = 0; i < ph_value_count(map); i++) {
		variables_put(out, ph_value_key(map, i));
		variables_put(out, ph_value_item(map, i));
	}
	return fclose(out);
}

static struct read_job *read_alloc(struct ph_control *control,
	const struct ph_call *call, const char *text, size_t length)
{
	struct read_job *reading = calloc(1, sizeof(*reading) + length + 1);

	if (!reading)
		return NULL;
	if (length)
		memcpy(reading->text, text, length);
	reading->length = length;
	snprintf(reading->by, sizeof(reading->by), "%s",
		*call->caller->node ? call->caller->node : control->node);
	snprintf(reading->here, sizeof(reading->here), "%s", control->node);
	reading->own = !*call->caller->node;
	reading->bundled = control->config.bundled;
	reading->deadline = call->deadline;
	reading->control = control;
	reading->work.abandon = read_abandon;
	reading->job.work = read_work;
	reading->job.done = read_done;
	return reading;
}

static struct read_job *read_make(struct ph_control *control,
	const struct ph_call *call, struct ph_value arguments)
{
	size_t length;
	const char *text =
		ph_value_text(ph_value_get(arguments, "text"), &length);
	struct read_job *reading = read_alloc(control, call, text, length);

	if (!reading)
		return NULL;
	if (read_variables(reading, ph_value_get(arguments, "variables"))) {
		read_free(reading);
		return NULL;
	}
	ph_get_copy(arguments, "file", reading->file, sizeof(reading->file));
	if (!*reading->file)
		snprintf(reading->file, sizeof(reading->file), "wiring");
	reading->order.plan = call->method == PH_CONTROL_PLAN;
	return reading;
}

/* A plan is applied: the same text, and it must find what it saw. */
static struct read_job *read_plan(struct ph_control *control,
	const struct ph_call *call, const struct ph_plan *plan)
{
	struct read_job *reading =
		read_alloc(control, call, plan->text, plan->length);
	size_t size = plan->expected_count * sizeof(*plan->expected);

	if (!reading)
		return NULL;
	memcpy(reading->file, plan->file, sizeof(reading->file));
	memcpy(reading->order.plan_id, plan->id, sizeof(plan->id));
	reading->order.expected = malloc(size ? size : 1);
	if (plan->variables) {
		reading->variables = malloc(plan->variables_length + 1);
		reading->variables_length = plan->variables_length;
	}
	if (ph_choices_copy(&reading->order.choices,
		    &reading->order.choice_count, plan->choices,
		    plan->choice_count) ||
		!reading->order.expected ||
		(plan->variables && !reading->variables)) {
		read_free(reading);
		return NULL;
	}
	memcpy(reading->order.expected, plan->expected, size);
	reading->order.expected_count = plan->expected_count;
	if (plan->variables)
		memcpy(reading->variables, plan->variables,
			plan->variables_length + 1);
	return reading;
}

static int read_check(const struct ph_control *control,
	struct ph_value arguments, struct ph_error *error)
{
	size_t length;

	ph_value_text(ph_value_get(arguments, "text"), &length);
	if (length > TEXT_MOST)
		return ph_fail(error, PH_EXIT_WIRING, "",
			"split it; each file is a scope of its own",
			"a wiring file of %zu bytes, at most %zu", length,
			TEXT_MOST);
	if (ph_value_count(ph_value_get(arguments, "variables")) >
		VARIABLES_MOST)
		return ph_fail(error, PH_EXIT_WIRING, "",
			"use fewer, or write the values into the file",
			"more than %u variables", VARIABLES_MOST);
	if (control->applying >= APPLIES_MOST)
		return ph_fail(error, PH_EXIT_CONFLICT, control->node,
			"try again in a moment",
			"%u wiring files are being applied here",
			control->applying);
	return 0;
}

static struct read_job *read_begin(struct ph_control *control,
	const struct ph_call *call, struct ph_value arguments,
	struct ph_error *error)
{
	const struct ph_plan *plan = NULL;
	struct read_job *reading;
	char id[PH_PLAN_ID];

	ph_get_copy(arguments, "plan", id, sizeof(id));
	if (*id)
		plan = ph_plan_find(control, id, error);
	if ((*id && !plan) || read_check(control, arguments, error))
		return NULL;
	if (!*id && ph_value_type(ph_value_get(arguments, "text")) != PH_TEXT) {
		ph_fail(error, PH_EXIT_USAGE, "",
			"give a wiring file or a plan",
			"neither `text` nor `plan` is given");
		return NULL;
	}
	reading = plan ? read_plan(control, call, plan)
		       : read_make(control, call, arguments);
	if (!reading)
		ph_fail(error, PH_EXIT_NEGATIVE, "", "free memory",
			"out of memory");
	return reading;
}

int ph_apply_read(struct ph_control *control, ph_handle ticket,
	const struct ph_call *call)
{
	struct ph_request request;
	struct read_job *reading = NULL;
	struct ph_error error;

	if (ph_request_open(&request, control->config.door, ticket, call))
		return -1;
	reading = read_begin(control, call, request.arguments, &error);
	ph_request_close(&request);
	if (!reading) {
		ph_answer_error(control->config.door, ticket, &error);
		return -1;
	}
	reading->ticket = ticket;
	control->applying++;
	ph_control_work_begin(control, &reading->work);
	ph_worker_submit(control->config.worker, PH_LANE_THINK, &reading->job);
	return 0;
}
