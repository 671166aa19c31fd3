#include <errno.h>
#include <string.h>

#include "node/peer.h"
#include "node/reach.h"

/* What other parts of the node ask of the lines: where a peer is, whether
 * there is a line to it, and who else may tell of it. */

static bool leads_via(const struct ph_candidate *candidate, const char *via,
	struct ph_address *address)
{
	return !ph_address_parse(address, candidate->address) &&
	       ph_via_is(via, address->scheme);
}

int ph_lines_candidate(struct ph_lines *lines, const char *node,
	const char *via, struct ph_address *address, uint8_t key[PH_PUBLIC_KEY])
{
	struct peer *peer = peer_named(lines, node);

	if (!peer)
		return -ENOENT;
	memcpy(key, peer->key, PH_PUBLIC_KEY);
	peer_rank(peer);
	for (unsigned i = 0; i < peer->candidates.count; i++)
		if (leads_via(&peer->candidates.list[i], via, address))
			return 0;
	return -EHOSTUNREACH;
}

int ph_lines_candidates(struct ph_lines *lines, const char *node,
	const char *via, struct ph_candidates *out, uint8_t key[PH_PUBLIC_KEY])
{
	struct peer *peer = peer_named(lines, node);
	struct ph_address address;
	unsigned kept = 0;

	if (!peer)
		return -ENOENT;
	memcpy(key, peer->key, PH_PUBLIC_KEY);
	peer_rank(peer);
	*out = peer->candidates;
	for (unsigned i = 0; i < out->count; i++)
		if (leads_via(&out->list[i], via, &address) &&
			(out->list[i].origin != PH_ORIGIN_HEARSAY ||
				out->list[i].worked))
			out->list[kept++] = out->list[i];
	out->count = kept;
	ph_candidates_end(out);
	return kept ? 0 : -EHOSTUNREACH;
}

bool ph_lines_is_up(struct ph_lines *lines, const char *node)
{
	struct peer *peer = peer_named(lines, node);

	return peer && peer->line;
}

const char *ph_lines_teller(
	struct ph_lines *lines, const char *node, unsigned attempt)
{
	unsigned count = 0;

	if (ph_lines_is_up(lines, node))
		return node;
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		count += peer->line != NULL;
	/* Nodes are asked for at different tellers. */
	for (const char *at = node; *at; at++)
		attempt = attempt * 31 + (unsigned char)*at;
	if (count)
		attempt %= count;
	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		if (peer->line && attempt-- == 0)
			return peer->name;
	return NULL;
}

void ph_lines_candidate_was(struct ph_lines *lines, const char *node,
	const struct ph_address *address, int error, uint32_t rtt_us)
{
	struct peer *peer = peer_named(lines, node);
	char text[128];
	int index;

	if (!peer)
		return;
	ph_reach_dialled(lines->node->reach, peer->active.id, address,
		error ? ph_verdict_of_errno(error) : PH_VERDICT_OPEN_VERIFIED,
		error, rtt_us);
	if (peer->dialling.racing)
		return;
	index = ph_candidates_find(&peer->candidates,
		ph_address_format(address, text, sizeof(text)));
	if (index < 0)
		return;
	if (!error)
		ph_candidates_worked(&peer->candidates, index);
	else
		ph_candidates_failed(&peer->candidates, index);
}

unsigned ph_lines_up(const struct ph_lines *lines)
{
	unsigned up = 0;

	for (struct peer *peer = lines->peers; peer; peer = peer->hh.next)
		up += peer->line != NULL;
	return up;
}
