#include "controlsurface/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* control.revert: a change by hand is dropped, in the store first. */

struct drop {
	struct ph_control_work work; /* first */
	ph_handle ticket;
	char id[PH_MANUAL_ID];
	char by[PH_NAME_MAX + 1];
};

static void drop_free(struct ph_control_work *work)
{
	free(work);
}

static void answer_dropped(
	struct ph_control *control, ph_handle ticket, const char *id)
{
	struct ph_writer *writer = ph_control_writer(control);

	ph_write_map(writer);
	ph_put_text(writer, "override", id);
	ph_put_text(writer, "verb", "revert");
	ph_write_end(writer);
	ph_answer_ok(control->config.door, ticket, writer);
}

static void dropped(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct drop *drop = ask->context;
	struct ph_manual *manual = ph_manual_find(control, drop->id);

	if (reply->status && reply->error.exit != PH_EXIT_NOT_FOUND) {
		ph_answer_error(
			control->config.door, drop->ticket, &reply->error);
	} else {
		if (manual) {
			ph_control_note(control, drop->by, "", "revert %s (%s)",
				manual->id, ph_manual_verb_name(manual->verb));
			ph_manual_drop(manual);
			ph_manuals_bring_about(control);
		}
		answer_dropped(control, drop->ticket, drop->id);
	}
	ph_control_work_end(control, &drop->work);
	free(drop);
}

void ph_manual_revert(struct ph_control *control, ph_handle ticket,
	const struct ph_manual *manual, const char *by)
{
	struct drop *drop = calloc(1, sizeof(*drop));
	struct ph_writer *writer = ph_control_writer(control);

	if (!drop) {
		ph_door_answer(
			control->config.door, ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	drop->work.abandon = drop_free;
	drop->ticket = ticket;
	memcpy(drop->id, manual->id, sizeof(drop->id));
	snprintf(drop->by, sizeof(drop->by), "%s", by);
	ph_control_work_begin(control, &drop->work);
	ph_write_map(writer);
	ph_put_text(writer, "space", "overrides");
	ph_put_text(writer, "key", drop->id);
	ph_write_end(writer);
	ph_control_ask(control, &(struct ph_ask){
					.method = PH_STORE_DELETE,
					.timeout = PH_MANUAL_STORE,
					.reply = dropped,
					.context = drop,
				});
}

void ph_control_serve_revert(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_request request;
	struct ph_error error;
	struct ph_manual *manual;
	char id[PH_MANUAL_ID];

	if (!control->loaded || control->quiet) {
		ph_door_answer(control->config.door, ticket,
			PH_CALL_UNREACHABLE, NULL, 0);
		return;
	}
	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	ph_get_copy(request.arguments, "override", id, sizeof(id));
	manual = ph_manual_find(control, id);
	if (manual) {
		ph_manual_revert(control, ticket, manual,
			ph_manual_caller(control, call));
	} else {
		ph_fail(&error, PH_EXIT_NOT_FOUND, id,
			"posthouse diff shows what was changed by hand",
			"this node has no such override");
		ph_answer_error(control->config.door, ticket, &error);
	}
	ph_request_close(&request);
}
