#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/options.h"
#include "proto/point.h"

/* --beacon-range, --beacon and --probe-peers of `up`; --range of `probe`. */

int ph_options_range(struct ph_range *out, const char *text)
{
	char *end;
	unsigned long first = strtoul(text, &end, 10);
	unsigned long last = first;

	if (text[0] < '0' || text[0] > '9')
		return -1;
	if (*end == '-' && end[1] >= '0' && end[1] <= '9')
		last = strtoul(end + 1, &end, 10);
	if (*end || first < PH_POINT_LOWEST || last > 65535 || last < first)
		return -1;
	*out = (struct ph_range){(uint16_t)first, (uint16_t)last};
	return 0;
}

int ph_options_beacon_range(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	if (!ph_options_range(&options->beacon_range, text))
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "--beacon-range",
		"two ports from 1024 to 65535, as 20000-20099",
		"not valid: '%s'", text);
}

int ph_options_beacon(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->beacon_process = !strcmp(text, "process");
	if (options->beacon_process || !strcmp(text, "loop"))
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "--beacon", "loop or process",
		"not valid: '%s'", text);
}

int ph_options_probe_peers(
	struct ph_options *options, const char *text, struct ph_error *error)
{
	options->probe_peers = !strcmp(text, "on");
	if (options->probe_peers || !strcmp(text, "off"))
		return 0;
	return ph_fail(error, PH_EXIT_USAGE, "--probe-peers", "on or off",
		"not valid: '%s'", text);
}
