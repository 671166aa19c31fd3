#include "node/probe_page.h"

#include <errno.h>
#include <stdio.h>

#include "kernel/bytes.h"

struct ph_range probe_page(
	struct ph_range range, uint32_t addresses, uint32_t points)
{
	uint32_t ports = points / addresses;

	if (ports < 1)
		ports = 1;
	if (ports <= (uint32_t)(range.last - range.first))
		range.last = (uint16_t)(range.first + ports - 1);
	return range;
}

bool probe_page_rest(
	struct ph_range range, struct ph_range page, struct ph_range *rest)
{
	if (page.last >= range.last)
		return false;
	*rest = (struct ph_range){(uint16_t)(page.last + 1), range.last};
	return true;
}

bool probe_page_begins(struct ph_range range, struct ph_range page)
{
	return page.first == range.first && page.last >= page.first &&
	       page.last <= range.last;
}

struct ph_range probe_page_bound(
	struct ph_range page, const struct ph_ready *ready)
{
	struct ph_point point;

	for (uint32_t i = 0; i < ready->skipped; i++) {
		const uint8_t *skip = ready->skips + (size_t)i * (PH_POINT + 2);

		ph_point_read(&point, skip);
		if (ph_load16(skip + PH_POINT) == EMFILE &&
			point.port > page.first && point.port <= page.last)
			page.last = (uint16_t)(point.port - 1);
	}
	return page;
}

const char *probe_range_text(struct ph_range range, char out[PROBE_RANGE_TEXT])
{
	snprintf(out, PROBE_RANGE_TEXT, "%u-%u", range.first, range.last);
	return out;
}
