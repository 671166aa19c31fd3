#include "node/caps.h"

#include <dirent.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "proto/server.h"
#include "transport/transport.h"

static void add(struct ph_caps *caps, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* What was given hides what would be detected under the same key; a key may
 * stand several times if it was given, or detected, so. */
static bool is_known(
	const struct ph_caps *caps, unsigned given, const char *text)
{
	size_t key = strcspn(text, "=");

	for (unsigned i = 0; i < caps->count; i++)
		if (!strcmp(caps->text[i], text))
			return true;
	for (unsigned i = 0; i < given; i++)
		if (!strncmp(caps->text[i], text, key) &&
			strcspn(caps->text[i], "=") == key)
			return true;
	return false;
}

static void add(struct ph_caps *caps, const char *format, ...)
{
	char text[PH_CAP_TEXT];
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	if (length <= 0 || length >= (int)sizeof(text) ||
		caps->count == PH_CAPS || is_known(caps, caps->given, text))
		return;
	memcpy(caps->text[caps->count++], text, (size_t)length + 1);
}

static void add_machine(struct ph_caps *caps)
{
	struct utsname name;
	cpu_set_t set;
	long pages = sysconf(_SC_PHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);

	if (!uname(&name))
		add(caps, "arch=%s", name.machine);
	/* Those that may be used: a container has fewer than its host. */
	if (!sched_getaffinity(0, sizeof(set), &set))
		add(caps, "cpus=%d", CPU_COUNT(&set));
	if (pages > 0 && page > 0)
		add(caps, "memory=%lldMiB",
			(long long)pages * page / (1024 * 1024));
}

static bool has_entry(const char *directory, const char *prefix)
{
	DIR *list = opendir(directory);
	struct dirent *entry;
	bool found = false;

	while (list && !found && (entry = readdir(list)))
		found = !strncmp(entry->d_name, prefix, strlen(prefix));
	if (list)
		closedir(list);
	return found;
}

static void add_graphics(struct ph_caps *caps)
{
	if (!access("/dev/nvidiactl", F_OK) || !access("/dev/nvidia0", F_OK))
		add(caps, "gpu=nvidia");
	else if (has_entry("/dev/dri", "renderD"))
		add(caps, "gpu=dri");
	else if (!access("/dev/kfd", F_OK))
		add(caps, "gpu=amd");
}

void ph_caps_detect(struct ph_caps *caps, const struct ph_options *options)
{
	static const enum ph_address_scheme schemes[] = {
		PH_ADDRESS_TCP, PH_ADDRESS_UNIX, PH_ADDRESS_SHM, PH_ADDRESS_WS};
	static const char *const names[] = {"tcp", "unix", "shm", "ws"};

	*caps = (struct ph_caps){0};
	for (unsigned i = 0; i < options->caps; i++)
		add(caps, "%s", options->cap[i]);
	caps->given = caps->count;
	add_machine(caps);
	add_graphics(caps);
	caps->short_ones = caps->count;
	for (unsigned i = 0; i < 4; i++)
		if (ph_transport_find(schemes[i]))
			add(caps, "transport=%s", names[i]);
	for (const struct ph_server_type *const *type = ph_bundled_servers;
		*type; type++)
		add(caps, "server=%s", (*type)->name);
}

void ph_caps_write(struct ph_writer *writer, const struct ph_options *options)
{
	struct ph_caps caps;

	ph_caps_detect(&caps, options);
	ph_put_list(writer, "caps");
	for (unsigned i = 0; i < caps.count; i++)
		ph_write_text(writer, caps.text[i]);
	ph_write_end(writer);
}
