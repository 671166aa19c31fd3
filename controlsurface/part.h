#ifndef PH_CONTROLSURFACE_PART_H
#define PH_CONTROLSURFACE_PART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlsurface/alarm_rule.h"
#include "controlsurface/wire_notes.h"
#include "proto/address.h"
#include "proto/error.h"
#include "proto/server.h"
#include "proto/value.h"

/*
 * One node's part of a wiring file, as wiring.h writes it and as the store
 * keeps it: who takes part, which servers this node runs, which wires leave
 * from it. Read here with suspicion: a part may come from any peer whose role
 * allows it.
 */
struct ph_wire {
	char scope[PH_NAME_MAX + 1];
	struct ph_place from; /* node is "" */
	struct ph_place to;   /* node always given */
	char on_full[16];
	uint64_t queue;	      /* bytes; 0: the pipe's default */
	char via[PH_VIA_MAX]; /* proto/address.h; "": any way */
	struct ph_wire_notes notes;
};

struct ph_part_terminal {
	char name[PH_NAME_MAX + 1];
	enum ph_direction direction;
	unsigned wires; /* of the part, that need to be there */
};

/* A server of another node that one of this part needs. */
struct ph_part_far {
	char node[PH_NAME_MAX + 1];
	char server[PH_NAME_MAX + 1];
	bool there; /* the control surface's note */
};

struct ph_part_server {
	char name[PH_NAME_MAX + 1];
	uint8_t *spec; /* the encoded map, as the executor takes it */
	size_t length;
	struct ph_part_terminal *terminals;
	unsigned terminal_count;
	unsigned *needs; /* of the part's servers, which start before it */
	unsigned need_count;
	struct ph_part_far *fars;
	unsigned far_count;
	char group[PH_NAME_MAX + 1]; /* "" none */
	uint64_t place;		     /* in its file */
	bool leads;	 /* rest_for_one: those behind build upon it */
	unsigned height; /* how many need one another on it: they stop first */
	unsigned before; /* of its group, who starts before it, or... */
#define PH_PART_NONE UINT32_MAX /* ...nobody */
	bool asked;		/* in this round, and */
	bool started; /* the executor took it: the control surface's notes */
	bool ready;   /* who needs it may start */
};

struct ph_part_host {
	char name[PH_NAME_MAX + 1];
	char at[128]; /* "host:port", or "" */
	bool behind;  /* it was away when this was applied */
};

#define PH_PART_ALARM_PATH 16u
#define PH_PART_ALARMS	   4096u

/* An alarm, on a wire that leaves from this node. */
struct ph_part_alarm {
	char id[PH_ALARM_ID];
	struct ph_place from; /* node is "" */
	struct ph_place to;
	bool output; /* about what was sent, not what was taken */
	char when[128];
	struct ph_alarm_rule rule;
	char priority[8];
	char action[204];
	/* "node/server" that lead to it, the nearest first. */
	char path[PH_PART_ALARM_PATH][2 * PH_NAME_MAX + 2];
	unsigned path_count;
	struct ph_alarm state; /* the control surface's notes */
	int64_t since;	       /* wall clock, ns, of the last change */
};

struct ph_part {
	char scope[PH_NAME_MAX + 1];
	struct ph_part_host *hosts;
	unsigned host_count;
	struct ph_part_server *servers;
	struct ph_part_server **sorted; /* the servers, by name */
	unsigned server_count;
	struct ph_wire *wires;
	unsigned wire_count;
	struct ph_part_alarm *alarms;
	unsigned alarm_count;
};

#define PH_PART_HOSTS	256u
#define PH_PART_SERVERS 4096u
#define PH_PART_WIRES	16384u
/* Of one server: as many as a list of a wiring file holds. */
#define PH_PART_NEEDS 64u
/* With what stands around it (names of nodes), it fits into one value of the
 * store. */
#define PH_PART_BYTES ((size_t)960 * 1024)

/* part_read.c: -1 with the error told (78 for nonsense). `here` stands for a
 * wire's target node that is not given. */
int ph_part_read(struct ph_part **out, struct ph_value map, const char *here,
	const struct ph_server_type *const *bundled, struct ph_error *error);
void ph_part_free(struct ph_part *part);
/* part_needs.c: who starts before whom. -1 with the error told. */
int ph_part_read_needs(struct ph_part *part, struct ph_value map,
	const char *here, struct ph_error *error);
/* part_order.c: what the spec says of its group. */
void ph_part_note_group(struct ph_part_server *server, struct ph_value spec);
/* Who of a group starts before whom. -1 with the error told. */
int ph_part_order(struct ph_part *part, struct ph_error *error);
/* part_alarms.c. -1 with the error told. */
int ph_part_read_alarms(struct ph_part *part, struct ph_value map,
	const char *here, struct ph_error *error);
/* No server and no wire: the node takes no part (any more). */
bool ph_part_is_empty(const struct ph_part *part);

struct ph_part_server *ph_part_server(
	const struct ph_part *part, const char *name);
/* NULL: the server has none of that name. */
struct ph_part_terminal *ph_part_terminal(
	const struct ph_part_server *server, const char *name);
bool ph_part_server_equal(
	const struct ph_part_server *one, const struct ph_part_server *other);

/* The same stream: ends, policy, queue and way; `notes` may differ. */
bool ph_wire_equal(const struct ph_wire *one, const struct ph_wire *other);
bool ph_wire_is_output(enum ph_direction direction);
/* "out mux in combine"; -EINVAL. */
int ph_wire_direction(struct ph_value text);
const char *ph_wire_direction_name(enum ph_direction direction);

#endif
