#include "controlsurface/views.h"

#include <stdlib.h>

/*
 * control.show: what the guest book, the executor and the connectome say about
 * one address, in one answer. Items have `kind`: guest, server or connection.
 */
enum show_part {
	SHOW_FLOWS,
	SHOW_GUESTS,
	SHOW_SERVERS,
	SHOW_PARTS
};

struct show {
	struct ph_control_work work; /* first */
	struct ph_control *control;
	ph_handle ticket;
	struct ph_view_address address;
	unsigned pending;
	bool found;
	struct ph_writer *writer; /* the items so far */
};

static void show_free(struct ph_control_work *work)
{
	struct show *show = (struct show *)work;

	ph_writer_free(show->writer);
	free(show);
}

static void show_edges(struct show *show)
{
	struct ph_control *control = show->control;
	struct ph_edge *edge;

	for (edge = control->connectome.ids; edge; edge = edge->by_id.next) {
		struct ph_document *document;
		const uint8_t *data;
		size_t length;

		if (!ph_view_matches(control, &show->address, edge))
			continue;
		ph_control_writer(control);
		ph_control_write_edge(control, edge, "connection");
		if (ph_writer_finish(control->writer, &data, &length) ||
			ph_document_read(
				&document, data, length, PH_SKIM_TABLE))
			continue;
		ph_write_value(show->writer, ph_document_root(document));
		ph_document_free(document);
		show->found = true;
	}
}

static void show_end(struct show *show)
{
	struct ph_control *control = show->control;
	struct ph_error error;

	show_edges(show);
	ph_write_end(show->writer);
	ph_write_end(show->writer);
	if (show->found) {
		ph_answer_ok(control->config.door, show->ticket, show->writer);
	} else {
		ph_fail(&error, PH_EXIT_NOT_FOUND, control->node,
			"see `posthouse guests` and `posthouse connections`",
			"nothing here is called '%s'", show->address.text);
		ph_answer_error(control->config.door, show->ticket, &error);
	}
	ph_control_work_end(control, &show->work);
	show_free(&show->work);
}

/* Copies an item, with its kind in front. */
static void show_item(struct show *show, struct ph_value item, const char *kind)
{
	ph_write_map(show->writer);
	ph_put_text(show->writer, "kind", kind);
	for (size_t i = 0; i < ph_value_count(item); i++) {
		if (ph_value_is(ph_value_key(item, i), "kind")) {
			/* The executor's own: program or bundled. */
			ph_put_value(
				show->writer, "runs", ph_value_item(item, i));
			continue;
		}
		ph_write_value(show->writer, ph_value_key(item, i));
		ph_write_value(show->writer, ph_value_item(item, i));
	}
	ph_write_end(show->writer);
}

static bool item_matches(
	const struct show *show, struct ph_value item, const char *key)
{
	const struct ph_place *place = &show->address.place;

	if (show->address.id)
		return false;
	if (*place->node && strcmp(place->node, show->control->node))
		return false;
	return ph_value_is(ph_value_get(item, key), place->server);
}

/* A server is shown for its terminal, if it has that one. */
static bool item_has_terminal(const struct show *show, struct ph_value item)
{
	const char *wanted = show->address.place.terminal;
	struct ph_value terminals = ph_value_get(item, "terminals");

	for (size_t i = 0; i < ph_value_count(terminals); i++)
		if (ph_value_is(ph_value_get(ph_value_at(terminals, i), "name"),
			    wanted))
			return true;
	return !*wanted;
}

static void show_matching(struct show *show, struct ph_value item, bool guests)
{
	if (!item_matches(show, item, guests ? "server" : "name"))
		return;
	show_item(show, item, guests ? "guest" : "server");
	show->found |= item_has_terminal(show, item);
}

static void shown(struct ph_control *control, const struct ph_ask *ask,
	const struct ph_reply *reply)
{
	struct show *show = ask->context;
	struct ph_value items = ph_value_get(reply->body, "items");
	bool guests = ask->number == SHOW_GUESTS;

	if (ask->number == SHOW_FLOWS)
		ph_control_take_flows(control, &show->address, reply->body);
	else
		for (size_t i = 0; i < ph_value_count(items); i++)
			show_matching(show, ph_value_at(items, i), guests);
	if (!--show->pending)
		show_end(show);
}

static const uint16_t show_methods[SHOW_PARTS] = {
	[SHOW_FLOWS] = PH_WIRE_FLOWS,
	[SHOW_GUESTS] = PH_HOSTESS_GUESTS,
	[SHOW_SERVERS] = PH_EXECUTOR_LIST,
};

static void show_ask(struct show *show)
{
	for (unsigned i = 0; i < SHOW_PARTS; i++) {
		struct ph_writer *writer = ph_control_writer(show->control);

		if (i == SHOW_FLOWS) {
			ph_view_write_flows(
				show->control, &show->address, writer);
		} else {
			ph_write_map(writer);
			ph_write_end(writer);
		}
		show->pending++;
		ph_control_ask(show->control, &(struct ph_ask){
						      .method = show_methods[i],
						      .timeout = PH_ASK_HERE,
						      .reply = shown,
						      .context = show,
						      .number = i,
					      });
	}
}

static void show_begin(struct ph_control *control, ph_handle ticket,
	const struct ph_view_address *address)
{
	struct show *show = calloc(1, sizeof(*show));

	if (!show || ph_writer_create(&show->writer)) {
		free(show);
		ph_door_answer(
			control->config.door, ticket, PH_CALL_FAILED, NULL, 0);
		return;
	}
	show->work.abandon = show_free;
	show->control = control;
	show->ticket = ticket;
	show->address = *address;
	ph_control_work_begin(control, &show->work);
	ph_write_map(show->writer);
	ph_put_list(show->writer, "items");
	show_ask(show);
}

void ph_control_serve_show(
	void *context, ph_handle ticket, const struct ph_call *call)
{
	struct ph_control *control = context;
	struct ph_view_address address;
	struct ph_request request;

	if (ph_request_open(&request, control->config.door, ticket, call))
		return;
	if (!ph_view_open(&address, &request))
		show_begin(control, ticket, &address);
	ph_request_close(&request);
}
