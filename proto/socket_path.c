#include "proto/socket_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The service's user is made for it (DynamicUser=): root finds it by the
 * directory that systemd takes away when it ends. */
#define SERVICE_SOCKET "/run/posthouse/posthouse.sock"

void ph_socket_path(char *out, size_t size, const char *given)
{
	const char *runtime = getenv("RUNTIME_DIRECTORY");
	const char *xdg = getenv("XDG_RUNTIME_DIR");

	if (!given)
		given = getenv("POSTHOUSE_SOCKET");
	if (given && given[0])
		snprintf(out, size, "%s", given);
	else if (runtime && runtime[0])
		snprintf(out, size, "%.*s/posthouse.sock",
			(int)strcspn(runtime, ":"), runtime);
	else if (geteuid() == 0 && !access(SERVICE_SOCKET, F_OK))
		snprintf(out, size, "%s", SERVICE_SOCKET);
	else if (xdg && xdg[0])
		snprintf(out, size, "%s/posthouse.sock", xdg);
	else if (geteuid() == 0)
		snprintf(out, size, "/run/posthouse.sock");
	else
		snprintf(out, size, "/tmp/posthouse-%u.sock",
			(unsigned)geteuid());
}

bool ph_socket_may_ask(uid_t uid)
{
	return uid == 0 || uid == geteuid() || geteuid() == 0;
}
