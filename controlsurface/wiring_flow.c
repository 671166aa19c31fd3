#include "controlsurface/wiring_model.h"

#include <stdint.h>
#include <string.h>

#include "controlsurface/full_policy.h"

/* What the flow of messages would run into: F1, F2, F4. (F3 stands where the
 * policy is read.) */

/* What a receiver of another host keeps of one wire (kernel's pipe). */
#define RECEIVER_BYTES ((uint64_t)1024 * 1024)
/* The least that a hop between hosts takes; light needs that for 15 km. */
#define HOP_LEAST ((int64_t)50 * 1000)

/* F1: a wire that waits where others hang on the same output, and nobody
 * said that it shall. */
static void stalls_check(struct ph_wiring *wiring)
{
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		struct ph_wiring_terminal *port = wire->from.port;

		if (port == NULL || port->direction != PH_MUX ||
			port->wires < 2 || port->blocks || wire->declared ||
			!ph_full_policy_blocks(
				ph_full_policy_find(wire->on_full)))
			continue;
		port->blocks = true;
		ph_findings_add(wiring, PH_FINDING_WARNING, "F1", wire->span,
			"Say what may be lost (on_full: drop-oldest, "
			"drop-newest, latest), or that nothing may (on_full: "
			"block).",
			"'%s:%s' feeds %u wires: when '%s:%s' is slow, all of "
			"them wait",
			wire->from.server_name, wire->from.terminal,
			port->wires, wire->to.server_name, wire->to.terminal);
	}
}

static struct ph_wiring_host *host_of(
	struct ph_wiring *wiring, const struct ph_wiring_end *end)
{
	return ph_index_find(&wiring->host_index, ph_wiring_end_host(end));
}

static void host_check(
	struct ph_wiring *wiring, const struct ph_wiring_host *host)
{
	const struct ph_yaml_node *at = host->node;

	if (host->memory == 0 || host->waiting <= host->memory)
		return;
	at = ph_yaml_get(at, "memory");
	ph_findings_add(wiring, PH_FINDING_ERROR, "F2", at->span,
		"Make queues smaller (queue:), or give wires to another host.",
		"the queues on '%s' may hold %llu MiB, it has %llu", host->name,
		(unsigned long long)(host->waiting >> 20),
		(unsigned long long)(host->memory >> 20));
}

/* F2: what may wait on a host, against what it has. */
static void memory_check(struct ph_wiring *wiring)
{
	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next) {
		struct ph_wiring_host *from = host_of(wiring, &wire->from);
		struct ph_wiring_host *to = host_of(wiring, &wire->to);

		if (from != NULL)
			from->waiting += wire->queue;
		if (to != NULL && to != from)
			to->waiting += RECEIVER_BYTES;
	}
	for (struct ph_wiring_host *host = wiring->hosts; host != NULL;
		host = host->next)
		if (host->declared)
			host_check(wiring, host);
}

static bool budget_raise(struct ph_wiring_wire *wire, int64_t *spent)
{
	const struct ph_wiring_server *from = wire->from.server;
	const struct ph_wiring_server *to = wire->to.server;
	bool remote = strcmp(ph_wiring_end_host(&wire->from),
			      ph_wiring_end_host(&wire->to)) != 0;
	int64_t least = (from != NULL ? spent[from->index] : 0) +
			(remote ? HOP_LEAST : 0);

	wire->least = least;
	if (wire->budget > least)
		least = wire->budget;
	if (to == NULL || spent[to->index] >= least)
		return false;
	spent[to->index] = least;
	return true;
}

/*
 * F4: a budget counts from the beginning of a path, so it can be no shorter
 * than that of a wire before it, and than the hops between. `spent` is the
 * most that was granted on the way to a server; circles are left after as many
 * rounds as a chain of 64 needs.
 */
static void budgets_check(struct ph_wiring *wiring)
{
	int64_t *spent = ph_arena_take(
		&wiring->arena, (wiring->server_count + 1) * sizeof(*spent));
	bool any = false;
	bool moved = true;

	for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
		wire = wire->next)
		any |= wire->budget > 0;
	for (unsigned round = 0; any && spent != NULL && moved && round < 64;
		round++) {
		moved = false;
		for (struct ph_wiring_wire *wire = wiring->wires; wire != NULL;
			wire = wire->next)
			moved |= budget_raise(wire, spent);
	}
	for (struct ph_wiring_wire *wire = wiring->wires; any && wire != NULL;
		wire = wire->next) {
		if (wire->budget == 0 || wire->budget >= wire->least)
			continue;
		ph_findings_add(wiring, PH_FINDING_ERROR, "F4",
			wire->budget_span,
			"A budget counts from the beginning of the path: raise "
			"it, or lower those before it.",
			"the hops before and with this wire take %lld us, its "
			"budget is %lld us",
			(long long)(wire->least / 1000),
			(long long)(wire->budget / 1000));
	}
}

void ph_wiring_check_flow(struct ph_wiring *wiring)
{
	stalls_check(wiring);
	memory_check(wiring);
	budgets_check(wiring);
}
