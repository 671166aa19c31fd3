#include "executor/confine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool has(const struct ph_confine_reached *reached, enum ph_need need)
{
	switch (need) {
	case PH_NEED_SECCOMP:
		return reached->plan.filter;
	case PH_NEED_LANDLOCK:
		return reached->plan.files != 0;
	case PH_NEED_NAMESPACES:
		return reached->namespaces;
	case PH_NEED_UID:
		return reached->uid != 0;
	case PH_NEED_MEMORY:
		/* An rlimit bounds each process, not all of them. */
		return reached->means[PH_LIMIT_MEMORY] >= PH_MEANS_CGROUP1;
	case PH_NEED_CPU:
		return reached->means[PH_LIMIT_CPU] != PH_MEANS_NONE;
	case PH_NEED_PIDS:
		return reached->means[PH_LIMIT_PIDS] != PH_MEANS_NONE;
	case PH_NEEDS:
		break;
	}
	return true;
}

const char *ph_confine_lacks(
	const struct ph_confine_reached *reached, unsigned needs)
{
	for (unsigned i = 0; i < PH_NEEDS; i++)
		if ((needs & 1u << i) && !has(reached, (enum ph_need)i))
			return ph_need_names[i];
	return NULL;
}

struct text {
	char *out;
	size_t size;
	size_t length;
	unsigned parts;
	const char *first; /* what stands before the first part */
};

static void put(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *format, ...)
{
	va_list arguments;
	int wrote =
		snprintf(text->out + text->length, text->size - text->length,
			"%s", text->parts++ ? ", " : text->first);

	if (wrote > 0)
		text->length += (size_t)wrote;
	if (text->length >= text->size)
		text->length = text->size - 1;
	va_start(arguments, format);
	wrote = vsnprintf(text->out + text->length, text->size - text->length,
		format, arguments);
	va_end(arguments);
	if (wrote > 0)
		text->length += (size_t)wrote;
	if (text->length >= text->size)
		text->length = text->size - 1;
}

static void put_limits(
	struct text *text, const struct ph_confine_reached *reached, bool kept)
{
	static const char *const by[] = {
		"", "", " by cgroup 1", " by cgroup 2"};
	char value[32];

	for (int i = 0; i < PH_LIMITS; i++) {
		bool here = reached->means[i] != PH_MEANS_NONE;

		if (!reached->limits.most[i] || here != kept)
			continue;
		ph_limit_format(value, sizeof(value), (enum ph_limit)i,
			reached->limits.most[i]);
		if (!kept)
			put(text, "no limit of %s", ph_limit_names[i]);
		else if (i == PH_LIMIT_MEMORY &&
			 reached->means[i] == PH_MEANS_RLIMIT)
			put(text, "memory %s each", value);
		else
			put(text, "%s %s%s", ph_limit_names[i], value,
				by[reached->means[i]]);
	}
}

static void put_reached(
	struct text *text, const struct ph_confine_reached *reached)
{
	if (reached->plan.filter)
		put(text, "seccomp");
	if (reached->plan.files)
		put(text, "landlock %d", reached->host.landlock);
	if (reached->namespaces)
		put(text, "namespaces");
	if (reached->uid)
		put(text, "uid %u", (unsigned)reached->uid);
	else if (reached->bare)
		put(text, "root without capabilities");
	put_limits(text, reached, true);
	if (!text->parts)
		put(text, "nothing");
}

const char *ph_confine_level(
	char *out, size_t size, const struct ph_confine_reached *reached)
{
	struct text text = {out, size, 0, 0, " ("};
	bool any = reached->plan.profile != PH_CONFINE_NONE;
	size_t before;

	for (int i = 0; i < PH_LIMITS; i++)
		any = any || reached->limits.most[i];
	text.length = (size_t)snprintf(
		out, size, "%s", ph_confine_name(reached->plan.profile));
	if (!any)
		return out;
	put_reached(&text, reached);
	text.first = "; ";
	text.parts = 0;
	before = text.length;
	if (reached->plan.missing)
		put(&text, "no %s here", reached->plan.missing);
	if (reached->refused)
		put(&text, "no namespaces: %s", reached->refused);
	put_limits(&text, reached, false);
	if (text.length == before)
		text.parts = 0;
	text.first = "";
	text.parts = 0;
	put(&text, ")");
	return out;
}
