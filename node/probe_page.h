#ifndef PH_NODE_PROBE_PAGE_H
#define PH_NODE_PROBE_PAGE_H

#include "node/options.h"
#include "proto/probe_order.h"

/*
 * A probe goes through a large range page by page: as many ports of it, from
 * its first, as make no more points with all addresses than one session may
 * have. No address is ever left out for it: who asked is told which range comes
 * next. Pure.
 */

/* The page that begins the range; `addresses` > 0. At least one port. */
struct ph_range probe_page(
	struct ph_range range, uint32_t addresses, uint32_t points);
/* What of the range comes behind the page; false: nothing. */
bool probe_page_rest(
	struct ph_range range, struct ph_range page, struct ph_range *rest);
/* Is `page` one that may begin `range`? */
bool probe_page_begins(struct ph_range range, struct ph_range page);

/* A beacon that ran out of descriptors ends the page before the first port that
 * it has not at all addresses for that; one port stays in any case. */
struct ph_range probe_page_bound(
	struct ph_range page, const struct ph_ready *ready);
/* "20000-20099"; gives `out`. */
#define PROBE_RANGE_TEXT 16u
const char *probe_range_text(struct ph_range range, char out[PROBE_RANGE_TEXT]);

#endif
