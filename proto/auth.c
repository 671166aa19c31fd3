#include "proto/auth.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "proto/address.h"

static const char *const flag_names[] = {
	[PH_AUTH_NO] = "no",
	[PH_AUTH_OPTIONAL] = "optional",
	[PH_AUTH_YES] = "yes",
};

static const char *const mechanism_names[] = {
	[PH_MECHANISM_NONE] = "none",
	[PH_MECHANISM_PEER] = "peer",
	[PH_MECHANISM_TOKEN] = "token",
};

const char *ph_auth_name(enum ph_auth flag)
{
	return flag_names[flag];
}

const char *ph_mechanism_name(enum ph_mechanism mechanism)
{
	return mechanism_names[mechanism];
}

int ph_mechanism_parse(const char *text)
{
	for (int i = PH_MECHANISM_NONE; i <= PH_MECHANISM_TOKEN; i++)
		if (strcmp(mechanism_names[i], text) == 0)
			return i;
	return -ENOENT;
}

static int flag_parse(const char *text)
{
	for (int i = PH_AUTH_NO; i <= PH_AUTH_YES; i++)
		if (strcmp(flag_names[i], text) == 0)
			return i;
	return -ENOENT;
}

static int rule_fail(struct ph_error *error, const char *what, const char *word)
{
	return ph_fail(error, PH_EXIT_WIRING, "auth",
		"write no, yes or optional, then `peer [role=R] [from=A,B]` or "
		"`token HEX`",
		"%s%s%.60s%s", what, word ? " '" : "", word ? word : "",
		word ? "'" : "");
}

static int digest_parse(
	struct ph_auth_rule *rule, const char *hex, struct ph_error *error)
{
	size_t got = 0;

	if (!hex || strlen(hex) != 2 * sizeof(rule->digest) ||
		sodium_hex2bin(rule->digest, sizeof(rule->digest), hex,
			strlen(hex), NULL, &got, NULL) ||
		got != sizeof(rule->digest))
		return rule_fail(error,
			"behind token stand 64 hex digits, the token's "
			"BLAKE2b-256 (b2sum -l 256)",
			NULL);
	return 0;
}

static int nodes_parse(
	struct ph_auth_rule *rule, char *list, struct ph_error *error)
{
	char *name;

	while ((name = strsep(&list, ","))) {
		if (!ph_name_is_valid(name, strlen(name)))
			return rule_fail(error, "no name of a node:", name);
		if (rule->node_count == PH_AUTH_NODES)
			return rule_fail(
				error, "more than 8 nodes behind from=", NULL);
		snprintf(rule->nodes[rule->node_count++],
			sizeof(rule->nodes[0]), "%s", name);
	}
	return 0;
}

/* role=R or from=A,B. */
static int peer_word(
	struct ph_auth_rule *rule, char *word, struct ph_error *error)
{
	int role;

	if (strncmp(word, "from=", 5) == 0 && !rule->node_count)
		return nodes_parse(rule, word + 5, error);
	if (strncmp(word, "role=", 5) != 0)
		return rule_fail(error, "not understood:", word);
	role = ph_role_parse(word + 5);
	if (role < 0)
		return rule_fail(error, "no role:", word + 5);
	rule->role = (enum ph_role)role;
	return 0;
}

/* The next word, blanks skipped; NULL at the end. */
static char *next_word(char **rest)
{
	char *word;

	do
		word = strsep(rest, " \t");
	while (word && !*word);
	return word;
}

static int mechanism_read(struct ph_auth_rule *rule, const char *word,
	char **rest, struct ph_error *error)
{
	int mechanism = ph_mechanism_parse(word);

	if (mechanism < 0)
		return ph_fail(error, PH_EXIT_DENIED, "auth",
			"the mechanisms are none, peer and token",
			"no such way of proving who one is: '%.60s'", word);
	rule->mechanism = (enum ph_mechanism)mechanism;
	if ((rule->flag == PH_AUTH_NO) !=
		(rule->mechanism == PH_MECHANISM_NONE))
		return rule_fail(error,
			"`none` belongs to `no`, and nothing else does", NULL);
	if (mechanism == PH_MECHANISM_TOKEN)
		return digest_parse(rule, next_word(rest), error);
	return 0;
}

int ph_auth_rule_parse(struct ph_auth_rule *out, const char *text,
	size_t length, struct ph_error *error)
{
	struct ph_auth_rule rule = {.role = PH_ROLE_EXEC};
	char copy[PH_AUTH_TEXT];
	char *rest = copy;
	char *word;
	int flag;

	if (length >= sizeof(copy) || (length && memchr(text, 0, length)))
		return rule_fail(error, "too long, or not text", NULL);
	memcpy(copy, text, length);
	copy[length] = '\0';
	word = next_word(&rest);
	flag = word ? flag_parse(word) : -ENOENT;
	if (flag < 0)
		return rule_fail(
			error, "begins with no, yes or optional, not", word);
	rule.flag = (enum ph_auth)flag;
	word = next_word(&rest);
	if (mechanism_read(&rule,
		    word		 ? word
		    : flag == PH_AUTH_NO ? "none"
					 : "peer",
		    &rest, error) < 0)
		return -1;
	while ((word = next_word(&rest))) {
		if (rule.mechanism != PH_MECHANISM_PEER)
			return rule_fail(error, "not understood:", word);
		if (peer_word(&rule, word, error) < 0)
			return -1;
	}
	*out = rule;
	return 0;
}

char *ph_auth_rule_format(
	const struct ph_auth_rule *rule, char *out, size_t size)
{
	size_t used = (size_t)snprintf(out, size, "%s", flag_names[rule->flag]);
	char hex[2 * PH_AUTH_DIGEST + 1];

	if (rule->mechanism == PH_MECHANISM_TOKEN)
		snprintf(out + used, size - used, " token %s",
			sodium_bin2hex(hex, sizeof(hex), rule->digest,
				sizeof(rule->digest)));
	if (rule->mechanism != PH_MECHANISM_PEER)
		return out;
	used += (size_t)snprintf(out + used, size - used, " peer role=%s",
		ph_role_name(rule->role));
	for (unsigned i = 0; i < rule->node_count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s",
			i ? "," : " from=", rule->nodes[i]);
	return out;
}

bool ph_auth_rule_agrees(
	const struct ph_auth_rule *rule, const struct ph_identity *identity)
{
	return rule->flag == identity->auth &&
	       strcmp(mechanism_names[rule->mechanism], identity->mechanism) ==
		       0;
}

static bool token_is_right(
	const struct ph_auth_rule *rule, const struct ph_auth_claim *claim)
{
	uint8_t digest[PH_AUTH_DIGEST];

	crypto_generichash(digest, sizeof(digest),
		(const uint8_t *)claim->token, claim->length, NULL, 0);
	return sodium_memcmp(digest, rule->digest, sizeof(digest)) == 0;
}

static bool node_is_named(
	const struct ph_auth_rule *rule, const struct ph_auth_claim *claim)
{
	for (unsigned i = 0; i < rule->node_count; i++)
		if (strcmp(rule->nodes[i], claim->node) == 0)
			return true;
	return rule->node_count == 0;
}

static int admit_peer(const struct ph_auth_rule *rule,
	const struct ph_auth_claim *claim, const char *where,
	struct ph_error *error)
{
	if (claim->here || rule->flag == PH_AUTH_OPTIONAL)
		return 0;
	if (claim->role < rule->role)
		return ph_fail(error, PH_EXIT_DENIED, where,
			"let a node with that role book it",
			"it takes a peer with role %s, %s has %s",
			ph_role_name(rule->role), claim->node,
			ph_role_name(claim->role));
	if (!node_is_named(rule, claim))
		return ph_fail(error, PH_EXIT_DENIED, where,
			"let one of the nodes that its auth names book it",
			"it is not for %s", claim->node);
	return 0;
}

int ph_auth_admit(const struct ph_auth_rule *rule,
	const struct ph_auth_claim *claim, const char *where,
	struct ph_error *error)
{
	if (rule->mechanism == PH_MECHANISM_NONE)
		return 0;
	if (rule->mechanism == PH_MECHANISM_PEER)
		return admit_peer(rule, claim, where, error);
	if (claim->token && token_is_right(rule, claim))
		return 0;
	if (!claim->token && rule->flag == PH_AUTH_OPTIONAL)
		return 0;
	return ph_fail(error, PH_EXIT_DENIED, where,
		"bring the right one: --auth-file FILE",
		claim->token ? "the token is not the right one"
			     : "it takes a token");
}
