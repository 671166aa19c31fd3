#include "controlsurface/decision.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/log.h"

/*
 * A decision on the disk: space "decisions", key the transaction's id.
 *
 *   {scope, by, nodes: [name...]}
 *
 * That there is a record says that it was decided, also of one that cannot be
 * read: then only who has to hear of it is lost.
 */
void ph_decision_write_record(
	struct ph_writer *writer, const struct ph_decision *decision)
{
	ph_write_map(writer);
	ph_put_text(writer, "scope", decision->scope);
	ph_put_text(writer, "by", decision->by);
	ph_put_list(writer, "nodes");
	for (unsigned i = 0; i < decision->node_count; i++)
		ph_write_text(writer, decision->nodes[i].name);
	ph_write_end(writer);
	ph_write_end(writer);
}

/* Says in `error` what is wrong with it. */
static int read_record(struct ph_decision *decision, struct ph_value map,
	struct ph_value nodes)
{
	if (!*ph_get_copy(
		    map, "scope", decision->scope, sizeof(decision->scope)))
		return -EBADMSG;
	ph_get_copy(map, "by", decision->by, sizeof(decision->by));
	for (unsigned i = 0; i < decision->node_count; i++)
		if (!ph_value_copy(ph_value_at(nodes, i),
			    decision->nodes[i].name, PH_NAME_MAX + 1))
			return -EBADMSG;
	return decision->node_count ? 0 : -EBADMSG;
}

static void keep_unread(struct ph_decision *decision)
{
	ph_log_error("control",
		"decision.unreadable id=%s scope=%s next=\"start the version "
		"that wrote it; or, when no node is in doubt of it, posthouse "
		"plan resolve %s commit\"",
		decision->id, decision->scope, decision->id);
	decision->unreadable = true;
	decision->node_count = 0;
	decision->since = ph_clock_wall();
}

int ph_decision_restore(struct ph_control *control, const char *id,
	const uint8_t *record, size_t length)
{
	struct ph_document *document = NULL;
	struct ph_decision *decision;
	struct ph_value map = {0};
	struct ph_value nodes;
	size_t count;

	/* A second load, because the first was cut short. */
	if (ph_decision_find(control, id))
		return 0;
	if (record && ph_document_read(&document, record, length,
			      PH_SKIM_TABLE) == -ENOMEM)
		return -ENOMEM;
	if (document)
		map = ph_document_root(document);
	nodes = ph_value_get(map, "nodes");
	count = ph_value_count(nodes);
	if (count > PH_TRANSACTION_NODES)
		count = 0;
	decision = ph_decision_new(control, id, (unsigned)count);
	if (decision) {
		decision->durable = true;
		if (read_record(decision, map, nodes))
			keep_unread(decision);
	}
	ph_document_free(document);
	return decision ? 0 : -ENOMEM;
}
