#include "controlsurface/pact.h"

#include <stdio.h>

/* What the others know of a transaction; each answer is an event. */
#define ASK_CALL (2 * PH_SECOND)

static void heard(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_pact *pact = ph_pact_find(control, ask->id);
	struct ph_transaction_event event = {.kind = PH_TRANSACTION_ON_HEARD};
	char text[24];
	int outcome;

	if (!pact || reply->status || ask->number >= pact->core.node_count)
		return;
	ph_get_copy(reply->body, "outcome", text, sizeof(text));
	outcome = ph_outcome_parse(text);
	if (outcome < 0)
		return;
	event.node = pact->core.nodes[ask->number].name;
	event.outcome = (enum ph_outcome)outcome;
	ph_pact_event(pact, &event);
}

/* The coordinator is this node: its decisions are in this room. */
static void ask_here(struct ph_pact *pact)
{
	ph_pact_event(pact,
		&(struct ph_transaction_event){.kind = PH_TRANSACTION_ON_HEARD,
			.node = pact->control->node,
			.outcome = ph_pact_coordinator_outcome(
				pact->control, pact->core.id)});
}

/* Of a look at the coordinator: that it is away is an answer, too. */
static void looked(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_pact *pact = ph_pact_find(control, ask->id);

	if (!reply->status)
		heard(control, ask, reply);
	else if (pact && (reply->status != PH_CALL_FAILED ||
				 reply->error.exit == PH_EXIT_UNREACHABLE))
		ph_pact_event(pact, &(struct ph_transaction_event){
					    .kind = PH_TRANSACTION_ON_HEARD,
					    .node = pact->core.coordinator,
					    .outcome = PH_OUTCOME_UNHEARD});
}

static void ask_node(struct ph_pact *pact, unsigned number, ph_reply_fn *reply)
{
	struct ph_writer *writer = ph_control_writer(pact->control);
	struct ph_ask ask = {
		.method = PH_CONTROL_OUTCOME,
		.timeout = ASK_CALL,
		.reply = reply,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "transaction", pact->core.id);
	ph_write_end(writer);
	snprintf(ask.id, sizeof(ask.id), "%s", pact->core.id);
	snprintf(ask.destination, sizeof(ask.destination), "%s",
		pact->core.nodes[number].name);
	ph_control_ask(pact->control, &ask);
}

void ph_pact_ask(struct ph_pact *pact)
{
	const struct ph_transaction *core = &pact->core;
	bool everybody = core->state == PH_TRANSACTION_IN_DOUBT;
	bool here = !strcmp(core->coordinator, pact->control->node);

	for (unsigned i = 0; i < core->node_count; i++) {
		const char *name = core->nodes[i].name;

		if (!strcmp(name, pact->control->node))
			continue;
		/* Whether it may be forgotten only the coordinator knows. */
		if (everybody || !strcmp(name, core->coordinator))
			ask_node(pact, i, heard);
	}
	if (here)
		ask_here(pact);
}

void ph_pact_look(struct ph_pact *pact)
{
	const struct ph_transaction *core = &pact->core;

	if (!strcmp(core->coordinator, pact->control->node)) {
		ask_here(pact);
		return;
	}
	for (unsigned i = 0; i < core->node_count; i++) {
		if (!strcmp(core->nodes[i].name, core->coordinator))
			ask_node(pact, i, looked);
	}
}
