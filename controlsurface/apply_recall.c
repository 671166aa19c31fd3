#include "controlsurface/apply_choose.h"

#include <stdio.h>

/* Who was chosen before, as the parts of the scope have it. */
#define RECALL_CALL (3 * PH_SECOND)

static int read_place(
	struct ph_place *out, struct ph_value map, const char *key)
{
	char text[3 * (PH_NAME_MAX + 1) + 8];

	return ph_place_parse(out, ph_get_copy(map, key, text, sizeof(text)));
}

/* Both ends could have been chosen: which one it was, the wish tells. */
static void recall_wire(
	struct ph_apply *apply, const char *node, struct ph_value wire)
{
	struct ph_place ends[2];
	char mask[PH_WIRE_CRITERIA];

	ph_get_copy(wire, "criteria", mask, sizeof(mask));
	if (!*mask || read_place(&ends[0], wire, "from") ||
		read_place(&ends[1], wire, "to"))
		return;
	snprintf(ends[0].node, sizeof(ends[0].node), "%s", node);
	for (unsigned output = 0; output < 2; output++) {
		const struct ph_place *chosen = &ends[output ? 0 : 1];
		struct ph_choice *choice = ph_choice_add(apply);

		if (!choice)
			return;
		memcpy(choice->mask, mask, sizeof(mask));
		choice->output = output;
		ph_place_format(&ends[output ? 1 : 0], choice->known,
			sizeof(choice->known));
		memcpy(choice->node, chosen->node, sizeof(choice->node));
		memcpy(choice->server, chosen->server, sizeof(choice->server));
		memcpy(choice->terminal, chosen->terminal,
			sizeof(choice->terminal));
		ph_get_copy(wire, "hold", choice->hold, sizeof(choice->hold));
	}
}

static void recall_places(struct ph_apply *apply, struct ph_value places)
{
	for (size_t i = 0; i < ph_value_count(places); i++) {
		struct ph_choice *choice = ph_choice_add(apply);

		if (!choice)
			return;
		choice->place = true;
		ph_value_copy(ph_value_key(places, i), choice->known,
			sizeof(choice->known));
		ph_value_copy(ph_value_item(places, i), choice->node,
			sizeof(choice->node));
	}
}

static void recall_part(struct ph_apply *apply, struct ph_value item)
{
	struct ph_value part = ph_value_get(item, "part");
	struct ph_value hosts = ph_value_get(part, "hosts");
	struct ph_value wires = ph_value_get(part, "wires");
	char node[PH_NAME_MAX + 1];

	ph_get_copy(item, "node", node, sizeof(node));
	for (size_t i = 0; i < ph_value_count(wires); i++)
		recall_wire(apply, node, ph_value_at(wires, i));
	recall_places(apply, ph_value_get(part, "places"));
	for (size_t i = 0; i < ph_value_count(hosts); i++) {
		ph_value_copy(ph_value_at(hosts, i), node, sizeof(node));
		if (ph_name_is_valid(node, strlen(node)))
			ph_apply_add(apply, node, false);
	}
}

static void recalled(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct ph_apply *apply = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	struct ph_apply_host *host = &apply->hosts[ask->number];

	apply->pending--;
	/* Its line may be just coming up, and it knows who was chosen. */
	if (reply->status && reply->status != PH_CALL_FAILED &&
		reply->status != PH_CALL_DENIED && host->needed &&
		!ph_apply_is_late(apply))
		host->recalled = false;
	for (size_t i = 0; !reply->status && i < ph_value_count(items); i++)
		recall_part(apply, ph_value_at(items, i));
	ph_apply_recall(apply);
}

static void recall_host(struct ph_apply *apply, unsigned number)
{
	struct ph_control *control = apply->control;
	struct ph_apply_host *host = &apply->hosts[number];
	struct ph_writer *writer = ph_control_writer(control);
	struct ph_ask ask = {
		.method = PH_CONTROL_PARTS,
		.timeout = RECALL_CALL,
		.reply = recalled,
		.context = apply,
		.number = number,
	};

	ph_write_map(writer);
	ph_put_text(writer, "name", apply->scope);
	ph_write_end(writer);
	if (strcmp(host->name, control->node))
		snprintf(ask.destination, sizeof(ask.destination), "%s",
			host->name);
	host->recalled = true;
	host->asked_again++;
	apply->pending++;
	ph_control_ask(control, &ask);
}

/* Asks whoever was not asked. One that was away is asked again a little
 * later, all of them at once. */
void ph_apply_recall(struct ph_apply *apply)
{
	bool away = false;

	if (apply->pending)
		return;
	for (unsigned i = 0; i < apply->host_count; i++) {
		struct ph_apply_host *host = &apply->hosts[i];

		if (!host->recalled && host->asked_again && !apply->due)
			away = true;
		else if (!host->recalled)
			recall_host(apply, i);
	}
	apply->due = false;
	if (apply->pending)
		return;
	if (away)
		ph_timer_start(apply->control->config.loop, &apply->again,
			ph_apply_now(apply) + PH_APPLY_AGAIN);
	else
		ph_apply_place(apply);
}

void ph_apply_choose_again(struct ph_apply *apply)
{
	apply->due = true;
	ph_apply_recall(apply);
}
