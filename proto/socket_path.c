#include "proto/socket_path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
	else if (xdg && xdg[0])
		snprintf(out, size, "%s/posthouse.sock", xdg);
	else if (geteuid() == 0)
		snprintf(out, size, "/run/posthouse.sock");
	else
		snprintf(out, size, "/tmp/posthouse-%u.sock",
			(unsigned)geteuid());
}
