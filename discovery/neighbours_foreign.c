#include "discovery/neighbours_table.h"

#include <string.h>

#include "proto/lldp.h"
#include "proto/seal.h"

/* Foreign neighbours: the MSAP is who they are, nothing of it is proven. */

static void msap(uint8_t id[PH_NODE_ID_BYTES], const struct ph_lldp *lldp)
{
	uint8_t bytes[2 * (2 + PH_LLDP_ID)];
	const struct ph_lldp_id *ids[] = {&lldp->chassis, &lldp->port};
	size_t at = 0;

	for (unsigned i = 0; i < 2; i++) {
		bytes[at++] = ids[i]->subtype;
		bytes[at++] = (uint8_t)ids[i]->value.length;
		memcpy(bytes + at, ids[i]->value.data, ids[i]->value.length);
		at += ids[i]->value.length;
	}
	ph_seal_digest(id, bytes, at);
}

static enum ph_hearing foreign_known(struct ph_neighbours *table,
	struct ph_entry *entry, const struct ph_neighbour *shown)
{
	bool changed = entry->shown.length != shown->length ||
		       memcmp(entry->shown.data, shown->data, shown->length);

	if (changed && ph_entry_say(table, entry, shown->data, shown->length))
		return PH_HEARD_FULL;
	memcpy(entry->shown.name, shown->name, sizeof(shown->name));
	entry->shown.via = shown->via;
	entry->shown.repeated = true;
	if (changed)
		ph_entry_tell(table, entry, PH_NEIGHBOUR_CHANGED);
	return changed ? PH_HEARD_CHANGED : PH_HEARD_REFRESHED;
}

static enum ph_hearing foreign_new(struct ph_neighbours *table,
	struct ph_entry **entry, const struct ph_neighbour *shown, int64_t now)
{
	enum ph_hearing why;

	*entry = ph_entry_add(table, shown, false, false, now, &why);
	return *entry ? PH_HEARD_NEW : why;
}

enum ph_hearing ph_foreign_hear(struct ph_neighbours *table,
	const struct ph_lldp *lldp, const struct ph_via *via, int64_t now)
{
	struct ph_neighbour shown = {
		.standing = PH_FOREIGN,
		.via = *via,
		.carriers = 1u << via->carrier,
		.data = lldp->data,
		.length = lldp->length,
	};
	enum ph_hearing hearing;
	struct ph_entry *entry;

	if (via->carrier != PH_HEARD_ETHERNET)
		return PH_HEARD_UNWANTED;
	msap(shown.id, lldp);
	ph_lldp_bytes_text(lldp->name, shown.name, sizeof(shown.name));
	entry = ph_entry_find(table, shown.id, true);
	if (lldp->ttl == 0) {
		if (!entry)
			return PH_HEARD_UNWANTED;
		ph_entry_remove(table, entry, PH_GONE_GOODBYE, now);
		return PH_HEARD_GOODBYE;
	}
	hearing = entry ? foreign_known(table, entry, &shown)
			: foreign_new(table, &entry, &shown, now);
	if (!entry || hearing == PH_HEARD_FULL)
		return hearing;
	entry->shown.heard = now;
	entry->ttl_until = ph_entry_ttl_end(table, PH_FOREIGN, lldp->ttl, now);
	ph_entry_times(table, entry);
	return hearing;
}
