#include "controlsurface/connectome.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_LIMITS ((struct ph_skim_limits){.depth = 4, .elements = 64})

void ph_connectome_init(
	struct ph_connectome *connectome, const char *node, uint64_t epoch)
{
	memset(connectome, 0, sizeof(*connectome));
	snprintf(connectome->node, sizeof(connectome->node), "%s", node);
	connectome->epoch = epoch;
}

void ph_connectome_fini(struct ph_connectome *connectome)
{
	struct ph_edge *edge;
	struct ph_edge *next;

	HASH_CLEAR(by_wire, connectome->wires);
	HASH_ITER(by_id, connectome->ids, edge, next)
	{
		HASH_DELETE(by_id, connectome->ids, edge);
		free(edge);
	}
}

/* Names hold neither blank, slash nor colon: no two wires share a key. */
static void wire_key(const struct ph_wire *wire, char *out, size_t size)
{
	snprintf(out, size, "%s %s:%s %s/%s:%s", wire->scope, wire->from.server,
		wire->from.terminal, wire->to.node, wire->to.server,
		wire->to.terminal);
}

static struct ph_edge *edge_create(struct ph_connectome *connectome,
	const struct ph_wire *wire, const char *id, uint32_t ceiling,
	bool ended, int64_t now)
{
	struct ph_edge *edge = calloc(1, sizeof(*edge));

	if (!edge)
		return NULL;
	edge->declared = *wire;
	ph_connection_init(&edge->actual, id, ceiling, ended, now);
	wire_key(wire, edge->key, sizeof(edge->key));
	HASH_ADD(by_id, connectome->ids, actual.id, strlen(edge->actual.id),
		edge);
	if (ph_connectome_wire(connectome, wire))
		edge->withdrawn = true;
	else
		HASH_ADD(by_wire, connectome->wires, key, strlen(edge->key),
			edge);
	return edge;
}

struct ph_edge *ph_connectome_add(struct ph_connectome *connectome,
	const struct ph_wire *wire, int64_t now)
{
	char id[PH_CONNECTION_ID];

	snprintf(id, sizeof(id), "%s#%llu.%llu", connectome->node,
		(unsigned long long)connectome->epoch,
		(unsigned long long)++connectome->sequence);
	return edge_create(connectome, wire, id, 0, false, now);
}

static void write_place(
	struct ph_writer *writer, const char *key, const struct ph_place *place)
{
	char text[PH_CONNECTION_ID * 2];

	ph_put_text(writer, key, ph_place_format(place, text, sizeof(text)));
}

void ph_edge_record(const struct ph_edge *edge, struct ph_writer *writer)
{
	const struct ph_wire *wire = &edge->declared;

	ph_write_map(writer);
	ph_put_text(writer, "id", edge->actual.id);
	ph_put_text(writer, "scope", wire->scope);
	write_place(writer, "from", &wire->from);
	write_place(writer, "to", &wire->to);
	ph_put_text(writer, "on_full", wire->on_full);
	ph_put_u64(writer, "queue", wire->queue);
	ph_put_text(writer, "via", wire->via);
	ph_put_u64(writer, "ceiling", edge->actual.ceiling);
	ph_put_bool(writer, "ended", edge->actual.ended);
	ph_write_end(writer);
}

static int read_place(
	struct ph_place *out, struct ph_value map, const char *key)
{
	char text[PH_CONNECTION_ID * 2];

	return ph_place_parse(out, ph_get_copy(map, key, text, sizeof(text)));
}

static bool id_is_newer(const struct ph_connection_id *one,
	const struct ph_connection_id *other)
{
	return one->epoch != other->epoch ? one->epoch > other->epoch
					  : one->sequence > other->sequence;
}

/* Two records of one wire: the older one's deletion was cut short. */
static void settle_double(struct ph_connectome *connectome,
	const struct ph_wire *wire, const struct ph_connection_id *id)
{
	struct ph_edge *edge = ph_connectome_wire(connectome, wire);
	struct ph_connection_id present;

	if (edge && !ph_connection_id_parse(&present, edge->actual.id) &&
		id_is_newer(id, &present))
		ph_connectome_withdraw(connectome, edge);
}

static int restore_map(
	struct ph_connectome *connectome, struct ph_value map, int64_t now)
{
	struct ph_wire wire = {0};
	struct ph_connection_id parsed;
	char id[PH_CONNECTION_ID];
	uint64_t ceiling = ph_get_u64(map, "ceiling");

	ph_get_copy(map, "id", id, sizeof(id));
	ph_get_copy(map, "scope", wire.scope, sizeof(wire.scope));
	ph_get_copy(map, "on_full", wire.on_full, sizeof(wire.on_full));
	wire.queue = ph_get_u64(map, "queue");
	ph_get_copy(map, "via", wire.via, sizeof(wire.via));
	if (ph_connection_id_parse(&parsed, id) || !ceiling ||
		ceiling > UINT32_MAX / 2 ||
		read_place(&wire.from, map, "from") ||
		read_place(&wire.to, map, "to"))
		return -EBADMSG;
	if (ph_connectome_find(connectome, id))
		return -EEXIST;
	settle_double(connectome, &wire, &parsed);
	if (!edge_create(connectome, &wire, id, (uint32_t)ceiling,
		    ph_get_bool(map, "ended"), now))
		return -ENOMEM;
	return 0;
}

int ph_connectome_restore(struct ph_connectome *connectome,
	const uint8_t *record, size_t length, int64_t now)
{
	struct ph_document *document;
	int status = ph_document_read(&document, record, length, RECORD_LIMITS);

	if (status)
		return status == -ENOMEM ? status : -EBADMSG;
	status = restore_map(connectome, ph_document_root(document), now);
	ph_document_free(document);
	return status;
}

struct ph_edge *ph_connectome_find(
	const struct ph_connectome *connectome, const char *id)
{
	struct ph_edge *edge;

	HASH_FIND(by_id, connectome->ids, id, strlen(id), edge);
	return edge;
}

struct ph_edge *ph_connectome_wire(
	const struct ph_connectome *connectome, const struct ph_wire *wire)
{
	struct ph_edge *edge;
	char key[sizeof(edge->key)];

	wire_key(wire, key, sizeof(key));
	HASH_FIND(by_wire, connectome->wires, key, strlen(key), edge);
	return edge;
}

void ph_connectome_withdraw(
	struct ph_connectome *connectome, struct ph_edge *edge)
{
	if (edge->withdrawn)
		return;
	edge->withdrawn = true;
	HASH_DELETE(by_wire, connectome->wires, edge);
}

void ph_connectome_remove(
	struct ph_connectome *connectome, struct ph_edge *edge)
{
	ph_connectome_withdraw(connectome, edge);
	HASH_DELETE(by_id, connectome->ids, edge);
	free(edge);
}

char *ph_edge_from(const struct ph_connectome *connectome,
	const struct ph_edge *edge, char *out, size_t size)
{
	struct ph_place place = edge->declared.from;

	memcpy(place.node, connectome->node, sizeof(place.node));
	return ph_place_format(&place, out, size);
}

char *ph_edge_to(const struct ph_edge *edge, char *out, size_t size)
{
	return ph_place_format(&edge->declared.to, out, size);
}
