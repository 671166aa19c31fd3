#include "servers/servers.h"

#include <string.h>

const struct ph_server_type *const ph_bundled_servers[] = {
	&ph_server_file_read,
	&ph_server_file_write,
	&ph_server_lines,
	&ph_server_clock,
	&ph_server_zero,
	&ph_server_null,
	NULL,
};

const struct ph_server_type *ph_bundled_find(const char *name)
{
	for (size_t i = 0; ph_bundled_servers[i]; i++)
		if (!strcmp(ph_bundled_servers[i]->name, name))
			return ph_bundled_servers[i];
	return NULL;
}

void ph_server_break(struct ph_server *server, const char *what,
	const char *object, int reason, const char *next)
{
	struct ph_error error;

	ph_fail(&error, PH_EXIT_NEGATIVE, server->name, next, "%s%s%s%s%s",
		what, object[0] ? " " : "", object, reason ? ": " : "",
		reason ? strerror(-reason) : "");
	server->done(server, &error);
}
