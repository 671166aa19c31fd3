#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "discovery/membership.h"
#include "kernel/log.h"
#include "proto/calls.h"

/*
 * What survives a restart: each member's announcement, as it was made, and its
 * state, in the store's space "discovery". What is loaded goes through the same
 * proofs as what comes in, a few in each turn, and counts as stale until the
 * member is heard.
 */
#define SPACE	  "discovery"
#define KEEP_SOON (2 * PH_SECOND) /* several changes at once */
#define KEEP_MOST 32u		  /* of one round */
#define LOAD_MOST 8u		  /* of one turn: a signature each */

static const struct ph_caller self = {.role = PH_ROLE_EXEC};

struct loading {
	struct ph_member_view view;
	uint16_t length;
	struct loading *next;
	uint8_t bytes[];
};

static void unheard(
	void *context, int status, const uint8_t *body, size_t length)
{
	if (status)
		ph_log_debug("discovery", "view.unkept status=%d", status);
}

static void tell_store(struct membership *membership, uint16_t method,
	struct ph_writer *writer)
{
	struct ph_discovery *discovery = membership->discovery;

	ph_call_send(discovery->door, &self, "", method, writer,
		ph_loop_now(discovery->loop), 10 * PH_SECOND, unheard, NULL);
}

static int write_value(struct membership *membership, struct contact *contact,
	const struct ph_neighbour *neighbour, struct ph_writer *writer)
{
	struct ph_member_view view;

	if (ph_members_find(membership->members, contact->id, &view))
		return -1;
	ph_write_map(writer);
	ph_put_bytes(writer, "bytes", neighbour->data, neighbour->length);
	ph_put_u64(writer, "epoch", view.epoch);
	ph_put_u64(writer, "incarnation", view.incarnation);
	ph_put_u64(writer, "state", view.state);
	ph_put_int(writer, "since", contact->since);
	ph_write_end(writer);
	return 0;
}

void keep_put(struct membership *membership, const char *key,
	const uint8_t *data, size_t length)
{
	struct ph_writer *writer;

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", SPACE);
	ph_put_text(writer, "key", key);
	ph_put_bytes(writer, "value", data, length);
	ph_write_end(writer);
	tell_store(membership, PH_STORE_PUT, writer);
	ph_writer_free(writer);
}

static void keep_contact(struct membership *membership, struct contact *contact)
{
	const struct ph_neighbour *neighbour = ph_neighbours_find(
		membership->discovery->neighbours, contact->id);
	struct ph_writer *value;
	const uint8_t *data;
	char id[PH_NODE_ID_TEXT];
	size_t length;

	contact->dirty = false;
	if (!neighbour || ph_writer_create(&value))
		return;
	if (!write_value(membership, contact, neighbour, value) &&
		!ph_writer_finish(value, &data, &length))
		keep_put(membership, id_text(id, contact->id), data, length);
	ph_writer_free(value);
}

static void arm(struct membership *membership)
{
	struct ph_loop *loop = membership->discovery->loop;

	if (!membership->keep.slot && !membership->leaving)
		ph_timer_start(
			loop, &membership->keep, ph_loop_now(loop) + KEEP_SOON);
}

static void keep_round(struct membership *membership, unsigned most)
{
	for (struct contact *contact = membership->contacts; contact;
		contact = contact->hh.next) {
		if (!contact->dirty)
			continue;
		if (!most--) {
			arm(membership);
			return;
		}
		keep_contact(membership, contact);
	}
}

static void keep_due(struct ph_timer *timer)
{
	keep_round((struct membership *)((char *)timer -
					 offsetof(struct membership, keep)),
		KEEP_MOST);
}

void keep_soon(struct membership *membership, struct contact *contact)
{
	contact->dirty = true;
	membership->keep.on_due = keep_due;
	arm(membership);
}

void keep_now(struct membership *membership)
{
	keep_round(membership, PH_DISCOVERY_MEMBERS);
	floors_now(membership);
}

void keep_drop(struct membership *membership, const struct contact *contact)
{
	struct ph_writer *writer;
	char id[PH_NODE_ID_TEXT];

	if (ph_writer_create(&writer))
		return;
	ph_write_map(writer);
	ph_put_text(writer, "space", SPACE);
	ph_put_text(writer, "key", id_text(id, contact->id));
	ph_write_end(writer);
	tell_store(membership, PH_STORE_DELETE, writer);
	ph_writer_free(writer);
}

/*
 * Loading.
 */
static void take_entry(struct membership *membership, struct loading *entry)
{
	struct ph_discovery *discovery = membership->discovery;
	struct contact *contact;

	ph_discovery_hear(
		discovery, entry->bytes, entry->length, discovery->id);
	contact = contact_find(membership, entry->view.id);
	if (!contact)
		return;
	entry->view.handle = contact->handle;
	contact->since = entry->view.since;
	entry->view.since = ph_loop_now(discovery->loop);
	ph_members_import(membership->members, ph_loop_now(discovery->loop),
		&entry->view);
	membership_settle(membership);
}

static void load_end(struct membership *membership)
{
	floors_start(membership);
	discovery_hear_wires(membership->discovery);
}

static void load_some(struct ph_task *task)
{
	struct membership *membership =
		(struct membership *)((char *)task -
				      offsetof(struct membership, load));

	for (unsigned i = 0; i < LOAD_MOST && membership->loading; i++) {
		struct loading *entry = membership->loading;

		LL_DELETE(membership->loading, entry);
		take_entry(membership, entry);
		free(entry);
	}
	if (membership->loading)
		ph_loop_defer(membership->discovery->loop, &membership->load);
	else
		load_end(membership);
}

static void read_entry(
	struct membership *membership, const char *key, struct ph_value value)
{
	struct loading *entry;
	size_t length;
	const uint8_t *bytes =
		ph_value_bytes(ph_value_get(value, "bytes"), &length);
	uint64_t state = ph_get_u64(value, "state");

	if (!bytes || length > PH_ANNOUNCEMENT_MAX || state > PH_MEMBER_LEFT)
		return;
	entry = calloc(1, sizeof(*entry) + length);
	if (!entry)
		return;
	if (id_read(entry->view.id, key)) {
		free(entry);
		return;
	}
	memcpy(entry->bytes, bytes, length);
	entry->length = (uint16_t)length;
	entry->view.epoch = ph_get_u64(value, "epoch");
	entry->view.incarnation = (uint32_t)ph_get_u64(value, "incarnation");
	entry->view.state = (enum ph_member_state)state;
	entry->view.since = ph_get_int(value, "since");
	entry->view.stale = true;
	LL_PREPEND(membership->loading, entry);
}

static void on_listed(
	void *context, int status, const uint8_t *body, size_t length)
{
	struct membership *membership = context;
	struct ph_document *document;
	struct ph_value items;

	if (status ||
		ph_document_read(&document, body, length, PH_SKIM_TABLE)) {
		ph_log_warn("discovery", "view.unread status=%d", status);
		ph_loop_defer(membership->discovery->loop, &membership->load);
		return;
	}
	items = ph_value_get(ph_document_root(document), "items");
	for (size_t i = 0;
		i < ph_value_count(items) && i <= PH_DISCOVERY_MEMBERS; i++) {
		struct ph_value item = ph_value_at(items, i);
		const uint8_t *data =
			ph_value_bytes(ph_value_get(item, "value"), &length);
		struct ph_document *inner;
		char key[PH_NODE_ID_TEXT];

		ph_get_copy(item, "key", key, sizeof(key));
		if (data && !strcmp(key, KEEP_FLOORS))
			floors_take(membership, data, length);
		if (!data || !strcmp(key, KEEP_FLOORS) ||
			ph_document_read(&inner, data, length, PH_SKIM_PEER))
			continue;
		read_entry(membership, key, ph_document_root(inner));
		ph_document_free(inner);
	}
	ph_document_free(document);
	ph_loop_defer(membership->discovery->loop, &membership->load);
}

void keep_load(struct membership *membership)
{
	struct ph_discovery *discovery = membership->discovery;
	struct ph_writer *writer;

	membership->load.run = load_some;
	if (ph_writer_create(&writer)) {
		ph_loop_defer(discovery->loop, &membership->load);
		return;
	}
	ph_write_map(writer);
	ph_put_text(writer, "space", SPACE);
	ph_write_end(writer);
	if (ph_call_send(discovery->door, &self, "", PH_STORE_LIST, writer,
		    ph_loop_now(discovery->loop), 10 * PH_SECOND, on_listed,
		    membership))
		ph_loop_defer(discovery->loop, &membership->load);
	ph_writer_free(writer);
}

void keep_close(struct membership *membership)
{
	struct loading *entry;
	struct loading *next;

	ph_timer_stop(membership->discovery->loop, &membership->keep);
	ph_loop_cancel(membership->discovery->loop, &membership->load);
	LL_FOREACH_SAFE(membership->loading, entry, next)
	free(entry);
	membership->loading = NULL;
	floors_close(membership);
}
