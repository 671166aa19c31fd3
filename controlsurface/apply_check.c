#include "controlsurface/apply.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Inputs that the file does not declare: servers of other scopes, or of none.
 * Only the guest book of their node knows whether they are there, so it is
 * asked before anything is committed. Nothing is booked: that is done by the
 * node that owns the connection.
 */
#define CHECK_CALL (5 * PH_SECOND)

static unsigned guests_count(const struct ph_apply *apply)
{
	const struct ph_wiring_wire *position = NULL;
	struct ph_wiring_guest guest;
	unsigned count = 0;

	while (ph_wiring_next_guest(
		apply->wiring, apply->control->node, &position, &guest))
		count++;
	return count;
}

static void guest_seed(
	struct ph_apply *apply, const struct ph_wiring_guest *guest)
{
	const struct ph_control_config *config = &apply->control->config;
	const char *at = ph_wiring_at(apply->wiring, guest->node);

	if (at && config->seed && strcmp(guest->node, apply->control->node))
		config->seed(config->context, guest->node, at);
}

int ph_apply_add_guests(struct ph_apply *apply)
{
	const struct ph_wiring_wire *position = NULL;
	struct ph_wiring_guest guest;
	unsigned count = guests_count(apply);

	if (!count)
		return 0;
	apply->guests = calloc(count, sizeof(*apply->guests));
	if (!apply->guests)
		return -ENOMEM;
	while (ph_wiring_next_guest(
		apply->wiring, apply->control->node, &position, &guest)) {
		guest_seed(apply, &guest);
		apply->guests[apply->guest_count++].is = guest;
	}
	return 0;
}

static void guest_refused(struct ph_apply *apply,
	const struct ph_apply_guest *guest, const struct ph_error *error)
{
	if (apply->refusal.answer == PH_APPLY_NO)
		return;
	apply->refusal.answer = guest->answer;
	apply->refusal.status = guest->status;
	apply->refusal.error = *error;
	snprintf(apply->refusal.name, sizeof(apply->refusal.name), "%s",
		guest->is.node);
}

static void guest_replied(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_apply_guest *guest = &apply->guests[ask->number];

	apply->pending--;
	guest->status = reply->status;
	if (!reply->status)
		guest->answer = PH_APPLY_YES;
	else if (reply->status == PH_CALL_FAILED ||
		 reply->status == PH_CALL_DENIED)
		guest->answer = PH_APPLY_NO;
	else
		guest->answer = PH_APPLY_UNASKED;
	/* Nobody waits for what need not be there. */
	if (guest->is.optional)
		guest->answer = PH_APPLY_YES;
	else if (reply->status)
		guest_refused(apply, guest, &reply->error);
	ph_apply_step(apply);
}

static void guest_ask(struct ph_apply *apply, unsigned number)
{
	struct ph_control *control = apply->control;
	struct ph_apply_guest *guest = &apply->guests[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_HOSTESS_CHECK,
		.timeout = CHECK_CALL,
		.reply = guest_replied,
		.context = apply,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "server", guest->is.server);
	ph_put_text(writer, "terminal", guest->is.terminal);
	ph_put_text(writer, "type", guest->is.media);
	ph_write_end(writer);
	if (strcmp(guest->is.node, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			guest->is.node);
	guest->answer = PH_APPLY_ASKED;
	apply->pending++;
	ph_control_ask(control, &ask);
}

bool ph_apply_check(struct ph_apply *apply)
{
	bool late = ph_apply_now(apply) >= apply->deadline;
	bool away = false;

	if (ph_apply_check_failed(apply))
		return false;
	for (unsigned i = 0; i < apply->guest_count; i++) {
		struct ph_apply_guest *guest = &apply->guests[i];

		if (guest->answer != PH_APPLY_UNASKED)
			continue;
		if (!guest->status)
			guest_ask(apply, i);
		else if (late)
			guest->answer = PH_APPLY_UNREACHED;
		else
			away = true;
	}
	if (away && !apply->pending)
		ph_timer_start(apply->control->config.loop, &apply->again,
			ph_apply_now(apply) + PH_APPLY_AGAIN);
	return away || apply->pending;
}

void ph_apply_check_again(struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->guest_count; i++) {
		if (apply->guests[i].answer == PH_APPLY_UNASKED)
			apply->guests[i].status = 0;
	}
}

bool ph_apply_check_failed(const struct ph_apply *apply)
{
	for (unsigned i = 0; i < apply->guest_count; i++) {
		const struct ph_apply_guest *guest = &apply->guests[i];

		if (!guest->is.optional &&
			(guest->answer == PH_APPLY_NO ||
				guest->answer == PH_APPLY_UNREACHED))
			return true;
	}
	return false;
}
