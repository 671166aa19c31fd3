#ifndef PH_NODE_SOURCE_H
#define PH_NODE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

/* Who is counted together: an IPv4 address, an IPv6 /64, "unix". */
struct ph_source {
	uint8_t bytes[9]; /* family, then 4 or 8 bytes */
	bool dialled;	  /* by this node */
};

/* From the text that on_accept gives, or a host:port. What is no address (a
 * name, a path) is counted by a hash of its text. */
struct ph_source ph_source_of(const char *text);
/* The same, where this node dials. */
struct ph_source ph_source_dialled(const char *text);

/* Counted together, and this node dialled both or none. */
bool ph_source_same(const struct ph_source *a, const struct ph_source *b);

#endif
