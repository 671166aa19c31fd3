#ifndef PH_DISCOVERY_INNER_H
#define PH_DISCOVERY_INNER_H

#include <uthash.h>

#include "discovery/announcer.h"
#include "discovery/datagram.h"
#include "discovery/discovery.h"
#include "discovery/ethernet.h"
#include "discovery/interfaces.h"
#include "discovery/multicast.h"
#include "discovery/neighbours.h"
#include "proto/announcement.h"
#include "proto/seal.h"

/*
 * What the shell's files share: discovery.c (life, interfaces), announce.c
 * (what goes out), hear.c (what comes in), content.c (what this node says of
 * itself), judge.c (what proves it), view.c (what is told to others, and kept),
 * report.c (the calls).
 */
#define RING_KEYS 4u
#define SEEDS	  64u
#define LISTENS	  8u
#define CAPS	  48u

struct ring_key {
	uint64_t id;
	uint8_t key[PH_SEAL_KEY];
};

struct ph_discovery {
	struct ph_loop *loop;
	struct ph_worker *worker;
	struct ph_door *door;
	const struct ph_signer *signer;
	struct ph_discovery_events events;
	char name[PH_NAME_MAX + 1];
	char id[PH_NODE_ID_TEXT];
	uint8_t self[PH_NODE_ID_BYTES];
	char *interfaces; /* NULL: all */
	struct ph_address listen[LISTENS];
	unsigned listens;
	bool local; /* all listeners are loopback: nothing leaves */
	bool started;
	bool up;      /* interfaces are known: announcing */
	bool hearing; /* what was heard before the start is known */

	struct ph_udp_inbox *inbox;
	struct ph_datagrams *datagrams;
	struct ph_multicast *multicast;
	struct ph_interface_watch *watch;
	struct ph_ethernet *ethernet;
	struct seed *seeds;
	struct ph_timer resolve;
	unsigned resolving; /* names at the worker */
	bool gone;	    /* destroyed, but for those */

	struct ph_announcer announcer;
	struct ph_timer announce;
	struct ph_announcement own; /* as said last, or to be said next */
	uint8_t bytes[PH_ANNOUNCEMENT_MAX];
	size_t length; /* 0: nothing was said yet */
	uint32_t said; /* the content of it */
	void (*stopped)(void *context);
	void *stopped_context;

	struct ph_neighbours *neighbours;
	struct ph_timer age;
	struct ring_key ring[RING_KEYS];
	size_t ring_count;
	struct membership *membership;
};

/* content.c */
int content_init(struct ph_discovery *discovery,
	const struct ph_discovery_config *config);
/* Addresses anew; true when something is another than what was said. */
void content_locate(struct ph_discovery *discovery);
/* The content is another: its number grows, the announcer is told. */
void content_changed(struct ph_discovery *discovery);
/* Writes and seals the next transmission into `bytes`. */
int content_write(struct ph_discovery *discovery, uint16_t ttl);

/* judge.c */
extern const struct ph_neighbours_judge judge;

/* announce.c */
void announcer_arm(struct ph_discovery *discovery);
void announcer_event(
	struct ph_discovery *discovery, enum ph_announcer_event event);
/* Of its timer. */
void announce_due(struct ph_timer *timer);

/* hear.c */
void hear_multicast(void *context, const struct ph_udp_datagram *datagram);
void hear_unicast(void *context, const struct ph_udp_datagram *datagram);
void hear_refused(void *context, const struct ph_udp_end *end);
void hear_frame(void *context, unsigned interface, const uint8_t source[6],
	const uint8_t *lldpdu, size_t length);
/* Takes what the table has to tell, and arms the timer of ageing. */
void neighbours_settle(struct ph_discovery *discovery);
void neighbours_due(struct ph_timer *timer);

/* discovery.c */
/* What was kept is loaded, or cannot be: the wires are listened to. */
void discovery_hear_wires(struct ph_discovery *discovery);

/* view.c */
char *id_text(char out[PH_NODE_ID_TEXT], const uint8_t id[PH_NODE_ID_BYTES]);
/* 32 hex digits; -EINVAL, and zeros. */
int id_read(uint8_t out[PH_NODE_ID_BYTES], const char *text);
const char *carrier_name(enum ph_carrier_kind carrier);
/* What `out` of a neighbour points at. */
struct view {
	struct ph_announcement said;
	struct ph_address addresses[PH_DISCOVERY_ADDRESSES];
};
int view_of(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, struct view *view,
	struct ph_discovery_node *out);

/* seeds.c */
void seeds_start(struct ph_discovery *discovery);
void seeds_send(
	struct ph_discovery *discovery, const uint8_t *data, size_t length);
void seeds_close(struct ph_discovery *discovery);

/* membership.c, membership_hear.c, membership_view.c */
int membership_open(struct ph_discovery *discovery);
void membership_start(struct ph_discovery *discovery);
/* Tells the others that this node leaves. */
void membership_leave(struct ph_discovery *discovery);
void membership_close(struct ph_discovery *discovery);
void membership_neighbour(
	struct ph_discovery *discovery, const struct ph_neighbour_event *event);
/* False: it is no membership datagram. */
bool membership_hear(
	struct ph_discovery *discovery, const struct ph_udp_datagram *datagram);
void membership_refused(
	struct ph_discovery *discovery, const struct ph_udp_end *end);
void membership_forget(
	struct ph_discovery *discovery, const uint8_t id[PH_NODE_ID_BYTES]);
void membership_epoch(struct ph_discovery *discovery, uint64_t epoch);
/* Of a member, as membership knows it; 0: not. */
uint64_t membership_epoch_of(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], bool *left);
/* The state's name, and since when (wall ns). */
const char *membership_state(struct ph_discovery *discovery,
	const struct ph_neighbour *neighbour, int64_t *since);

/* Pairs of an open map. */
void membership_report(
	struct ph_discovery *discovery, struct ph_writer *writer);

void membership_describe(struct ph_discovery *discovery,
	const uint8_t id[PH_NODE_ID_BYTES], struct ph_writer *writer);

/* report.c */
void report_caps(struct ph_writer *writer, const struct ph_announcement *said);
void report_addresses(
	struct ph_writer *writer, const struct ph_discovery_node *node);
int report_serve(struct ph_discovery *discovery);

#endif
