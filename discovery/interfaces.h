#ifndef PH_DISCOVERY_INTERFACES_H
#define PH_DISCOVERY_INTERFACES_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/loop.h"

/*
 * This machine's network interfaces and their addresses, as the kernel tells
 * them by rtnetlink: a table that is always whole, kept by a watcher that
 * needs no privilege and never blocks.
 *
 * The table is pure: bytes of netlink go in. Invariant: it is bounded; what
 * does not fit is counted, never half there.
 */
#define PH_INTERFACES	       64u
#define PH_INTERFACE_ADDRESSES 8u

struct ph_interface_address {
	int family; /* AF_INET, AF_INET6 */
	union {
		struct in_addr v4;
		struct in6_addr v6;
	};
	uint8_t prefix; /* bits of its network */
	bool usable;	/* neither tentative nor failed duplicate detection */
	unsigned seen;	/* private: in which dump */
};

struct ph_interface {
	unsigned index; /* 0: a free place */
	char name[16];
	bool up; /* running: administratively up, and a carrier */
	bool loopback;
	bool multicast;
	bool ethernet; /* `mac` is one */
	bool port;     /* of a bridge or bond, which stands for it */
	uint8_t mac[6];
	struct ph_interface_address addresses[PH_INTERFACE_ADDRESSES];
	unsigned address_count;
	unsigned seen; /* private: in which dump */
};

struct ph_interfaces {
	struct ph_interface all[PH_INTERFACES];
	uint64_t revision; /* grows with every change */
	unsigned refused;  /* interfaces and addresses that found no place */
	unsigned dump;	   /* private */
};

void ph_interfaces_init(struct ph_interfaces *interfaces);
/* One netlink message, header first (RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR,
 * RTM_DELADDR; others are skipped). -EBADMSG: its lengths do not fit. */
int ph_interfaces_hear(
	struct ph_interfaces *interfaces, const void *message, size_t length);
/* A dump of everything begins and ends: what it did not name is gone. */
void ph_interfaces_begin(struct ph_interfaces *interfaces);
void ph_interfaces_end(struct ph_interfaces *interfaces);
/* NULL. */
const struct ph_interface *ph_interfaces_find(
	const struct ph_interfaces *interfaces, unsigned index);
/* Up, speaks multicast, no loopback, no bridge's port. */
bool ph_interface_is_segment(const struct ph_interface *interface);
/* Its first usable address of the family; NULL. For IPv6 a link-local one when
 * `link_local`. */
const struct ph_interface_address *ph_interface_source(
	const struct ph_interface *interface, int family, bool link_local);

/* The watcher. `on_change` comes from the loop: first when the table is whole,
 * then after each batch of changes. */
struct ph_interface_watch;

/* Negative errno of socket(2), or -ENOMEM. */
int ph_interface_watch_open(struct ph_interface_watch **out,
	struct ph_loop *loop, void (*on_change)(void *context), void *context);
void ph_interface_watch_close(struct ph_interface_watch *watch);
const struct ph_interfaces *ph_interface_watch_table(
	const struct ph_interface_watch *watch);

#endif
