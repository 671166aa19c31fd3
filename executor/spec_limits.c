#include "executor/spec_inner.h"

static int take_limit(struct ph_spec_reader *reader, struct ph_value key,
	struct ph_value value)
{
	char name[32];
	char text[32];
	int limit;

	ph_value_copy(key, name, sizeof(name));
	ph_value_copy(value, text, sizeof(text));
	limit = ph_word_find(ph_limit_names, name);
	if (limit < 0)
		return ph_spec_bad(reader, "no such limit:", name);
	if (ph_limit_parse(&reader->spec->limits.most[limit],
		    (enum ph_limit)limit, text))
		return ph_spec_bad(reader, "not a usable limit:", name);
	return 0;
}

static int take_need(struct ph_spec_reader *reader, struct ph_value value)
{
	const struct ph_spec *spec = reader->spec;
	char word[32];
	int need;

	ph_value_copy(value, word, sizeof(word));
	need = ph_word_find(ph_need_names, word);
	if (need < 0)
		return ph_spec_bad(reader, "unknown word at `require`:", word);
	if ((need == PH_NEED_MEMORY && !spec->limits.most[PH_LIMIT_MEMORY]) ||
		(need == PH_NEED_CPU && !spec->limits.most[PH_LIMIT_CPU]))
		return ph_spec_bad(
			reader, "`require` without a limit of", word);
	reader->spec->require |= 1u << need;
	return 0;
}

int ph_spec_take_limits(struct ph_spec_reader *reader, struct ph_value map)
{
	struct ph_value limits = ph_value_get(map, "limits");
	struct ph_value needs = ph_value_get(map, "require");

	if (ph_value_type(limits) != PH_NIL && ph_value_type(limits) != PH_MAP)
		return ph_spec_bad(reader, "not a map:", "limits");
	if (ph_value_type(needs) != PH_NIL && ph_value_type(needs) != PH_LIST)
		return ph_spec_bad(reader, "not a list:", "require");
	for (size_t i = 0; i < ph_value_count(limits); i++)
		if (take_limit(reader, ph_value_key(limits, i),
			    ph_value_item(limits, i)))
			return -1;
	for (size_t i = 0; i < ph_value_count(needs); i++)
		if (take_need(reader, ph_value_at(needs, i)))
			return -1;
	return 0;
}
