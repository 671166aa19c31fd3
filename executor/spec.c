#include "executor/spec.h"

#include <stdlib.h>
#include <string.h>

#include "executor/spec_inner.h"

static void free_pairs(struct ph_spec_pair *pairs, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		free(pairs[i].key);
		free(pairs[i].value);
	}
	free(pairs);
}

static void free_words(char **words)
{
	for (unsigned i = 0; words && words[i]; i++)
		free(words[i]);
	free(words);
}

void ph_spec_free(struct ph_spec *spec)
{
	if (!spec)
		return;
	free_words(spec->argv);
	free_words(spec->caps);
	free(spec->cwd);
	free_pairs(spec->with, spec->with_count);
	free_pairs(spec->env, spec->env_count);
	free_pairs(spec->labels, spec->label_count);
	for (unsigned i = 0; i < spec->terminal_count; i++)
		free_pairs(spec->terminals[i].labels,
			spec->terminals[i].label_count);
	free(spec);
}

static bool same_text(const char *one, const char *other)
{
	return !strcmp(one ? one : "", other ? other : "");
}

static bool same_words(char *const *one, char *const *other)
{
	if (!one || !other)
		return one == other;
	while (*one && *other && !strcmp(*one, *other)) {
		one++;
		other++;
	}
	return !*one && !*other;
}

/* Maps: the order of their keys means nothing. */
static bool same_pairs(const struct ph_spec_pair *one, unsigned count,
	const struct ph_spec_pair *other, unsigned other_count)
{
	unsigned found = 0;

	for (unsigned i = 0; i < count; i++)
		for (unsigned j = 0; j < other_count; j++)
			found += !strcmp(one[i].key, other[j].key) &&
				 !strcmp(one[i].value, other[j].value);
	return count == other_count && found == count;
}

static bool same_terminals(
	const struct ph_spec *one, const struct ph_spec *other)
{
	if (one->terminal_count != other->terminal_count)
		return false;
	for (unsigned i = 0; i < one->terminal_count; i++) {
		const struct ph_spec_terminal *a = &one->terminals[i];
		const struct ph_spec_terminal *b = &other->terminals[i];

		if (strcmp(a->name, b->name) || strcmp(a->media, b->media) ||
			a->direction != b->direction || a->fd != b->fd ||
			!same_pairs(a->labels, a->label_count, b->labels,
				b->label_count))
			return false;
	}
	return true;
}

static bool same_rules(
	const struct ph_auth_rule *one, const struct ph_auth_rule *other)
{
	char text[2][PH_AUTH_TEXT];

	ph_auth_rule_format(one, text[0], sizeof(text[0]));
	ph_auth_rule_format(other, text[1], sizeof(text[1]));
	return strcmp(text[0], text[1]) == 0;
}

bool ph_spec_same_guest(const struct ph_spec *one, const struct ph_spec *other)
{
	return same_text(one->name, other->name) &&
	       same_text(one->scope, other->scope) &&
	       same_text(one->owner, other->owner) &&
	       one->class == other->class &&
	       same_rules(&one->auth, &other->auth) &&
	       one->cap_count == other->cap_count &&
	       (!one->cap_count || same_words(one->caps, other->caps)) &&
	       same_pairs(one->labels, one->label_count, other->labels,
		       other->label_count) &&
	       same_terminals(one, other);
}

bool ph_spec_equal(const struct ph_spec *one, const struct ph_spec *other)
{
	return ph_spec_same_guest(one, other) &&
	       same_text(one->use, other->use) &&
	       same_text(one->cwd, other->cwd) &&
	       one->restart == other->restart && one->drain == other->drain &&
	       one->placement == other->placement &&
	       one->confine == other->confine &&
	       one->require == other->require &&
	       !memcmp(&one->limits, &other->limits, sizeof(one->limits)) &&
	       ph_spec_keep_equal(one, other) &&
	       one->framing == other->framing &&
	       same_words(one->argv, other->argv) &&
	       same_pairs(one->with, one->with_count, other->with,
		       other->with_count) &&
	       same_pairs(
		       one->env, one->env_count, other->env, other->env_count);
}
