#include "node/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void ph_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = path ? strlen(path) : 0;
	int fd;

	if (!length || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	/* Nobody listening is no reason not to run. */
	(void)!sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		(struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}

/* ns between two signs of life; 0: none is asked of this process. */
static int64_t watchdog_every(void)
{
	const char *interval = getenv("WATCHDOG_USEC");
	const char *whose = getenv("WATCHDOG_PID");
	char *end;
	long long us;

	if (!interval || !*interval)
		return 0;
	if (whose && *whose && strtol(whose, NULL, 10) != (long)getpid())
		return 0;
	errno = 0;
	us = strtoll(interval, &end, 10);
	/* A day is more than anybody asks for. */
	if (errno || *end || us <= 0 || us > INT64_C(86400000000))
		return 0;
	return us * 1000 / 2;
}

static void watchdog_due(struct ph_timer *timer)
{
	struct ph_watchdog *watchdog =
		(struct ph_watchdog *)((char *)timer -
				       offsetof(struct ph_watchdog, timer));

	ph_notify("WATCHDOG=1");
	ph_timer_start(watchdog->loop, timer,
		ph_loop_now(watchdog->loop) + watchdog->every);
}

void ph_watchdog_start(struct ph_watchdog *watchdog, struct ph_loop *loop)
{
	watchdog->every = watchdog_every();
	if (!watchdog->every)
		return;
	watchdog->loop = loop;
	watchdog->timer.on_due = watchdog_due;
	watchdog_due(&watchdog->timer);
}

void ph_watchdog_stop(struct ph_watchdog *watchdog)
{
	if (watchdog->loop)
		ph_timer_stop(watchdog->loop, &watchdog->timer);
}
