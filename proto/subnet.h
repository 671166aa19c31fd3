#ifndef PH_PROTO_SUBNET_H
#define PH_PROTO_SUBNET_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Addresses as bytes, sets of them in CIDR form, and those that no dial or
 * probe may ever go to on another's word. An IPv4 address within IPv6
 * (::ffff:192.0.2.7) is the IPv4 address.
 */
struct ph_ip {
	int family; /* AF_INET, AF_INET6 */
	uint8_t bytes[16];
};

struct ph_subnet {
	struct ph_ip ip; /* the bits behind `length` are 0 */
	unsigned length;
};

/* A literal without brackets; a zone behind % is skipped. -EINVAL: a name. */
int ph_ip_parse(struct ph_ip *out, const char *text);
/* "192.0.2.0/24", "2001:db8::/32"; an address alone is a subnet of its own.
 * -EINVAL, also when bits behind the length are set. */
int ph_subnet_parse(struct ph_subnet *out, const char *text);
/* The subnet of `length` bits around the address. */
struct ph_subnet ph_subnet_around(const struct ph_ip *ip, unsigned length);
bool ph_subnet_has(const struct ph_subnet *subnet, const struct ph_ip *ip);
/* What the address is when it leads to this host, to many, or to what only
 * lives on one link (metadata services of clouds are there): "loopback",
 * "multicast", "broadcast", "unspecified", "link-local", "metadata"; NULL: an
 * ordinary one. */
const char *ph_ip_special(const struct ph_ip *ip);

#endif
