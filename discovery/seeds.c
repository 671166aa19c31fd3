#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "discovery/inner.h"
#include "kernel/log.h"

/*
 * Addresses where a node may be (--join): what is announced goes there by
 * unicast, too. A name may stand for many (a service of replicas) and for
 * others tomorrow: it is resolved again and again, by the worker.
 */
#define SEED_ENDS     16u
#define RESOLVE_AGAIN (30 * PH_SECOND)

struct seed {
	struct ph_address address;
	struct ph_udp_end ends[SEED_ENDS];
	unsigned count;
	bool literal;
	struct seed *next;
};

struct resolving {
	struct ph_job job;
	struct ph_discovery *discovery;
	struct ph_address address;
	struct ph_udp_end ends[SEED_ENDS];
	unsigned count;
};

static void resolve_work(struct ph_job *job)
{
	struct resolving *resolving = (struct resolving *)job;
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;

	if (getaddrinfo(resolving->address.host, NULL, &hints, &list))
		return;
	for (struct addrinfo *at = list; at && resolving->count < SEED_ENDS;
		at = at->ai_next) {
		struct ph_udp_end *end = &resolving->ends[resolving->count++];

		ph_udp_read(end, at->ai_addr);
		end->port = resolving->address.port;
	}
	freeaddrinfo(list);
}

static struct seed *find_seed(
	struct ph_discovery *discovery, const struct ph_address *address)
{
	struct seed *seed;

	LL_FOREACH(discovery->seeds, seed)
	{
		if (seed->address.port == address->port &&
			!strcmp(seed->address.host, address->host))
			return seed;
	}
	return NULL;
}

static void resolve_done(struct ph_job *job)
{
	struct resolving *resolving = (struct resolving *)job;
	struct ph_discovery *discovery = resolving->discovery;
	struct seed *seed = find_seed(discovery, &resolving->address);
	bool first = seed && !seed->count;

	/* What was known stays when the name server is away. */
	if (seed && resolving->count) {
		seed->count = resolving->count;
		memcpy(seed->ends, resolving->ends, sizeof(seed->ends));
	}
	if (first && seed->count && discovery->length)
		seeds_send(discovery, discovery->bytes, discovery->length);
	discovery->resolving--;
	free(resolving);
	if (discovery->gone && !discovery->resolving)
		free(discovery);
}

static void resolve(struct ph_discovery *discovery, const struct seed *seed)
{
	struct resolving *resolving = calloc(1, sizeof(*resolving));

	if (!resolving)
		return;
	resolving->job.work = resolve_work;
	resolving->job.done = resolve_done;
	resolving->discovery = discovery;
	resolving->address = seed->address;
	discovery->resolving++;
	ph_worker_submit(discovery->worker, PH_LANE_NAME, &resolving->job);
}

static void resolve_due(struct ph_timer *timer)
{
	struct ph_discovery *discovery =
		(struct ph_discovery *)((char *)timer -
					offsetof(struct ph_discovery, resolve));
	struct seed *seed;
	bool idle = !discovery->resolving;
	bool names = false;

	/* The last ones may still wait for a dead name server. */
	LL_FOREACH(discovery->seeds, seed)
	{
		names |= !seed->literal;
		if (!seed->literal && idle)
			resolve(discovery, seed);
	}
	if (names)
		ph_timer_start(discovery->loop, &discovery->resolve,
			ph_loop_now(discovery->loop) + RESOLVE_AGAIN);
}

void seeds_start(struct ph_discovery *discovery)
{
	discovery->resolve.on_due = resolve_due;
	resolve_due(&discovery->resolve);
}

int ph_discovery_seed(
	struct ph_discovery *discovery, const struct ph_address *address)
{
	struct seed *seed = find_seed(discovery, address);
	unsigned count;

	if (seed || !address->port)
		return 0;
	if (address->scheme != PH_ADDRESS_TCP)
		return -EINVAL;
	LL_COUNT(discovery->seeds, seed, count);
	seed = count < SEEDS ? calloc(1, sizeof(*seed)) : NULL;
	if (!seed)
		return -ENOSPC;
	seed->address = *address;
	seed->literal = !ph_udp_parse(&seed->ends[0], address);
	seed->count = seed->literal;
	LL_PREPEND(discovery->seeds, seed);
	if (discovery->started && !seed->literal) {
		resolve(discovery, seed);
		resolve_due(&discovery->resolve);
	} else if (discovery->length) {
		seeds_send(discovery, discovery->bytes, discovery->length);
	}
	return 0;
}

void seeds_send(
	struct ph_discovery *discovery, const uint8_t *data, size_t length)
{
	struct seed *seed;

	LL_FOREACH(discovery->seeds, seed)
	{
		for (unsigned i = 0; i < seed->count; i++)
			ph_datagrams_send(discovery->datagrams, &seed->ends[i],
				false, data, length);
	}
}

void seeds_close(struct ph_discovery *discovery)
{
	struct seed *seed;
	struct seed *next;

	ph_timer_stop(discovery->loop, &discovery->resolve);
	LL_FOREACH_SAFE(discovery->seeds, seed, next)
	free(seed);
	discovery->seeds = NULL;
}
