#include "discovery/neighbours.h"

#include <errno.h>
#include <string.h>

#include "discovery/neighbours_table.h"
#include "kernel/hal.h"

#define WISH_MOST (300 * PH_SECOND)

/* What is heard: one announcement on its way through the checks. */
struct heard {
	const struct ph_announcement *announcement;
	const uint8_t *data; /* up to and with End */
	size_t length;
	const struct ph_via *via;
	int64_t now;
	struct ph_entry *entry; /* what is known of it, or NULL */
	/* Found out on the way: */
	enum ph_standing standing;
	bool trusted;
	bool repeated;
};

/* Above everything heard of it: as a member, and before that as a stranger. */
static bool is_above_floors(
	const struct ph_neighbours *table, const struct heard *heard)
{
	const struct ph_announcement *said = heard->announcement;
	const struct ph_floors *floors[] = {
		table->member_floors, table->stranger_floors};
	struct ph_floor floor;

	if (heard->entry) {
		floor = (struct ph_floor){
			heard->entry->shown.epoch, heard->entry->shown.seq};
		return ph_floor_below(floor, said->epoch, said->seq);
	}
	for (unsigned i = 0; i < 2; i++)
		if (ph_floors_get(floors[i], said->id, heard->now, &floor) &&
			!ph_floor_below(floor, said->epoch, said->seq))
			return false;
	return true;
}

/* The newest announcement once more: by another carrier, within the moment in
 * which all carriers bring it. For showing only; it is not proven. */
static void note_carrier(const struct heard *heard)
{
	struct ph_neighbour *shown;

	if (!heard->entry || heard->via->carrier == PH_HEARD_LINE)
		return;
	shown = &heard->entry->shown;
	if (shown->epoch == heard->announcement->epoch &&
		shown->seq == heard->announcement->seq && shown->heard &&
		heard->now - shown->heard < PH_SECOND)
		shown->carriers |= 1u << heard->via->carrier;
}

static bool is_old(const struct ph_neighbours *table, const struct heard *heard)
{
	const struct ph_announcement *announcement = heard->announcement;
	const struct ph_entry *entry = heard->entry;

	if (!is_above_floors(table, heard))
		return true;
	/* By hearsay only news count, and a goodbye is one. */
	return heard->via->carrier == PH_HEARD_LINE && entry &&
	       announcement->ttl && entry->shown.epoch == announcement->epoch &&
	       announcement->content <= entry->shown.content;
}

static enum ph_hearing signature_check(
	struct ph_neighbours *table, struct heard *heard, enum ph_hearing good)
{
	const struct ph_neighbours_config *config = &table->config;
	enum ph_key_verdict key;

	if (!config->judge->signature(config->context, heard->announcement,
		    heard->data, heard->length))
		return PH_HEARD_FORGED;
	key = config->judge->key(config->context, heard->announcement->key);
	heard->trusted = key == PH_KEY_TRUSTED;
	return key == PH_KEY_REVOKED ? PH_HEARD_REVOKED : good;
}

static enum ph_hearing member_check(
	struct ph_neighbours *table, struct heard *heard)
{
	if (ph_bucket_at(&table->member_budget) > heard->now)
		return PH_HEARD_BUSY;
	ph_bucket_take(&table->member_budget, heard->now);
	heard->standing = PH_MEMBER;
	heard->repeated = true;
	return signature_check(table, heard, PH_HEARD_NEW);
}

static bool heard_again(struct ph_neighbours *table, const struct heard *heard)
{
	struct {
		uint8_t id[PH_NODE_ID_BYTES];
		uint8_t address[16];
		uint32_t interface;
		uint32_t carrier;
	} print = {.interface = heard->via->interface,
		.carrier = heard->via->carrier};

	memcpy(print.id, heard->announcement->id, sizeof(print.id));
	memcpy(print.address, heard->via->address, sizeof(print.address));
	return ph_sieve_again(table->sieve, &print, sizeof(print), heard->now);
}

/* Who sent it, of those that share the strangers' budget. */
struct source {
	uint8_t address[16];
	uint32_t interface;
	uint32_t carrier;
};

static struct source source_of(const struct ph_via *via)
{
	struct source source = {
		.interface = via->interface, .carrier = via->carrier};

	memcpy(source.address, via->address, sizeof(source.address));
	return source;
}

/* Nobody here can check its MAC: it costs a signature to know more. */
static enum ph_hearing stranger_check(
	struct ph_neighbours *table, struct heard *heard)
{
	const struct ph_neighbours_config *config = &table->config;
	struct ph_bucket *budget = &table->stranger_budget;
	struct source source = source_of(heard->via);
	bool calm = ph_bucket_used(budget, heard->now) <= budget->burst / 2;
	enum ph_hearing hearing;

	if (heard->via->carrier == PH_HEARD_LINE) {
		if (config->judge->key(config->context,
			    heard->announcement->key) != PH_KEY_TRUSTED)
			return PH_HEARD_UNWANTED;
		heard->repeated = true;
	} else {
		heard->repeated = heard_again(table, heard);
	}
	if (!heard->repeated && !calm)
		return PH_HEARD_ONCE;
	if (ph_bucket_at(budget) > heard->now ||
		(!calm && !ph_shares_left(table->shares, &source,
				  sizeof(source), heard->now)))
		return PH_HEARD_BUSY;
	ph_bucket_take(budget, heard->now);
	ph_shares_take(table->shares, &source, sizeof(source), heard->now);
	hearing = signature_check(table, heard, PH_HEARD_NEW);
	heard->standing = heard->trusted ? PH_MEMBER : PH_STRANGER;
	return hearing;
}

static enum ph_hearing proof_check(
	struct ph_neighbours *table, struct heard *heard)
{
	const struct ph_neighbours_config *config = &table->config;

	switch (config->judge->ring(config->context, heard->announcement,
		heard->data, heard->length)) {
	case PH_RING_MEMBER:
		return member_check(table, heard);
	case PH_RING_WRONG:
		return PH_HEARD_FORGED;
	case PH_RING_UNKNOWN:
		break;
	}
	return stranger_check(table, heard);
}

/* Keys that nobody here trusts are wished to be dialled: strangers at once,
 * members after a while in which a vouch may come; then ever more seldom. */
static void wish(
	struct ph_neighbours *table, struct ph_entry *entry, int64_t now)
{
	if (entry->trusted || now < entry->wish_at)
		return;
	ph_entry_tell(table, entry, PH_NEIGHBOUR_WISH);
	entry->wish_at = now + entry->wish_span;
	if (entry->wish_span < WISH_MOST / 2)
		entry->wish_span *= 2;
}

/* Directly heard: it lives on. By hearsay: a first time only. */
static void entry_refresh(struct ph_neighbours *table, struct ph_entry *entry,
	const struct heard *heard, bool first)
{
	struct ph_neighbour *shown = &entry->shown;
	bool direct = heard->via->carrier != PH_HEARD_LINE;

	shown->epoch = heard->announcement->epoch;
	shown->seq = heard->announcement->seq;
	shown->carriers |= 1u << heard->via->carrier;
	entry->trusted = heard->trusted;
	if (!first)
		shown->repeated = true;
	if (!direct && !first)
		return;
	if (direct) {
		shown->heard = heard->now;
		shown->via = *heard->via;
	}
	entry->ttl_until = ph_entry_ttl_end(
		table, shown->standing, heard->announcement->ttl, heard->now);
	ph_entry_times(table, entry);
}

static enum ph_hearing entry_new(
	struct ph_neighbours *table, const struct heard *heard)
{
	const struct ph_announcement *announcement = heard->announcement;
	struct ph_neighbour shown = {
		.standing = heard->standing,
		.content = announcement->content,
		.via = *heard->via,
		.data = heard->data,
		.length = (uint16_t)heard->length,
	};
	enum ph_hearing why;
	struct ph_entry *entry;

	memcpy(shown.id, announcement->id, sizeof(shown.id));
	memcpy(shown.key, announcement->key, sizeof(shown.key));
	memcpy(shown.name, announcement->name, sizeof(shown.name));
	entry = ph_entry_add(table, &shown, heard->trusted, heard->repeated,
		heard->now, &why);
	if (!entry)
		return why;
	ph_floors_drop(table->member_floors, shown.id);
	ph_floors_drop(table->stranger_floors, shown.id);
	entry_refresh(table, entry, heard, true);
	entry->wish_span = table->config.wish_again;
	entry->wish_at =
		heard->now +
		(shown.standing == PH_MEMBER ? table->config.chance : 0);
	wish(table, entry, heard->now);
	return PH_HEARD_NEW;
}

static enum ph_hearing entry_known(
	struct ph_neighbours *table, const struct heard *heard)
{
	const struct ph_announcement *announcement = heard->announcement;
	struct ph_entry *entry = heard->entry;
	struct ph_neighbour *shown = &entry->shown;
	bool changed = shown->epoch != announcement->epoch ||
		       shown->content != announcement->content;
	bool risen = heard->standing > shown->standing;

	if (changed) {
		if (ph_entry_say(table, entry, heard->data, heard->length))
			return PH_HEARD_FULL;
		shown->content = announcement->content;
		memcpy(shown->name, announcement->name, sizeof(shown->name));
	}
	entry_refresh(table, entry, heard, false);
	risen = risen && ph_entry_promote(table, entry);
	if (changed || risen)
		ph_entry_tell(table, entry, PH_NEIGHBOUR_CHANGED);
	wish(table, entry, heard->now);
	return changed || risen ? PH_HEARD_CHANGED : PH_HEARD_REFRESHED;
}

static enum ph_hearing goodbye(
	struct ph_neighbours *table, const struct heard *heard)
{
	const struct ph_announcement *announcement = heard->announcement;
	struct ph_floor floor = {announcement->epoch, announcement->seq};
	struct ph_entry *entry = heard->entry;

	if (entry) {
		entry->shown.epoch = floor.epoch;
		entry->shown.seq = floor.seq;
		ph_entry_remove(table, entry, PH_GONE_GOODBYE, heard->now);
		return PH_HEARD_GOODBYE;
	}
	ph_floors_set(heard->standing == PH_MEMBER ? table->member_floors
						   : table->stranger_floors,
		announcement->id, floor, heard->now);
	return PH_HEARD_UNWANTED;
}

static enum ph_hearing ours_hear(
	struct ph_neighbours *table, struct heard *heard)
{
	const struct ph_neighbours_config *config = &table->config;
	const struct ph_announcement *announcement = heard->announcement;
	enum ph_hearing hearing;

	if (memcmp(announcement->mesh, config->mesh, PH_MESH_BYTES) != 0)
		return PH_HEARD_OTHER_MESH;
	if (memcmp(announcement->id, config->self, PH_NODE_ID_BYTES) == 0)
		return PH_HEARD_SELF;
	heard->entry = ph_entry_find(table, announcement->id, false);
	if (is_old(table, heard)) {
		note_carrier(heard);
		return PH_HEARD_OLD;
	}
	hearing = proof_check(table, heard);
	if (hearing != PH_HEARD_NEW)
		return hearing;
	if (announcement->ttl == 0)
		return goodbye(table, heard);
	return heard->entry ? entry_known(table, heard)
			    : entry_new(table, heard);
}

static enum ph_hearing hear(struct ph_neighbours *table, const uint8_t *data,
	size_t length, const struct ph_via *via, int64_t now)
{
	struct ph_announcement announcement;
	struct ph_lldp lldp;
	struct heard heard = {
		.announcement = &announcement,
		.data = data,
		.via = via,
		.now = now,
	};

	if (table->waiting >= PH_NEIGHBOURS_WAITING)
		return PH_HEARD_BUSY;
	switch (ph_announcement_read(&announcement, &lldp, data, length)) {
	case 0:
		heard.length = announcement.length;
		return ours_hear(table, &heard);
	case -ENOMSG:
		return ph_foreign_hear(table, &lldp, via, now);
	default:
		return PH_HEARD_MALFORMED;
	}
}

enum ph_hearing ph_neighbours_hear(struct ph_neighbours *table,
	const uint8_t *data, size_t length, const struct ph_via *via,
	int64_t now)
{
	enum ph_hearing hearing;

	ph_entry_sweep(table);
	hearing = hear(table, data, length, via, now);
	table->counted[hearing]++;
	return hearing;
}
