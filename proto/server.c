#include "proto/server.h"

#include <errno.h>
#include <string.h>

struct unit {
	const char *suffix;
	uint64_t factor;
};

static const struct unit sizes[] = {
	{"", 1},
	{"B", 1},
	{"kB", 1000},
	{"MB", 1000 * 1000},
	{"GB", UINT64_C(1000) * 1000 * 1000},
	{"TB", UINT64_C(1000) * 1000 * 1000 * 1000},
	{"KiB", UINT64_C(1) << 10},
	{"MiB", UINT64_C(1) << 20},
	{"GiB", UINT64_C(1) << 30},
	{"TiB", UINT64_C(1) << 40},
	{NULL, 0},
};

static const struct unit times[] = {
	{"ns", 1},
	{"us", PH_MICROSECOND},
	{"ms", PH_MILLISECOND},
	{"s", PH_SECOND},
	{"m", 60 * PH_SECOND},
	{"h", 3600 * PH_SECOND},
	{NULL, 0},
};

const char *ph_server_parameter(
	const struct ph_server *server, const char *name)
{
	for (size_t i = 0; i < server->parameter_count; i++)
		if (!strcmp(server->parameters[i].name, name))
			return server->parameters[i].value;
	return NULL;
}

/* Digits and one suffix of the table. */
static int parse_amount(
	uint64_t *out, const char *text, const struct unit *units)
{
	uint64_t value = 0;
	const char *c = text;

	for (; *c >= '0' && *c <= '9'; c++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *c - '0', &value))
			return -EINVAL;
	if (c == text)
		return -EINVAL;
	while (units->suffix && strcmp(units->suffix, c))
		units++;
	if (!units->suffix ||
		__builtin_mul_overflow(value, units->factor, &value))
		return -EINVAL;
	*out = value;
	return 0;
}

int ph_parse_bytes(uint64_t *out, const char *text)
{
	return parse_amount(out, text, sizes);
}

int ph_parse_duration(int64_t *out, const char *text)
{
	uint64_t value;

	if (parse_amount(&value, text, times) || value > INT64_MAX)
		return -EINVAL;
	*out = (int64_t)value;
	return 0;
}
