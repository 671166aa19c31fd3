#include <string.h>
#include <utlist.h>

#include "hostess/guestbook.h"
#include "hostess/mask.h"
#include "hostess/reservation.h"

/* A guest as it is shown: in guest books, and in menus. */

static void hold_write(
	const char *id, const char *node, struct ph_writer *writer)
{
	ph_write_map(writer);
	ph_put_text(writer, "id", id);
	ph_put_text(writer, "by", node);
	ph_write_end(writer);
}

/* Reservations that no connection uses yet. */
static void holds_write(
	const struct ph_reservation *first, bool away, struct ph_writer *writer)
{
	const struct ph_reservation *hold;

	ph_put_list(writer, "holds");
	DL_FOREACH(first, hold)
	{
		if (!*hold->connection)
			hold_write(hold->id, hold->node, writer);
	}
	/* Of another node's menu only that it is held is known. */
	if (away && !first)
		hold_write("", "", writer);
	ph_write_end(writer);
}

static void labels_write(
	char *const *labels, unsigned count, struct ph_writer *writer)
{
	ph_put_map(writer, "labels");
	for (unsigned i = 0; i < count; i++) {
		const char *equals = strchr(labels[i], '=');

		ph_write_textn(writer, labels[i], (size_t)(equals - labels[i]));
		ph_write_text(writer, equals + 1);
	}
	ph_write_end(writer);
}

static void terminal_write(
	const struct ph_guest_terminal *terminal, struct ph_writer *writer)
{
	const struct ph_reservation *booking;
	const struct ph_feed *feed;

	ph_write_map(writer);
	ph_put_text(writer, "name", terminal->name);
	ph_put_text(
		writer, "direction", ph_direction_name(terminal->direction));
	ph_put_text(writer, "type", terminal->media);
	ph_put_int(writer, "in_use", terminal->in_use);
	ph_put_int(writer, "capacity", terminal->capacity);
	ph_put_list(writer, "connections");
	DL_FOREACH(terminal->bookings, booking)
	if (*booking->connection)
		ph_write_text(writer, booking->connection);
	LL_FOREACH(terminal->feeds, feed)
	ph_write_text(writer, feed->connection);
	ph_write_end(writer);
	holds_write(terminal->bookings, false, writer);
	labels_write(terminal->labels, terminal->label_count, writer);
	ph_write_end(writer);
}

void ph_guest_write(const struct ph_guest *guest, const char *node,
	const struct ph_mask *mask, struct ph_writer *writer)
{
	char identity[PH_IDENTITY_MAX + 1];
	char rule[PH_AUTH_TEXT];

	if (ph_identity_format(&guest->identity, identity, sizeof(identity)) <
		0)
		identity[0] = '\0';
	ph_write_map(writer);
	ph_put_text(writer, "identity", identity);
	ph_put_text(writer, "node", node);
	ph_put_text(writer, "server", guest->server);
	ph_put_text(writer, "state", guest->state);
	ph_put_int(writer, "class", guest->identity.class);
	ph_put_text(writer, "auth",
		ph_auth_rule_format(&guest->auth, rule, sizeof(rule)));
	ph_put_list(writer, "caps");
	for (unsigned i = 0; i < guest->cap_count; i++)
		ph_write_text(writer, guest->caps[i]);
	ph_write_end(writer);
	labels_write(guest->labels, guest->label_count, writer);
	/* To nodes that do not know draining it is held. */
	holds_write(guest->holders, guest->held_away || guest->drains, writer);
	if (guest->drains)
		ph_put_bool(writer, "draining", true);
	ph_put_list(writer, "terminals");
	for (unsigned i = 0; i < guest->terminal_count; i++)
		if (ph_mask_takes_terminal(mask, &guest->terminals[i]))
			terminal_write(&guest->terminals[i], writer);
	ph_write_end(writer);
	ph_write_end(writer);
}

size_t ph_guest_size(const struct ph_guest *guest)
{
	size_t size = 320 + 64 * (guest->cap_count + guest->label_count);

	for (unsigned i = 0; i < guest->terminal_count; i++)
		size += 128 + 48 * guest->terminals[i].in_use +
			64 * guest->terminals[i].label_count;
	return size;
}
