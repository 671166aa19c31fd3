#include "proto/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/server.h"

/* Less, and no program could even begin. */
#define MEMORY_LEAST (UINT64_C(1) << 20)
#define CPU_LEAST    10
#define FILES_LEAST  8
#define COUNT_MOST   1000000
#define CPU_MOST     1024000

const char *const ph_limit_names[] = {"memory", "cpu", "pids", "files", NULL};
const char *const ph_need_names[] = {"seccomp", "landlock", "namespaces", "uid",
	"memory", "cpu", "pids", NULL};
const char *const ph_limit_looks[] = {"64MiB (1MiB at least)",
	"50% or 1.5 (processors)", "a number, 1 to 1000000",
	"a number, 8 to 1000000"};

int ph_word_find(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	return -1;
}

static int parse_count(uint64_t *out, const char *text, uint64_t least)
{
	size_t length = strlen(text);

	if (!length || length > 7 || strspn(text, "0123456789") != length)
		return -EINVAL;
	*out = strtoull(text, NULL, 10);
	return *out < least || *out > COUNT_MOST ? -EINVAL : 0;
}

/* Digits with up to three behind a point; or a percentage. */
static int parse_cpu(uint64_t *out, const char *text)
{
	size_t whole = strspn(text, "0123456789");
	const char *rest = text + whole;
	uint64_t value;

	if (!whole || whole > 6)
		return -EINVAL;
	value = strtoull(text, NULL, 10) * 1000;
	if (!strcmp(rest, "%")) {
		value /= 100;
	} else if (*rest == '.') {
		size_t digits = strspn(rest + 1, "0123456789");
		uint64_t unit = 100;

		if (!digits || digits > 3 || rest[1 + digits])
			return -EINVAL;
		for (size_t i = 1; i <= digits; i++, unit /= 10)
			value += (uint64_t)(rest[i] - '0') * unit;
	} else if (*rest) {
		return -EINVAL;
	}
	*out = value;
	return value < CPU_LEAST || value > CPU_MOST ? -EINVAL : 0;
}

int ph_limit_parse(uint64_t *out, enum ph_limit limit, const char *text)
{
	switch (limit) {
	case PH_LIMIT_MEMORY:
		if (ph_parse_bytes(out, text) || *out > INT64_MAX)
			return -EINVAL;
		return *out < MEMORY_LEAST ? -EINVAL : 0;
	case PH_LIMIT_CPU:
		return parse_cpu(out, text);
	case PH_LIMIT_FILES:
		return parse_count(out, text, FILES_LEAST);
	case PH_LIMIT_PIDS:
	case PH_LIMITS:
		break;
	}
	return parse_count(out, text, 1);
}

static const char *format_bytes(char *out, size_t size, uint64_t value)
{
	static const char *const units[] = {"", "KiB", "MiB", "GiB", NULL};
	int unit = 0;

	while (units[unit + 1] && value && !(value % 1024)) {
		value /= 1024;
		unit++;
	}
	snprintf(out, size, "%" PRIu64 "%s", value, units[unit]);
	return out;
}

const char *ph_limit_format(
	char *out, size_t size, enum ph_limit limit, uint64_t value)
{
	if (limit == PH_LIMIT_MEMORY)
		return format_bytes(out, size, value);
	if (limit == PH_LIMIT_CPU && value % 1000)
		snprintf(out, size, "%" PRIu64 "%%", value / 10);
	else
		snprintf(out, size, "%" PRIu64,
			limit == PH_LIMIT_CPU ? value / 1000 : value);
	return out;
}
