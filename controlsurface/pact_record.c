#include "controlsurface/pact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernel/log.h"

/*
 * A transaction on the disk: space "transactions", key its id.
 *
 *   {state, coordinator, scope, by, since, nodes: [name...], part: {...}}
 *
 * The part stands in it until it is applied. One that cannot be read stays as
 * it is (transaction.h).
 */
static void write_nodes(
	struct ph_writer *writer, const struct ph_transaction *core)
{
	ph_put_list(writer, "nodes");
	for (unsigned i = 0; i < core->node_count; i++)
		ph_write_text(writer, core->nodes[i].name);
	ph_write_end(writer);
}

static void write_record(
	struct ph_writer *writer, const struct ph_pact *pact, bool part)
{
	const struct ph_transaction *core = &pact->core;

	ph_write_map(writer);
	ph_put_text(writer, "state", ph_transaction_state_name(core->state));
	ph_put_text(writer, "coordinator", core->coordinator);
	ph_put_text(writer, "scope", pact->scope);
	ph_put_text(writer, "by", pact->by);
	ph_put_int(writer, "since", pact->since);
	write_nodes(writer, core);
	if (part)
		ph_put_bytes(writer, "part", pact->bytes, pact->length);
	ph_write_end(writer);
}

void ph_pact_write_record(struct ph_pact *pact)
{
	struct ph_writer *record;
	struct ph_writer *writer = ph_control_writer(pact->control);
	const uint8_t *data = NULL;
	size_t length = 0;

	ph_write_map(writer);
	ph_put_text(writer, "space", "transactions");
	ph_put_text(writer, "key", pact->core.id);
	/* Without memory the value is missing, and the store says so. */
	if (!ph_writer_create(&record)) {
		write_record(record, pact, pact->bytes != NULL);
		if (!ph_writer_finish(record, &data, &length))
			ph_put_bytes(writer, "value", data, length);
		ph_writer_free(record);
	}
	ph_write_end(writer);
}

static int read_nodes(struct ph_transaction *core, struct ph_value list)
{
	size_t count = ph_value_count(list);

	if (count > PH_TRANSACTION_NODES)
		return -EBADMSG;
	core->nodes = calloc(count ? count : 1, sizeof(*core->nodes));
	if (!core->nodes)
		return -ENOMEM;
	core->node_count = (unsigned)count;
	for (size_t i = 0; i < count; i++)
		ph_value_copy(ph_value_at(list, i), core->nodes[i].name,
			sizeof(core->nodes[i].name));
	return 0;
}

static int read_part(struct ph_pact *pact, struct ph_value map)
{
	struct ph_control *control = pact->control;
	struct ph_document *document;
	struct ph_error error;
	const uint8_t *data =
		ph_value_bytes(ph_value_get(map, "part"), &pact->length);
	int status;

	if (!data)
		return -EBADMSG;
	pact->bytes = malloc(pact->length ? pact->length : 1);
	if (!pact->bytes)
		return -ENOMEM;
	memcpy(pact->bytes, data, pact->length);
	status = ph_document_read(
		&document, pact->bytes, pact->length, PH_SKIM_TABLE);
	if (status)
		return status;
	status = ph_part_read(&pact->part, ph_document_root(document),
		control->node, control->config.bundled, &error);
	ph_document_free(document);
	return status ? -EBADMSG : 0;
}

static bool is_recorded(int state)
{
	return state == PH_TRANSACTION_PREPARING ||
	       state == PH_TRANSACTION_COMMITTING ||
	       state == PH_TRANSACTION_NOTING ||
	       state == PH_TRANSACTION_REFUSING;
}

static int read_record(struct ph_pact *pact, struct ph_value map)
{
	struct ph_transaction *core = &pact->core;
	char text[24];
	int state;

	ph_get_copy(map, "coordinator", core->coordinator,
		sizeof(core->coordinator));
	ph_get_copy(map, "scope", pact->scope, sizeof(pact->scope));
	ph_get_copy(map, "by", pact->by, sizeof(pact->by));
	pact->since = ph_get_int(map, "since");
	ph_get_copy(map, "state", text, sizeof(text));
	state = ph_transaction_state_parse(text);
	if (!is_recorded(state))
		return -EBADMSG;
	core->state = (enum ph_transaction_state)state;
	if (core->state == PH_TRANSACTION_REFUSING)
		return 0;
	if (!*pact->scope || !*core->coordinator)
		return -EBADMSG;
	if (read_nodes(core, ph_value_get(map, "nodes")))
		return -EBADMSG;
	if (core->state == PH_TRANSACTION_PREPARING ||
		core->state == PH_TRANSACTION_COMMITTING)
		return read_part(pact, map);
	return 0;
}

/* Its id names its coordinator, also when nothing else can be read. */
static int keep_unread(struct ph_pact *pact)
{
	struct ph_transaction *core = &pact->core;

	ph_pact_drop_part(pact);
	free(core->nodes);
	core->node_count = 0;
	core->nodes = calloc(1, sizeof(*core->nodes));
	if (!core->nodes)
		return -ENOMEM;
	core->node_count = 1;
	snprintf(core->coordinator, sizeof(core->coordinator), "%.*s",
		(int)strcspn(core->id, "@"), core->id);
	memcpy(core->nodes[0].name, core->coordinator,
		sizeof(core->coordinator));
	core->state = PH_TRANSACTION_UNREADABLE;
	ph_log_error("control",
		"transaction.unreadable id=%s scope=%s coordinator=%s "
		"next=\"start the version that wrote it; or posthouse plan "
		"resolve %s abort, and apply again\"",
		core->id, pact->scope, core->coordinator, core->id);
	return 0;
}

static void drop(struct ph_pact *pact)
{
	HASH_DEL(pact->control->pacts, pact);
	ph_pact_drop_part(pact);
	free(pact->core.nodes);
	free(pact);
}

int ph_pact_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length)
{
	struct ph_document *document = NULL;
	struct ph_pact *pact;
	int status = -EBADMSG;

	/* A second load, because the first was cut short. */
	if (ph_pact_find(control, id))
		return 0;
	pact = ph_pact_make(control, id);
	if (!pact)
		return -ENOMEM;
	if (record)
		status = ph_document_read(
			&document, record, length, PH_SKIM_TABLE);
	if (!status)
		status = read_record(pact, ph_document_root(document));
	ph_document_free(document);
	if (status && status != -ENOMEM)
		status = keep_unread(pact);
	if (status)
		drop(pact);
	return status;
}
