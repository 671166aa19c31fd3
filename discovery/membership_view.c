#include "discovery/membership.h"

/* What is told of members. */

uint64_t membership_epoch_of(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], bool *left)
{
	struct ph_member_view view;

	if (ph_members_find(discovery->membership->members, id, &view))
		return 0;
	*left = view.state == PH_MEMBER_LEFT;
	return view.epoch;
}

const char *membership_state(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, int64_t *since)
{
	struct membership *membership = discovery->membership;
	struct contact *contact = contact_find(membership, neighbour->id);
	struct ph_member_view view;

	if (contact &&
		!ph_members_find(membership->members, neighbour->id, &view)) {
		*since = contact->since;
		return ph_member_state_name(view.state);
	}
	*since = ph_clock_wall() -
		 (ph_loop_now(discovery->loop) - neighbour->since);
	return ph_member_state_name(PH_MEMBER_HEARD);
}

const char *ph_discovery_state(
	struct ph_discovery *discovery, const char *id, int64_t *since)
{
	struct membership *membership = discovery->membership;
	struct ph_member_view view;
	uint8_t bytes[PH_NODE_ID_BYTES];
	struct contact *contact;

	if (id_read(bytes, id))
		return NULL;
	contact = contact_find(membership, bytes);
	if (!contact || ph_members_find(membership->members, bytes, &view))
		return NULL;
	*since = contact->since;
	return ph_member_state_name(view.state);
}

const char *ph_discovery_watched_by(
	struct ph_discovery *discovery, const char *id)
{
	uint8_t bytes[PH_NODE_ID_BYTES];
	const struct contact *contact;

	if (id_read(bytes, id))
		return NULL;
	contact = contact_find(discovery->membership, bytes);
	if (!contact)
		return NULL;
	return contact->by_line ? "line" : "datagrams";
}

void membership_report(struct ph_discovery *discovery, struct ph_writer *writer)
{
	struct membership *membership = discovery->membership;

	ph_put_map(writer, "membership");
	for (unsigned i = PH_MEMBER_HEARD; i <= PH_MEMBER_LEFT; i++)
		ph_put_u64(writer,
			ph_member_state_name((enum ph_member_state)i),
			ph_members_in(
				membership->members, (enum ph_member_state)i));
	ph_put_u64(writer, "incarnation",
		ph_members_incarnation(membership->members));
	ph_put_u64(writer, "ill", ph_members_ill(membership->members));
	ph_put_u64(writer, "received", membership->counted.received);
	ph_put_u64(writer, "sent", membership->counted.sent);
	ph_put_u64(writer, "forged", membership->counted.forged);
	ph_put_u64(writer, "stale", membership->counted.stale);
	ph_put_u64(writer, "unknown", membership->counted.unknown);
	ph_put_u64(writer, "unsent", membership->counted.unsent);
	ph_write_end(writer);
}

void membership_describe(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], struct ph_writer *writer)
{
	struct membership *membership = discovery->membership;
	struct ph_member_view view;

	if (ph_members_find(membership->members, id, &view))
		return;
	ph_put_bool(writer, "stale", view.stale);
	ph_put_int(writer, "rtt_us", view.round_trip / PH_MICROSECOND);
	ph_put_u64(writer, "accusers", view.accusers);
}

unsigned ph_discovery_members(const struct ph_discovery *discovery)
{
	const struct ph_members *members = discovery->membership->members;

	return 1 + ph_members_in(members, PH_MEMBER_ALIVE) +
	       ph_members_in(members, PH_MEMBER_SUSPECT);
}
