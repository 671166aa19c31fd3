#include "node/doctor.h"

#include <stdio.h>
#include <string.h>

#include "proto/error.h"

/* How many of its addresses came to what, seen from here just now. */
struct tally {
	unsigned all;
	unsigned untried;
	unsigned open;
	unsigned foreign;
	unsigned refused;
	unsigned silent;
	unsigned unreachable;
	unsigned denied;
	bool gone;	     /* the members hold it for dead, or it left */
	char reached_by[64]; /* a peer that reaches it; "" */
	char reached_at[100];
};

static bool is(struct ph_value map, const char *key, const char *text)
{
	return ph_value_is(ph_value_get(map, key), text);
}

static void count_own(struct tally *tally, struct ph_value row)
{
	tally->all++;
	tally->untried += is(row, "verdict", "untried");
	tally->open += is(row, "verdict", "open-verified");
	tally->foreign += is(row, "verdict", "open-foreign");
	tally->refused += is(row, "verdict", "refused");
	tally->silent += is(row, "verdict", "timeout");
	tally->unreachable += is(row, "verdict", "unreachable");
	tally->denied += is(row, "verdict", "denied");
}

static struct tally tally_of(struct ph_value items)
{
	struct tally tally = {0};

	for (size_t i = 0; i < ph_value_count(items); i++) {
		struct ph_value row = ph_value_at(items, i);
		char host[80];

		if (ph_get_bool(row, "own")) {
			/* Only where it is dialled: probed ports are others. */
			if (ph_value_type(ph_value_get(row, "origin")) ==
				PH_TEXT)
				count_own(&tally, row);
			continue;
		}
		if (!ph_get_bool(row, "fresh") ||
			!is(row, "verdict", "open-verified"))
			continue;
		ph_get_copy(row, "from", tally.reached_by,
			sizeof(tally.reached_by));
		snprintf(tally.reached_at, sizeof(tally.reached_at), "%s",
			ph_get_copy(row, "address", host, sizeof(host)));
	}
	return tally;
}

static void find(struct ph_finding *finding, int code, const char *because,
	const char *next)
{
	finding->exit = code;
	snprintf(finding->because, sizeof(finding->because), "%s", because);
	snprintf(finding->next, sizeof(finding->next), "%s", next);
}

/* The first seed that was turned away, or failed. */
static struct ph_value bad_seed(struct ph_value why, bool turned)
{
	struct ph_value seeds = ph_value_get(why, "seeds");
	struct ph_value none = {0};

	for (size_t i = 0; i < ph_value_count(seeds); i++) {
		struct ph_value seed = ph_value_at(seeds, i);

		if (ph_get_int(seed, "failed_at") &&
			ph_get_bool(seed, "turned_away") == turned)
			return seed;
	}
	return none;
}

static void find_unknown(
	struct ph_finding *finding, struct ph_value why, const char *name)
{
	struct ph_value alike = ph_value_get(why, "alike");
	struct ph_value seed = bad_seed(why, true);
	char text[128];

	finding->exit = PH_EXIT_NOT_FOUND;
	snprintf(finding->because, sizeof(finding->because),
		"no node called %s was ever heard here", name);
	if (ph_value_count(alike)) {
		snprintf(finding->next, sizeof(finding->next),
			"did you mean %s?",
			ph_value_copy(
				ph_value_at(alike, 0), text, sizeof(text)));
		return;
	}
	if (ph_get_int(seed, "failed_at")) {
		snprintf(finding->because, sizeof(finding->because),
			"no node called %s is known, and the one at %s "
			"(--join) did not let this node in",
			name, ph_get_copy(seed, "address", text, sizeof(text)));
		snprintf(finding->next, sizeof(finding->next),
			"compare the passphrase files: that node's log tells "
			"why, and names the mesh");
		return;
	}
	snprintf(finding->next, sizeof(finding->next),
		"posthouse up --join HOST:PORT tells where a node of the mesh "
		"is; posthouse peers lists who is heard%s",
		ph_get_bool(why, "discovery")
			? ""
			: "; --discovery is off here: nobody is heard");
}

/* It answered, but trust says no. */
static bool find_distrust(
	struct ph_finding *finding, struct ph_value why, const char *name)
{
	char text[200];
	char id[64];
	char other[64];

	if (ph_get_bool(why, "revoked")) {
		snprintf(text, sizeof(text),
			"if it shall come back: start %s with a new --state "
			"(a new key) and the mesh's passphrase file",
			name);
		find(finding, PH_EXIT_DENIED,
			"its key is revoked on this node, for ever", text);
		return true;
	}
	if (ph_value_type(ph_value_get(why, "namesake")) == PH_TEXT) {
		snprintf(text, sizeof(text),
			"two keys go by the name %s: here it belongs to %.8s, "
			"and %.8s is refused",
			name, ph_get_copy(why, "id", id, sizeof(id)),
			ph_get_copy(why, "namesake", other, sizeof(other)));
		find(finding, PH_EXIT_DENIED, text,
			"if that machine was installed anew: posthouse peers "
			"forget NODE, on each of the others; else start one of "
			"the two with another --name");
		return true;
	}
	if (ph_get_bool(why, "barred")) {
		find(finding, PH_EXIT_DENIED,
			"the passphrase was refused: the two nodes have "
			"different passphrases",
			"copy the right passphrase file over the other and "
			"start that node anew; this one tries again after an "
			"hour, or when it is started anew");
		return true;
	}
	if (ph_get_bool(why, "turned_away")) {
		find(finding, PH_EXIT_DENIED,
			"it answers and did not let this node in: it has "
			"another passphrase, or has revoked this node's key",
			"its log tells which (gate refused); compare the "
			"passphrase files: the word in front is the mesh");
		return true;
	}
	return false;
}

static void find_silence(
	struct ph_finding *finding, const struct tally *tally, const char *name)
{
	finding->exit = PH_EXIT_UNREACHABLE;
	if (tally->reached_by[0]) {
		snprintf(finding->because, sizeof(finding->because),
			"silence at every address, though %s reaches it at "
			"%s: a firewall between here and %s drops what is sent",
			tally->reached_by, tally->reached_at, name);
	} else {
		snprintf(finding->because, sizeof(finding->because),
			"silence at every address: the host is off, or a "
			"firewall drops what is sent to %s",
			name);
	}
	snprintf(finding->next, sizeof(finding->next),
		"let tcp to its port in at %s; or start %s with --join and "
		"this node's address: who can dial suffices",
		name, name);
}

static void find_refused(
	struct ph_finding *finding, const struct tally *tally, const char *name)
{
	finding->exit = PH_EXIT_UNREACHABLE;
	if (tally->reached_by[0] && !tally->gone) {
		snprintf(finding->because, sizeof(finding->because),
			"it refuses what comes from here, though %s reaches "
			"it at %s: a firewall rejects",
			tally->reached_by, tally->reached_at);
		snprintf(finding->next, sizeof(finding->next),
			"let tcp from this host to its port in at %s", name);
		return;
	}
	snprintf(finding->because, sizeof(finding->because),
		"its host answers, but nobody listens at the port: posthouse "
		"does not run there, or a firewall rejects");
	snprintf(finding->next, sizeof(finding->next),
		"start posthouse there; if it runs, look with `ss -ltn` where "
		"it listens (--listen) and what %s's log says",
		name);
}

/* From how its addresses failed. */
static void find_verdict(
	struct ph_finding *finding, const struct tally *tally, const char *name)
{
	if (!tally->all)
		find(finding, PH_EXIT_UNREACHABLE,
			"no address of it is known: it was told of, and never "
			"said where it is",
			"start it with --join and this node's address, or "
			"this one with --join and its");
	else if (tally->foreign)
		find(finding, PH_EXIT_UNREACHABLE,
			"at its address somebody answers who is not it",
			"the address belongs to another now, or a proxy "
			"stands there: look what listens at the port");
	else if (tally->refused)
		find_refused(finding, tally, name);
	else if (tally->silent)
		find_silence(finding, tally, name);
	else if (tally->denied)
		find(finding, PH_EXIT_DENIED,
			"this host's own rules forbid to connect there",
			"look at this host's firewall (nft list ruleset), "
			"output chain");
	else if (tally->unreachable)
		find(finding, PH_EXIT_UNREACHABLE,
			"there is no way to its addresses from here: no route, "
			"or nobody at them in this network",
			"look at the cable and `ip route get ADDRESS`; is the "
			"host on, and in this network?");
	else if (tally->open && !tally->gone)
		find(finding, PH_EXIT_DENIED,
			"it proves who it is, and then ends the line: it does "
			"not want this node, by its name or its key",
			"its log tells why (peer.refused, gate refused); "
			"posthouse doctor there tells what to do");
	else
		find(finding, PH_EXIT_UNREACHABLE,
			"it was not dialled in this time",
			"say it again in some seconds");
}

void ph_doctor_find(struct ph_finding *finding, const char *name,
	struct ph_value why, struct ph_value items, bool answered)
{
	struct tally tally = tally_of(items);

	*finding = (struct ph_finding){0};
	tally.gone = is(why, "state", "dead") || is(why, "state", "left");
	if (!ph_get_bool(why, "known") && ph_get_bool(why, "revoked"))
		find_distrust(finding, why, name);
	else if (!ph_get_bool(why, "known"))
		find_unknown(finding, why, name);
	else if (!answered && !find_distrust(finding, why, name))
		find_verdict(finding, &tally, name);
}
