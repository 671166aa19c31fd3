#include "node/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/log.h"
#include "node/reach_inner.h"
#include "proto/secret.h"

static int64_t now_of(const struct ph_reachability *reach)
{
	return ph_loop_now(reach->node->loop);
}

int reach_point(struct ph_reach_row *out, const struct ph_address *address)
{
	static const enum ph_reach_transport over[] = {
		[PH_ADDRESS_TCP] = PH_REACH_TLS,
		[PH_ADDRESS_UNIX] = PH_REACH_UNIX,
		[PH_ADDRESS_SHM] = PH_REACH_SHM,
		[PH_ADDRESS_INPROC] = PH_REACH_INPROC,
		[PH_ADDRESS_WS] = PH_REACH_WS,
		[PH_ADDRESS_WSS] = PH_REACH_WSS,
	};

	*out = (struct ph_reach_row){.port = address->port};
	if ((size_t)address->scheme >= sizeof(over) / sizeof(over[0]) ||
		strlen(address->host) >= sizeof(out->address))
		return -EINVAL;
	out->transport = (uint8_t)over[address->scheme];
	snprintf(out->address, sizeof(out->address), "%.*s",
		(int)sizeof(out->address) - 1, address->host);
	return 0;
}

enum ph_reach_type reach_type(
	const struct ph_reachability *reach, const struct ph_address *address)
{
	struct ph_ip ip;

	if (address->scheme == PH_ADDRESS_INPROC)
		return PH_REACH_PROCESS;
	if (ph_address_is_local(address))
		return PH_REACH_HOST;
	if (ph_ip_parse(&ip, address->host))
		return PH_REACH_ROUTED;
	for (unsigned i = 0; i < reach->owns; i++)
		if (ph_subnet_has(&reach->subnets[i], &ip))
			return PH_REACH_NEAR;
	return PH_REACH_ROUTED;
}

static void rank_one(struct ph_reachability *reach,
	const uint8_t to[PH_NODE_ID_BYTES], struct ph_candidate *candidate)
{
	struct ph_address address;
	struct ph_reach_row point;
	struct ph_priority facts = {0};
	struct ph_ip ip;

	candidate->priority = 0;
	if (ph_address_parse(&address, candidate->address) ||
		reach_point(&point, &address))
		return;
	ph_matrix_judge(reach->matrix, now_of(reach), to, &point, &facts);
	/* The node itself says that it is there no more. */
	if (candidate->withdrawn)
		facts.trust = PH_REACH_FAILED;
	facts.type = reach_type(reach, &address);
	facts.transport = (enum ph_reach_transport)point.transport;
	facts.v6 = !ph_ip_parse(&ip, address.host) && ip.family == AF_INET6;
	candidate->priority = ph_priority(&facts);
	candidate->rtt_us = facts.rtt_us;
	candidate->near = facts.type >= PH_REACH_NEAR;
}

void ph_reach_rank(struct ph_reachability *reach,
	const uint8_t to[PH_NODE_ID_BYTES], struct ph_candidates *candidates)
{
	for (unsigned i = 0; i < candidates->count; i++)
		rank_one(reach, to, &candidates->list[i]);
}

void ph_reach_dialled(struct ph_reachability *reach,
	const uint8_t to[PH_NODE_ID_BYTES], const struct ph_address *address,
	enum ph_verdict verdict, int error, uint32_t rtt_us)
{
	struct ph_reach_row point;

	if (reach_point(&point, address))
		return;
	point.verdict = (uint8_t)verdict;
	point.error = abs(error);
	point.rtt_us = rtt_us;
	point.checked_at = ph_clock_wall();
	if (ph_matrix_learn(reach->matrix, now_of(reach), to, &point, true)) {
		reach_tell_all(reach);
		reach_keep_soon(reach);
	}
}

/* Of the address where this node dialled the peer's line. */
static void learn_line(struct ph_reachability *reach, struct peer *peer,
	enum ph_verdict verdict, int error)
{
	struct ph_carrier_path path;
	struct ph_address address;

	if (!peer->line || !peer->line_dialled ||
		ph_address_parse(
			&address, ph_session_peer(peer->session)->address))
		return;
	ph_carrier_path(ph_session_carrier(peer->session), &path);
	ph_reach_dialled(
		reach, peer->active.id, &address, verdict, error, path.rtt_us);
}

void reach_refresh(struct ph_reachability *reach)
{
	struct peer *peer;

	for (peer = reach->node->lines->peers; peer; peer = peer->hh.next)
		learn_line(reach, peer, PH_VERDICT_OPEN_VERIFIED, 0);
}

void reach_line_ends(struct peer *peer, int reason)
{
	learn_line(peer->dialling.lines->node->reach, peer,
		reason == -ETIMEDOUT ? PH_VERDICT_TIMEOUT
				     : PH_VERDICT_OPEN_VERIFIED,
		reason == -ETIMEDOUT ? reason : 0);
}

/* NULL: of nobody. */
static const uint8_t *id_of(struct ph_node *node, const char *to)
{
	struct peer *peer = peer_find(node->lines, to);

	if (peer)
		return peer->active.id;
	return strcmp(to, node->id) ? NULL : node->reach->self;
}

int ph_reach_learn(struct ph_node *node, const char *to,
	const struct ph_reach_row *rows, size_t count)
{
	const uint8_t *id = id_of(node, to);
	struct peer *peer = peer_find(node->lines, to);
	bool open = false;
	bool changed = false;

	if (!id)
		return -ENOENT;
	for (size_t i = 0; i < count; i++) {
		open |= rows[i].verdict == PH_VERDICT_OPEN_VERIFIED;
		changed |= ph_matrix_learn(node->reach->matrix,
			now_of(node->reach), id, &rows[i], false);
	}
	if (changed)
		reach_tell_all(node->reach);
	if (open && peer && !peer->line)
		peer_hint(peer);
	return 0;
}

bool ph_reach_needs_probe(
	struct ph_node *node, const char *to, const struct ph_reach_row *point)
{
	const uint8_t *id = id_of(node, to);

	return !id || ph_matrix_needs_probe(node->reach->matrix,
			      now_of(node->reach), id, point);
}

void ph_reach_forget(
	struct ph_reachability *reach, const uint8_t id[PH_NODE_ID_BYTES])
{
	ph_matrix_forget(reach->matrix, id);
}

int ph_reach_create(struct ph_reachability **out, struct ph_node *node)
{
	struct ph_reachability *reach = calloc(1, sizeof(*reach));
	uint64_t seed;

	if (!reach)
		return -ENOMEM;
	reach->node = node;
	ph_node_id(reach->self, node->key);
	ph_random(&seed, sizeof(seed));
	if (ph_matrix_create(&reach->matrix, reach->self, seed)) {
		free(reach);
		return -ENOMEM;
	}
	reach_tell_open(reach);
	reach_hear_open(reach);
	reach_calls_serve(reach);
	*out = reach;
	return 0;
}

void ph_reach_start(struct ph_reachability *reach)
{
	int error = reach_net_open(reach);

	if (error)
		ph_log_warn("reach",
			"interfaces.unwatched because=\"%s\" next=\"lines to "
			"an address that went are given up after 15 s\"",
			strerror(-error));
}

void ph_reach_close(struct ph_reachability *reach)
{
	struct ph_loop *loop = reach->node->loop;

	reach_keep_now(reach);
	ph_timer_stop(loop, &reach->tell);
	reach_net_close(reach);
}

void ph_reach_destroy(struct ph_reachability *reach)
{
	if (!reach)
		return;
	ph_matrix_destroy(reach->matrix);
	free(reach);
}
