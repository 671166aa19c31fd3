#include "executor/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/hal.h"

#define ENVIRONMENT_MOST 128

static const char *const allowed[] = {"PATH", "HOME", "USER", "LOGNAME",
	"SHELL", "LANG", "TZ", "TMPDIR", NULL};

static bool is_allowed(const char *entry, size_t length)
{
	if (!strncmp(entry, "LC_", 3))
		return true;
	for (unsigned i = 0; allowed[i]; i++)
		if (strlen(allowed[i]) == length &&
			!strncmp(allowed[i], entry, length))
			return true;
	return false;
}

static bool is_given(
	const struct ph_spec *spec, const char *entry, size_t length)
{
	for (unsigned i = 0; i < spec->env_count; i++)
		if (strlen(spec->env[i].key) == length &&
			!strncmp(spec->env[i].key, entry, length))
			return true;
	return false;
}

static int add(char **list, unsigned *count, const char *key, size_t length,
	const char *value)
{
	if (*count == ENVIRONMENT_MOST)
		return 0;
	if (asprintf(&list[*count], "%.*s=%s", (int)length, key, value) < 0) {
		list[*count] = NULL;
		return -1;
	}
	++*count;
	return 0;
}

static int add_notify(char **list, unsigned *count, const struct ph_spec *spec,
	const char *notify)
{
	char text[24];

	if (!*notify)
		return 0;
	if (add(list, count, "NOTIFY_SOCKET", strlen("NOTIFY_SOCKET"), notify))
		return -1;
	snprintf(text, sizeof(text), "%lld",
		(long long)(spec->watchdog / PH_MICROSECOND));
	return spec->watchdog ? add(list, count, "WATCHDOG_USEC",
					strlen("WATCHDOG_USEC"), text)
			      : 0;
}

char **ph_environment_create(
	const struct ph_spec *spec, const char *notify, const char *mark)
{
	char **list = calloc(ENVIRONMENT_MOST + 1, sizeof(char *));
	unsigned count = 0;
	int error = list ? 0 : -1;

	if (!error)
		error = add(list, &count, "POSTHOUSE_SERVER",
			strlen("POSTHOUSE_SERVER"), spec->name);
	if (!error && *mark)
		error = add(list, &count, "POSTHOUSE_RUN",
			strlen("POSTHOUSE_RUN"), mark);
	if (!error)
		error = add_notify(list, &count, spec, notify);
	for (unsigned i = 0; !error && i < spec->env_count; i++)
		error = add(list, &count, spec->env[i].key,
			strlen(spec->env[i].key), spec->env[i].value);
	for (char **entry = environ; !error && entry && *entry; entry++) {
		size_t length = strcspn(*entry, "=");

		if ((*entry)[length] && is_allowed(*entry, length) &&
			!is_given(spec, *entry, length))
			error = add(list, &count, *entry, length,
				*entry + length + 1);
	}
	if (!error)
		return list;
	ph_environment_free(list);
	return NULL;
}

void ph_environment_free(char **environment)
{
	for (unsigned i = 0; environment && environment[i]; i++)
		free(environment[i]);
	free(environment);
}

const char *ph_environment_get(const struct ph_spec *spec, const char *name)
{
	for (unsigned i = 0; i < spec->env_count; i++)
		if (!strcmp(spec->env[i].key, name))
			return spec->env[i].value;
	return is_allowed(name, strlen(name)) ? getenv(name) : NULL;
}
