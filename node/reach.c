#include "node/reach.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "node/lines.h"

static void learn_row(
	struct ph_node *node, const char *to, const struct ph_reach_row *row)
{
	struct ph_address address = {.port = row->port};

	/* Of an open port where somebody else answers nothing follows. */
	if (row->verdict == PH_VERDICT_OPEN_FOREIGN ||
		row->verdict == PH_VERDICT_SKIPPED ||
		row->verdict == PH_VERDICT_UNTRIED)
		return;
	snprintf(address.host, sizeof(address.host), "%s", row->address);
	ph_lines_candidate_was(node->lines, to, &address,
		row->verdict == PH_VERDICT_OPEN_VERIFIED);
}

int ph_reach_learn(struct ph_node *node, const char *to,
	const struct ph_reach_row *rows, size_t count)
{
	struct ph_address address;
	uint8_t key[PH_PUBLIC_KEY];

	if (ph_lines_candidate(node->lines, to, &address, key) == -ENOENT)
		return -ENOENT;
	for (size_t i = 0; i < count; i++)
		learn_row(node, to, &rows[i]);
	return 0;
}
