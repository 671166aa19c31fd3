#ifndef PH_CONTROLSURFACE_ALARMS_INNER_H
#define PH_CONTROLSURFACE_ALARMS_INNER_H

#include <stdbool.h>

#include "controlsurface/alarm_rule.h"
#include "controlsurface/alarms.h"
#include "proto/address.h"

/* What the files of alarms.h share: alarms.c finds causes, alarms_group.c puts
 * below them what they explain, alarms_write.c tells. */
enum ph_cause_kind {
	PH_CAUSE_NODE,
	PH_CAUSE_CHANGE,
	PH_CAUSE_SERVER,
	PH_CAUSE_LINK,
	PH_CAUSE_CONNECTION,
	PH_CAUSE_RULE
};

struct ph_cause {
	enum ph_cause_kind kind;
	char node[PH_NAME_MAX + 1];
	char server[PH_NAME_MAX + 1]; /* of a server */
	char other[PH_NAME_MAX + 1];  /* of a link: the other node */
	char reason[192];
	int64_t since;
	unsigned seen_by;	/* nodes that say so */
	struct ph_value item;	/* of a connection, rule or change */
	struct ph_value *below; /* connections and rules that it explains */
	unsigned below_count;
};

struct ph_causes {
	const struct ph_alarms *alarms;
	struct ph_cause *list;
	unsigned count;
	unsigned room;
	int error;
};

/* NULL: no memory, which `error` says then. */
struct ph_cause *ph_cause_add(
	struct ph_causes *causes, enum ph_cause_kind kind);
/* The node, or the server, that is a cause; NULL. */
struct ph_cause *ph_cause_find(const struct ph_causes *causes,
	enum ph_cause_kind kind, const char *node, const char *server);
void ph_cause_take(
	struct ph_causes *causes, struct ph_cause *cause, struct ph_value item);
/* "node/server:terminal" of a map; -1. */
int ph_cause_place(struct ph_place *out, struct ph_value item, const char *key);

/* Of a change: one that its node cannot read. */
bool ph_cause_is_unreadable(struct ph_value item);
/* A part that a node was not told of. */
bool ph_cause_is_behind(struct ph_value item);

/* alarms_group.c */
void ph_causes_group(struct ph_causes *causes);
/* alarms_write.c: one alarm as a map. */
void ph_cause_write(const struct ph_causes *causes,
	const struct ph_cause *cause, struct ph_writer *writer);

#endif
